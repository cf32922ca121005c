"""What a medium carries for people: which form of the images fits, and what cannot be shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

from msgspec import Struct, field

from mediakit.choices import ForPeople, Viewer
from mediakit.errors import DoesNotFit, IntegrityError, UsageError
from mediakit.events import Listener, silence
from mediakit.fileset.charset import place_of
from mediakit.fileset.for_people import INDEX, README, VIEWER, VIEWER_INDEX, VIEWER_PAGE
from mediakit.fileset.plan import DICOMDIR, TOO_BIG, ExtraFile, FileSetLayout, PlannedFile, complete
from mediakit.findings import Finding, Rule, Severity, Where, printable
from mediakit.formats.base import Entry
from mediakit.profile.model import Profile
from mediakit.stages.judge.prepare import Store

if TYPE_CHECKING:  # it needs the extra `viewer`
    from mediakit.extras.viewer.encode import Encoded
    from mediakit.stages.plan.people_encoding import ViewerEncoder

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

LEFT_OUT = Rule(
    id="MK-VWR-104",
    severity=Severity.NOTE,
    title="the medium carries no images for browsers: {why}",
    ref="IHE RAD TF-3 4.47",
    hint="`--viewer none` says that none are wanted",
)
LOWER_CASE = Rule(
    id="MK-VWR-105",
    severity=Severity.WARNING,
    title="{count:added file has a name|added files have names} that IHE PDI does not allow, first {example}",
    ref="IHE ITI TF-2 3.32",
    hint="`validate --rules pdi` reports it too: give names in upper case, or leave `--pdi` out",
)

NOT_LAID = Rule(
    id="MK-VWR-106",
    severity=Severity.WARNING,
    title="an overlay cannot be shown on its images in a browser: {why}",
    ref="IHE RAD TF-3 4.47",
    hint="the viewer has a row with this reason and shows the images; the DICOM file is not affected",
)

_FIRST_FILES = (README, INDEX, VIEWER_PAGE, VIEWER_INDEX)
_PIXELS = (0x00280010, 0x00280011, 0x00280100, 0x00280002, 0x00280008)  # rows, columns, bits, samples, frames
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
    is_first = path.startswith(VIEWER) and path.endswith(("/META.BIN", "/C00000.BIN"))
    return 2 if is_first else 3


def usual_viewer(profile: Profile) -> Viewer:
    """Return which viewer a medium of a profile carries where nobody says it.

    It is for people who get a disc or a stick with anything on it. An archive or a mail goes to a program,
    encrypted files are of no use to a browser, and the other profiles say what a medium is for.
    """
    is_open = profile.medium.for_people and profile.is_general_purpose and not profile.is_secure
    return Viewer.AUTO if is_open else Viewer.NONE


class Choice(Struct, frozen=True, kw_only=True):
    """Which images for browsers a medium has, and how many bytes they take.

    `full_bytes` and `preview_bytes` are estimates of either form; None: not needed. `why` is there when
    there are none though they were wished.
    """

    viewer: Viewer
    size_bytes: int
    full_bytes: int | None
    preview_bytes: int | None
    why: str = ""
    findings: tuple[Finding, ...] = ()


class People(Struct, kw_only=True):
    """Makes what a medium carries for people. `choices` are what was chosen, by File-set ID.

    `capacity` is in bytes, None without a limit. `is_rehearsal`: sizes are estimated, nothing is encoded.
    """

    wish: ForPeople
    made: str
    has_manifest: bool
    store: Store
    capacity: int | None
    stored_size: Callable[[int], int]
    is_rehearsal: bool
    tell: Listener = silence
    choices: dict[str, Choice] = field(default_factory=dict)
    _encoder: ViewerEncoder | None = None
    _jpegs: dict[tuple[str, int, int], bytes] = field(default_factory=dict)

    def __call__(self, laid_out: FileSetLayout) -> Sequence[Entry]:
        """Return the entries for a layout. Raises UsageError without the extra, DoesNotFit without room.

        When nobody asked, nothing is raised: there are no entries then.
        """
        try:
            choice, entries = self._chosen(laid_out)
        except (UsageError, DoesNotFit) as exc:
            if self.wish.is_asked:
                raise
            choice, entries = _left_out(str(exc)), []
        self.choices[laid_out.directory.file_set_id] = choice
        return entries

    def least(self, laid_out: FileSetLayout) -> Sequence[Entry]:
        """Return what must be on a medium: a viewer that is chosen by the room takes none from instances."""
        if self.wish.viewer is not Viewer.AUTO:
            return self(laid_out)
        return self._entries(laid_out, Viewer.NONE) if self.wish.pdi else ()

    def _chosen(self, laid_out: FileSetLayout) -> tuple[Choice, list[Entry]]:
        is_auto = self.wish.viewer is Viewer.AUTO
        if not self.wish.is_asked and any(one.path.upper().startswith(VIEWER) for one in laid_out.extra):
            return _left_out("what is added has a folder VIEWER of its own"), []
        sizes = self._sizes(laid_out)
        for tier in self._tiers(laid_out, sizes):
            entries = self._entries(laid_out, tier)
            is_due = not is_auto or (tier is Viewer.NONE and self.wish.pdi)  # the room does not decide on it
            if is_due or self._fits(laid_out, entries):
                return self._choice(laid_out, tier, sizes, entries), entries
        why = "the medium has no room for them"  # not even for the page that says so
        found = NO_ROOM.at() if self.wish.is_asked else LEFT_OUT.at(why=why)
        about = (sizes.get(Viewer.FULL), sizes.get(Viewer.PREVIEW))
        return _none(why, found, about), []

    def _choice(
        self, laid_out: FileSetLayout, tier: Viewer, sizes: Mapping[Viewer, int], entries: Sequence[Entry]
    ) -> Choice:
        about = (sizes.get(Viewer.FULL), sizes.get(Viewer.PREVIEW))
        if tier is Viewer.NONE and self.wish.viewer is not Viewer.NONE:
            if not laid_out.files:
                return _none("there is no instance", None, about)
            why = "the medium has no room for them"
            return _none(why, NO_ROOM.at() if self.wish.is_asked else LEFT_OUT.at(why=why), about)
        findings: tuple[Finding, ...] = ()
        if tier is not Viewer.NONE and not self.is_rehearsal:
            places = {one.instance.sop_instance: place_of(one.instance) for one in laid_out.files}
            encoder = self._opened()
            findings = (
                *_not_shown(encoder.encoded(laid_out.files, tier), places),
                *_not_laid(encoder.refused(tier), places),
            )
        taken = sum(entry.size for entry in entries if entry.path.startswith(VIEWER))
        if self.is_rehearsal:  # without the pages that stand among its entries
            taken = sizes.get(tier, 0)
        return Choice(
            viewer=tier, size_bytes=taken, full_bytes=about[0], preview_bytes=about[1], findings=findings
        )

    def _sizes(self, laid_out: FileSetLayout) -> Mapping[Viewer, int]:
        """Return estimates of both forms where the choice or a rehearsal needs them."""
        asked = self.wish.viewer
        if asked is Viewer.NONE or not laid_out.files or (asked is not Viewer.AUTO and not self.is_rehearsal):
            return {}
        if not self.is_rehearsal and self._fits(laid_out, _estimated(most_bytes(laid_out.files))):
            return {}
        encoder = self._opened()
        return {tier: encoder.estimate(laid_out.files, tier) for tier in (Viewer.FULL, Viewer.PREVIEW)}

    def _tiers(self, laid_out: FileSetLayout, sizes: Mapping[Viewer, int]) -> list[Viewer]:
        """Return the forms to try, the best first."""
        asked = self.wish.viewer
        if asked is Viewer.NONE or not laid_out.files:
            return [Viewer.NONE]
        if asked is not Viewer.AUTO:
            return [asked]
        if not sizes:
            return [Viewer.FULL, Viewer.PREVIEW, Viewer.NONE]
        return [*(tier for tier in sizes if self._fits(laid_out, _estimated(sizes[tier]))), Viewer.NONE]

    def _entries(self, laid_out: FileSetLayout, tier: Viewer) -> list[Entry]:
        encoder = self._opened()
        if self.is_rehearsal and (tier is not Viewer.NONE or self.wish.pdi):
            about = encoder.estimate(laid_out.files, tier) if tier is not Viewer.NONE else 0
            pages = encoder.pages_bytes(laid_out.files) if self.wish.pdi else 0
            return _estimated(about + pages)
        from mediakit.stages.plan.people_entries import Making  # noqa: PLC0415 - needs the extra

        making = Making(
            wish=self.wish,
            made=self.made,
            has_manifest=self.has_manifest,
            encoder=encoder,
            laid_out=laid_out,
            tier=tier,
            jpegs=self._jpegs,
        )
        return list(making.entries())

    def _fits(self, laid_out: FileSetLayout, entries: Sequence[Entry]) -> bool:
        sizes = [ExtraFile(entry.path, entry.size) for entry in entries]
        found = complete(laid_out, self.capacity, sizes, self.stored_size).findings
        return not any(one.rule is TOO_BIG for one in found)

    def _opened(self) -> ViewerEncoder:
        if self._encoder is None:
            try:
                for module in ("numpy", "PIL.Image"):
                    import_module(module)
            except ImportError as exc:
                what = "the viewer needs packages that are not installed"
                raise UsageError(what, why=str(exc), hint=_INSTALL) from exc
            from mediakit.stages.plan.people_encoding import ViewerEncoder  # noqa: PLC0415 - needs the extra

            self._encoder = ViewerEncoder(self.store, self.tell)
        return self._encoder


def most_bytes(files: Sequence[PlannedFile]) -> int:
    """Return how many bytes the pixels of all images take as they are, by their headers."""
    total = 0
    for file in files:
        rows, columns, bits, samples, frames = (file.instance.header.number(tag) for tag in _PIXELS)
        total += (rows or 0) * (columns or 0) * -(-(bits or 0) // 8) * (samples or 1) * max(1, frames or 1)
    return total


def _left_out(why: str) -> Choice:
    return _none(why, LEFT_OUT.at(why=why), (None, None))


def _none(why: str, found: Finding | None, about: tuple[int | None, int | None]) -> Choice:
    findings = () if found is None else (found,)
    return Choice(
        viewer=Viewer.NONE,
        size_bytes=0,
        full_bytes=about[0],
        preview_bytes=about[1],
        why=why,
        findings=findings,
    )


def _estimated(size: int) -> list[Entry]:
    """Return entries that stand for those of a rehearsal: they are never opened."""
    sizes = [*(_CHUNK_BYTES for _ in range(size // _CHUNK_BYTES)), size % _CHUNK_BYTES]
    return [Entry(f"{VIEWER}S0001/C{index:05d}.BIN", one, _never) for index, one in enumerate(sizes)]


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


def _not_laid(refused: Mapping[str, str], places: Mapping[str, str]) -> Iterator[Finding]:
    """Yield one finding for each overlay of the medium that was refused."""
    for uid, place in places.items():
        if uid in refused:
            yield NOT_LAID.at(Where(path=place), why=refused[uid])


def names_against_pdi(wish: ForPeople, paths: Sequence[str]) -> Iterator[Finding]:
    """Yield what is to be said of the names of other content on a medium that claims IHE PDI."""
    odd = [path for path in paths if path != path.upper()]
    if wish.pdi and odd:
        yield LOWER_CASE.at(count=len(odd), example=printable(odd[0]))
