"""Labels and cover sheets: what stands on them, where nothing may stand, what is said of lost text."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import msgspec
import numpy as np
import pypdfium2
import pytest
from PIL import Image

from mediakit.extras.paper import fonts
from mediakit.extras.paper.cover import draw_cover
from mediakit.extras.paper.facts import Paper, PaperDisc, PaperPatient, PaperSeries, PaperStudy
from mediakit.extras.paper.label import draw_label, qr_text
from mediakit.extras.paper.preview import png_of
from mediakit.extras.paper.template import load_cover, load_label
from mediakit.findings import Finding
from tests.support.cli import Said, mediakit
from tests.support.peers import need, run
from tests.support.studies import CT_FOLDER, NAMES, SAMPLES, files_in, folder_of, sha256

CD = ("-p", "STD-GEN-CD")
INSTITUTION = ("St. Elsewhere Hospital, Radiology", "Main Street 1", "Tel. 555-0100")
STUDY = PaperStudy(
    date="2024-03-12",
    description="CT thorax",
    accession="A17",
    modalities=("CT",),
    instances=12,
    series=(PaperSeries(number="2", modality="CT", description="axial", instances=12),),
)
UID = "2.25.329800735698586629295641978511506172918"


def paper_of(
    *writings: str,
    studies: Sequence[PaperStudy] = (STUDY,),
    content: str = "DICOM ONLY",
    has_viewer: bool = False,
    **facts: object,
) -> Paper:
    """Return the paper of one disc of one patient."""
    patient = PaperPatient(writings=writings, id="PAT-4711", birth_date="1970-01-31", studies=tuple(studies))
    disc = PaperDisc(
        label="DICOM",
        uid=UID,
        sha256="ab" * 32,
        content=content,
        has_viewer=has_viewer,
        patients=(patient,),
    )
    known = {"institution": INSTITUTION, "made": "2026-11-27", **facts}
    return Paper(discs=(disc,), **known)  # type: ignore[arg-type]  # each test passes its fields


def text_of(pdf: bytes) -> str:
    """Return the text of all pages, folded so that presentation forms are letters again."""
    document = pypdfium2.PdfDocument(pdf)
    pages = [page.get_textpage().get_text_range() for page in document]
    document.close()
    return unicodedata.normalize("NFKC", "\n".join(pages))


def rules(findings: Sequence[Finding]) -> list[str]:
    assert all(one.text for one in findings)
    return [one.rule.id for one in findings]


def label_of(paper: Paper) -> tuple[str, list[str]]:
    """Return the text of a label and the rules of its findings."""
    pdf, findings = draw_label(paper, load_label(None, None))
    return text_of(pdf), rules(findings)


@pytest.fixture(name="iso", scope="module")
def _iso(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an image of all samples with pages and a manifest, its label and its cover sheet beside it."""
    folder = tmp_path_factory.mktemp("label")
    (folder / "config.toml").write_text(f"institution = {json.dumps(list(INSTITUTION))}\n")
    paper = ("--label", folder / "label.pdf", "--cover-sheet", folder / "sheet.pdf")
    order = ("--all-patients", "--manifest", "--pdi", *CD, "--config", folder / "config.toml")
    burnt = mediakit("burn", SAMPLES, "-o", folder / "disc.iso", *order, *paper)
    assert burnt.code == 0, burnt.err
    check_no_names(burnt)
    return folder / "disc.iso"


def check_no_names(said: Said) -> None:
    assert not [name for name in NAMES if name in said.out or name in said.err]


# --- what stands on a label --------------------------------------------------------------------------------


def test_a_label_says_whose_images_they_are_and_which_disc_it_is() -> None:
    text, found = label_of(paper_of("Doe, John", content="DICOM PLUS WEB"))
    wanted = (*INSTITUTION, "Doe, John", "PAT-4711", "1970-01-31", "CT thorax", "2024-03-12")
    assert not [one for one in (*wanted, "Disc 1 of 1", "DICOM PLUS WEB", "2026-11-27") if one not in text]
    assert found == []


