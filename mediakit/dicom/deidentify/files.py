"""A whole file in, a whole file out that does not say who the patient is; or why it cannot be made."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import BinaryIO

from mediakit.choices import OnBurnedIn
from mediakit.dicom import part10
from mediakit.dicom.deidentify.blank import NotBlanked, blanked, regions_for
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.subject import BurnedIn, burned_in, sop_class_of, why_closed
from mediakit.dicom.deidentify.unseen import Unknowable, samples_alone
from mediakit.dicom.elements import PIXEL_DATA
from mediakit.dicom.part10 import DicomFile
from mediakit.dicom.stored import Stored
from mediakit.dicom.uids import EXPLICIT_VR_BIG_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN
from mediakit.dicom.walk import Unwalkable
from mediakit.findings import Finding, Rule, Severity, Where

_BURNED_IN = 0x00280301

UNREADABLE = Rule(
    id="MK-DEI-001",
    severity=Severity.ERROR,
    title="cannot be de-identified: {why}",
    ref="PS3.15 E.1.1",
    hint="the file is damaged or malformed: ask the sender for it again, or leave it out with "
    "`--on-reject skip`",
)
CLOSED = Rule(
    id="MK-DEI-002",
    severity=Severity.WARNING,
    title="left out, because it cannot be de-identified: {why}",
    ref="PS3.15 E.1.1",
    hint="nobody can tell by its attributes what is in it; look at it, and make a copy for teaching yourself",
)
BURNED_IN = Rule(
    id="MK-DEI-003",
    severity=Severity.ERROR,
    title="{why}",
    ref="PS3.15 E.3.1",
    hint="look at it: `--burned-in keep` takes its pixels as they are, `--burned-in blank` fills the regions "
    "of `--deidentify-table`, `--on-reject skip` leaves it out",
)
NOT_BLANKED = Rule(
    id="MK-DEI-004",
    severity=Severity.ERROR,
    title="text in its pixels cannot be blanked: {why}",
    ref="PS3.15 E.3.1",
    hint="name the region in `[[blank]]` of `--deidentify-table`, or leave the file out: `--on-reject skip`",
)
PIXELS_KEPT = Rule(
    id="MK-DEI-005",
    severity=Severity.WARNING,
    title="its pixels may show who the patient is, and were kept as ordered",
    ref="PS3.15 E.3.1",
    hint="look at it before you hand it on",
)
BEHIND_SAMPLES = Rule(
    id="MK-DEI-006",
    severity=Severity.WARNING,
    title="{count:byte is|bytes are} left out that stood behind the last sample of its pixel data",
    ref="PS3.5 8.1.1",
    hint="Rows, Columns and Number of Frames say where the image ends; look whether it is whole",
)
PIXELS_UNCLEAR = Rule(
    id="MK-DEI-007",
    severity=Severity.ERROR,
    title="what else stands in its pixel data cannot be told: {why}",
    ref="PS3.15 E.1.1",
    hint="ask the sender for it again, or leave it out with `--on-reject skip`",
)

_SAID = "Burned In Annotation says that text is burned into its pixels"
_UNKNOWN = "images of its kind often have text burned into their pixels, and it does not say that it has none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentified:
    """A whole Part 10 file with new values, and the transfer syntax it is in."""

    file: Stored = field(repr=False)
    transfer_syntax: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDeidentified:
    """The file does not go on: why. With `is_closed` no file of its kind does."""

    finding: Finding
    is_closed: bool = False


def deidentify(
    stream: BinaryIO, engine: Engine, on_burned_in: OnBurnedIn = OnBurnedIn.REFUSE
) -> Deidentified | NotDeidentified:
    """De-identify a DICOM file (PS3.15 E.1.1).

    The data set is written with an empty preamble and meta information of ours. Samples stay byte for byte,
    unless regions are blanked; what stands behind them, and comments in codestreams, do not go on. Raises
    OSError when `stream` does, DoesNotFit when there is no room for temporary files.
    """
    try:
        file = part10.read(stream)
        if why := why_closed(sop_class_of(file), file.syntax):
            return NotDeidentified(finding=CLOSED.at(why=why), is_closed=True)
        _check_words(file)
        cleaned, findings = _pixels_decided(file, stream, engine, on_burned_in)
        alone, behind = samples_alone(cleaned)
        elements = engine.elements(alone, has_clean_pixels=cleaned is not file)
        syntax = _syntax(alone)
        made = Stored()
        for piece in part10.pieces(elements, syntax, engine.meta(file)):
            made.add(piece)
    except _Refused as exc:
        return NotDeidentified(finding=exc.finding)
    except Unknowable as exc:
        return NotDeidentified(finding=PIXELS_UNCLEAR.at(Where(tag=PIXEL_DATA), why=str(exc)))
    except (part10.Unreadable, Unwalkable) as exc:
        return NotDeidentified(finding=UNREADABLE.at(why=str(exc)))
    if behind:
        findings = (*findings, BEHIND_SAMPLES.at(Where(tag=PIXEL_DATA), count=behind))
    return Deidentified(file=made, transfer_syntax=syntax, findings=findings)


class _Refused(Exception):  # noqa: N818 - an answer, turned into a value by `deidentify`
    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.rule.id)
        self.finding = finding


def _syntax(file: DicomFile) -> str:
    pixels = file.first(PIXEL_DATA)
    return file.syntax if pixels is not None and pixels.is_encapsulated else EXPLICIT_VR_LITTLE_ENDIAN


def _check_words(file: DicomFile) -> None:
    """Refuse Big Endian samples that can be read in two ways."""
    if file.syntax != EXPLICIT_VR_BIG_ENDIAN:
        return
    from mediakit.dicom import conversion  # noqa: PLC0415 - few files are Big Endian

    try:
        conversion.carry(file)
    except conversion.Refused as exc:
        raise _Refused(exc.finding) from exc


def _pixels_decided(
    file: DicomFile, stream: BinaryIO, engine: Engine, on_burned_in: OnBurnedIn
) -> tuple[DicomFile, tuple[Finding, ...]]:
    """Return the file with pixels that may go on, and what is to be said of them."""
    found = burned_in(file)
    if found is BurnedIn.NOTHING:
        return file, ()
    where = Where(tag=_BURNED_IN)
    if on_burned_in is OnBurnedIn.KEEP:
        return file, (PIXELS_KEPT.at(where),)
    if on_burned_in is OnBurnedIn.REFUSE:
        raise _Refused(BURNED_IN.at(where, why=_SAID if found is BurnedIn.SAID else _UNKNOWN))
    regions = regions_for(file, engine.policy.wishes.regions)
    try:
        if not regions:
            raise NotBlanked("no region is named for images of its size and modality")
        return blanked(_decoded(file, stream), regions), ()
    except NotBlanked as exc:
        raise _Refused(NOT_BLANKED.at(where, why=str(exc))) from exc


def _decoded(file: DicomFile, stream: BinaryIO) -> DicomFile:
    pixels = file.first(PIXEL_DATA)
    if pixels is None or not pixels.is_encapsulated:
        return file
    from mediakit.dicom.transcode import NotConvertible, transcode  # noqa: PLC0415 - most are native

    done = transcode(stream, EXPLICIT_VR_LITTLE_ENDIAN)
    if isinstance(done, NotConvertible):
        raise _Refused(done.finding)
    decoded = part10.read(done.file.stream())
    return replace(decoded, meta=file.meta)
