"""Whatever happens to the structure of an instance: what burn writes with exit code 0 is right."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from struct import pack

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediakit.choices import Convert
from mediakit.dicom.edit import Span, spans
from mediakit.dicom.part10 import open_whole
from mediakit.findings import Finding, Severity
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Outcome
from mediakit.profile.load import load_profile
from tests.support.peers import need, run
from tests.support.studies import CT_1, CT_THIN, MR, PYDICOM_FILES, burnt_to, files_in

SOURCES = (
    CT_1,
    MR,
    files_in(CT_THIN)[1],  # Implicit VR
    PYDICOM_FILES / "CT_small.dcm",
    PYDICOM_FILES / "rtplan.dcm",
    PYDICOM_FILES / "reportsi.dcm",
    PYDICOM_FILES / "SC_rgb_rle_2frame.dcm",
    PYDICOM_FILES / "examples_overlay.dcm",
    PYDICOM_FILES / "liver_1frame.dcm",
)
DELIMITERS = [pack("<HHL", 0xFFFE, tag, 0) for tag in (0xE000, 0xE00D, 0xE0DD)]
VRS = [b"OX", b"??", b"  ", b"\0\0", b"UN", b"OB", b"SQ", b"US", b"PN"]

VALUES = ("MK-DIR-12", "MK-DIR-13")  # what the keys of the directory hold is tried elsewhere

Elements = list[bytes]
Change = Callable[[Elements], Elements]


def _without_last_byte(at: int) -> Change:
    def change(parts: Elements) -> Elements:
        raw = parts[at % len(parts)]
        place, width = (8, 4) if raw[4:6] in {b"OB", b"OW", b"UN", b"SQ", b"UT"} else (6, 2)
        length = int.from_bytes(raw[place : place + width], "little")
        if place + width + length == len(raw) and length:
            shorter = raw[:place] + (length - 1).to_bytes(width, "little") + raw[place + width : -1]
            return [shorter if each is raw else each for each in parts]
        return parts

    return change


def _exchanged(at: int, new: Callable[[bytes], bytes]) -> Change:
    return lambda parts: [new(raw) if n == at % len(parts) else raw for n, raw in enumerate(parts)]


def _swapped(one: int, other: int) -> Change:
    def change(parts: Elements) -> Elements:
        parts = list(parts)
        a, b = one % len(parts), other % len(parts)
        parts[a], parts[b] = parts[b], parts[a]
        return parts

    return change


PLACES = st.integers(0, 500)
CHANGES = st.one_of(
    PLACES.map(_without_last_byte),
    st.builds(_swapped, PLACES, PLACES),
    PLACES.map(lambda at: _exchanged(at, lambda raw: raw + raw)),
    PLACES.map(lambda at: _exchanged(at, lambda raw: raw[:0])),
    st.builds(
        lambda at, vr: _exchanged(at, lambda raw: raw[:4] + vr + raw[6:]), PLACES, st.sampled_from(VRS)
    ),
    st.builds(lambda at, one: _exchanged(at, lambda raw: one + raw), PLACES, st.sampled_from(DELIMITERS)),
    st.builds(
        lambda at, where, byte: _exchanged(
            at,
            lambda raw: (
                raw[: where % len(raw)] + bytes((byte,)) + raw[where % len(raw) + 1 :] if raw else raw
            ),
        ),
        PLACES,
        st.integers(0, 400),
        st.integers(0, 255),
    ),
    st.binary(min_size=1, max_size=20).map(lambda tail: lambda parts: [*parts, tail]),
    st.integers(1, 1000).map(lambda count: lambda parts: [*parts, bytes(count)]),
)


def _parts(path: Path) -> tuple[bytes, Elements]:
    with path.open("rb") as stream:
        opened = open_whole(stream)
    found: tuple[Span, ...] = spans(opened.body, opened.encoding)[0]
    return bytes(opened.head), [bytes(each.raw) for each in found]


def _worse(findings: tuple[Finding, ...]) -> list[str]:
    errors = (each for each in findings if each.severity is Severity.ERROR)
    return [f"{each.rule.id} {each.text}" for each in errors if not each.rule.id.startswith(VALUES)]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    st.sampled_from(SOURCES),
    st.lists(CHANGES, max_size=3),
    st.sampled_from(["STD-GEN-CD", "STD-GEN-DVD-JPEG"]),
    st.sampled_from([Convert.LOSSLESS, Convert.NONE]),
)
def test_what_is_burnt_with_exit_code_0_conforms_and_dcmtk_reads_it(
    source: Path, changes: list[Change], profile: str, convert: Convert
) -> None:
    need("dcmdump")
    head, parts = _parts(source)
    for change in changes:
        parts = change(parts)
    with tempfile.TemporaryDirectory() as folder:
        root, new = Path(folder, "in"), Path(folder, "new")
        root.mkdir()
        (root / "IM1").write_bytes(head + b"".join(parts))
        burnt = burnt_to(new, root, profile=profile, convert=convert, depth=Depth.WRITE)
        if burnt.result.outcome is not Outcome.GOOD:
            return
        validation = validate(new, ValidateOrder(profile=load_profile(profile)))
        assert _worse(validation.result.report.findings) == []
        said = {each.rule.id for each in burnt.result.report.findings}
        for path in files_in(new):
            dumped = run("dcmdump", "-q", str(path))
            behind = {"MK-PRO-067", "MK-PRO-082"} & said  # bytes behind the last element, carried as they are
            assert dumped.returncode == 0 or behind, dumped.stderr