def test_a_label_without_patient_data_has_none() -> None:
    pdf, _ = draw_label(paper_of("Doe, John"), load_label(None, None), with_patient=False)
    text = text_of(pdf)
    assert not [one for one in ("Doe", "4711", "1970", "CT", "2024") if one in text]
    assert "Disc 1 of 1" in text
    assert INSTITUTION[0] in text


@pytest.mark.parametrize("hub", [None, 23.0])
def test_nothing_is_drawn_in_the_hub_or_beyond_the_edge(hub: float | None) -> None:
    studies = [replace(STUDY, description="W" * 64)] * 9
    pdf, _ = draw_label(paper_of("W" * 64, "山" * 30, studies=studies), load_label(None, hub))
    image = Image.open(BytesIO(png_of(pdf, 150))).convert("L")
    size = image.width
    assert abs(size - 116 / 25.4 * 150) <= 1
    middle, per_mm = size / 2, size / 116
    rows, columns = np.nonzero(np.asarray(image) < 200)
    inked = np.hypot(columns - middle, rows - middle) / per_mm
    assert len(inked) > 4000
    assert inked.min() >= 23.0
    assert inked.max() <= 57.0


def test_the_qr_code_is_the_identifier_and_the_checksum(tmp_path: Path) -> None:
    need("zbarimg")
    paper = paper_of("Doe, John")
    disc = replace(paper.discs[0], number=12, of=15)
    for name, pdf in (
        ("label.png", draw_label(replace(paper, discs=(disc,)), load_label(None, None))[0]),
        ("sheet.png", draw_cover(replace(paper, discs=(disc,)), load_cover(None))[0]),
    ):
        (tmp_path / name).write_bytes(png_of(pdf))
        said = run("zbarimg", "--nodbus", "-q", "--raw", str(tmp_path / name)).stdout.strip()
        assert said == f"FILESET:{UID} DISC:12/15 SHA256:{'AB' * 32}" == qr_text(disc)


def test_the_same_input_gives_the_same_bytes_without_names_in_the_metadata() -> None:
    paper = paper_of("Doe, John")
    label, cover = load_label(None, None), load_cover(None)
    first_and_second = [(draw_label(paper, label)[0], draw_cover(paper, cover)[0]) for _ in range(2)]
    for first, second in zip(*first_and_second, strict=True):
        assert first == second
        document = pypdfium2.PdfDocument(first)
        metadata = document.get_metadata_dict()
        document.close()
        assert metadata["CreationDate"].startswith("D:20261127")
        assert "Doe" not in str(metadata)


# --- scripts -----------------------------------------------------------------------------------------------

CJK = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")
SCRIPTS = {
    "Latin": ("Nguyễn, Đình Ǆ", ""),
    "Greek": ("Παράδειγμα, Ελένη", ""),
    "Cyrillic": ("Щербакова, Юлия", ""),
    "Thai": ("ใจดี, สมชาย", ""),
    "Han": ("Wang, Xiaodong", "王, 小東"),
    "Kana": ("Yamada, Tarou", "やまだ, たろう"),
    "Hangul": ("Kim, Huijung", "김, 희중"),
}


def test_names_of_every_script_can_be_read_again() -> None:
    if not CJK.exists() and os.environ.get("CI") != "true":
        pytest.skip("fonts-noto-cjk is not installed")
    discs = [paper_of(*filter(None, writings)).discs[0] for writings in SCRIPTS.values()]
    text, found = label_of(replace(paper_of(), discs=tuple(discs)))
    words = [word for writings in SCRIPTS.values() for one in writings for word in one.split(", ") if word]
    assert [word for word in words if unicodedata.normalize("NFKC", word) not in text] == []
    assert found == []


def test_names_that_run_from_right_to_left_are_drawn_in_that_order_with_joined_letters(
    tmp_path: Path,
) -> None:
    need("pdftotext")
    for name in ("כהן", "محمد"):
        pdf, findings = draw_label(paper_of(name), load_label(None, None))
        (tmp_path / "label.pdf").write_bytes(pdf)
        text = run("pdftotext", "-enc", "UTF-8", str(tmp_path / "label.pdf"), "-").stdout
        assert name in unicodedata.normalize("NFKC", text)
        assert not findings


