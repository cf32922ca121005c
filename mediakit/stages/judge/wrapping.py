"""Images and documents of another kind among the sources become instances before anything is judged.

They are the pictures of a camera, scans and letters that somebody gave to the burn. What stands on a medium
with a DICOMDIR (its viewer, its pages) is content of that medium, and is left as it is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from msgspec import Struct, field

from mediakit.dicom.header import Scanner
from mediakit.dicom.instance import Instance, shown
from mediakit.dicom.instance_names import is_name
from mediakit.dicom.text import encode
from mediakit.dicom.wrap import (
    NOT_KEPT,
    NOT_WRAPPED,
    STUDY_UID,
    SUBJECT_TAGS,
    NotWrappable,
    Subject,
    WrapKind,
    Wrapped,
    risks_of_pdf,
    wrap_kind,
    wrap_pdf,
    wrap_picture,
)
from mediakit.dicom.wrap_picture import read_picture
from mediakit.errors import IntegrityError, SourceError, UsageError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted
from mediakit.fileset.survey import FileFact, FileKind, Survey
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.formats.registry import open_medium
from mediakit.limits import MAX_WRAPPED_BYTES
from mediakit.outcome import State
from mediakit.stages.judge.prepare import Prepared, Store, Terms
from mediakit.stages.judge.spool import SPOOL
from mediakit.stages.look.closed import finding_on_failure
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import SAME_DATA_SET
from mediakit.stages.look.media import scanner_for

WRAPPED = Rule(
    id="MK-WRP-003",
    severity=Severity.NOTE,
    title="the {kind} file becomes an instance of the study {study}, marked as derived, with whatever is "
    "written in it",
    ref="PS3.3 A.8",
    hint="see that it is of this patient, and that no name of somebody else stands in the picture",
)
CAN_BE_WRAPPED = Rule(
    id="MK-WRP-004",
    severity=Severity.NOTE,
    title="{count:JPEG, PNG, TIFF or PDF file|JPEG, PNG, TIFF and PDF files} left out, first {example}",
    ref="PS3.3 A.8",
    hint="`mediakit burn --wrap` makes DICOM instances of them, in a study that you name",
)

NEW_STUDY = "new"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubject:
    """A patient and a study of which no instance is there: texts as a person writes them, dates YYYYMMDD."""

    patient_id: str
    patient_name: str
    birth_date: str = ""
    sex: str = ""
    study_date: str = ""
    study_description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrap:
    """What is made of images and documents of another kind.

    `like` is the file of an instance, or the UID of a study among the sources, whose patient and study they
    get; `subject` says both where there is no such. `study` is a UID, or "new"; "" takes that of `like`. With
    `is_titled` the name of the file becomes the title: it may name the patient.
    """

    study: str = ""
    like: str = ""
    subject: NewSubject | None = None
    is_titled: bool = False

    def __post_init__(self) -> None:
        """Raise UsageError when it is not said whose they are, or said twice."""
        if bool(self.like) == (self.subject is not None) and not (self.study and not self.subject):
            hint = "give one: `--wrap-like FILE|STUDY-UID`, `--wrap-study UID`, or a patient ID and name"
            raise UsageError("it is not clear whose the wrapped files are", hint=hint)
        if self.study and self.study != NEW_STUDY and not _is_uid(self.study):
            raise UsageError(f"`{printable(self.study)}` is neither a UID nor `new`", where="--wrap-study")


def could_be_wrapped(surveys: Sequence[Survey]) -> Iterator[Finding]:
    """Yield one finding for all files that could be wrapped, and are not."""
    found = [shown(survey.subject, file.path) for survey, file, _ in _candidates(surveys)]
    if found:
        yield CAN_BE_WRAPPED.at(Where(path=found[0]), count=len(found), example=printable(found[0]))


def wrap_all(
    surveys: Sequence[Survey], wrap: Wrap, terms: Terms, store: Store, fates: Fates, tell: Listener
) -> Prepared:
    """Make an instance of each image and document of the sources; what cannot be one is refused in `fates`.

    Raises UsageError when the instance that they are to be like is not there.
    """
    candidates = list(_candidates(surveys))
    if not candidates:
        return Prepared(instances=())
    scanner = scanner_for(terms.profile)
    subject = _subject_of(surveys, wrap, store)
    wrapper = _Wrapper(wrap=wrap, subject=subject, scanner=scanner, store=store, fates=fates)
    wrapper.known.update((one.sop_instance, "") for survey in surveys for _, one in survey.instances())
    tell(PhaseStarted("wrap", total=len(candidates)))
    made: list[Instance] = []
    places: dict[str, str] = {}
    for survey, file, kind in candidates:
        place = shown(survey.subject, file.path)
        one = wrapper.instance(survey.subject, file, kind) if fates.enter(place) else None
        if one is not None:
            made.append(one)
            places[one.sop_instance] = place
        tell(Advanced())
    tell(PhaseEnded("wrap"))
    return Prepared(instances=tuple(made), places=places)


def _candidates(surveys: Sequence[Survey]) -> Iterator[tuple[Survey, FileFact, WrapKind]]:
    for survey in surveys:
        if survey.dicomdir is not None:
            continue
        for file in survey.files:
            kind = wrap_kind(file.head) if file.kind is FileKind.OTHER else None
            if kind is not None:
                yield survey, file, kind


class _Wrapper(Struct, frozen=True, kw_only=True):
    """Wraps one file after another. `known` has the UIDs that are there, with the place of the file."""

    wrap: Wrap
    subject: Subject
    scanner: Scanner
    store: Store
    fates: Fates
    known: dict[str, str] = field(default_factory=dict)

    def instance(self, source: str, file: FileFact, kind: WrapKind) -> Instance | None:
        """Return the instance that a file becomes; None when it is settled in `fates`."""
        place = shown(source, file.path)
        try:
            wrapped, findings = self._wrapped(source, file, kind)
        except NotWrappable as exc:
            self.fates.refuse(place, (NOT_WRAPPED.at(why=str(exc)),))
            return None
        except (SourceError, OSError) as exc:
            self.fates.settle(place, State.UNREADABLE, finding_on_failure(exc))
            return None
        uid = wrapped.sop_instance
        if uid in self.known:
            first = self.known[uid] or "an instance of the sources"
            self.fates.settle(place, State.DUPLICATE, SAME_DATA_SET.at(first=first), sop_instance=uid)
            return None
        self.known[uid] = place
        study = self.subject.values[STUDY_UID].decode("ascii", "replace")
        self.fates.note(place, (*findings, WRAPPED.at(kind=kind.value, study=study)))
        return self._kept(wrapped)

    def _kept(self, wrapped: Wrapped) -> Instance:
        """Write an instance into the spool, and return it as it is read there. Raises DoesNotFit."""
        spool = self.store.spool
        name = spool.keep(bytes(piece) for piece in wrapped.file())
        with spool.open(name) as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            made = self.scanner.read(stream, size, SPOOL, name)
        if not isinstance(made, Instance):
            hint = "please report this error"
            raise IntegrityError("a wrapped file is no instance", why=made.finding.text, hint=hint)
        return made

    def _wrapped(self, source: str, file: FileFact, kind: WrapKind) -> tuple[Wrapped, tuple[Finding, ...]]:
        if file.size > MAX_WRAPPED_BYTES:
            raise NotWrappable(f"it is larger than {MAX_WRAPPED_BYTES >> 20} MiB")
        with self.store.open_file(source, file.path, file.size) as stream:
            content = stream.read(MAX_WRAPPED_BYTES + 1)
        title, findings = self._title(file.path or source)
        if kind is WrapKind.PDF:
            return wrap_pdf(content, self.subject, title), (*findings, *risks_of_pdf(content))
        picture = read_picture(content, kind)
        return wrap_picture(picture, self.subject, title), (*findings, *picture.findings)

    def _title(self, path: str) -> tuple[bytes, tuple[Finding, ...]]:
        """Return the name of a file in the character set of the instance, if that can spell it."""
        name = PurePosixPath(path).stem[:64]
        if not self.wrap.is_titled:
            return b"", ()
        charset = self.subject.values.get(0x00080005, b"").decode("latin-1")
        try:
            return encode(printable(name).replace("\\", "/"), charset), ()
        except ValueError:
            why = "the character set of the study cannot spell it"
            return b"", (NOT_KEPT.at(what="the name of the file", why=why),)


def _subject_of(surveys: Sequence[Survey], wrap: Wrap, store: Store) -> Subject:
    """Return whose the wrapped files are, and in which study. Raises UsageError."""
    if wrap.subject is not None:
        subject = _given(wrap.subject)
        study = wrap.study if wrap.study not in {"", NEW_STUDY} else subject.new_study()
        return Subject(values={**subject.values, STUDY_UID: study.encode("ascii")})
    like = wrap.like or wrap.study
    instance = _of_study(surveys, like) if _is_uid(like) else None
    values = _read_from(instance, store) if instance is not None else _read_file(like)
    subject = Subject(values=values)
    if wrap.study == NEW_STUDY:
        return subject.in_study(subject.in_study("").new_study())
    held = values.get(STUDY_UID, b"").strip(b" \0").decode("ascii", "replace")
    return subject if wrap.study in {"", held} else subject.in_study(wrap.study)


def _of_study(surveys: Sequence[Survey], uid: str) -> Instance:
    for survey in surveys:
        for _, instance in survey.instances():
            if instance.study == uid:
                return instance
    hint = "name another study, a file (`--wrap-like FILE`), or the patient (`--wrap-patient-id`)"
    raise UsageError("no instance of this study is among the sources", where=uid, hint=hint)


def _read_from(instance: Instance, store: Store) -> dict[int, bytes]:
    with store.open(instance) as stream:
        return _values_of(Scanner(SUBJECT_TAGS).read(stream, instance.size, instance.source, instance.path))


def _read_file(name: str) -> dict[int, bytes]:
    with open_medium(Path(name)) as tree:
        node = next((one for one in tree.walk()), None)
        if node is None or tree.facts.format != "file":
            raise UsageError("is not the file of one instance", where=printable(name))
        with tree.open(node) as stream:
            return _values_of(Scanner(SUBJECT_TAGS).read(stream, node.size, name, node.path), name)


def _values_of(found: object, name: str = "") -> dict[int, bytes]:
    if not isinstance(found, Instance):
        raise UsageError("is not a DICOM instance", where=printable(name))
    values = found.header.values
    return {tag: bytes(values[tag]).strip(b" \0") for tag in SUBJECT_TAGS if tag in values}


def _given(said: NewSubject) -> Subject:
    texts: Mapping[int, str] = {
        0x00080020: said.study_date,
        0x00081030: said.study_description,
        0x00100010: said.patient_name,
        0x00100020: said.patient_id,
        0x00100030: said.birth_date,
        0x00100040: said.sex,
    }
    values = {tag: text.encode("utf-8") for tag, text in texts.items() if text}
    is_ascii = all(text.isascii() for text in texts.values())
    return Subject(values=values if is_ascii else {0x00080005: b"ISO_IR 192", **values})


def _is_uid(text: str) -> bool:
    return "." in text and is_name(text)  # a number alone is the name of a file
