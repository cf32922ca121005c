"""What a media storage application profile is, flattened and ready to judge with.

Values only: nothing here reads a file. The TOML form and inheritance are in `load`; how instances are
judged is in `judge`. Tags are integers (0xGGGGEEEE); UIDs are text.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

ANY_STORAGE = "*storage"  # every current storage SOP class (PS3.4 Table B.5-1 and GG.3-1)
ANY_MULTIFRAME = "*multiframe"  # the same, multi-frame classes only
ANY_SYNTAX = "*"  # whatever the conformance statement lists


class Kind(StrEnum):
    """Kind of profile (PS3.2 7.4)."""

    STANDARD = "STD"
    AUGMENTED = "AUG"
    PRIVATE = "PRI"


class Role(StrEnum):
    """Roles of an application entity (PS3.10 8.3)."""

    FSC = "FSC"
    FSR = "FSR"
    FSU = "FSU"


class Requirement(StrEnum):
    """What a role must do with a SOP class and transfer syntax (tables X.3-1 of PS3.11)."""

    MANDATORY = "mandatory"
    OPTIONAL = "optional"
    DISALLOWED = "disallowed"
    NOT_DEFINED = "not-defined"  # the role does not exist in the profile
    CONFORMANCE_STATEMENT = "conformance-statement"
    MANDATORY_FOR_CLAIMED = "mandatory-for-claimed-classes"
    CHOICE_OF_ONE = "choice-of-one"

    @property
    def permits(self) -> bool:
        """Return True when an instance under this requirement may be on the medium."""
        return self not in {Requirement.DISALLOWED, Requirement.NOT_DEFINED}


class Security(StrEnum):
    """Security of the profile."""

    NONE = "none"
    MEDIA = "media"  # PS3.15 D.1: every DICOM file is a Secure DICOM File
    EMAIL = "email"  # PS3.15 B.8: the e-mail is protected, its files are plain


class Sessions(StrEnum):
    """What the profile says about finalising and sessions."""

    FINALIZE_OR_MULTISESSION = "finalize-or-multisession"
    FINALIZE_OR_MULTISESSION_OR_PACKET = "finalize-or-multisession-or-packet-writing"
    FINALIZE = "finalize"
    REWRITABLE = "rewritable"
    NOT_APPLICABLE = "not-applicable"


class Medium(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A physical medium with its media format (PS3.12).

    `capacities` maps a name that `--capacity` takes ("cd74") to bytes; `default_capacity` is one of
    these names, or "" when the medium has no limit of its own. `images` are the media formats that
    mediakit can master for it ("iso9660", "udf-2.60", "zip"); a folder can always be written.
    """

    id: str
    title: str
    annex: str  # "PS3.12 Annex F"
    file_systems: tuple[str, ...]
    images: tuple[str, ...] = ()
    capacities: dict[str, int] = {}
    default_capacity: str = ""
    sector_bytes: int = 2048
    name: str = ""  # what `--medium` calls it
    general: tuple[str, ...] = ()  # the general purpose profiles for it, the first one preferred
    secure: tuple[str, ...] = ()  # the same of those whose files are encrypted
    suffixes: tuple[str, ...] = ()  # of targets that mean this medium when nothing else is said
    discs: dict[str, str] = {}  # what a drive may have in it ("BD-RE"), and its media format ("": any)
    cluster_sectors: tuple[int, ...] = ()  # FAT: what a cluster may have; none: anything
    partitioned: bool = True  # FAT: whether a partition table may be there
    max_depth: int = 8
    volume_id_is_file_set_id: bool = False
    for_people: bool = False  # it is given to patients and doctors


class SopRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of a table X.3-1: these SOP classes in these transfer syntaxes.

    `photometric`, when not empty, limits the row to instances with one of these Photometric
    Interpretations (the "grayscale" and "palette color" variants of Annex E).
    """

    classes: tuple[str, ...]
    syntaxes: tuple[str, ...]
    fsc: Requirement
    fsr: Requirement
    fsu: Requirement = Requirement.NOT_DEFINED
    photometric: tuple[str, ...] = ()


class KeyCondition(StrEnum):
    """When a conditional key of a directory record is needed (profiles.md section 6)."""

    ALWAYS = "always"
    PRESENT = "present"
    PRESENT_NONZERO = "present-nonzero"
    PRESENT_IN_SUBORDINATES = "present-in-subordinates"
    PRESENT_OR_SHARED = "present-or-shared-fg"
    XA_IMAGE = "xa-image"
    BIPLANE = "biplane"
    XA_BIPLANE = "xa-biplane"
    PARENT_PRESENT = "parent-present"


class KeyRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An additional key of directory records (tables X.3-2). `parent` is the sequence it is nested in."""

    records: tuple[str, ...]
    tag: int
    type: str  # "1", "1C", "2", "2C", "3"
    condition: KeyCondition = KeyCondition.ALWAYS
    parent: int | None = None
    ref: str = ""


class ImageOp(StrEnum):
    """How an image value rule compares the value of its tag."""

    EQUALS = "equals"  # values[0], as text or number
    ONE_OF = "one-of"
    MAX = "max"
    EQUALS_TAG = "equals-tag"  # the value of `other`, plus `plus`
    TYPE_1 = "type-1"  # present with a value
    TYPE_2 = "type-2"  # present, may be empty
    SYNTAX_ONE_OF = "syntax-one-of"  # under `when`, the transfer syntax is one of `values`
    FORBIDDEN = "forbidden"  # absent


class When(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule holds only when `tag` has one of `values`; with `negate`, when it has none of them."""

    tag: int
    values: tuple[str, ...]
    negate: bool = False


class ImageRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value rule on the attributes of instances (tables X.3-3 and followers)."""

    classes: tuple[str, ...]
    tag: int
    op: ImageOp
    values: tuple[str, ...] = ()
    other: int | None = None
    plus: int = 0
    when: When | None = None
    ref: str = ""


class ItemRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Attributes that every item of a sequence must have (ultrasound calibration, PS3.11 C.4 and C.5)."""

    classes: tuple[str, ...]
    sequence: int
    tags: tuple[int, ...]
    when: When | None = None  # `tag` is looked up inside the item
    ref: str = ""
    unconfirmed: bool = False


class IconRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What Icon Image Sequence must look like (PS3.3 F.7 and the profile)."""

    records: tuple[str, ...]
    required: bool
    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    photometric: tuple[str, ...]
    ref: str = ""


class DicomdirRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the profile says of the DICOMDIR, its own row of table X.3-1 included.

    It is Media Storage Directory Storage in Explicit VR Little Endian in every profile.
    """

    mandatory: bool = True
    empty_allowed: bool = False
    all_files_referenced: bool = True
    fsc: Requirement = Requirement.MANDATORY
    fsr: Requirement = Requirement.MANDATORY
    fsu: Requirement = Requirement.NOT_DEFINED


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One media storage application profile, flat: inheritance is resolved at load."""

    id: str
    title: str
    kind: Kind
    profile_class: str  # "STD-GEN"
    source: str  # "PS3.11 Annex D"
    medium: Medium
    roles: tuple[Role, ...]
    sop: tuple[SopRule, ...]
    base: str = ""  # AUG and PRI: the profile it stands on
    status: str = "current"
    security: Security = Security.NONE
    sessions: Sessions = Sessions.NOT_APPLICABLE
    single_volume: bool = True
    claimed_classes_listed: bool = False
    dicomdir: DicomdirRule = DicomdirRule()
    keys: tuple[KeyRule, ...] = ()
    images: tuple[ImageRule, ...] = ()
    items: tuple[ItemRule, ...] = ()
    icon: IconRule | None = None
    note: str = ""
    unconfirmed: tuple[str, ...] = ()

    @property
    def is_secure(self) -> bool:
        """Return True when every DICOM file is a Secure DICOM File."""
        return self.security is Security.MEDIA

    @property
    def is_general_purpose(self) -> bool:
        """Return True when instances of every storage SOP class may be on the medium."""
        return any(ANY_STORAGE in rule.classes for rule in self.sop)