def test_without_a_font_the_alphabetic_name_is_printed_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fonts, "font_folders", list)
    text, found = label_of(paper_of("Wang, Xiaodong", "王, 小東"))
    assert "Wang, Xiaodong" in text
    assert "(" not in text
    assert found == ["MK-PPR-002"]
    pdf, findings = draw_cover(
        paper_of("Doe, John", studies=[replace(STUDY, description="胸部CT")]), load_cover(None)
    )
    assert "??CT" in text_of(pdf)
    assert rules(findings) == ["MK-PPR-003"]
    assert "Han" in findings[0].text
    only_han, found = label_of(paper_of("王, 小東"))
    assert "?, ??" in only_han
    assert found == ["MK-PPR-002", "MK-PPR-003"]


def test_a_font_of_the_user_is_taken_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fonts, "font_folders", list)
    if not CJK.exists():
        pytest.skip("fonts-noto-cjk is not installed")
    pdf, findings = draw_label(paper_of("Wang", "王"), load_label(None, None), [CJK])
    assert "王" in text_of(pdf)
    assert not findings


# --- text that does not fit --------------------------------------------------------------------------------


def test_text_that_is_too_long_ends_in_an_ellipsis_and_is_a_finding() -> None:
    long = "Extraordinarily long description of a study of the whole body " * 2
    text, found = label_of(paper_of("Doe, John", studies=[replace(STUDY, description=long)]))
    assert "of the whole bod..." in text  # folded; what is drawn is an ellipsis
    assert found == ["MK-PPR-001"]
    text, found = label_of(paper_of("Doe, John", studies=[STUDY] * 5))
    assert "+ 3 more studies" in text
    assert found == ["MK-PPR-001"]
    assert label_of(paper_of("Doe, John", studies=[STUDY] * 3))[1] == []


def test_the_birth_date_is_printed_whatever_the_length_of_the_patient_id() -> None:
    paper = paper_of("Doe, John")
    patient = replace(paper.discs[0].patients[0], id="P" * 64)
    long = replace(paper, discs=(replace(paper.discs[0], patients=(patient,)),))
    for pdf, findings in (draw_label(long, load_label(None, None)), draw_cover(long, load_cover(None))):
        assert "1970-01-31" in text_of(pdf)
        assert "PPPPPPPP" in text_of(pdf)
        assert all("the Patient ID did not fit" in one.text for one in findings)


def test_values_with_control_characters_and_braces_are_plain_text() -> None:
    text, _ = label_of(
        paper_of("{patient}\x00\x1b[2J\u202eevil\n", studies=[replace(STUDY, description="{0}**_x")])
    )
    assert "{patient} [2J evil" in text
    assert "{0}**_x" in text


# --- the cover sheet ---------------------------------------------------------------------------------------


def test_a_cover_sheet_lists_every_series_of_the_disc_and_the_studies_of_the_others() -> None:
    paper = paper_of("Doe, John", has_viewer=True, signs=("series 2 CT: 1 slice is missing",))
    many = [replace(STUDY, description=f"study {number}") for number in range(1, 40)]
    first = replace(
        paper.discs[0], of=2, patients=(replace(paper.discs[0].patients[0], studies=tuple(many)),)
    )
    second = replace(paper.discs[0], number=2, of=2, label="DICOM_2")
    pdf, findings = draw_cover(replace(paper, discs=(first, second)), load_cover(None))
    text = text_of(pdf)
    assert rules(findings) == []
    assert not [number for number in range(1, 40) if f"study {number} " not in text]
    assert "Disc 1 of 2" in text
    assert "Disc 2 of 2 (studies: 1, objects: 12)" in text
    assert "1 slice is missing" in text
    assert "INDEX.HTM" in text
    pages = re.findall(r"Page (\d) of (\d)", text)
    assert pages == [("1", "3"), ("2", "3"), ("3", "3"), ("1", "2"), ("2", "2")]
    letter = text_of(draw_cover(paper, msgspec.structs.replace(load_cover(None), page="Letter"))[0])
    assert "Nothing seems" not in letter


# --- the command -------------------------------------------------------------------------------------------


