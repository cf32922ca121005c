"""Whatever lies in the source folder: every file has one fate, and what is written is what was there."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediakit.choices import OnReject
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.outcome import Outcome, State
from mediakit.stages.look.instances import ABSENT
from tests.support.studies import (
    CARRIED,
    CR,
    CT_1,
    CT_2,
    CT_3,
    CT_THIN,
    DICOMDIR_TESTS,
    MR,
    NOTES,
    altered,
    burnt_to,
    files_in,
    folder_of,
    sha256,
)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return the contents that a file of a source may have, by a name for each."""
    made = tmp_path_factory.mktemp("kinds")
    whole = CT_2.read_bytes()
    files = {
        "ct 1": CT_1,
        "ct 2": CT_2,
        "ct 3": CT_3,
        "mr": MR,
        "cr": CR,
        "implicit": files_in(CT_THIN)[1],
        "dicomdir": DICOMDIR_TESTS / "DICOMDIR",
        "notes": NOTES,
        "ct 1, other bytes": altered(CT_1, made / "a", WindowCenter="41"),
        "ct 1, new uid": altered(CT_1, made / "b", SOPInstanceUID="2.25.1"),
        "ct 2, other patient": altered(CT_2, made / "c", PatientID="P2", SOPInstanceUID="2.25.2"),
        "poor": altered(CT_1, made / "d", StudyID="", PatientID="", SOPInstanceUID="2.25.3"),
        "without series": altered(CT_1, made / "e", SeriesInstanceUID="", SOPInstanceUID="2.25.4"),
    }
    contents = {name: path.read_bytes() for name, path in files.items()}
    contents |= {
        "empty": b"",
        "zeros": bytes(500),
        "junk": b"\x08\x00\x05\x00CS\xff\xff" * 40,
        "half": whole[: len(whole) // 2],
        "a byte short": whole[:-1],
        "a byte long": whole + b"\0",
        "head": whole[:200],
    }
    assert set(contents) == {*SOUND, *ODD, *CUT}
    return contents


SOUND = ("ct 1", "ct 2", "ct 3", "mr", "cr", "implicit", "dicomdir", "notes", "poor")
ODD = (
    "ct 1, other bytes",
    "ct 1, new uid",
    "ct 2, other patient",
    "without series",
    "empty",
    "zeros",
    "junk",
)
CUT = ("half", "a byte short", "a byte long", "head")
NAMES = st.sampled_from((*SOUND, *ODD, *CUT))
WELL = st.sampled_from(SOUND)
PLACES = st.sampled_from(["", "a/", "a/b/", "a b/", "ü/"])
SOURCES = st.lists(st.tuples(PLACES, NAMES), max_size=7) | st.lists(st.tuples(PLACES, WELL), max_size=7)


def fates_are_true(burnt: Burnt, source: Path, out: Path) -> None:
    """Assert what must hold of every burn."""
    fates = burnt.result.fates
    assert sorted(fate.source for fate in fates) == sorted(map(str, files_in(source)))
    carried = [fate for fate in fates if fate.state in CARRIED]
    for fate in fates:
        assert bool(fate.became) == (fate.state in CARRIED)
        if fate.state is State.WRITTEN:
            written, original = out / fate.became, Path(fate.source)
            assert written.read_bytes() == original.read_bytes()
            assert fate.sha256 == sha256(original)
        elif fate.state is State.CONVERTED:
            assert fate.sha256 == sha256(out / fate.became)
        elif fate.state is not State.WITHHELD:
            assert fate.because is not None
    if carried:
        assert {str(path.relative_to(out)) for path in files_in(out)} == {
            "DICOMDIR",
            *(fate.became for fate in carried),
        }
    else:
        assert not out.exists()
    assert len({fate.became for fate in carried}) == len(carried)
    assert len({fate.sop_instance for fate in carried}) == len(carried)


def outcome_is_true(burnt: Burnt) -> None:
    counts = Counter(burnt.result.counts())
    written = counts[State.WRITTEN] + counts[State.CONVERTED]
    bad = counts[State.REFUSED] + counts[State.UNREADABLE]
    assert counts[State.FAILED] == counts[State.PLANNED] == 0
    lacks = any(finding.rule is ABSENT for finding in burnt.result.report.findings)
    expected = {
        (True, False): {Outcome.FINDINGS if lacks else Outcome.GOOD},
        (True, True): {Outcome.FINDINGS},
        (False, True): {Outcome.DOES_NOT_FIT if counts[State.REFUSED] else Outcome.SOURCE},
        (False, False): {Outcome.SOURCE},
    }[(written > 0, bad > 0)]
    assert burnt.result.outcome in expected
    assert not (written and counts[State.WITHHELD])
    if counts[State.WITHHELD]:
        assert bad


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    files=SOURCES,
    on_reject=st.sampled_from(OnReject),
    profile=st.sampled_from(["STD-GEN-CD", "STD-CTMR-CD"]),
)
def test_every_file_of_any_folder_has_one_true_fate(
    kinds: dict[str, bytes],
    files: list[tuple[str, str]],
    on_reject: OnReject,
    profile: str,
) -> None:
    with tempfile.TemporaryDirectory(prefix="burn-") as scratch:
        source, out = Path(scratch) / "in", Path(scratch) / "out"
        source.mkdir()
        folder_of(source, {f"{place}{n}": kinds[name] for n, (place, name) in enumerate(files)})
        rehearsed = burnt_to(out, source, profile=profile, on_reject=on_reject, depth=Depth.PLAN)
        assert not out.exists()
        burnt = burnt_to(out, source, profile=profile, on_reject=on_reject)
        fates_are_true(burnt, source, out)
        outcome_is_true(burnt)
        assert burnt.plan == rehearsed.plan
        assert burnt.result.report == rehearsed.result.report
        assert burnt.result.outcome is rehearsed.result.outcome


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(files=st.lists(NAMES, min_size=1, max_size=6), order=st.randoms(use_true_random=False))
def test_the_order_and_the_names_of_the_files_change_no_byte(
    kinds: dict[str, bytes], files: list[str], order: Random
) -> None:
    with tempfile.TemporaryDirectory(prefix="burn-") as scratch:
        folder = Path(scratch)
        shuffled = list(range(len(files)))
        order.shuffle(shuffled)
        for side, numbers in (("one", range(len(files))), ("two", shuffled)):
            (folder / side).mkdir()
            folder_of(folder / side, {f"{n}": kinds[files[number]] for n, number in enumerate(numbers)})
            burnt_to(folder / f"{side}.iso", folder / side, on_reject=OnReject.SKIP)
        written = [(folder / f"{side}.iso").exists() for side in ("one", "two")]
        assert written[0] == written[1]
        if written[0]:
            assert (folder / "one.iso").read_bytes() == (folder / "two.iso").read_bytes()
