"""Which instances of a medium are wanted: by patient, study, series, modality, date and more. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import NamedTuple

from msgspec import Struct

from mediakit.dicom import text
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Instance, Tag
from mediakit.fileset.record import DirectoryRecord
from mediakit.fileset.survey import DirectoryFact, Duplicates, FileFact, RecordLink, Survey


class Traits(NamedTuple):
    """What an instance is selected by, as text; None where it is not known, "" where there is no value."""

    patients: str | None = None
    studies: str | None = None
    accessions: str | None = None
    series: str | None = None
    modalities: str | None = None
    body_parts: str | None = None
    date: str | None = None


_TAGS: tuple[tuple[Tag, str], ...] = (  # in the order of `Traits`
    (0x00100020, "LO"),
    (0x0020000D, "UI"),
    (0x00080050, "SH"),
    (0x0020000E, "UI"),
    (0x00080060, "CS"),
    (0x00180015, "CS"),
    (0x00080020, "DA"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is wanted of a medium. Every criterion that is given must be met, by one of its values.

    `patients` are Patient IDs, `studies` and `series` UIDs. `since` and `until` are days of the study
    (YYYYMMDD), both included. Nothing given takes everything.
    """

    patients: frozenset[str] = field(default=frozenset(), repr=False)
    studies: frozenset[str] = frozenset()
    accessions: frozenset[str] = field(default=frozenset(), repr=False)
    series: frozenset[str] = frozenset()
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    since: str = ""
    until: str = ""

    def __bool__(self) -> bool:
        """Return True when anything is left out."""
        return any(getattr(self, each.name) for each in fields(self))

    def takes(self, traits: Traits) -> bool:
        """Return True for what meets every criterion, and where that cannot be told."""
        for name, value in zip(Traits._fields[:-1], traits[:-1], strict=True):
            wanted: frozenset[str] = getattr(self, name)
            if wanted and value is not None and _plain(value) not in map(_plain, wanted):
                return False
        if traits.date is None or not (self.since or self.until):
            return True
        date = traits.date.replace(".", "")
        return bool(date) and date >= self.since and (not self.until or date <= self.until)


EVERYTHING = Selection()


class Selected(Struct, frozen=True, kw_only=True):
    """A medium without what was not asked for, and the files that were left out."""

    survey: Survey
    left_out: tuple[FileFact, ...] = ()


def select(survey: Survey, selection: Selection) -> Selected:
    """Leave out what was not asked for: it is not missing, not a duplicate, and no conflict with anything.

    A file that cannot be read is left out when the directory says that it is of something else.
    """
    if not selection:
        return Selected(survey=survey)
    takes = _Taking(selection)
    gone = {file.path: file for file, instance in survey.instances() if not takes.instance(instance)}
    for each in survey.duplicates:  # files of one UID stay together: the conflict may be about what is wanted
        if any(file.path not in gone for file in _files_of(each)):
            for file in _files_of(each):
                gone.pop(file.path, None)
    kept_links = [link for link in survey.all_links() if takes.link(link)]
    kept = {id(link) for link in kept_links}
    named = {link.file.path for link in kept_links if link.file is not None}
    for link in survey.all_links():
        meant = link.file
        if id(link) not in kept and meant is not None and meant.instance is None and meant.path not in named:
            gone[meant.path] = meant

    def wanted(links: Iterable[RecordLink]) -> tuple[RecordLink, ...]:
        return tuple(
            link for link in links if id(link) in kept and (link.file is None or link.file.path not in gone)
        )

    return Selected(
        survey=replace(
            survey,
            files=tuple(file for file in survey.files if file.path not in gone),
            links=wanted(survey.links),
            other_directories=tuple(
                _with_links(other, wanted(other.links)) for other in survey.other_directories
            ),
            duplicates=tuple(
                each for each in survey.duplicates if all(file.path not in gone for file in _files_of(each))
            ),
        ),
        left_out=tuple(file for file in survey.files if file.path in gone),
    )


class _Taking:
    """Decides by a selection; equal raw values are decoded once."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._known: dict[tuple[bytes, ...], bool] = {}

    def instance(self, instance: Instance) -> bool:
        values = instance.header.values
        charset = values.get(SPECIFIC_CHARACTER_SET, b"")
        raw = tuple(values.get(tag, b"") for tag, _ in _TAGS)
        known = self._known.get((charset, *raw))
        if known is None:
            decoded = (_text(value, charset, vr) for value, (_, vr) in zip(raw, _TAGS, strict=True))
            known = self._known[(charset, *raw)] = self._selection.takes(Traits(*decoded))
        return known

    def link(self, link: RecordLink) -> bool:
        """Decide by the file, when the record leads to an instance, else by what the records say."""
        if link.file is not None and link.file.instance is not None:
            return self.instance(link.file.instance)
        return self._selection.takes(
            Traits(*(said_by_records((*link.above, link.record), tag, vr) for tag, vr in _TAGS))
        )


def said_by_instance(instance: Instance, tag: Tag, vr: str) -> str:
    """Return what an instance says, as text; "" when it says nothing."""
    values = instance.header.values
    return _text(values.get(tag, b""), values.get(SPECIFIC_CHARACTER_SET, b""), vr)


def said_by_records(records: Iterable[DirectoryRecord], tag: Tag, vr: str) -> str | None:
    """Return what the first of some records says that has this key, as text; None when none says anything."""
    for record in records:
        key = record.key(tag)
        if key is not None:
            charset = record.key(SPECIFIC_CHARACTER_SET)
            return _text(key.value, b"" if charset is None else charset.value, vr) or None
    return None


def _text(raw: bytes, charset: bytes, vr: str) -> str:
    return text.decode(raw.strip(b" \0"), charset.strip(b" \0"), vr).strip() if raw else ""


def _plain(value: str) -> str:
    return value.strip().casefold()


def _files_of(duplicates: Duplicates) -> Iterator[FileFact]:
    if duplicates.kept is not None:
        yield duplicates.kept
    yield from duplicates.left_out()


def _with_links(directory: DirectoryFact, links: tuple[RecordLink, ...]) -> DirectoryFact:
    return replace(directory, links=links)
