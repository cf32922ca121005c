"""Icons in directory records: their form (PS3.3 F.7), and what the profile says of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from mediakit.fileset.icon import icon_key
from mediakit.fileset.record import Directory, Key
from mediakit.findings import Finding, Severity
from mediakit.profile.load import load_profile
from mediakit.profile.model import IconRule, Profile
from mediakit.rules import icons
from tests.support.directories import element, item
from tests.support.each import each
from tests.support.instances import XA, make_instance, make_profile
from tests.support.surveys import changed, directory_of, files_of, found_by, ids, survey_of, with_keys

ICON = 0x00880200
ONE, TWO = make_instance("1.2.3.4.1"), make_instance("1.2.3.4.2", number=2)
PALETTE: dict[int, bytes | None] = {
    tag: b"\0\1\0\0\x10\0" if tag < 0x00281200 else bytes(512)
    for tag in (0x00281101, 0x00281102, 0x00281103, 0x00281201, 0x00281202, 0x00281203)
}


@dataclass(frozen=True)
class Gray:
    rows: int
    columns: int
    data: bytes


def rule(**changes: object) -> IconRule:
    settings: dict[str, object] = {"records": ("IMAGE",), "required": False, "rows": 64, "columns": 64}
    settings |= {
        "bits_allocated": 8,
        "bits_stored": 8,
        "photometric": ("MONOCHROME2",),
        "ref": "PS3.11 X.3.3",
    }
    return IconRule(**{**settings, **changes})  # type: ignore[arg-type]


def us(value: int) -> bytes:
    return value.to_bytes(2, "little")


def icon(values: dict[int, bytes | None] | None = None) -> bytes:
    """Return one item: a right icon of 64 x 64 with these values changed; None takes one away."""
    elements: dict[int, bytes | None] = {
        0x00280002: us(1),
        0x00280004: b"MONOCHROME2 ",
        0x00280010: us(64),
        0x00280011: us(64),
        0x00280100: us(8),
        0x00280101: us(8),
        0x00280102: us(7),
        0x00280103: us(0),
        0x7FE00010: bytes(4096),
    }
    elements.update(values or {})
    vrs = {0x00280004: "CS", 0x00280034: "IS", 0x7FE00010: "OB"}
    content = b"".join(
        element(tag, vrs.get(tag, "OW" if tag > 0x00281200 else "US"), value)
        for tag, value in sorted(elements.items())
        if value is not None
    )
    return item(content)


def with_icons(*contents: bytes, record_type: str = "IMAGE") -> Directory:
    directory = directory_of(ONE, TWO)
    for which, content in enumerate(contents):
        directory = changed(directory, record_type, with_keys({ICON: content}), which=which)
    return directory


def judged(directory: Directory, profile: Profile | None = None) -> list[Finding]:
    survey = survey_of(*files_of(directory, ONE, TWO), directory=directory)
    return found_by(icons.CHECKS, survey, profile)


def whats(findings: list[Finding]) -> list[object]:
    return [dict(finding.detail)["what"] for finding in findings]


def test_records_without_icons_are_right_where_none_is_required() -> None:
    assert judged(directory_of(ONE, TWO)) == []
    assert judged(directory_of(ONE, TWO), make_profile(icon=rule())) == []


@pytest.mark.parametrize("name", ["STD-XA1K-CD", "STD-XABC-CD", "STD-CTMR-CD"])
def test_icons_that_burn_writes_are_right(name: str) -> None:
    profile = load_profile(name)
    assert profile.icon is not None
    images = [
        make_instance(f"1.2.3.4.{n}", sop_class=XA, number=n, values={0x00500004: b"NO"}) for n in (1, 2)
    ]
    keys: dict[str, Key] = {}
    for n, image in enumerate(images):
        keys[image.sop_instance] = icon_key(Gray(7, 5, bytes([n] * 35)), profile.icon)
    directory = directory_of(*images, profile=profile, icons=keys)
    survey = survey_of(*files_of(directory, *images), directory=directory)
    assert sum(1 for record in directory.walk() if record.key(ICON)) == 2
    assert found_by(icons.CHECKS, survey, profile) == []


@pytest.mark.parametrize(
    "values",
    [
        {0x00280004: b"MONOCHROME1 "},
        {0x00280004: b"PALETTE COLOR ", **PALETTE},
        {0x00280100: us(1), 0x00280101: us(1), 0x00280102: us(0), 0x7FE00010: bytes(512)},
        {0x00280034: b"1\\1 "},
        {0x00280010: us(3), 0x00280011: us(3), 0x7FE00010: bytes(10)},
    ],
)
def test_every_form_that_the_standard_allows_is_right(values: dict[int, bytes | None]) -> None:
    assert judged(with_icons(icon(values))) == []


@each(
    ("values", "what"),
    [
        ({0x00280002: us(3)}, "Samples per Pixel is not 1"),
        ({0x00280002: None}, "Samples per Pixel is not 1"),
        ({0x00280004: b"RGB "}, "it is neither MONOCHROME1, MONOCHROME2 nor PALETTE COLOR"),
        ({0x00280006: us(0)}, "there is Planar Configuration"),
        ({0x00280034: b"4\\3 "}, "Pixel Aspect Ratio is not 1:1"),
        ({0x00280004: b"PALETTE COLOR "}, "the palette is not whole"),
        ({0x00280100: us(16)}, "Bits Allocated and Bits Stored are not both 8 (or 1)"),
        ({0x00280101: us(7)}, "Bits Allocated and Bits Stored are not both 8 (or 1)"),
        ({0x00280102: us(15)}, "High Bit is not one less than Bits Stored"),
        ({0x00280103: us(1)}, "Pixel Representation is not unsigned"),
        ({0x00280010: None}, "Rows or Columns are absent or 0"),
        ({0x00280011: us(0)}, "Rows or Columns are absent or 0"),
        ({0x7FE00010: bytes(100)}, "Pixel Data are not as long as Rows and Columns say"),
        ({0x7FE00010: None}, "Pixel Data are not as long as Rows and Columns say"),
    ],
)
def test_what_is_wrong_with_an_icon_is_said(values: dict[int, bytes | None], what: str) -> None:
    (finding,) = judged(with_icons(icon(values)))
    assert (finding.rule.id, finding.where.tag) == ("MK-DIR-151", ICON)
    assert whats([finding]) == [what]


def test_a_palette_has_8_bits() -> None:
    one_bit = {0x00280100: us(1), 0x00280101: us(1), 0x00280102: us(0), 0x7FE00010: bytes(512)}
    assert ids(judged(with_icons(icon({0x00280004: b"PALETTE COLOR ", **PALETTE, **one_bit})))) == [
        "MK-DIR-151"
    ]


def test_two_items_are_one_too_many() -> None:
    assert whats(judged(with_icons(icon() + icon()))) == ["there is more than one item"]


@pytest.mark.parametrize(
    "content", [b"\xfe\xff\x00\xe0\x00\x00\x00\x00", b"\0" * 9 + b"\1", b"\xfe\xff\x00\xe0"]
)
def test_an_icon_of_which_nothing_can_be_read_is_one_finding(content: bytes) -> None:
    assert ids(judged(with_icons(content))) == ["MK-DIR-151"]


def test_an_empty_sequence_is_no_icon() -> None:
    assert judged(with_icons(b"")) == []
    assert ids(judged(with_icons(b"", icon()), make_profile(icon=rule(required=True)))) == ["MK-PRO-111"]


def test_icons_that_differ_in_their_pixels_alone_are_judged_alike() -> None:
    wrong: list[dict[int, bytes | None]] = [
        {0x00280103: us(1), 0x7FE00010: bytes([shade]) * 4096} for shade in (1, 2)
    ]
    (finding,) = judged(with_icons(*map(icon, wrong)))
    assert dict(finding.detail)["count"] == 2


def test_icons_that_differ_before_their_pixels_are_judged_apart() -> None:
    directory = with_icons(icon(), icon({0x00280103: us(1)}))
    (finding,) = judged(directory)
    decoded = survey_of(directory=directory).directory
    assert decoded is not None
    assert [record.seen_at for record in decoded.walk()][-1] == finding.where.record


def test_a_large_icon_is_a_note_where_the_profile_says_nothing() -> None:
    large = icon({0x00280010: us(128), 0x00280011: us(128), 0x7FE00010: bytes(16384)})
    (finding,) = judged(with_icons(large))
    assert (finding.rule.id, finding.severity) == ("MK-DIR-152", Severity.NOTE)
    assert "128 x 128" in finding.text
    assert judged(with_icons(large), make_profile(icon=rule(rows=128, columns=128))) == []


def test_a_required_icon_is_missed_once_with_a_count() -> None:
    profile = make_profile(icon=rule(required=True))
    (finding,) = judged(with_icons(icon()), profile)
    assert (finding.rule.id, finding.ref) == ("MK-PRO-111", "PS3.11 X.3.3")
    assert (dict(finding.detail)["count"], dict(finding.detail)["all"]) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"rows": 128, "columns": 128}, "they have 64 x 64 pixels, not 128 x 128"),
        ({"bits_allocated": 1}, "Bits Allocated is not 1"),
        ({"bits_stored": 1}, "Bits Stored is not 1"),
        ({"photometric": ("PALETTE COLOR",)}, "Photometric Interpretation is not PALETTE COLOR"),
    ],
)
def test_an_icon_that_is_not_as_the_profile_demands_is_said(changes: dict[str, object], what: str) -> None:
    profile = make_profile(icon=rule(**changes))
    (finding,) = judged(with_icons(icon()), profile)
    assert (finding.rule.id, finding.ref) == ("MK-PRO-112", "PS3.11 X.3.3")
    assert whats([finding]) == [what]


def test_a_profile_speaks_of_the_icons_of_its_record_types_only() -> None:
    profile = make_profile(icon=rule(rows=128, columns=128))
    assert judged(with_icons(icon(), record_type="SERIES"), profile) == []


def test_an_item_of_undefined_length_is_read() -> None:
    content = icon()[8:]
    undefined = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + content + b"\xfe\xff\x0d\xe0\0\0\0\0"
    assert judged(with_icons(undefined)) == []


def test_a_medium_without_directory_has_no_icons_to_judge() -> None:
    survey = replace(survey_of(directory=with_icons(icon())), decoded=None)
    assert found_by(icons.CHECKS, survey, make_profile(icon=rule(required=True))) == []
