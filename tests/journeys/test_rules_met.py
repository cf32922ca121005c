"""Rules of readers and writers that no other test meets: for each a right case and a wrong one."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

import pytest
from msgspec.structs import replace

from mediakit.choices import Convert, Supply
from mediakit.dicom.header import Scanner, Unusable
from mediakit.dicom.instance import Instance, Note
from mediakit.dicom.transcode import Loss, Transcoded, transcode
from mediakit.events import silence
from mediakit.fileset.charset import settle
from mediakit.fileset.collate import collate
from mediakit.fileset.decode import decode
from mediakit.fileset.keys import Sourced
from mediakit.fileset.record import Key
from mediakit.findings import Finding, Where
from mediakit.formats.base import Receipt
from mediakit.journeys.diff import diff
from mediakit.journeys.extract import ExtractOrder, Only, extract
from mediakit.outcome import Fate, State
from mediakit.profile.item_rules import check_items
from mediakit.profile.judge import Judge, judged_tags
from mediakit.profile.load import load_profile
from mediakit.profile.model import IconRule, ItemRule, Profile
from mediakit.stages.judge.prepare import Converter, Prepared, Store, judge_all
from mediakit.stages.judge.spool import Spool
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.instances import take_instances
from mediakit.stages.look.media import look_at_all, open_media
from mediakit.stages.plan.icons import make_icons
from mediakit.stages.prove.proof import Expected, prove
from tests.support.dicom_bytes import CT, IMPLICIT, element, identity, item, part10, sequence
from tests.support.directories import Item, dicomdir
from tests.support.directories import element as key_element
from tests.support.instances import make_instance, make_profile
from tests.support.studies import CT_1, CT_2, DICOMDIR_TESTS, PYDICOM_FILES, burnt_to, folder_of

RGB = PYDICOM_FILES / "examples_rgb_color.dcm"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"


def ids(findings: Iterable[Finding]) -> set[str]:
    return {finding.rule.id for finding in findings}


def reasons(fates: Iterable[Fate]) -> dict[str, str]:
    return {Path(fate.source).name: fate.because.rule.id for fate in fates if fate.because is not None}


def scanned(*paths: Path) -> tuple[list[Instance], Fates]:
    with open_media(paths) as media:
        surveys = look_at_all(media, Scanner())
    fates = Fates(surveys)
    return take_instances(surveys, fates), fates


def test_compression_with_loss_is_said_and_lossless_conversion_is_not() -> None:
    with RGB.open("rb") as stream:
        lossy = transcode(stream, JPEG_BASELINE, Loss.ALLOWED)
    with RGB.open("rb") as stream:
        lossless = transcode(stream, JPEG_LOSSLESS, Loss.ALLOWED)
    assert isinstance(lossy, Transcoded)
    assert isinstance(lossless, Transcoded)
    assert "MK-CNV-008" in ids(lossy.findings)
    assert "MK-CNV-008" not in ids(lossless.findings)


@pytest.mark.parametrize(("profile", "is_refused"), [("STD-GEN-CD", False), ("STD-XABC-CD", True)])
def test_what_was_converted_is_judged_again(tmp_path: Path, profile: str, is_refused: bool) -> None:
    source = folder_of(tmp_path / "in", {"A": PYDICOM_FILES / "JPEG2000.dcm"})
    first = load_profile("STD-GEN-CD")
    with open_media([source]) as media, Spool() as spool:
        surveys = look_at_all(media, Scanner(judged_tags(first)))
        book = Fates(surveys)
        taken = Prepared(instances=tuple(take_instances(surveys, book)))
        judged = judge_all(taken, Judge(first, Convert.LOSSLESS), book)
        assert len(judged.to_convert) == 1
        judge = Judge(load_profile(profile), Convert.NONE)
        converter = Converter(
            judge=judge,
            policy=Convert.LOSSLESS,
            scanner=Scanner(judged_tags(first)),
            store=Store(media, spool),
            spool=spool,
        )
        converter.convert_all(judged, taken, book)
    assert ("MK-CNV-101" in ids(book.findings) | set(reasons(book.settled()).values())) is is_refused


def test_directories_that_say_other_things_of_an_instance_are_told(tmp_path: Path) -> None:
    for name in ("one", "other"):
        burnt_to(tmp_path / name, CT_1)
    same = diff(tmp_path / "one", tmp_path / "other")
    assert ids(same.report.findings) <= {"MK-DIF-005"}
    assert reasons(same.fates)["DICOMDIR"] == "MK-DIF-005"
    path = tmp_path / "other" / "DICOMDIR"
    content = path.read_bytes()
    at = content.index(b"\x20\x00\x11\x00IS") + 8  # Series Number
    path.write_bytes(content[:at] + b"9" + content[at + 1 :])
    assert "MK-DIF-003" in ids(diff(tmp_path / "one", tmp_path / "other").report.findings)


def test_a_record_with_an_absurd_number_of_elements_is_cut_off_and_said() -> None:
    def record(count: int) -> bytes:
        extra = b"".join(key_element(0x00200010 + 0x10000 * n, "SH", b"") for n in range(count))
        return dicomdir([Item(kind="PATIENT", extra=extra)])

    assert "MK-DIR-029" in ids(decode(record(4100)).findings)
    assert "MK-DIR-029" not in ids(decode(record(40)).findings)


def test_files_that_were_not_asked_for_are_left_and_said(tmp_path: Path) -> None:
    source = folder_of(tmp_path / "in", {"IM1": CT_1, "NOTES.TXT": b"text"})
    some = extract(source, ExtractOrder(out=tmp_path / "some", only=Only.DICOM))
    every = extract(source, ExtractOrder(out=tmp_path / "all"))
    assert reasons(some.fates) == {"NOTES.TXT": "MK-EXT-002"}
    assert "MK-EXT-002" not in reasons(every.fates).values()


def test_a_study_of_two_patients_is_refused_and_one_of_one_is_not() -> None:
    one = make_instance("1.1")
    other = make_instance("1.2", patient_id=b"PAT2", series="1.2.3.5")
    assert ids(collate([one, other], make_profile(), Supply.NONE).refused.values()) == {"MK-FST-003"}
    mine = make_instance("1.2", series="1.2.3.5")
    assert not collate([one, mine], make_profile(), Supply.NONE).refused


def test_a_folder_is_said_to_be_no_medium_and_an_image_is_not(tmp_path: Path) -> None:
    assert "MK-FST-102" in ids(burnt_to(tmp_path / "out", CT_1).result.report.findings)
    assert "MK-FST-102" not in ids(burnt_to(tmp_path / "out.iso", CT_1).result.report.findings)


@pytest.mark.parametrize(("name", "is_refused"), [("CT_small.dcm", False), ("test-SR.dcm", True)])
def test_an_instance_of_which_no_icon_can_be_made_is_refused(name: str, is_refused: bool) -> None:
    rule = IconRule(
        records=("IMAGE", "SR DOCUMENT"),
        required=True,
        rows=128,
        columns=128,
        bits_allocated=8,
        bits_stored=8,
        photometric=("MONOCHROME2",),
    )
    with open_media([PYDICOM_FILES / name]) as media, Spool() as spool:
        (survey,) = look_at_all(media, Scanner())
        made = make_icons([each for _, each in survey.instances()], rule, Store(media, spool), silence)
    assert ("MK-ICN-101" in ids(made.refused.values())) is is_refused
    assert (len(made.icons), len(made.refused)) == ((0, 1) if is_refused else (1, 0))


def test_a_sequence_in_another_character_set_is_left_out_and_text_is_converted() -> None:
    latin = make_instance("1.1", values={0x00080005: b"ISO_IR 100"})
    greek = make_instance("1.2", values={0x00080005: b"ISO_IR 126"})
    name = Sourced(Key(0x00100010, "PN", b"M\xfcller"), latin, is_foreign=True)
    nested = sequence(0x0040A043, [item(element(0x00080104, "LO", b"\xe1"))])[12:]
    as_sequence = Sourced(Key(0x0040A043, "SQ", nested), greek, is_foreign=True)
    as_text = Sourced(Key(0x00081030, "LO", b"\xe1 "), greek, is_foreign=True)
    findings: list[Finding] = []
    kept = settle([name, as_sequence], "SR DOCUMENT", findings)
    assert "MK-KEY-023" in ids(findings)
    assert 0x0040A043 not in {key.tag for key in kept}
    findings.clear()
    settle([name, as_text], "STUDY", findings)
    assert ids(findings) == {"MK-KEY-022"}


def test_an_image_that_cannot_be_opened_or_has_another_directory_is_not_proven(tmp_path: Path) -> None:
    image = tmp_path / "a.iso"
    burnt = burnt_to(image, CT_1, CT_2)
    assert burnt.plan is not None
    sums = {fate.became: fate.sha256 for fate in burnt.result.fates if fate.became}
    receipt = Receipt(target=image, size_bytes=image.stat().st_size, sums=sums)
    assert all(sums.values())
    assert prove(image, Expected.of(burnt.plan), receipt) == ()
    content = image.read_bytes()
    at = content.index(burnt.plan.dicomdir) + 400
    image.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    assert ids(prove(image, Expected.of(burnt.plan), receipt)) == {"MK-PRF-004"}
    assert ids(prove(tmp_path / "gone.iso", Expected.of(burnt.plan), receipt)) == {"MK-PRF-001"}


@pytest.mark.parametrize(("unconfirmed", "rule"), [(True, "MK-PRO-051"), (False, "MK-PRO-050")])
def test_an_unconfirmed_rule_on_items_is_a_doubt(unconfirmed: bool, rule: str) -> None:
    rules = (ItemRule(classes=(CT,), sequence=0x00186011, tags=(0x00186018,), unconfirmed=unconfirmed),)

    def found(*elements: bytes) -> set[str]:
        values = {0x00186011: item(b"".join(elements))}
        return ids(check_items(rules, make_instance(values=values).header, Where()))

    assert found() == {rule}
    assert found(element(0x00186018, "UL", b"\1\0\0\0")) == set()


def test_an_image_whose_pixels_are_gone_is_refused() -> None:
    profile: Profile = load_profile("STD-GEN-CD")
    whole = make_instance()
    cut = replace(whole, header=replace(whole.header, notes=frozenset({Note.NO_PIXELS})))
    assert "MK-PRO-069" in ids(Judge(profile, Convert.NONE)(cut).findings)
    assert "MK-PRO-069" not in ids(Judge(profile, Convert.NONE)(whole).findings)


def test_a_directory_among_the_sources_and_a_second_copy_are_left_out_and_said(tmp_path: Path) -> None:
    source = folder_of(
        tmp_path / "in", {"DICOMDIR": DICOMDIR_TESTS / "DICOMDIR", "IM1": CT_1, "IM2": CT_1, "IM3": CT_2}
    )
    instances, book = scanned(source)
    assert [Path(instance.path).name for instance in instances] == ["IM1", "IM3"]
    settled = {Path(fate.source).name: fate for fate in book.settled()}
    assert reasons(settled.values()) == {"DICOMDIR": "MK-SRC-104", "IM2": "MK-SRC-105"}
    assert settled["IM2"].state is State.DUPLICATE


@pytest.mark.parametrize(("size", "is_refused"), [(64, False), (2_000_000, True)])
def test_a_value_larger_than_any_is_not_read(size: int, is_refused: bool) -> None:
    name = element(0x00100010, "PN", b"X" * size, implicit=True)
    raw = part10(identity(implicit=True) + name, syntax=IMPLICIT)
    result = Scanner().read(BytesIO(raw), len(raw), "IN", "A")
    assert isinstance(result, Unusable) is is_refused
    if isinstance(result, Unusable):
        assert result.finding.rule.id == "MK-SRC-006"
