"""The judge promises what a conversion gives; the transcoder keeps it. Held against each other here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediakit.dicom import encoders
from mediakit.dicom.frames import decoded_photometric
from mediakit.dicom.image import Shape
from mediakit.dicom.uids import SYNTAXES
from mediakit.profile.form import LOSSLESS_TARGETS, LOSSY_TARGETS, Form, converted, forms
from mediakit.profile.judge import Convert, Decision, Judge, judge
from mediakit.profile.load import load_profile
from mediakit.profile.model import ImageOp, ImageRule, Profile, Requirement, SopRule
from tests.support.each import each
from tests.support.judged import COLOUR, EXPLICIT, IMPLICIT, J2K, JPEG_BASELINE, MR, SC, XA, Value, made

PHOTOMETRICS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT", "YBR_ICT")
DECODABLE = [uid for uid, syntax in SYNTAXES.items() if syntax.can_decode]
SHAPE = Shape(
    rows=1,
    columns=1,
    samples=3,
    bits_allocated=8,
    bits_stored=8,
    high_bit=7,
    signed=False,
    photometric="RGB",
    planar=0,
    frames=1,
)


def test_the_targets_of_the_judge_are_those_of_the_transcoder() -> None:
    assert set(LOSSLESS_TARGETS) == encoders.LOSSLESS_TARGETS | {EXPLICIT}
    assert set(LOSSY_TARGETS) == encoders.LOSSY_TARGETS
    assert all(SYNTAXES[uid].can_encode and not SYNTAXES[uid].lossy for uid in LOSSLESS_TARGETS)
    assert all(SYNTAXES[uid].lossy for uid in LOSSY_TARGETS)


@each("source", DECODABLE)
@each("photometric", PHOTOMETRICS)
def test_the_photometric_interpretation_after_conversion_is_that_of_the_transcoder(
    source: str, photometric: str
) -> None:
    decoded = decoded_photometric(replace(SHAPE, photometric=photometric), source)
    for target in (*LOSSLESS_TARGETS, *LOSSY_TARGETS):
        if target == source:
            expected = photometric
        elif target == EXPLICIT:
            expected = decoded if SYNTAXES[source].is_encapsulated else photometric
        else:
            expected = encoders.encoded_photometric(decoded, target)
        assert converted(Form(source, photometric), target) == Form(target, expected)


@pytest.mark.parametrize(
    ("values", "lossless", "lossy"),
    [
        ({}, 5, 2),
        ({0x00280101: 12, 0x00280102: 11, 0x00280100: 16}, 5, 1),
        ({0x00280100: 32, 0x00280101: 32, 0x00280102: 31}, 1, 0),
        ({0x00280100: 16, 0x00280101: 12, 0x00280102: 15}, 1, 0),
        ({0x00280004: "PALETTE COLOR"}, 5, 0),
        ({0x00280103: 1}, 5, 1),
        ({0x00280101: b""}, 1, 0),
    ],
)
def test_only_what_a_target_can_hold_is_offered(values: dict[int, Value], lossless: int, lossy: int) -> None:
    instance = made(SC, IMPLICIT, {**COLOUR, **values})
    form = Form(IMPLICIT, instance.header.text(0x00280004))
    offered = [one.syntax for one in forms(form, instance.header, Convert.ANY, rewrite=False)]
    assert offered == [*LOSSLESS_TARGETS[:lossless], *[s for s in LOSSY_TARGETS if s in offered]]
    assert len(offered) == lossless + lossy


def test_no_policy_offers_no_form() -> None:
    assert not list(forms(Form(IMPLICIT, ""), made().header, Convert.NONE, rewrite=True))


def own(
    *syntaxes: str, images: tuple[ImageRule, ...] = (), classes: tuple[str, ...] = (SC, MR, XA)
) -> Profile:
    """Return a profile of a hospital; the base gives only its medium."""
    base = load_profile("STD-GEN-CD")
    row = SopRule(classes=classes, syntaxes=syntaxes, fsc=Requirement.OPTIONAL, fsr=Requirement.OPTIONAL)
    return Profile(
        id="PRI-HOSPITAL-CD",
        title="x",
        kind=base.kind,
        profile_class="PRI-HOSPITAL",
        source="Hospital Standard 7",
        medium=base.medium,
        roles=base.roles,
        sop=(row,),
        images=images,
    )


def test_lossy_compression_comes_only_on_request_and_is_a_warning() -> None:
    profile, image = own(JPEG_BASELINE, J2K), made(SC, EXPLICIT, COLOUR)
    refused = judge(image, profile)
    assert refused.decision is Decision.REFUSE
    assert "`--convert any` would write it as JPEG Baseline (Process 1)" in refused.findings[0].text
    assert refused.findings[0].ref == "Hospital Standard 7"
    asked = judge(image, profile, Convert.ANY)
    assert (asked.decision, asked.to) == (Decision.CONVERT, JPEG_BASELINE)
    assert [finding.rule.id for finding in asked.findings] == ["MK-PRO-031"]


def test_a_profile_that_names_a_private_or_retired_class_takes_it() -> None:
    retired = "1.2.840.10008.5.1.4.1.1.6"
    profile = own(EXPLICIT, classes=("1.3.12.2.1107.5.9.1", retired))
    for uid in ("1.3.12.2.1107.5.9.1", retired):
        assert judge(made(uid), profile).decision is Decision.ACCEPT


RULES: list[tuple[ImageRule, dict[str, Value], str]] = [
    (
        ImageRule(classes=("*storage",), tag=0x00180050, op=ImageOp.MAX, values=("5",)),
        {"x00180050": "4.50"},
        "",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00180050, op=ImageOp.MAX, values=("5",)),
        {"x00180050": "5.01"},
        "MK-PRO-042",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00180050, op=ImageOp.MAX, values=("5",)),
        {"x00180050": "nan"},
        "MK-PRO-042",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00200013, op=ImageOp.EQUALS, values=("7",)),
        {"x00200013": "+007"},
        "",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00080008, op=ImageOp.EQUALS, values=("ORIGINAL",)),
        {"x00080008": "ORIGINAL\\PRIMARY"},
        "",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00080008, op=ImageOp.EQUALS, values=("ORIGINAL\\PRIMARY",)),
        {"x00080008": "ORIGINAL\\SECONDARY"},
        "MK-PRO-041",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00080008, op=ImageOp.EQUALS, values=("ORIGINAL\\PRIMARY",)),
        {"x00080008": "ORIGINAL\\PRIMARY"},
        "",
    ),
    # US outside the elements that the header counts as binary; a zero is a value.
    (ImageRule(classes=("*storage",), tag=0x00280120, op=ImageOp.TYPE_1), {"x00280120": b"\0\0"}, ""),
    (
        ImageRule(classes=("*storage",), tag=0x00280003, op=ImageOp.EQUALS, values=("3",)),
        {"x00280003": b"\3\0"},
        "",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00280003, op=ImageOp.EQUALS, values=("3",)),
        {"x00280003": b"\3"},
        "MK-PRO-040",
    ),
    (ImageRule(classes=("*storage",), tag=0x00080070, op=ImageOp.TYPE_1), {"x00080070": "  "}, "MK-PRO-044"),
    (ImageRule(classes=("*storage",), tag=0x00080070, op=ImageOp.TYPE_2), {"x00080070": ""}, ""),
    (ImageRule(classes=("*storage",), tag=0x00080070, op=ImageOp.FORBIDDEN), {"x00080070": ""}, "MK-PRO-047"),
    (ImageRule(classes=("*storage",), tag=0x00080070, op=ImageOp.FORBIDDEN), {}, ""),
    (
        ImageRule(classes=("*storage",), tag=0x00080070, op=ImageOp.EQUALS_TAG, other=0x00080080),
        {"x00080070": "ACME", "x00080080": "ACME"},
        "",
    ),
    (
        ImageRule(classes=("*storage",), tag=0x00080070, op=ImageOp.EQUALS_TAG, other=0x00080080),
        {"x00080070": "ACME"},
        "MK-PRO-043",
    ),
]


@each(("rule", "values", "expected"), RULES)
def test_values_are_compared_as_numbers_or_by_their_first_text(
    rule: ImageRule, values: dict[str, Value], expected: str
) -> None:
    tags = {int(tag[1:], 16): value for tag, value in values.items()}
    verdict = judge(made(SC, EXPLICIT, {**COLOUR, **tags}), own(EXPLICIT, images=(rule,)))
    assert [finding.rule.id for finding in verdict.findings] == ([expected] if expected else [])


def test_a_value_of_the_patient_group_is_not_shown() -> None:
    rule = ImageRule(classes=(SC,), tag=0x00100010, op=ImageOp.EQUALS, values=("ANONYMOUS",))
    verdict = judge(made(SC, EXPLICIT, {**COLOUR, 0x00100010: "MAIER^EVA"}), own(EXPLICIT, images=(rule,)))
    assert verdict.decision is Decision.REFUSE
    assert "MAIER" not in verdict.findings[0].text


def test_images_alike_are_examined_once_and_others_are_told_apart() -> None:
    the_judge = Judge(load_profile("STD-CTMR-CD"))
    first = the_judge(made(MR, modality="MR", path="A"))
    assert the_judge(made(MR, modality="MR", path="B")) is first
    assert the_judge(made(MR, modality="MR", path="C", x00280102=15)).decision is Decision.REFUSE
    refused = [the_judge(made(MR, modality="CT", path=path)) for path in ("D", "E")]
    assert [verdict.findings[0].where.path for verdict in refused] == ["D", "E"]
