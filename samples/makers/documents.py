"""Documents: a verified report and a key object selection on the CT, and an encapsulated PDF."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, EncapsulatedPDFStorage, KeyObjectSelectionDocumentStorage

from samples.makers.identity import BODY_CT, INSTITUTION, RHYTHM, Series
from samples.makers.writing import Sample, code, evidence, item, items, reference, start

REPORT = Series(study=BODY_CT, number=10, modality="SR", description="Befund")
KEYS = Series(study=BODY_CT, number=11, modality="KO", description="Schlüsselbilder")
PRINTOUT = Series(study=RHYTHM, number=2, modality="DOC", description="心電図報告書")
_CT_FOLDER = f"{BODY_CT.patient.folder}/{BODY_CT.folder}"


def _node(relationship: str, kind: str, name: tuple[str, str, str], **values: object) -> Dataset:
    return item(RelationshipType=relationship, ValueType=kind, ConceptNameCodeSequence=code(*name), **values)


def _image_node(image: Dataset, relationship: str = "CONTAINS") -> Dataset:
    return item(
        RelationshipType=relationship, ValueType="IMAGE", ReferencedSOPSequence=items(reference(image))
    )


def _modifier() -> Dataset:
    # The only HAS CONCEPT MOD child: the DICOMDIR record of the document carries it.
    return _node(
        "HAS CONCEPT MOD",
        "CODE",
        ("121049", "DCM", "Language of Content Item and Descendants"),
        ConceptCodeSequence=code("de", "RFC5646", "German"),
    )


def _document(series: Series, sop_class: str, title: tuple[str, str, str]) -> Dataset:
    dataset = start(series, sop_class, 1)
    dataset.ContentDate, dataset.ContentTime = series.study.date, "094000"
    dataset.ReferencedPerformedProcedureStepSequence = items()
    dataset.ValueType = "CONTAINER"
    dataset.ConceptNameCodeSequence = code(*title)
    dataset.ContinuityOfContent = "SEPARATE"
    return dataset


def _findings(image: Dataset) -> Dataset:
    length = _node(
        "CONTAINS",
        "NUM",
        ("410668003", "SCT", "Length"),
        MeasuredValueSequence=items(
            item(NumericValue="162", MeasurementUnitsCodeSequence=code("mm", "UCUM", "mm"))
        ),
        ContentSequence=items(_image_node(image, "INFERRED FROM")),
    )
    text = _node(
        "CONTAINS",
        "TEXT",
        ("121071", "DCM", "Finding"),
        TextValue="Leber des Phantoms regelrecht groß, homogen. Kein Aszites.",
    )
    return _node(
        "CONTAINS",
        "CONTAINER",
        ("121070", "DCM", "Findings"),
        ContinuityOfContent="SEPARATE",
        ContentSequence=items(text, length),
    )


def report(images: list[Dataset]) -> Sample:
    """Return a Comprehensive SR, complete and verified, that refers to the CT."""
    dataset = _document(REPORT, ComprehensiveSRStorage, ("25045-6", "LN", "CT Report"))
    dataset.PerformedProcedureCodeSequence = items()
    dataset.CurrentRequestedProcedureEvidenceSequence = items(evidence([images[4]]))
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "VERIFIED"
    dataset.VerifyingObserverSequence = items(
        item(
            VerifyingOrganization=INSTITUTION,
            VerificationDateTime=f"{BODY_CT.date}101500",
            VerifyingObserverName="Prüfer^Beispiel",
            VerifyingObserverIdentificationCodeSequence=items(),
        )
    )
    observer = _node(
        "HAS OBS CONTEXT",
        "PNAME",
        ("121008", "DCM", "Person Observer Name"),
        PersonName="Prüfer^Beispiel",
    )
    summary = _node("CONTAINS", "TEXT", ("121077", "DCM", "Conclusion"), TextValue="Unauffälliges Phantom.")
    dataset.ContentSequence = items(_modifier(), observer, _findings(images[4]), summary)
    return Sample(path=f"{_CT_FOLDER}/reports/SR_befund.dcm", dataset=dataset)


def key_objects(images: list[Dataset]) -> Sample:
    """Return a Key Object Selection that marks two slices of the CT."""
    dataset = _document(KEYS, KeyObjectSelectionDocumentStorage, ("113000", "DCM", "Of Interest"))
    chosen = [images[4], images[7]]
    dataset.CurrentRequestedProcedureEvidenceSequence = items(evidence(chosen))
    dataset.ContentTemplateSequence = items(item(MappingResource="DCMR", TemplateIdentifier="2010"))
    text = _node(
        "CONTAINS",
        "TEXT",
        ("113012", "DCM", "Key Object Description"),
        TextValue="Größter Leberdurchmesser; Herzhöhlen",
    )
    dataset.ContentSequence = items(text, *[_image_node(image) for image in chosen])
    return Sample(path=f"{_CT_FOLDER}/reports/KO0001", dataset=dataset)


def pdf(lines: list[str]) -> bytes:
    """Return a PDF 1.4 file of one A5 page with these lines of ASCII text."""
    shown = "".join(f"({line}) Tj T*\n" for line in lines)
    text = f"BT /F1 14 Tf 40 540 Td 22 TL\n{shown}ET\n0.8 0 0 RG 1 w 40 300 m "
    trace = ((90, 300), (100, 312), (110, 300), (125, 290), (132, 400), (140, 275), (147, 300), (190, 325))
    text += "".join(f"{x} {y} l " for x, y in (*trace, (215, 300), (380, 300))) + "S\n"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 420 595] /Contents 4 0 R /Resources 6 0 R >>",
        f"<< /Length {len(text)} >>\nstream\n{text}endstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        "<< /Font << /F1 5 0 R >> >>",
    ]
    file = "%PDF-1.4\n"
    starts = []
    for number, content in enumerate(objects, 1):
        starts.append(len(file))
        file += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in starts)
    size = len(objects) + 1
    file += f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"
    # The offset of the table is the length before it was added.
    return (file + f"startxref\n{file.index('xref')}\n%%EOF\n").encode("ascii")


def printout() -> Sample:
    """Return the encapsulated PDF of the electrocardiogram study."""
    dataset = start(PRINTOUT, EncapsulatedPDFStorage, 1)
    dataset.ConversionType = "WSD"
    dataset.AcquisitionDateTime = RHYTHM.date + RHYTHM.time
    dataset.ContentDate, dataset.ContentTime = RHYTHM.date, "115000"
    dataset.BurnedInAnnotation = "YES"
    dataset.DocumentTitle = "心電図報告書"
    dataset.ConceptNameCodeSequence = code("11524-6", "LN", "EKG study")
    content = pdf(
        [
            "mediakit samples",
            "12-lead electrocardiogram",
            "Patient: MKS-0002 (invented)",
            "Sinus rhythm 72/min",
        ]
    )
    dataset.MIMETypeOfEncapsulatedDocument = "application/pdf"
    dataset.EncapsulatedDocumentLength = len(content)
    dataset.add_new("EncapsulatedDocument", "OB", content + b"\0" * (len(content) % 2))
    return Sample(path=f"{RHYTHM.patient.folder}/{RHYTHM.folder}/report.pdf.dcm", dataset=dataset)


def samples(ct_series: list[Dataset]) -> list[Sample]:
    """Return all documents."""
    return [report(ct_series), key_objects(ct_series), printout()]
