"""Icon Image Sequence (0088,0200) of directory records: its form, and what the profile says of it.

Source: PS3.3 F.7; PS3.11 A.3.3, B.3.3, E.3.3. Icons of one program differ in their pixels alone: what stands
before these is judged once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mediakit.dicom.instance import Tag
from mediakit.fileset import nested
from mediakit.fileset.keys import ICON_IMAGE_SEQUENCE
from mediakit.fileset.record import DirectoryRecord
from mediakit.fileset.survey import Survey
from mediakit.fileset.tally import Tally
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.profile.model import IconRule, Profile
from mediakit.rules.check import Check

BAD_ICON = Rule(
    id="MK-DIR-151",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} an icon that is wrong: {what}",
    ref="PS3.3 F.7",
    hint="readers may show no preview or a wrong one; the images themselves are not affected",
)
LARGE_ICON = Rule(
    id="MK-DIR-152",
    severity=Severity.NOTE,
    title="{count:{type} record has|{type} records have} an icon of {rows} x {columns} pixels",
    ref="PS3.3 F.7",
    hint="readers need to show icons of up to 64 x 64 only, and may skip larger ones",
)
NO_ICON = Rule(
    id="MK-PRO-111",
    severity=Severity.ERROR,
    title="{count} of {all} {type} records have no icon, required by {profile}",
    ref="PS3.11",
    hint="systems that rely on the profile may refuse the medium; `mediakit repair` writes icons",
)
OTHER_ICON = Rule(
    id="MK-PRO-112",
    severity=Severity.ERROR,
    title="{count:{type} record has|{type} records have} an icon that is not as {profile} requires: {what}",
    ref="PS3.11",
    hint="systems that rely on the profile may show no preview; the images themselves are not affected",
)

_SAMPLES, _PHOTOMETRIC, _PLANAR = 0x00280002, 0x00280004, 0x00280006
_ROWS, _COLUMNS, _ASPECT = 0x00280010, 0x00280011, 0x00280034
_ALLOCATED, _STORED, _HIGH, _SIGN = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_PALETTE: tuple[Tag, ...] = (0x00281101, 0x00281102, 0x00281103, 0x00281201, 0x00281202, 0x00281203)
_PIXELS = 0x7FE00010
_NEEDED = frozenset({_SAMPLES, _PHOTOMETRIC, _ROWS, _COLUMNS, _ALLOCATED})
_PHOTOMETRICS = frozenset({"MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"})
_SUPPORTED = 64
_ITEM = b"\xfe\xff\x00\xe0"
_REMEMBERED = 256
_MOST_ELEMENTS = 200


def check_icons(survey: Survey, profile: Profile | None) -> Iterator[Finding]:
    """Report icons that are missing or not as they must be: one finding for a type of record and fault."""
    if survey.decoded is None or survey.dicomdir is None:
        return
    rule = None if profile is None else profile.icon
    required = frozenset(rule.records) if rule is not None and rule.required else frozenset[str]()
    judge = _Judge(survey.dicomdir.path, rule, "" if profile is None else profile.id)
    total: dict[str, int] = dict.fromkeys(required, 0)
    missing = Tally()
    for record in survey.decoded.directory.walk():
        if record.type in required:
            total[record.type] += 1
        keys = record.keys
        icon = None
        if keys and keys[-1].tag >= ICON_IMAGE_SEQUENCE:
            icon = record.key(ICON_IMAGE_SEQUENCE)
        if icon is not None and icon.value:
            judge.icon(record, icon.value)
        elif record.type in required:
            missing.add(NO_ICON, record.type, judge.where(record), type=record.type)
    for finding in missing.findings(profile=judge.profile, ref="" if rule is None else rule.ref):
        yield finding.rule.at(finding.where, **dict(finding.detail), all=total[_type(finding)])
    yield from judge.found.findings()


def _type(finding: Finding) -> str:
    return str(dict(finding.detail)["type"])


@dataclass(frozen=True, slots=True)
class _Icon:
    """What stands in an icon: values by tag, the number of items, and bytes of pixels."""

    values: dict[Tag, bytes]
    is_single: bool
    pixel_bytes: int

    def number(self, tag: Tag) -> int | None:
        """Return a US value, or None."""
        raw = self.values.get(tag, b"")
        return int.from_bytes(raw, "little") if len(raw) == 2 else None

    def text(self, tag: Tag) -> str:
        """Return a text value without padding."""
        return self.values.get(tag, b"").strip(b" \0").decode("latin-1")


@dataclass(slots=True)
class _Judge:
    path: str
    rule: IconRule | None
    profile: str
    found: Tally = field(default_factory=Tally)
    _known: dict[tuple[bytes, int], tuple[tuple[Rule, str], ...]] = field(default_factory=dict)
    _head: int = 0

    def where(self, record: DirectoryRecord) -> Where:
        """Return the place of the icon of a record."""
        return Where(path=self.path, record=record.seen_at, tag=ICON_IMAGE_SEQUENCE)

    def icon(self, record: DirectoryRecord, content: bytes) -> None:
        """Count what is wrong with one icon."""
        known = self._known.get((content[: self._head], len(content))) if self._head else None
        if known is None:
            known = self._judged(content)
        for rule, what in known:
            self._count(rule, what, record)

    def _count(self, rule: Rule, what: str, record: DirectoryRecord) -> None:
        where, type_ = self.where(record), record.type
        if rule is LARGE_ICON:
            rows, _, columns = what.partition(" ")
            self.found.add(rule, (type_, what), where, type=type_, rows=rows, columns=columns)
        elif rule is OTHER_ICON and self.rule is not None:
            if type_ in self.rule.records:
                detail = {"type": type_, "what": what, "profile": self.profile, "ref": self.rule.ref}
                self.found.add(rule, (type_, what), where, **detail)
        else:
            self.found.add(rule, (type_, what), where, type=type_, what=what)

    def _judged(self, content: bytes) -> tuple[tuple[Rule, str], ...]:
        icon, pixels_at = _read(content)
        faults = tuple(self._faults(icon))
        if pixels_at and len(self._known) < _REMEMBERED and self._head in {0, pixels_at}:
            # nothing follows the pixels, so equal bytes before them and an equal length mean the same form
            self._head = pixels_at
            self._known[(content[:pixels_at], len(content))] = faults
        return faults

    def _faults(self, icon: _Icon) -> Iterator[tuple[Rule, str]]:
        if _NEEDED.isdisjoint(icon.values):
            yield BAD_ICON, "there is nothing in the sequence that can be read"
            return
        yield from ((BAD_ICON, what) for what in _faults_of_form(icon))
        yield from ((BAD_ICON, what) for what in _faults_of_pixels(icon))
        rows, columns = icon.number(_ROWS) or 0, icon.number(_COLUMNS) or 0
        if self.rule is not None:
            yield from ((OTHER_ICON, what) for what in _unlike(icon, self.rule))
        elif rows > _SUPPORTED or columns > _SUPPORTED:
            yield LARGE_ICON, f"{rows} {columns}"


def _read(content: bytes) -> tuple[_Icon, int]:
    """Return what stands in an icon, and where its pixels begin when nothing follows them; else 0."""
    values: dict[Tag, bytes] = {}
    pixel_bytes = pixels_at = 0
    for count, (tag, _, value) in enumerate(nested.elements(content)):
        if count >= _MOST_ELEMENTS:
            break
        if tag == _PIXELS and not pixel_bytes:
            pixel_bytes = len(value)
            pixels_at = len(content) - len(value) if content.endswith(value) else 0
        else:
            values.setdefault(tag, value)
    is_single = content.startswith(_ITEM) and _is_whole(content)
    return _Icon(values, is_single, pixel_bytes), pixels_at if is_single else 0


def _is_whole(content: bytes) -> bool:
    """Return True when the first item fills the sequence; one of undefined length is taken for it."""
    length = int.from_bytes(content[4:8], "little")
    return length == 0xFFFFFFFF or 8 + length == len(content)


def _faults_of_form(icon: _Icon) -> Iterator[str]:
    if not icon.is_single:
        yield "there is more than one item"
    if icon.number(_SAMPLES) != 1:
        yield "Samples per Pixel is not 1"
    photometric = icon.text(_PHOTOMETRIC)
    if photometric not in _PHOTOMETRICS:
        yield "it is neither MONOCHROME1, MONOCHROME2 nor PALETTE COLOR"
    if _PLANAR in icon.values:
        yield "there is Planar Configuration"
    if icon.text(_ASPECT).replace(" ", "") not in {"", "1\\1"}:
        yield "Pixel Aspect Ratio is not 1:1"
    if photometric == "PALETTE COLOR" and any(tag not in icon.values for tag in _PALETTE):
        yield "the palette is not whole"


def _faults_of_pixels(icon: _Icon) -> Iterator[str]:
    bits, stored = icon.number(_ALLOCATED), icon.number(_STORED)
    allowed = {8} if icon.text(_PHOTOMETRIC) == "PALETTE COLOR" else {1, 8}
    if bits not in allowed or stored != bits:
        yield "Bits Allocated and Bits Stored are not both 8 (or 1)"
    elif icon.number(_HIGH) != bits - 1:
        yield "High Bit is not one less than Bits Stored"
    if icon.number(_SIGN) != 0:
        yield "Pixel Representation is not unsigned"
    rows, columns = icon.number(_ROWS), icon.number(_COLUMNS)
    if not rows or not columns:
        yield "Rows or Columns are absent or 0"
    elif bits in allowed:
        needed = (rows * columns * bits + 7) // 8
        if icon.pixel_bytes not in {needed, needed + needed % 2}:
            yield "Pixel Data are not as long as Rows and Columns say"


def _unlike(icon: _Icon, rule: IconRule) -> Iterator[str]:
    size = (icon.number(_ROWS), icon.number(_COLUMNS))
    if size != (rule.rows or size[0], rule.columns or size[1]):
        yield f"they have {size[0] or 0} x {size[1] or 0} pixels, not {rule.rows} x {rule.columns}"
    if rule.bits_allocated and icon.number(_ALLOCATED) != rule.bits_allocated:
        yield f"Bits Allocated is not {rule.bits_allocated}"
    if rule.bits_stored and icon.number(_STORED) != rule.bits_stored:
        yield f"Bits Stored is not {rule.bits_stored}"
    if rule.photometric and icon.text(_PHOTOMETRIC) not in rule.photometric:
        yield f"Photometric Interpretation is not {' or '.join(rule.photometric)}"


CHECKS: Final = (Check(check_icons, (BAD_ICON, LARGE_ICON, NO_ICON, OTHER_ICON)),)
