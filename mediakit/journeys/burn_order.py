"""What is asked of a burn, and what it gives. Values only."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.choices import FOR_NOBODY, Convert, ForPeople, OnReject, Supply
from mediakit.errors import UsageError
from mediakit.fileset.contents import Descriptions, PatientFact, patients_of
from mediakit.fileset.plan import FileSetPlan
from mediakit.fileset.selection import EVERYTHING, Selection
from mediakit.findings import Finding, Rule, Severity
from mediakit.formats.envelope import Envelope
from mediakit.outcome import Figures, Result
from mediakit.profile.model import Profile, Security
from mediakit.secure.ed25519 import SigningKey
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.act.pressing import Onto
from mediakit.stages.plan.listing import listing
from mediakit.stages.plan.produce import Producer

if TYPE_CHECKING:  # most burns de-identify nothing and wrap nothing
    from mediakit.dicom.deidentify.order import Deidentification
    from mediakit.stages.judge.wrapping import Wrap

FOLDER_ONLY = Rule(
    id="MK-FST-102",
    severity=Severity.NOTE,
    title="a folder is not yet a medium: its content belongs on {medium} with {systems}",
    ref="PS3.12",
    hint="write it with a disc-burning program, or name an image (`-o OUT.iso`) and burn that",
)
MAIL_SECURITY = Rule(
    id="MK-FST-103",
    severity=Severity.WARNING,
    title="the profile asks that the e-mail be encrypted and signed; the file itself is plain",
    ref="PS3.15 B.8",
    hint="send it with S/MIME; mediakit does not send e-mail",
)


PARTLY_WRITTEN = Rule(
    id="MK-FST-109",
    severity=Severity.ERROR,
    title="of several media only {names:has its name|have their names}: {why}",
    ref="PS3.10 8.6",
    hint="these are whole; see what stands in the way, and run the same command again with `--force`",
)


SOME_ARE_GOOD = Rule(
    id="MK-DRV-006",
    severity=Severity.ERROR,
    title="of {total} media, each of at most {capacity} bytes, {count:is|are} good: {names}",
    ref="PS3.10 8.4",
    hint="label and keep what is good; the same command with `-o OUT.iso` in place of `--device`, and this "
    "`--capacity`, writes images that are laid out alike: put those that are missing on media with "
    "`mediakit disc burn`",
)


def notes_on(profile: Profile, variant: str) -> Iterator[Finding]:
    """Yield what is to be said of a medium that is not ready yet when it is written in a media format."""
    if profile.security is Security.EMAIL:
        yield MAIL_SECURITY.at()
    if variant == "folder":
        yield FOLDER_ONLY.at(medium=profile.medium.title, systems=" or ".join(profile.medium.file_systems))


class Depth(StrEnum):
    """How far a burn goes."""

    PLAN = "plan"  # rehearse: plan and report, write nothing
    WRITE = "write"  # write, and hash nothing
    HASH = "hash"  # write, and take the SHA-256 of every file: the report is whole
    CHECK = "check"  # write, read everything back and compare; SHA-256 for a manifest or a small medium only
    PROVE = "prove"  # the same, with the SHA-256 of every file

    @property
    def is_proven(self) -> bool:
        """Return True when everything is read back and compared."""
        return self in {Depth.CHECK, Depth.PROVE}

    @property
    def has_sha256(self) -> bool:
        """Return True when the result has the SHA-256 of every file."""
        return self in {Depth.HASH, Depth.PROVE}


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnOrder:
    """What to burn and how. `when` is the only time that reaches the medium.

    `format` names one of several media formats that suit the target ("udf-2.50"). `manifest` adds
    MANIFEST.TXT with the SHA-256 of every file, which `signer` signs. `unpartitioned` writes a FAT image
    without a partition table. `selection` says what is wanted of the sources; instances of several patients
    are refused unless `all_patients` or each of them was chosen. `keys` open what is encrypted in the
    sources, `envelope` seals every file that is written. With `span` what one medium does not hold goes over
    several; the target of each has its number in the name. `onto` is the drive or robot that the image at
    `out` is put on when it is made and proven. `people` says what it carries besides for browsers. `joliet`
    gives ISO 9660 a second tree, which names beyond Level 1 need; None: when the medium carries files that
    name others (see `has_joliet`).
    `deidentify` says that copies go on which do not say who the patients are, and how they are made.
    `wrap` makes instances of images and documents of another kind.
    """

    profile: Profile
    out: Path
    when: datetime
    on_reject: OnReject = OnReject.FAIL
    convert: Convert = Convert.LOSSLESS
    supply: Supply = Supply.DIRECTORY
    capacity: str = ""
    file_set_id: str = "DICOM"
    add: tuple[Path, ...] = ()
    overwrite: bool = False
    depth: Depth = Depth.PROVE
    fail_on: Severity = Severity.ERROR
    format: str = ""
    manifest: bool = False
    signer: SigningKey | None = None
    unpartitioned: bool = False
    selection: Selection = EVERYTHING
    all_patients: bool = False
    keys: Keys = NO_KEYS
    envelope: Envelope | None = None
    span: bool = False
    onto: Onto | None = None
    people: ForPeople = FOR_NOBODY
    joliet: bool | None = None
    deidentify: Deidentification | None = None
    wrap: Wrap | None = None

    @property
    def is_simulation(self) -> bool:
        """Return True when the image is made, and nothing is written on a medium."""
        return self.onto is not None and self.onto.is_simulation

    @property
    def has_joliet(self) -> bool:
        """Return True when an ISO 9660 image gets Joliet names.

        Links and manifests spell names in upper case, and Linux shows those of ISO 9660 alone in lower case.
        """
        if self.joliet is None:
            return self.people.is_anything or self.has_manifest or bool(self.add)
        return self.joliet

    def check_joliet(self, variant: str) -> None:
        """Raise UsageError when Joliet names are asked for in a media format that has none."""
        if self.joliet and variant != "iso9660":
            hint = "leave `--joliet` out: this media format shows names as they are"
            raise UsageError("only ISO 9660 has Joliet names", where=str(self.out), hint=hint)

    @property
    def has_manifest(self) -> bool:
        """Return True when the medium gets MANIFEST.TXT: a signature is over one."""
        return self.manifest or self.signer is not None

    def producers(self) -> tuple[Producer, ...]:
        """Return what makes further content from the layout, the manifest last."""
        return listing(self.signer, f"{self.when:%Y-%m-%d}") if self.has_manifest else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BurnFigures(Figures):
    """The figures of a burn or a repair. What is None did not come about.

    `made` is the day that the medium gets ("2026-01-31"). `content` is what PDI has on its label: "DICOM PLUS
    WEB" where it carries pages, else "DICOM ONLY". `checksum` is the SHA-256 of MANIFEST.TXT, without one
    that of the DICOMDIR.
    `media` is there when there are several: sizes and counts are those of all, `capacity_bytes` that of one.
    `viewer` is the form of the images for browsers ("full", "preview", "none"), `viewer_bytes` what they
    take; `viewer_full_bytes` and `viewer_preview_bytes` are estimates, made where they are needed.
    """

    source: str | None = None
    profile: str
    profile_source: str
    target: str
    format: str
    medium: str
    file_set_id: str
    made: str | None = None
    content: str | None = None
    checksum: str | None = None
    media: int | None = None
    instances: int | None = None
    patients: int | None = None
    file_set_uid: str | None = None
    dicomdir_bytes: int | None = None
    needs_bytes: int | None = None
    capacity_bytes: int | None = None
    written_bytes: int | None = None
    copies: int | None = None
    proof: str | None = None
    viewer: str | None = None
    viewer_bytes: int | None = None
    viewer_full_bytes: int | None = None
    viewer_preview_bytes: int | None = None
    viewer_left_out: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BurntMedium:
    """One of several media of a burn. `written_bytes` is None while it is not there under its name.

    `checksum` and `content`: see `BurnFigures`. `has_viewer`: with images for browsers.
    """

    target: str
    file_set_id: str
    file_set_uid: str
    patients: int
    instances: int
    needs_bytes: int
    written_bytes: int | None
    checksum: str | None = None
    content: str = "DICOM ONLY"
    has_viewer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Burnt:
    """What a burn gives: the result with one fate per file, and the plans when it came so far.

    There is one plan for each medium. `media` says what became of each when there are several; `descriptions`
    is what the instances say of patients and series besides the directory.
    """

    result: Result
    plans: tuple[FileSetPlan, ...] = ()
    media: tuple[BurntMedium, ...] = ()
    is_rehearsal: bool = False
    descriptions: Descriptions = field(default_factory=Descriptions, repr=False)

    @property
    def plan(self) -> FileSetPlan | None:
        """Return the plan of the only medium; None when there are several, or it did not come so far."""
        return self.plans[0] if len(self.plans) == 1 else None

    @property
    def patients(self) -> tuple[PatientFact, ...]:
        """Return who is in the directories of the media; nobody when it did not come so far."""
        return tuple(fact for plan in self.plans for fact in patients_of(plan.directory, self.descriptions))