def test_burn_and_label_make_the_same_paper_of_one_disc(iso: Path, tmp_path: Path) -> None:
    config = iso.parent / "config.toml"
    order = ("-o", tmp_path / "label.pdf", "--cover-sheet", tmp_path / "sheet.pdf", "--config", config)
    said = mediakit("label", iso, *order)
    assert said.code == 0
    check_no_names(said)
    for name in ("label.pdf", "sheet.pdf"):
        of_burn, of_medium = (iso.parent / name).read_bytes(), (tmp_path / name).read_bytes()
        assert text_of(of_burn) == text_of(of_medium), name
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    need("zbarimg")
    assert mediakit("extract", iso, "-o", tmp_path / "out", "--only", "other").code == 0
    checksum = sha256(next((tmp_path / "out").rglob("MANIFEST.TXT")))
    for folder in (iso.parent, tmp_path):
        (tmp_path / "code.png").write_bytes(png_of((folder / "label.pdf").read_bytes()))
        code = run("zbarimg", "--nodbus", "-q", "--raw", str(tmp_path / "code.png")).stdout.strip()
        assert code.endswith(f"SHA256:{checksum.upper()}")
    text = text_of((tmp_path / "sheet.pdf").read_bytes())
    wanted = (
        "試験",
        "Παράδειγμα",
        "Jörg",
        "1958-04-12",
        "Leber dünn",
        "Konturen",
        "DICOM PLUS WEB",
        *INSTITUTION,
    )
    assert not [one for one in wanted if one not in text]


