"""Reports, ECGs, PDFs and key objects in the viewer, against what pydicom reads of them."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, generate_uid

from mediakit.choices import ForPeople, Viewer
from mediakit.extras.viewer.cda import NotClinical, clinical
from mediakit.journeys.burn_order import Burnt
from tests.support.cli import mediakit
from tests.support.peers import need, run
from tests.support.studies import PYDICOM_FILES, burnt_to
from tests.support.viewer import ViewerFolder

SAMPLES = Path("samples/studies")
EVIL = "<script>alert(1)</script>"


def burnt(source: Path, out: Path) -> ViewerFolder:
    done: Burnt = burnt_to(out, source, people=ForPeople(viewer=Viewer.FULL))
    assert done.plan is not None, done.result
    return ViewerFolder(out)


def of_kind(viewer: ViewerFolder, kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (series["key"], one)
        for series in viewer.series()
        for one in series["documents"]
        if one["kind"] == kind
    ]


def patched(name: str, **changes: Any) -> pydicom.FileDataset:
    """Return a file of pydicom with what a directory needs."""
    found = pydicom.dcmread(PYDICOM_FILES / name)
    found.PatientID, found.PatientName = "P1", "Doe^Jane"
    found.StudyInstanceUID, found.StudyDate, found.StudyTime, found.StudyID = (
        "1.2.3",
        "20260102",
        "101112",
        "1",
    )
    found.SeriesNumber, found.InstanceNumber = 1, 1
    for key, value in changes.items():
        setattr(found, key, value)
    return found


def items_of(found: Dataset) -> list[Dataset]:
    below = [one for item in found.get("ContentSequence", []) for one in items_of(item)]
    return [found, *below]


def test_every_text_number_and_code_of_a_report_is_in_its_page(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    report = patched("reportsi.dcm")
    item = next(one for one in items_of(report) if one.get("ValueType") == "TEXT")
    item.TextValue = EVIL
    report.save_as(tmp_path / "in" / "sr.dcm")
    viewer = burnt(tmp_path / "in", tmp_path / "out")
    ((key, told),) = of_kind(viewer, "report")
    html = viewer.document(key, told["number"])["html"]
    missing = []
    for one in items_of(report):
        words = [str(one.TextValue)] if one.get("ValueType") == "TEXT" else []
        words += [code.CodeMeaning for code in one.get("ConceptCodeSequence", [])]
        words += [str(value.NumericValue) for value in one.get("MeasuredValueSequence", [])]
        missing += [word for word in words if any(escape(line) not in html for line in word.split())]
    assert missing == []
    assert "<script" not in html
    allowed = {"h2", "h3", "h4", "h5", "h6", "p", "ul", "li", "span", "strong", "em", "a"}
    assert set(re.findall(r"<(\w+)", html)) <= allowed


def test_an_ecg_is_drawn_with_its_leads_in_millimetres(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ecg = patched("waveform_ecg.dcm")
    ecg.save_as(tmp_path / "in" / "ecg.dcm")
    viewer = burnt(tmp_path / "in", tmp_path / "out")
    ((key, told),) = of_kind(viewer, "ecg")
    drawn = viewer.document(key, told["number"])
    first = ecg.WaveformSequence[0]
    assert drawn["seconds"] == first.NumberOfWaveformSamples / first.SamplingFrequency
    assert len(drawn["leads"]) == len(first.ChannelDefinitionSequence) == drawn["svg"].count("<polyline")
    values = ecg.waveform_array(0)[:, 0] / 100  # uV to mm
    points = re.search(r'<polyline points="([^"]*)"', drawn["svg"])
    assert points is not None
    heights = [float(point.split(",")[1]) for point in points[1].split()]
    assert max(heights) - min(heights) == pytest.approx(values.max() - values.min(), abs=0.02)
    ecg.WaveformSequence[0].ChannelDefinitionSequence[0].ChannelSensitivityUnitsSequence[
        0
    ].CodeValue = "mm[Hg]"
    ecg.save_as(tmp_path / "in" / "ecg.dcm")
    again = burnt(tmp_path / "in", tmp_path / "again")
    assert [one["why"]["code"] for _, one in of_kind(again, "other")] == ["unknown_unit"]


def test_an_ecg_is_a_picture_on_the_static_pages(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    ecg = patched("waveform_ecg.dcm")
    ecg.save_as(tmp_path / "in" / "ecg.dcm")
    blending = patched("reportsi.dcm", SOPInstanceUID="1.2.3.4", SeriesInstanceUID="1.2.3.5", Modality="PR")
    blending.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.11.4")
    blending.file_meta.MediaStorageSOPClassUID = blending.SOPClassUID
    blending.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4")
    for word in ("ContentSequence", "ValueType"):
        del blending[word]
    blending.ContentLabel, blending.PresentationCreationDate = "FUSED", "20260102"
    blending.PresentationCreationTime = "101112"
    blending.save_as(tmp_path / "in" / "blending.dcm")
    out = tmp_path / "out"
    done = burnt_to(out, tmp_path / "in", people=ForPeople(viewer=Viewer.FULL, pdi=True))
    assert done.plan is not None, done.result
    ((_, told),) = of_kind(ViewerFolder(out), "other")
    assert (told["why"]["code"], "Blending" in told["title"]) == ("unsupported", True)
    pages = "".join(path.read_text() for path in sorted((out / "IHE_PDI").glob("S*.HTM")))
    pictures = re.findall(r'<img src="(I[0-9]{7}\.JPG)"', pages)
    groups = ecg.WaveformSequence
    assert len(pictures) == len(groups)
    assert "not shown on this page" in pages  # the blending
    for name, group in zip(pictures, groups, strict=True):
        with Image.open(out / "IHE_PDI" / name) as picture:
            seconds = group.NumberOfWaveformSamples / group.SamplingFrequency
            assert picture.format == "JPEG"
            assert picture.width == pytest.approx((12 + seconds * 25 + 4) * 4, abs=1)
            dark = sum(picture.convert("L").histogram()[:60])
            assert dark > picture.width  # lines from one side to the other
        assert f"{seconds:g} s" in pages
    judged = mediakit("validate", out, "--rules", "pdi", "--json").document["findings"]
    assert not [one for one in judged if one["severity"] == "error" and "PDI" in one["rule"]]


def test_a_pdf_is_taken_out_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    pdf = patched("reportsi.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1", Modality="DOC")
    pdf.file_meta.MediaStorageSOPClassUID = pdf.SOPClassUID
    for key in ("ContentSequence", "ValueType"):
        delattr(pdf, key)
    pdf.MIMETypeOfEncapsulatedDocument, pdf.DocumentTitle = "application/pdf", "A letter"
    pdf.EncapsulatedDocument, pdf.EncapsulatedDocumentLength = b"%PDF-1.4 small\0", 14
    pdf.save_as(tmp_path / "in" / "pdf.dcm")
    viewer = burnt(tmp_path / "in", tmp_path / "out")
    ((_, told),) = of_kind(viewer, "pdf")
    assert told["title"] == "A letter"
    assert (viewer.folder / told["path"]).read_bytes() == b"%PDF-1.4 small"


def test_key_objects_mark_the_rows_that_they_name(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    image = patched("CT_small.dcm")
    image.save_as(tmp_path / "in" / "ct.dcm")
    note = patched("reportsi.dcm", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.59", Modality="KO")
    note.file_meta.MediaStorageSOPClassUID = note.SOPClassUID
    named, absent = Dataset(), Dataset()
    for item, uid in ((named, image.SOPInstanceUID), (absent, generate_uid())):
        sop = Dataset()
        sop.ReferencedSOPClassUID, sop.ReferencedSOPInstanceUID = image.SOPClassUID, uid
        item.RelationshipType, item.ValueType, item.ReferencedSOPSequence = (
            "CONTAINS",
            "IMAGE",
            Sequence([sop]),
        )
    note.ContentSequence = Sequence([named, absent])
    note.save_as(tmp_path / "in" / "ko.dcm")
    viewer = burnt(tmp_path / "in", tmp_path / "out")
    marked = {series["key"]: series["key_frames"] for series in viewer.series() if series["frames"]}
    assert list(marked.values()) == [[0]]
    ((key, told),) = of_kind(viewer, "keys")
    found = viewer.document(key, told["number"])
    assert found["frames"] == [[next(iter(marked)), 0]]
    assert found["missing"] == 1


def test_the_index_and_pages_say_who_it_is_also_where_the_directory_does_not(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number, sex in enumerate(("", "F"), 1):
        one = patched("CT_small.dcm", SOPInstanceUID=f"1.2.3.{number}", InstanceNumber=number)
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        one.PatientBirthDate, one.PatientSex, one.IssuerOfPatientID = "19810203", sex, "Clinic"
        one.SeriesDescription, one.StudyDescription = f"{EVIL} Thorax", "Chest"
        one.save_as(tmp_path / "in" / f"{number}.dcm")
    viewer = burnt(tmp_path / "in", tmp_path / "out")
    (patient,) = viewer.index["patients"]
    assert (patient["birth_date"], patient["sex"], patient["issuer"]) == ("19810203", "F", "Clinic")
    assert patient["studies"][0]["description"] == "Chest"
    assert patient["studies"][0]["series"][0]["description"] == f"{EVIL} Thorax"
    page = (tmp_path / "out" / "INDEX.HTM").read_text(encoding="ascii")
    assert "1981-02-03" in page
    assert "<script" not in page


CDA = """<?xml version="1.0" encoding="UTF-8"?>
<?xml-stylesheet type="text/xsl" href="http://192.0.2.1/x.xsl"?>
<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/><id root="1.2.3.4.5" extension="d1"/>
 <code code="34133-9" codeSystem="2.16.840.1.113883.6.1" displayName="Summary"/>
 <title>Entlassbrief &lt;script&gt;alert(1)&lt;/script&gt;</title>
 <effectiveTime value="20260102"/>
 <recordTarget><patientRole><id extension="P1" root="1.2.3"/><patient>
  <name><given>Jane</given><family>Doe</family></name><administrativeGenderCode code="F"/>
  <birthTime value="19810203"/></patient></patientRole></recordTarget>
 <component><structuredBody><component><section><title>Befund</title><text>loose words
   <paragraph>Leber <content styleCode="Bold">groß</content><br/>zweite Zeile &amp; mehr</paragraph>
   <list><item>eins</item><item><paragraph>zwei</paragraph></item></list>
   <table><caption>Werte</caption><thead><tr><th>Name</th></tr></thead><tbody><tr><td>4,2</td></tr></tbody></table>
   <renderMultiMedia referencedObject="x"/><iframe xmlns="http://www.w3.org/1999/xhtml" src="x">a</iframe>
 </text><component><section><title>Innen</title><text>tief</text></section></component></section></component>
 </structuredBody></component></ClinicalDocument>"""


def test_a_clinical_document_is_rendered_with_its_words_and_nothing_else(tmp_path: Path) -> None:
    need("cda2dcm")
    (tmp_path / "in").mkdir()
    (tmp_path / "a.xml").write_text(CDA, encoding="utf-8")
    made = run("cda2dcm", str(tmp_path / "a.xml"), str(tmp_path / "in" / "cda.dcm"))
    assert made.returncode == 0, made.stderr
    viewer = burnt(tmp_path / "in", tmp_path / "out")
    ((key, told),) = of_kind(viewer, "text")
    assert "Entlassbrief" in told["title"]
    html = viewer.document(key, told["number"])["html"]
    for piece in (
        "<h2>Entlassbrief &lt;script&gt;alert(1)&lt;/script&gt;</h2>",
        "<li><strong>Patient:</strong> Jane Doe</li><li><strong>Born:</strong> 1981-02-03</li>",
        "<h3>Befund</h3><p>loose words</p>",
        '<p>Leber <strong>groß</strong><span class="line"></span>zweite Zeile &amp; mehr</p>',
        "<ul><li><p>eins</p></li><li><p>zwei</p></li></ul>",
        "<p><strong>Werte</strong></p><table><tr><th><p>Name</p></th></tr><tr><td><p>4,2</p></td></tr></table>",
        "<h4>Innen</h4><p>tief</p>",
    ):
        assert piece in html, piece
    assert "<iframe" not in html
    assert "<script" not in html


def test_a_clinical_document_that_is_none_or_a_bomb_has_a_row_with_the_reason() -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "' + "b" * 99 + '">]>' + CDA.partition("?>")[2]
    deep = CDA.replace("loose words", "<content>" * 3_000 + "deep" + "</content>" * 3_000)
    assert "more than is shown" in clinical(deep.encode()).html
    wide = CDA.replace("loose words", "<br/>" * 200_000)
    assert clinical(wide.encode()).html.count("line") < 60_000
    for content, why in (
        (bomb, "entities"),
        (bomb.encode("utf-16"), "entities"),
        ("<a/>", "no clinical document"),
        (CDA[:-40], "well-formed"),
        (re.sub(r"(?s)<structuredBody>.*</structuredBody>", "<nonXMLBody/>", CDA), "no text"),
    ):
        with pytest.raises(NotClinical, match=why):
            clinical(content if isinstance(content, bytes) else content.encode())
