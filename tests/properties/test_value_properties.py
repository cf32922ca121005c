"""Whatever the values of an instance are: what burn writes with exit code 0 is legal, and validate agrees."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import pydicom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediakit.choices import Supply
from mediakit.findings import Severity
from mediakit.journeys.burn_order import Burnt, Depth
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Outcome
from mediakit.profile.load import load_profile
from tests.support.hostile_values import changes, sources, write
from tests.support.studies import burnt_to

OF_THE_SOURCE = "MK-CMP-"  # what the instances refer to and is not there, whatever their values
# What burn says of the instances, and validate of the records that were made of them.
SAME_FACT = {
    "MK-CON-013": {"MK-KEY-003", "MK-KEY-011"},
    "MK-CON-016": {"MK-KEY-011", "MK-KEY-012"},
}


def _warned(burnt: Burnt) -> set[str]:
    return {each.rule.id for each in burnt.result.report.findings if each.severity is not Severity.NOTE}


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.integers(0, len(sources()) - 1),
    st.lists(changes(), min_size=1, max_size=3),
    st.sampled_from(list(Supply)),
)
def test_what_is_burnt_with_exit_code_0_holds_only_legal_values(
    which: int, mutated: list[dict[int, bytes]], supply: Supply
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root, new = Path(folder, "in"), Path(folder, "new")
        root.mkdir()
        write(root, which, mutated)
        burnt = burnt_to(new, root, depth=Depth.WRITE, supply=supply)
        if burnt.result.outcome is not Outcome.GOOD:
            return
        findings = validate(new, ValidateOrder(profile=load_profile("STD-GEN-CD"))).result.report.findings
        said = _warned(burnt)
        unsaid = [
            f"{each.rule.id} {each.text}"
            for each in findings
            if each.severity is Severity.ERROR
            or (
                each.severity is Severity.WARNING
                and not each.rule.id.startswith(OF_THE_SOURCE)
                and not {each.rule.id, *SAME_FACT.get(each.rule.id, ())} & said
            )
        ]
        assert unsaid == []
        _read_strictly(new / "DICOMDIR")


def _read_strictly(path: Path) -> None:
    """Read every value of a DICOMDIR with pydicom, which raises what is against the standard."""
    mode = pydicom.config.settings.reading_validation_mode
    pydicom.config.settings.reading_validation_mode = pydicom.config.RAISE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for each in pydicom.dcmread(path).iterall():
                str(each.value)
    finally:
        pydicom.config.settings.reading_validation_mode = mode