def test_a_rehearsal_is_enough_for_the_label_of_each_of_several_discs(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    order = ("-n", "--json", "--with-names", "--span", "--capacity", "500kB")
    said = mediakit("burn", CT_FOLDER, "-o", tmp_path / "a.iso", *CD, *order)
    assert said.code == 0, said.err
    plan.write_text(said.out, encoding="utf-8")
    count = len(said.document["media"])
    assert count > 1
    assert mediakit("label", plan, "-o", tmp_path / "all.pdf", "--cover-sheet", tmp_path / "s.pdf").code == 0
    text = text_of((tmp_path / "all.pdf").read_bytes())
    assert [f"Disc {number} of {count}" in text for number in range(1, count + 1)] == [True] * count
    assert "Müller-Beispiel, Jörg" in text
    one = mediakit("label", plan, "-o", tmp_path / "2.png", "--disc", "2")
    assert one.code == 0
    refused = mediakit("label", plan, "-o", tmp_path / "all.png")
    assert (refused.code, "--disc" in refused.err) == (2, True)
    assert mediakit("label", plan, "-o", tmp_path / "9.pdf", "--disc", "9").code == 2


def test_each_of_several_discs_says_for_itself_whether_it_has_a_viewer(tmp_path: Path) -> None:
    cover, order = tmp_path / "cover.pdf", ("--span", "--capacity", "1.8MB", "--all-patients")
    said = mediakit("burn", SAMPLES, "-o", tmp_path / "a", *CD, *order, "--cover-sheet", cover, "--json")
    assert said.code == 0, said.err
    have = {number: disc["has_viewer"] for number, disc in enumerate(said.document["media"], 1)}
    assert set(have.values()) == {True, False}
    for number, has_viewer in have.items():
        assert (tmp_path / f"a-{number}of{len(have)}" / "VIEWER").exists() == has_viewer
    sheets = [" ".join(text.split()) for text in text_of(cover.read_bytes()).split("Contents of the disc")]
    told = ["Nothing is installed" in sheet for sheet in sheets[1:]]
    assert told == list(have.values())


def test_a_report_without_names_gives_a_label_without_patient_data_alone(tmp_path: Path) -> None:
    said = mediakit("burn", CT_FOLDER, "-o", tmp_path / "a.iso", *CD, "-n", "--json")
    plan = tmp_path / "plan.json"
    plan.write_text(said.out, encoding="utf-8")
    refused = mediakit("label", plan, "-o", tmp_path / "a.pdf")
    assert refused.code == 2
    assert "--with-names" in refused.err
    assert mediakit("label", plan, "-o", tmp_path / "a.pdf", "--no-patient").code == 0
    assert "Disc 1 of 1" in text_of((tmp_path / "a.pdf").read_bytes())


def test_what_seems_to_be_missing_is_on_the_cover_sheet_with_the_name_of_the_series(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {path.name: path for path in files_in(CT_FOLDER)[:9]})
    (source / files_in(CT_FOLDER)[4].name).unlink()
    paper = ("--cover-sheet", tmp_path / "sheet.pdf")
    assert mediakit("burn", source, "-o", tmp_path / "a.iso", *CD, "-n", *paper).code == 0
    text = " ".join(text_of((tmp_path / "sheet.pdf").read_bytes()).split())
    assert "1 is missing: 5" in text
    assert "1.2.826" not in text
    assert "venös" in text


TEMPLATES = (
    ('kind = "label"\n[[field]]\ntext="x"\nx=-5.0\ny=-5.0\nwidth=10.0\nheight=5.0', "into the hub"),
    ('kind = "label"\n[[field]]\ntext="x"\nx=40.0\ny=40.0\nwidth=10.0\nheight=5.0', "over the edge"),
    ('kind = "label"\n[[field]]\ntext="{nam}"\nx=25.0\ny=0.0\nwidth=10.0\nheight=5.0', "`{nam}`"),
    ('kind = "label"\n[[field]]\ntext="{"\nx=25.0\ny=0.0\nwidth=10.0\nheight=5.0', "cannot be used"),
    ('kind = "label"\nfield = []\nhub = 200.0', "no such ring"),
    ('kind = "cover"\n[words]\ntitel = "Inhalt"', "`titel`"),
    ('kind = "cover"\n[words]\nopen = "{nobody}"', "`open`"),
    ("kind = ", "cannot be used"),
)


def test_a_template_that_cannot_be_used_is_refused_with_the_reason(tmp_path: Path) -> None:
    paper = ("-o", tmp_path / "a.pdf", "--cover-sheet", tmp_path / "s.pdf", "--template", tmp_path / "t.toml")
    failed = []
    for template, words in TEMPLATES:
        (tmp_path / "t.toml").write_text(template)
        said = mediakit("label", tmp_path / "any.iso", *paper)
        if said.code != 2 or words not in said.err or (tmp_path / "a.pdf").exists():
            failed.append((template, said))
    assert failed == []


def test_calls_that_are_wrong_end_with_a_sentence_and_write_nothing(iso: Path, tmp_path: Path) -> None:
    (tmp_path / "not.json").write_text('{"schema": "something"}')
    (tmp_path / "deep.json").write_text('{"a":' * 5000)
    (tmp_path / "font.ttf").write_bytes(b"\0\1\0\0" + bytes(40))
    (tmp_path / "there.pdf").write_bytes(b"mine")
    (tmp_path / "empty").mkdir()
    out = ("-o", tmp_path / "out.pdf")
    calls: dict[str, tuple[int, tuple[str | Path, ...]]] = {
        "no output": (2, (iso,)),
        "a strange suffix": (2, (iso, "-o", tmp_path / "out.docx")),
        "another JSON": (2, (tmp_path / "not.json", *out)),
        "a deep JSON": (2, (tmp_path / "deep.json", *out)),
        "a file that is there": (2, (iso, "-o", tmp_path / "there.pdf")),
        "no medium": (3, (tmp_path / "nowhere.iso", *out)),
        "nothing on it": (3, (tmp_path / "empty", *out)),
        "a number of no disc": (2, (iso, *out, "--disc", "3/2")),
        "a day of no calendar": (2, (iso, *out, "--date", "tomorrow")),
        "a cover sheet without a patient": (2, (iso, "--no-patient", "--cover-sheet", tmp_path / "out.pdf")),
        "a hub under the boxes": (2, (iso, *out, "--hub", "60")),
    }
    failed = []
    for name, (code, call) in calls.items():
        said = mediakit("label", *call)
        if said.code != code or "error:" not in said.err or (tmp_path / "out.pdf").exists():
            failed.append((name, said.code, said.err))
    assert failed == []
    assert (tmp_path / "there.pdf").read_bytes() == b"mine"


def test_without_the_extra_the_command_says_what_to_install(
    iso: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "segno", None)
    refused = mediakit("label", iso, "-o", tmp_path / "a.pdf")
    assert refused.code == 2
    assert "dicom-mediakit[paper]" in refused.err
