"""Label and cover sheet: look at a medium -> what is told of it -> PDF or PNG."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mediakit.dicom.header import Scanner
from mediakit.durable import new_file, write_all
from mediakit.errors import SourceError, UsageError
from mediakit.events import Listener, silence
from mediakit.extras.paper.facts import Paper
from mediakit.fileset.contents import PatientFact, Seen, contents_of
from mediakit.fileset.inspection import counts_of
from mediakit.fileset.manifest import MANIFEST
from mediakit.fileset.survey import Survey
from mediakit.findings import Finding
from mediakit.formats.base import Tree
from mediakit.formats.registry import open_decrypted
from mediakit.journeys.burn_people import pages_among
from mediakit.rules.completeness import check_completeness
from mediakit.secure.keys import NO_KEYS, Keys
from mediakit.stages.look.media import look, sha256_of
from mediakit.volume import IsoVolume

if TYPE_CHECKING:
    from mediakit.extras.paper.template import CoverTemplate, LabelTemplate

_NEEDED = ("fpdf", "uharfbuzz", "segno", "pypdfium2")
_INSTALL = "install them: `pip install 'dicom-mediakit[paper]'`"


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenMedium:
    """What a medium tells of itself for its label. `made` is YYYYMMDD, "" where it does not say.

    `sha256` is that of MANIFEST.TXT, else of the DICOMDIR, "" without both and for encrypted media. `missing`
    counts instances that the directory names and that are not there.
    """

    label: str = ""
    file_set_uid: str = ""
    sha256: str = ""
    made: str = ""
    content: str = "DICOM ONLY"
    has_viewer: bool = False
    missing: int = 0
    patients: tuple[PatientFact, ...] = field(default=(), repr=False)
    signs: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOrder:
    """Where label and cover sheet go, and how they look. `hub` is in mm, None: as the template has it.

    `templates` are files of the user, each of which says what it is for; `fonts` are tried first.
    """

    label: Path | None = None
    cover: Path | None = None
    templates: tuple[Path, ...] = ()
    fonts: tuple[Path, ...] = ()
    hub: float | None = None
    with_patient: bool = True
    overwrite: bool = False

    def check(self) -> None:
        """Raise UsageError for what can be known to be wrong before a long run."""
        if self.label is None and self.cover is None:
            raise UsageError("name a file for the label (`-o`) or for the cover sheet (`--cover-sheet`)")
        if self.label == self.cover:
            raise UsageError("label and cover sheet would be one file", where=str(self.label))
        if self.cover is not None and not self.with_patient:
            hint = "leave `--cover-sheet` out: it is about what is on the disc"
            raise UsageError("there is no cover sheet without patient data", hint=hint)
        for path in (self.label, self.cover):
            if path is not None and path.suffix.lower() not in {".pdf", ".png"}:
                raise UsageError("label and cover sheet are PDF or PNG files", where=str(path))
        check_installed()
        self.looks()

    def looks(self) -> tuple[LabelTemplate, CoverTemplate]:
        """Return the templates to be used. Raises UsageError."""
        from mediakit.extras.paper.template import load_cover, load_label, sorted_out  # noqa: PLC0415

        of_label, of_cover = sorted_out(self.templates)
        return load_label(of_label, self.hub), load_cover(of_cover)


def check_installed() -> None:
    """Raise UsageError when the packages of the extra `paper` are missing."""
    try:
        for module in _NEEDED:
            import_module(module)
    except ImportError as exc:
        what = "labels need packages that are not installed"
        raise UsageError(what, why=str(exc), hint=_INSTALL) from exc


def look_at_medium(source: Path, keys: Keys = NO_KEYS, tell: Listener = silence) -> SeenMedium:
    """Return what a medium tells of itself. Raises SourceError when it cannot be opened or holds nothing."""
    with closing(open_decrypted(source, keys)) as tree:
        seen = look(tree, str(source), Scanner(), tell)
        digest = "" if seen.is_secure else _digest(tree, seen)
    contents = contents_of(seen)
    counts = counts_of(contents.patients)
    if not counts.instances:
        raise SourceError("no DICOM files are on this medium", where=str(source))
    directory = seen.directory
    paths = (file.path for file in seen.files)
    content, has_viewer = pages_among(paths)
    return SeenMedium(
        label=(directory.file_set_id if directory else "") or seen.label,
        file_set_uid=directory.file_set_uid if directory else "",
        sha256=digest,
        made=seen.volume.created if isinstance(seen.volume, IsoVolume) else "",
        content=content,
        has_viewer=has_viewer,
        missing=counts.missing + counts.unreadable,
        patients=tuple(_present(contents.patients)),
        signs=tuple(check_completeness(seen)),
    )


def make_paper(paper: Paper, order: PaperOrder) -> tuple[Finding, ...]:
    """Write the label and the cover sheet that are asked for, each whole or not at all.

    Returns what has to be known of them. Raises UsageError for templates and fonts that cannot be used.
    """
    from mediakit.extras.paper.cover import draw_cover  # noqa: PLC0415 - needs the extra
    from mediakit.extras.paper.label import draw_label  # noqa: PLC0415

    of_label, of_cover = order.looks()
    made: list[tuple[Path, bytes]] = []
    findings: list[Finding] = []
    if order.label is not None:
        pdf, found = draw_label(paper, of_label, order.fonts, with_patient=order.with_patient)
        made.append((order.label, _in_form(pdf, order.label)))
        findings += found
    if order.cover is not None:
        pdf, found = draw_cover(paper, of_cover, order.fonts)
        made.append((order.cover, _in_form(pdf, order.cover)))
        findings += found
    for path, content in made:
        with new_file(path, overwrite=order.overwrite, mode=0o600) as fd:
            write_all(fd, content)
    return tuple(dict.fromkeys(findings))


def label_picture(paper: Paper) -> bytes:
    """Return the label of a disc as a picture, for a robot that prints it."""
    from mediakit.extras.paper.label import draw_label  # noqa: PLC0415 - needs the extra
    from mediakit.extras.paper.preview import jpeg_of  # noqa: PLC0415
    from mediakit.extras.paper.template import load_label  # noqa: PLC0415

    return jpeg_of(draw_label(paper, load_label(None, None))[0])


def _in_form(pdf: bytes, path: Path) -> bytes:
    """Return a PDF as the name of its file asks. Raises UsageError for a picture of several pages."""
    if path.suffix.lower() == ".pdf":
        return pdf
    from mediakit.extras.paper.preview import pages_of, png_of  # noqa: PLC0415 - needs the extra

    pages = pages_of(pdf)
    if pages > 1:
        hint = "name a .pdf file, or choose one of several discs with `--disc 1`"
        raise UsageError(f"a PNG file has one page, and there are {pages}", where=str(path), hint=hint)
    return png_of(pdf)


def _digest(tree: Tree, seen: Survey) -> str:
    """Return the SHA-256 of MANIFEST.TXT, else of the DICOMDIR; "" when neither can be read."""
    node = tree.find(MANIFEST) or (tree.find(seen.dicomdir.path) if seen.dicomdir else None)
    if node is None:
        return ""
    try:
        with tree.open(node) as stream:
            return sha256_of(stream)
    except (SourceError, OSError):
        return ""  # the medium is damaged there; the label has the identifier alone


def _present(patients: Iterable[PatientFact]) -> Iterable[PatientFact]:
    """Yield patients with the instances that are there."""
    for patient in patients:
        studies = []
        for study in patient.studies:
            series = [
                replace(
                    one, instances=tuple(each for each in one.instances if each.seen is not Seen.DIRECTORY)
                )
                for one in study.series
            ]
            if series := [one for one in series if one.instances]:
                studies.append(replace(study, series=tuple(series)))
        if studies:
            yield replace(patient, studies=tuple(studies))
