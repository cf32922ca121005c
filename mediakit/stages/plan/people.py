"""What a medium carries for people: which form of the images fits, and what cannot be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from mediakit.choices import ForPeople, Viewer
from mediakit.errors import IntegrityError, UsageError
from mediakit.events import Listener, silence
from mediakit.fileset.charset import place_of
from mediakit.fileset.plan import DICOMDIR, TOO_BIG, ExtraFile, FileSetLayout, complete
from mediakit.findings import Finding, Rule, Severity, Where
from mediakit.formats.base import Entry
from mediakit.stages.judge.prepare import Store

if TYPE_CHECKING:  # it needs the extra `viewer`
    from mediakit.extras.viewer.encode import Encoded
    from mediakit.stages.plan.people_encoding import Encoding

SIZES = Rule(
    id="MK-VWR-101",
    severity=Severity.NOTE,
    title="for browsers, the images take about {full:byte|bytes} in full and {preview:byte|bytes} as a "
    "preview; chosen: {chosen}",
    ref="IHE RAD TF-3 4.47",
    hint="`--viewer` chooses another form",
)
NO_ROOM = Rule(
    id="MK-VWR-102",
    severity=Severity.WARNING,
    title="the medium has no room for the images in the form for browsers",
    ref="IHE RAD TF-3 4.47",
    hint="choose a larger medium; the DICOM files are not affected",
)
NOT_SHOWN = Rule(
    id="MK-VWR-103",
    severity=Severity.WARNING,
    title="{frames:frame} cannot be shown in a browser: {why}",
    ref="IHE RAD TF-3 4.47",
    hint="the viewer shows a gray tile with this reason; the DICOM file is not affected",
)

_FIRST_FILES = ("README.TXT", "INDEX.HTM", "VIEWER/VIEWER.HTM", "VIEWER/INDEX.BIN")
_PROGRAM_BYTES = 1 << 20  # page, index and static pages, for an estimate
_CHUNK_BYTES = 1 << 20
_INSTALL = "install them: `pip install 'dicom-mediakit[viewer]'`"


def in_reading_order(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries so that a browser meets first what it needs first: discs are slow at seeking."""
    return sorted(entries, key=lambda entry: _rank(entry.path))  # all else stays as it is


def _rank(path: str) -> int:
    if path == DICOMDIR:
        return 0
    if path in _FIRST_FILES:
        return 1
    is_first = path.startswith("VIEWER/") and path.endswith(("/META.BIN", "/C00000.BIN"))
    return 2 if is_first else 3


@dataclass(slots=True, kw_only=True)
class People:
    """Makes what a medium carries for people. `findings` are those of its calls.

    `capacity` is in bytes, None without a limit. `is_rehearsal`: sizes are estimated, nothing is encoded.
    """

    wish: ForPeople
    made: str
    store: Store
    capacity: int | None
    stored_size: Callable[[int], int]
    is_rehearsal: bool
    tell: Listener = silence
    findings: list[Finding] = field(default_factory=list)
    _encoding: Encoding | None = None
    _jpegs: dict[tuple[str, int, int], bytes] = field(default_factory=dict)

    def __call__(self, laid_out: FileSetLayout) -> Sequence[Entry]:
        """Return the entries for a layout. Raises UsageError without the extra, DoesNotFit without room."""
        self.findings[:] = [one for one in self.findings if one.rule is NOT_SHOWN]
        entries: Sequence[Entry] = ()
        tier = Viewer.NONE
        for tier in self._tiers(laid_out):
            entries = self._entries(laid_out, tier)
            if self.wish.viewer is not Viewer.AUTO or self._fits(laid_out, entries):
                break
        if self.wish.viewer is Viewer.AUTO and tier is Viewer.NONE and laid_out.files:
            self.findings.append(NO_ROOM.at())
        return entries

    def _tiers(self, laid_out: FileSetLayout) -> list[Viewer]:
        """Return the forms to try, the best first."""
        asked = self.wish.viewer
        if asked is Viewer.NONE or not laid_out.files:
            return [Viewer.NONE]
        if asked is not Viewer.AUTO and not self.is_rehearsal:
            return [asked]
        encoding = self._opened()
        sizes = {tier: encoding.estimate(laid_out.files, tier) for tier in (Viewer.FULL, Viewer.PREVIEW)}
        fitting = [tier for tier in sizes if self._fits(laid_out, _estimated(sizes[tier]))]
        tiers: list[Viewer] = [*fitting, Viewer.NONE] if asked is Viewer.AUTO else [asked]
        full, preview = sizes[Viewer.FULL], sizes[Viewer.PREVIEW]
        self.findings.append(SIZES.at(full=full, preview=preview, chosen=tiers[0].value))
        return tiers

    def _entries(self, laid_out: FileSetLayout, tier: Viewer) -> list[Entry]:
        encoding = self._opened()
        if self.is_rehearsal and tier is not Viewer.NONE:
            return _estimated(encoding.estimate(laid_out.files, tier))
        from mediakit.stages.plan.people_entries import Making  # noqa: PLC0415 - needs the extra

        making = Making(
            wish=self.wish,
            made=self.made,
            encoding=encoding,
            laid_out=laid_out,
            tier=tier,
            jpegs=self._jpegs,
        )
        entries = list(making.entries())
        if tier is not Viewer.NONE:
            places = {one.instance.sop_instance: place_of(one.instance) for one in laid_out.files}
            told = _not_shown(encoding.encoded(laid_out.files, tier), places)
            self.findings[:] = dict.fromkeys((*self.findings, *told))  # several media can have one instance
        return entries

    def _fits(self, laid_out: FileSetLayout, entries: Sequence[Entry]) -> bool:
        sizes = [ExtraFile(entry.path, entry.size) for entry in entries]
        found = complete(laid_out, self.capacity, sizes, self.stored_size).findings
        return not any(one.rule is TOO_BIG for one in found)

    def _opened(self) -> Encoding:
        if self._encoding is None:
            try:
                for module in ("numpy", "PIL.Image"):
                    import_module(module)
            except ImportError as exc:
                what = "the viewer needs packages that are not installed"
                raise UsageError(what, why=str(exc), hint=_INSTALL) from exc
            from mediakit.stages.plan.people_encoding import Encoding  # noqa: PLC0415 - needs the extra

            self._encoding = Encoding(self.store, self.tell)
        return self._encoding


def _estimated(size: int) -> list[Entry]:
    """Return entries that stand for those of a rehearsal: they are never opened."""
    sizes = [_PROGRAM_BYTES, *(_CHUNK_BYTES for _ in range(size // _CHUNK_BYTES)), size % _CHUNK_BYTES]
    return [Entry(f"VIEWER/S0001/C{index:05d}.BIN", one, _never) for index, one in enumerate(sizes)]


def _never() -> NoReturn:
    raise IntegrityError("an estimate was to be written", hint="please report this error")


def _not_shown(found: Mapping[str, Encoded], places: Mapping[str, str]) -> Iterator[Finding]:
    """Yield one finding for each instance and reason."""
    for uid, place in places.items():
        encoded = found[uid]
        reasons = Counter(frame.row["why"]["text"] for frame in encoded.frames if "why" in frame.row)
        if encoded.why is not None:
            reasons[encoded.why["text"]] += 1
        for why, frames in reasons.items():
            yield NOT_SHOWN.at(Where(path=place), frames=frames, why=why)
