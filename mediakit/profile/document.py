"""The TOML form of a profile file, as values. Shape only: what the rows mean together is in `sense`.

Texts that need a form (tags, UIDs, identifiers) carry a pattern and a description; `shape` says the
description when a value does not have the form. Keys of the TOML are written with hyphens.

Annotations are evaluated here, not postponed: msgspec would evaluate each of them again on the first use.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mediakit.profile.model import ImageOp, KeyCondition, Requirement, Role, Security, Sessions

# \Z and not $, which would let a line end through.
_UID = r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+"

TagText = Annotated[
    str,
    Meta(pattern=r"^\([0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\)\Z", description='a tag such as "(0008,0060)"'),
]
ClassText = Annotated[
    str,
    Meta(
        pattern=rf"^(\*storage|\*multiframe|{_UID})\Z",
        max_length=64,
        description='a SOP Class UID, "*storage" or "*multiframe"',
    ),
]
SyntaxText = Annotated[
    str, Meta(pattern=rf"^(\*|{_UID})\Z", max_length=64, description='a Transfer Syntax UID or "*"')
]
Identifier = Annotated[
    str,
    Meta(
        pattern=r"^(STD|AUG|PRI)(-[A-Z0-9_]+){2,}\Z",
        max_length=64,
        description="an identifier such as AUG-HOSPITAL-CD: STD, AUG or PRI, then two or more parts of "
        "A-Z, 0-9 and _ joined by hyphens, at most 64 characters",
    ),
]
Text = Annotated[str, Meta(min_length=1, max_length=1000, description="a text of 1 to 1000 characters")]
Texts = Annotated[tuple[Text, ...], Meta(min_length=1, description="a list with at least one text")]
Classes = Annotated[
    tuple[ClassText, ...], Meta(min_length=1, description="a list with at least one SOP Class")
]
Syntaxes = Annotated[
    tuple[SyntaxText, ...], Meta(min_length=1, description="a list with at least one Transfer Syntax")
]
Tags = Annotated[tuple[TagText, ...], Meta(min_length=1, description="a list with at least one tag")]
Size = Annotated[int, Meta(ge=1, le=65535, description="a whole number from 1 to 65535")]


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """A table of the TOML document: hyphens in its keys, and no key that is not known."""


class SopRow(Row, frozen=True, kw_only=True):
    """These SOP classes in these transfer syntaxes; a requirement for each role of the profile."""

    classes: Classes
    syntaxes: Syntaxes
    fsc: Requirement | None = None
    fsr: Requirement | None = None
    fsu: Requirement | None = None
    photometric: tuple[Text, ...] = ()


class KeyRow(Row, frozen=True, kw_only=True):
    """One additional key of directory records."""

    tag: TagText
    records: Texts
    type: Literal["1", "1C", "2", "2C", "3"]
    condition: KeyCondition = KeyCondition.ALWAYS
    parent: TagText | None = None
    ref: str = ""


class WhenRow(Row, frozen=True, kw_only=True):
    """The rule holds only when the tag has (or with `negate` has not) one of the values."""

    tag: TagText
    values: Texts
    negate: bool = False


class ImageRow(Row, frozen=True, kw_only=True):
    """A value rule on attributes of instances."""

    classes: Classes
    tag: TagText
    op: ImageOp
    values: tuple[Text, ...] = ()
    other: TagText | None = None
    plus: int = 0
    when: WhenRow | None = None
    ref: str = ""


class ItemRow(Row, frozen=True, kw_only=True):
    """Attributes that every item of a sequence must have."""

    classes: Classes
    sequence: TagText
    tags: Tags
    when: WhenRow | None = None
    ref: str = ""
    unconfirmed: bool = False


class IconRow(Row, frozen=True, kw_only=True):
    """What Icon Image Sequence must look like."""

    records: Texts
    required: bool
    rows: Size
    columns: Size
    bits_allocated: Size
    bits_stored: Size
    photometric: Texts
    ref: str = ""


class DicomdirRow(Row, frozen=True, kw_only=True):
    """What the profile says of the DICOMDIR."""

    mandatory: bool = True
    empty_allowed: bool = False
    all_files_referenced: bool = True
    fsc: Requirement = Requirement.MANDATORY
    fsr: Requirement = Requirement.MANDATORY
    fsu: Requirement = Requirement.MANDATORY


class RuleSet(Row, frozen=True, kw_only=True):
    """Rules that several profiles of a file share: `[common]`, a named set, or `[profile.add]`."""

    sop: tuple[SopRow, ...] = ()
    key: tuple[KeyRow, ...] = ()
    image: tuple[ImageRow, ...] = ()
    item: tuple[ItemRow, ...] = ()


class Defaults(RuleSet, frozen=True, kw_only=True):
    """What a profile may leave to `[common]`: rules are joined, single values are taken over."""

    title: Text | None = None
    profile_class: Annotated[str, Meta(max_length=64)] | None = None
    source: Text | None = None
    medium: Text | None = None
    roles: Annotated[tuple[Role, ...], Meta(min_length=1, description="a list of FSC, FSR, FSU")] | None = (
        None
    )
    status: Text | None = None
    security: Security | None = None
    sessions: Sessions | None = None
    single_volume: bool | None = None
    claimed_classes_listed: bool | None = None
    dicomdir: DicomdirRow | None = None
    icon: IconRow | None = None
    keys: Text | None = None
    note: str | None = None
    unconfirmed: tuple[Text, ...] = ()


class Addition(RuleSet, frozen=True, kw_only=True):
    """What an extending profile has beyond its base."""

    roles: tuple[Role, ...] = ()
    icon: IconRow | None = None
    keys: Text | None = None


class SopRemoval(Row, frozen=True, kw_only=True):
    """Pairs of SOP class and transfer syntax to take away."""

    classes: Classes
    syntaxes: Syntaxes


class Removal(Row, frozen=True, kw_only=True):
    """What an extending profile does without; only a private profile may."""

    roles: tuple[Role, ...] = ()
    sop: tuple[SopRemoval, ...] = ()
    key: tuple[TagText, ...] = ()
    image: tuple[TagText, ...] = ()
    item: tuple[TagText, ...] = ()
    icon: bool = False

    @property
    def is_empty(self) -> bool:
        """Return True when nothing is taken away."""
        return self == Removal()


class ProfileRow(Defaults, frozen=True, kw_only=True):
    """One `[[profile]]` table."""

    id: Identifier
    use: tuple[Text, ...] = ()
    extends: Identifier | None = None
    base: Identifier | None = None
    add: Addition = Addition()
    remove: Removal = Removal()


class Document(Row, frozen=True, kw_only=True):
    """A whole profile file."""

    schema: Literal[1]
    profile: Annotated[
        tuple[ProfileRow, ...], Meta(min_length=1, description="at least one [[profile]] table")
    ]
    common: Defaults = Defaults()
    sets: dict[str, RuleSet] = {}
    key_tables: dict[str, tuple[KeyRow, ...]] = {}


class KeyTables(Row, frozen=True, kw_only=True):
    """The shipped file of key tables that several profile files refer to."""

    schema: Literal[1]
    key_tables: dict[str, tuple[KeyRow, ...]]


class MediumRow(Row, frozen=True, kw_only=True):
    """One medium of PS3.12."""

    id: Text
    title: Text
    annex: Text
    file_systems: tuple[Text, ...]
    images: tuple[Text, ...] = ()
    capacities: dict[str, Annotated[int, Meta(ge=1)]] = {}
    default_capacity: str = ""
    sector_bytes: Size = 2048
    name: str = ""
    general: tuple[Text, ...] = ()
    secure: tuple[Text, ...] = ()
    suffixes: tuple[Text, ...] = ()
    discs: dict[str, str] = {}
    cluster_sectors: tuple[Size, ...] = ()
    partitioned: bool = True
    max_depth: Size = 8
    volume_id_is_file_set_id: bool = False
    for_people: bool = False


class Media(Row, frozen=True, kw_only=True):
    """The shipped file of media."""

    schema: Literal[1]
    medium: tuple[MediumRow, ...]


class NotAProfile(Row, frozen=True, kw_only=True):
    """An identifier, or a pattern of them with `*`, that is met but is not in PS3.11."""

    id: Text
    why: Text
    instead: tuple[Text, ...] = ()


class NotProfiles(Row, frozen=True, kw_only=True):
    """The shipped file of identifiers that are refused by name."""

    schema: Literal[1]
    not_profile: tuple[NotAProfile, ...]
