"""The judge on shipped profiles: what each takes, what it refuses, and for which reason."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from mediakit.dicom.instance import MEDIA_STORAGE_DIRECTORY, Instance, Note
from mediakit.findings import Severity
from mediakit.profile.judge import Convert, Decision, Judge, Verdict, judge
from mediakit.profile.load import load_profile
from mediakit.profile.model import Role
from tests.support.each import each
from tests.support.judged import (
    BIG_ENDIAN,
    COLOUR,
    CT,
    DEFLATED,
    DOSE_SR,
    DX,
    DX_PROCESSING,
    ENDOSCOPY_VIDEO,
    ENHANCED_CT,
    EXPLICIT,
    GREY,
    GREY_8,
    GSPS,
    HEVC,
    IMPLICIT,
    INTRA_ORAL,
    J2K,
    J2K_LOSSLESS,
    JPEG_BASELINE,
    JPEG_EXTENDED,
    JPEG_LOSSLESS,
    JPEG_LS,
    JPIP,
    MPEG2,
    MPEG4,
    MR,
    PDF,
    RLE,
    SC,
    US,
    US_MULTI,
    US_RETIRED,
    XA,
    element,
    items,
    made,
    region,
    sequence,
)

ACCEPT, CONVERT, REFUSE = Decision.ACCEPT, Decision.CONVERT, Decision.REFUSE
REGIONS = 0x00186011
PRIVATE_CLASS = "1.3.12.2.1107.5.9.1"


@dataclass(frozen=True)
class Expect:
    """What one profile must say to one instance under `--convert lossless`."""

    name: str
    instance: Instance
    decision: Decision
    rules: tuple[str, ...] = ()
    to: str = ""


def errors(verdict: Verdict) -> tuple[str, ...]:
    return tuple(f.rule.id for f in verdict.findings if f.severity is Severity.ERROR)


def ids(verdict: Verdict) -> tuple[str, ...]:
    return tuple(f.rule.id for f in verdict.findings)


GENERAL = (
    Expect("CT", made(), ACCEPT),
    Expect("a report", made(DOSE_SR, values={}, modality="SR"), ACCEPT),
    Expect("a document", made(PDF, values={}, modality="DOC"), ACCEPT),
    Expect("implicit VR", made(syntax=IMPLICIT), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("big endian", made(syntax=BIG_ENDIAN), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("deflated report", made(DOSE_SR, DEFLATED, {}), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("JPEG-LS", made(syntax=JPEG_LS), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("private class", made(PRIVATE_CLASS), REFUSE, ("MK-PRO-004",)),
    Expect("retired class", made(US_RETIRED), REFUSE, ("MK-PRO-005",)),
    Expect("class of no standard", made("1.2.840.10008.5.1.4.1.1.999"), REFUSE, ("MK-PRO-006",)),
    Expect("a service class", made("1.2.840.10008.1.1"), REFUSE, ("MK-PRO-006",)),
    Expect("no class", made(""), REFUSE, ("MK-PRO-002",)),
    Expect("a DICOMDIR", made(MEDIA_STORAGE_DIRECTORY, values={}), REFUSE, ("MK-PRO-001",)),
    Expect("HEVC video", made(ENDOSCOPY_VIDEO, HEVC, x00280008="90"), REFUSE, ("MK-PRO-020",)),
    Expect("unknown syntax", made(syntax="1.2.3.4"), REFUSE, ("MK-PRO-022",)),
    Expect("no instance UID", made(uid=""), REFUSE, ("MK-PRO-010",)),
    Expect("a name for a UID", made(uid="IMAGE 1"), REFUSE, ("MK-PRO-011",)),
)

CD = (
    *GENERAL,
    Expect("JPEG lossless", made(syntax=JPEG_LOSSLESS), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("JPEG colour", made(SC, JPEG_BASELINE, COLOUR), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("MPEG-4", made(ENDOSCOPY_VIDEO, MPEG4, COLOUR, x00280008="9"), REFUSE, ("MK-PRO-020",)),
)

JPEG = (
    *GENERAL,
    Expect("JPEG lossless", made(syntax=JPEG_LOSSLESS), ACCEPT),
    Expect("JPEG baseline", made(syntax=JPEG_BASELINE), ACCEPT),
    Expect("JPEG extended", made(syntax=JPEG_EXTENDED), ACCEPT),
    Expect("JPEG 2000", made(syntax=J2K_LOSSLESS), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("RLE", made(syntax=RLE), CONVERT, ("MK-PRO-030",), EXPLICIT),
)

J2K_PROFILE = (
    *GENERAL,
    Expect("JPEG 2000 lossless", made(syntax=J2K_LOSSLESS), ACCEPT),
    Expect("JPEG 2000", made(syntax=J2K), ACCEPT),
    Expect("JPEG lossless", made(syntax=JPEG_LOSSLESS), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("JPEG baseline", made(syntax=JPEG_BASELINE), CONVERT, ("MK-PRO-030",), EXPLICIT),
)

CTMR = (
    Expect("CT", made(), ACCEPT),
    Expect("CT in JPEG lossless", made(syntax=JPEG_LOSSLESS), ACCEPT),
    Expect("CT implicit", made(syntax=IMPLICIT), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("CT in JPEG 2000", made(syntax=J2K_LOSSLESS), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("PET as CT", made(modality="PT"), REFUSE, ("MK-PRO-041",)),
    Expect("CT, MONOCHROME1", made(x00280004="MONOCHROME1"), REFUSE, ("MK-PRO-041",)),
    Expect("CT without modality", made(modality="absent"), REFUSE, ("MK-PRO-040",)),
    Expect(
        "PET as CT, implicit: conversion does not help",
        made(syntax=IMPLICIT, modality="PT"),
        REFUSE,
        ("MK-PRO-041",),
    ),
    Expect("MR", made(MR, modality="MR"), ACCEPT),
    Expect(
        "MR of 16 bits, signed",
        made(MR, modality="MR", x00280101=16, x00280102=15, x00280103=1),
        ACCEPT,
    ),
    Expect("MR of 10 bits", made(MR, modality="MR", x00280101=10, x00280102=9), REFUSE, ("MK-PRO-041",)),
    Expect("MR in the high bits", made(MR, modality="MR", x00280102=15), REFUSE, ("MK-PRO-043",)),
    Expect("grey capture", made(SC, values=GREY_8, modality="OT"), ACCEPT),
    Expect(
        "palette capture",
        made(SC, values=GREY_8, modality="OT", x00280004="PALETTE COLOR"),
        ACCEPT,
    ),
    Expect("colour capture", made(SC, values=COLOUR, modality="OT"), REFUSE, ("MK-PRO-009",)),
    Expect("grey capture of 12 bits", made(SC, modality="OT"), REFUSE, ("MK-PRO-043",)),
    Expect(
        "palette of 16 bits",
        made(SC, modality="OT", x00280004="PALETTE COLOR", x00280101=16, x00280102=15),
        REFUSE,
        ("MK-PRO-041", "MK-PRO-041", "MK-PRO-041"),
    ),
    Expect("presentation state", made(GSPS, values={}, modality="PR"), ACCEPT),
    Expect("dose report", made(DOSE_SR, values={}, modality="SR"), ACCEPT),
    Expect("Enhanced CT", made(ENHANCED_CT), REFUSE, ("MK-PRO-003",)),
    Expect("private class", made(PRIVATE_CLASS), REFUSE, ("MK-PRO-004",)),
)

XABC = (
    Expect("XA in JPEG lossless", made(XA, JPEG_LOSSLESS, GREY_8, modality="XA"), ACCEPT),
    Expect(
        "XA uncompressed",
        made(XA, EXPLICIT, GREY_8, modality="XA"),
        CONVERT,
        ("MK-PRO-030",),
        JPEG_LOSSLESS,
    ),
    Expect(
        "XA of 1024 lines",
        made(XA, JPEG_LOSSLESS, GREY_8, modality="XA", x00280010=1024),
        REFUSE,
        ("MK-PRO-042",),
    ),
    Expect(
        "XA of 12 bits",
        made(XA, JPEG_LOSSLESS, GREY, modality="XA"),
        REFUSE,
        ("MK-PRO-041", "MK-PRO-041"),
    ),
    Expect(
        "XA without rows",
        made(XA, JPEG_LOSSLESS, GREY_8, modality="XA", x00280010="absent"),
        REFUSE,
        ("MK-PRO-040",),
    ),
    Expect("a capture", made(SC, values=GREY_8), REFUSE, ("MK-PRO-003",)),
)

XA1K = (
    Expect("XA of 10 bits", made(XA, JPEG_LOSSLESS, modality="XA", x00280101=10), ACCEPT),
    Expect("XA of 1024 lines", made(XA, JPEG_LOSSLESS, GREY_8, modality="XA", x00280010=1024), ACCEPT),
    Expect(
        "XA of 1025 lines",
        made(XA, JPEG_LOSSLESS, GREY_8, modality="XA", x00280010=1025),
        REFUSE,
        ("MK-PRO-042",),
    ),
    Expect("XA implicit", made(XA, IMPLICIT, modality="XA"), CONVERT, ("MK-PRO-030",), JPEG_LOSSLESS),
    Expect("a grey capture", made(SC, values=GREY_8), ACCEPT),
    Expect(
        "a colour capture",
        made(SC, values=COLOUR),
        REFUSE,
        ("MK-PRO-041", "MK-PRO-041"),
    ),
    Expect("a capture in JPEG", made(SC, JPEG_BASELINE, GREY_8), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("presentation state", made(GSPS, values={}), ACCEPT),
    Expect("CT", made(), REFUSE, ("MK-PRO-003",)),
)
XA1K_CD = (
    *XA1K,
    Expect(
        "XA in JPEG baseline",
        made(XA, JPEG_BASELINE, GREY_8, modality="XA"),
        CONVERT,
        ("MK-PRO-030",),
        JPEG_LOSSLESS,
    ),
)
XA1K_DVD = (
    *XA1K,
    Expect("XA in JPEG baseline", made(XA, JPEG_BASELINE, GREY_8, modality="XA"), ACCEPT),
    Expect("XA in JPEG extended", made(XA, JPEG_EXTENDED, modality="XA"), ACCEPT),
)

PHOTOMETRICS = ("MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422")


def us(photometric: str, syntax: str, sop_class: str = US, regions: bytes | None = None) -> Instance:
    values = {**COLOUR, 0x00280004: photometric, **({} if regions is None else {REGIONS: regions})}
    return made(sop_class, syntax, values, modality="US")


US_PAIRS = (
    *(Expect(f"{p} uncompressed", us(p, EXPLICIT), ACCEPT) for p in PHOTOMETRICS if p != "YBR_FULL"),
    *(Expect(f"{p} in RLE", us(p, RLE), ACCEPT) for p in PHOTOMETRICS if p != "YBR_FULL_422"),
    Expect("YBR_FULL_422 in JPEG", us("YBR_FULL_422", JPEG_BASELINE), ACCEPT),
    Expect("YBR_FULL uncompressed", us("YBR_FULL", EXPLICIT), CONVERT, ("MK-PRO-030",), RLE),
    Expect("YBR_FULL implicit", us("YBR_FULL", IMPLICIT), CONVERT, ("MK-PRO-030",), RLE),
    Expect("YBR_FULL_422 in RLE", us("YBR_FULL_422", RLE), REFUSE, ("MK-PRO-046",)),
    Expect("grey in JPEG", us("MONOCHROME2", JPEG_BASELINE), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("RGB in JPEG", us("RGB", JPEG_BASELINE), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("J2K colour", us("YBR_RCT", J2K_LOSSLESS), CONVERT, ("MK-PRO-030",), EXPLICIT),
    Expect("MONOCHROME1", us("MONOCHROME1", EXPLICIT), REFUSE, ("MK-PRO-041",)),
    Expect("CT", made(), REFUSE, ("MK-PRO-003",)),
    Expect("retired ultrasound", made(US_RETIRED), REFUSE, ("MK-PRO-005",)),
)
US_SF = (*US_PAIRS, Expect("a cine loop", us("RGB", RLE, US_MULTI), REFUSE, ("MK-PRO-003",)))
US_MF = (*US_PAIRS, Expect("a cine loop", us("RGB", RLE, US_MULTI), ACCEPT))

DENTAL_VALUES = {
    0x00080080: "CLINIC",
    0x00081090: "",
    0x0018700A: "",
    0x0018702A: "ACME",
    0x0018702B: "",
}
DENTAL = (
    Expect("intra-oral", made(INTRA_ORAL, values={**GREY, **DENTAL_VALUES}), ACCEPT),
    Expect("8 bits", made(DX, values={**GREY_8, **DENTAL_VALUES}), ACCEPT),
    Expect(
        "8 bits in 16",
        made(DX, values={**GREY, **DENTAL_VALUES, 0x00280101: 8}),
        REFUSE,
        ("MK-PRO-041",),
    ),
    Expect("14 bits", made(DX, values={**GREY, **DENTAL_VALUES, 0x00280101: 14}), REFUSE, ("MK-PRO-041",)),
    Expect(
        "no detector ID",
        made(DX, values={**GREY, **DENTAL_VALUES}, x0018700A="absent"),
        REFUSE,
        ("MK-PRO-045",),
    ),
    Expect("for processing", made(DX_PROCESSING), REFUSE, ("MK-PRO-003",)),
    Expect("CT", made(), REFUSE, ("MK-PRO-003",)),
)
DENTAL_CD = (*DENTAL, Expect("presentation state", made(GSPS, values={}), ACCEPT))
DENTAL_MAIL = (*DENTAL, Expect("presentation state", made(GSPS, values={}), REFUSE, ("MK-PRO-003",)))

BD_MPEG4 = (
    *GENERAL[:-4],
    Expect("its video", made(ENDOSCOPY_VIDEO, MPEG4, COLOUR, x00280008="90"), ACCEPT),
    Expect("its video without frames", made(ENDOSCOPY_VIDEO, MPEG4, COLOUR), REFUSE, ("MK-PRO-008",)),
    Expect("its syntax, one frame class", made(CT, MPEG4), REFUSE, ("MK-PRO-008",)),
    Expect("another video", made(ENDOSCOPY_VIDEO, MPEG2, COLOUR, x00280008="9"), REFUSE, ("MK-PRO-020",)),
    Expect("JPEG lossless", made(syntax=JPEG_LOSSLESS), CONVERT, ("MK-PRO-030",), EXPLICIT),
)

DVD_MPEG2 = (
    Expect("its video", made(ENDOSCOPY_VIDEO, MPEG2, COLOUR, x00280008="90"), ACCEPT),
    Expect("no frames", made(ENDOSCOPY_VIDEO, MPEG2, COLOUR), REFUSE, ("MK-PRO-008",)),
    Expect("CT", made(), REFUSE, ("MK-PRO-008",)),
    Expect("uncompressed", made(ENDOSCOPY_VIDEO, EXPLICIT, COLOUR, x00280008="9"), REFUSE, ("MK-PRO-020",)),
    Expect("private class", made(PRIVATE_CLASS, MPEG2), REFUSE, ("MK-PRO-004",)),
)

ANY_SYNTAX = (
    *(
        Expect(syntax, made(syntax=syntax), ACCEPT)
        for syntax in (EXPLICIT, IMPLICIT, DEFLATED, BIG_ENDIAN, JPEG_LS, J2K, RLE, JPEG_BASELINE)
    ),
    Expect("HEVC", made(ENDOSCOPY_VIDEO, HEVC, COLOUR, x00280008="9"), ACCEPT),
    Expect("pixel data elsewhere", made(syntax=JPIP), REFUSE, ("MK-PRO-023",)),
    Expect("unknown syntax", made(syntax="1.2.3"), REFUSE, ("MK-PRO-022",)),
    Expect("no syntax", made(syntax=""), REFUSE, ("MK-PRO-022",)),
    Expect("private class", made(PRIVATE_CLASS), REFUSE, ("MK-PRO-004",)),
    Expect("retired class", made(US_RETIRED), REFUSE, ("MK-PRO-005",)),
)

EXPECTED: dict[str, tuple[Expect, ...]] = {
    "STD-GEN-CD": CD,
    "STD-GEN-SEC-CD": CD,
    "STD-GEN-DVD-JPEG": JPEG,
    "STD-GEN-USB-JPEG": JPEG,
    "STD-GEN-DVD-J2K": J2K_PROFILE,
    "STD-GEN-BD-MPEG4-HPLV41": BD_MPEG4,
    "STD-DVD-MPEG2-MPML": DVD_MPEG2,
    "STD-CTMR-CD": CTMR,
    "STD-XABC-CD": XABC,
    "STD-XA1K-CD": XA1K_CD,
    "STD-XA1K-DVD": XA1K_DVD,
    "STD-US-ID-SF-CDR": US_SF,
    "STD-US-ID-MF-CDR": US_MF,
    "STD-DEN-CD": DENTAL_CD,
    "STD-DTL-SEC-ZIP-MAIL": DENTAL_MAIL,
    "STD-GEN-ZIP-MAIL": ANY_SYNTAX,
    "STD-GEN-MIME": ANY_SYNTAX,
}
CASES = [(profile, expect) for profile, expects in EXPECTED.items() for expect in expects]


@each(("profile", "expect"), CASES, ids=lambda one: getattr(one, "name", one))
def test_each_profile_takes_and_refuses_for_the_right_reason(profile: str, expect: Expect) -> None:
    verdict = judge(expect.instance, load_profile(profile))
    assert (verdict.decision, ids(verdict), verdict.to) == (expect.decision, expect.rules, expect.to)
    assert (verdict.rule is None) is (expect.decision is REFUSE)


def test_every_finding_tells_its_clause_its_place_and_a_whole_sentence() -> None:
    verdict = judge(made(syntax=J2K, modality="PT"), load_profile("STD-CTMR-CD"), Convert.NONE)
    syntax, modality = verdict.findings
    assert syntax.ref == "PS3.11 Table E.3-1"
    assert syntax.where.path == "IN/IM1"
    assert syntax.text == (
        "JPEG 2000 Image Compression is not a transfer syntax of STD-CTMR-CD for CT Image Storage; "
        "`--convert lossless` would write it as Explicit VR Little Endian"
    )
    assert (modality.ref, modality.where.tag) == ("PS3.11 Table E.3-3", 0x00080060)
    assert modality.text == "(0008,0060) is PT; the profile requires CT"


def test_a_long_name_of_a_transfer_syntax_is_not_cut_and_an_odd_uid_is() -> None:
    verdict = judge(made(syntax="1.2.840.10008.1.2.4.70"), load_profile("STD-GEN-CD"), Convert.NONE)
    assert "First-Order Prediction (Process 14 [Selection Value 1]) is not a" in verdict.findings[0].text
    verdict = judge(made(syntax="9" * 200), load_profile("STD-GEN-CD"), Convert.NONE)
    assert "9" * 64 in verdict.findings[0].text
    assert "9" * 65 not in verdict.findings[0].text


def test_without_conversion_what_would_be_converted_is_refused_and_the_way_out_is_shown() -> None:
    verdict = judge(made(syntax=IMPLICIT), load_profile("STD-GEN-CD"), Convert.NONE)
    assert (verdict.decision, ids(verdict)) == (REFUSE, ("MK-PRO-021",))
    assert "`--convert lossless` would write it as Explicit VR Little Endian" in verdict.findings[0].text


def test_a_pair_of_photometric_interpretation_and_syntax_outside_the_table_is_refused_unconverted() -> None:
    verdict = judge(us("MONOCHROME2", JPEG_BASELINE), load_profile("STD-US-ID-SF-CDR"), Convert.NONE)
    assert (verdict.decision, ids(verdict)) == (REFUSE, ("MK-PRO-046",))
    assert verdict.findings[0].ref == "PS3.11 Table C.3-2"


@pytest.mark.parametrize(
    ("note", "rule"),
    [(Note.NO_META, "MK-PRO-060"), (Note.NO_PREAMBLE, "MK-PRO-061"), (Note.BAD_META, "MK-PRO-062")],
)
def test_a_file_without_sound_meta_information_is_written_anew_or_refused(note: Note, rule: str) -> None:
    profile = load_profile("STD-GEN-DVD-JPEG")
    bare = made(syntax=IMPLICIT, notes=[note])
    said = ids(judge(bare, profile, Convert.NONE))
    assert {rule, "MK-PRO-021"} == {each for each in said if not each.startswith("MK-MET")}
    converted = judge(bare, profile)
    assert (converted.decision, converted.to) == (CONVERT, EXPLICIT)
    assert ids(converted) == ("MK-PRO-063", "MK-PRO-030")
    explicit = judge(made(notes=[note]), profile)
    assert (explicit.decision, explicit.to, ids(explicit)) == (CONVERT, EXPLICIT, ("MK-PRO-063",))
    lossy = judge(made(syntax=JPEG_BASELINE, notes=[note]), profile)
    assert (lossy.decision, lossy.to) == (CONVERT, JPEG_BASELINE)  # kept: nothing is decoded


def test_a_bare_implicit_data_set_becomes_explicit_even_where_any_syntax_may_stay() -> None:
    verdict = judge(made(syntax=IMPLICIT, notes=[Note.NO_META]), load_profile("STD-GEN-ZIP-MAIL"))
    assert (verdict.decision, verdict.to) == (CONVERT, EXPLICIT)


@pytest.mark.parametrize(
    ("note", "rule"), [(Note.UID_MISMATCH, "MK-PRO-064"), (Note.NO_PIXELS, "MK-PRO-069")]
)
@pytest.mark.parametrize("convert", list(Convert))
def test_what_no_conversion_mends_is_refused_under_every_policy(
    note: Note, rule: str, convert: Convert
) -> None:
    verdict = judge(made(notes=[note]), load_profile("STD-GEN-CD"), convert)
    assert (verdict.decision, errors(verdict)) == (REFUSE, (rule,))


def test_a_used_preamble_and_trailing_bytes_are_told_but_stand_in_nobodys_way() -> None:
    noted = made(notes=[Note.PREAMBLE_USED, Note.TRAILING, Note.ODD_VR])
    verdict = judge(noted, load_profile("STD-GEN-CD"), Convert.NONE)
    assert verdict.decision is ACCEPT
    assert {(f.rule.id, f.severity) for f in verdict.findings} == {
        ("MK-PRO-066", Severity.WARNING),
        ("MK-PRO-067", Severity.WARNING),
        ("MK-PRO-068", Severity.NOTE),
    }
    rewritten = judge(noted, load_profile("STD-GEN-CD"))
    assert (rewritten.decision, rewritten.to) == (
        CONVERT,
        EXPLICIT,
    )  # bytes that are no part of it stay behind


def test_a_role_is_judged_by_its_own_column() -> None:
    profile = load_profile("STD-GEN-DVD-JPEG")  # without the role FSU
    verdict = Judge(profile, role=Role.FSU)(made())
    assert (verdict.decision, ids(verdict)) == (REFUSE, ("MK-PRO-007",))
    assert Judge(profile, role=Role.FSR)(made()).decision is ACCEPT


ORGANIZATION_RANGES = b"\x18\x00\x44\x60US\x02\x00\x01\x00"


def calibrated(*regions: list[bytes]) -> Instance:
    return us("RGB", EXPLICIT, regions=items(*regions))


def test_a_calibrated_image_goes_on_a_profile_with_spatial_calibration() -> None:
    verdict = judge(calibrated(region(), region()), load_profile("STD-US-SC-MF-CDR"))
    assert (verdict.decision, verdict.findings) == (ACCEPT, ())


def test_an_image_without_regions_lacks_calibration() -> None:
    for image in (us("RGB", EXPLICIT), calibrated()):
        verdict = judge(image, load_profile("STD-US-SC-MF-CDR"))
        assert (verdict.decision, ids(verdict)) == (REFUSE, ("MK-PRO-044",))
        assert verdict.findings[0].where.tag == REGIONS


def test_one_region_of_two_without_a_delta_is_told_with_its_tag_and_count() -> None:
    image = calibrated(region(), region(without=[0x0018602C]))
    verdict = judge(image, load_profile("STD-US-SC-SF-CDR"))
    assert (verdict.decision, ids(verdict)) == (REFUSE, ("MK-PRO-050",))
    assert verdict.findings[0].where.tag == 0x0018602C
    assert verdict.findings[0].text.startswith("(0018,602C) has no value in 1 of 2 items of (0018,6011)")


def test_combined_calibration_asks_for_what_its_organization_needs() -> None:
    profile = load_profile("STD-US-CC-MF-CDR")
    plain = judge(calibrated(region()), profile)
    assert (plain.decision, errors(plain)) == (REFUSE, ("MK-PRO-050",))
    assert next(f for f in plain.findings if f.severity is Severity.ERROR).where.tag == 0x00186044
    ranges = judge(calibrated(region(extra=[ORGANIZATION_RANGES])), profile)
    missing = {f.where.tag for f in ranges.findings if f.severity is Severity.ERROR}
    doubtful = {f.where.tag for f in ranges.findings if f.severity is Severity.WARNING}
    assert missing == {0x00186048, 0x00186050, 0x00186052, 0x00186054}
    assert doubtful == {0x0018604A, 0x0018604C, 0x0018604E}


def test_an_empty_value_in_a_region_is_none() -> None:
    image = calibrated(region(without=[0x00186024], extra=[element(0x00186024, "US", b"")]))
    verdict = judge(image, load_profile("STD-US-SC-SF-CDR"))
    assert ids(verdict) == ("MK-PRO-050",)


def test_code_look_up_asks_for_a_sequence_with_an_item() -> None:
    def doubtful(codes: bytes) -> set[int | None]:
        organization = element(0x00186044, "US", b"\x03\x00")
        entries = element(0x00186056, "UL", b"\x01\0\0\0")
        extra = [organization, entries, sequence(0x00409098, codes)]
        verdict = judge(calibrated(region(extra=extra)), load_profile("STD-US-CC-MF-CDR"))
        assert verdict.decision is ACCEPT
        return {finding.where.tag for finding in verdict.findings}

    assert doubtful(b"") - doubtful(items([])) == {0x00409098}


def test_broken_regions_are_a_finding_not_an_exception() -> None:
    image = us("RGB", EXPLICIT, regions=items(region())[:-3])
    verdict = judge(image, load_profile("STD-US-SC-MF-CDR"))
    assert (verdict.decision, ids(verdict)) == (REFUSE, ("MK-PRO-052",))


def test_a_judge_gives_one_shared_verdict_to_plain_images() -> None:
    the_judge = Judge(load_profile("STD-GEN-CD"))
    assert the_judge(made(path="A")) is the_judge(made(path="B", uid="1.2.3"))
