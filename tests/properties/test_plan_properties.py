"""A plan is the same for every order of the input, and accounts for every instance."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediakit.choices import Supply
from mediakit.dicom.instance import Instance
from mediakit.fileset.collate import collate
from mediakit.fileset.decode import decode
from mediakit.fileset.plan import Wishes, complete, lay_out
from tests.support.instances import CT, CT_PROTOCOL, ECG, PDF, make_instance, make_profile

PROFILE = make_profile()

dates = st.sampled_from([None, b"", b"20240101", b"20240102", b"1.2.3 ", b"1999.12.31"])
names = st.sampled_from([None, b"", b"DOE^JOHN", b"ROE^JANE", "MÜLLER^A".encode("latin-1")])


@st.composite
def some_instances(draw: st.DrawFn) -> list[Instance]:
    """Return instances of few patients, studies and series, with all kinds of gaps and contradictions."""
    made = []
    for index in range(draw(st.integers(0, 12))):
        study = draw(st.sampled_from(["1.1", "1.2", "1.3", ""]))
        made.append(
            make_instance(
                f"9.{index if draw(st.integers(0, 9)) else 0}",
                path=f"F{index:02d}",
                sop_class=draw(st.sampled_from([CT, CT, CT, ECG, PDF, CT_PROTOCOL])),
                study=study,
                series=draw(st.sampled_from([f"{study}.1", f"{study}.2", "1.9"])),
                patient_id=draw(st.sampled_from([f"P{study}".encode()] * 4 + [None, b"X"])),
                number=draw(st.sampled_from([None, 1, 2, 3])),
                values={
                    0x00080005: draw(st.sampled_from([None, b"ISO_IR 100"])),
                    0x00080020: draw(dates),
                    0x00080023: draw(dates),
                    0x00100010: draw(names),
                    0x00200011: draw(st.sampled_from([None, b"1 ", b"2 ", b"x "])),
                    0x00420012: draw(st.sampled_from([None, b"application/pdf "])),
                },
            )
        )
    return made


@given(some_instances(), st.sampled_from(Supply), st.randoms(use_true_random=False))
def test_the_order_of_the_input_makes_no_difference(
    instances: list[Instance], supply: Supply, chance: object
) -> None:
    shuffled = list(instances)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    outcomes = []
    for order in (instances, shuffled):
        collated = collate(order, PROFILE, supply)
        value = complete(lay_out(collated, PROFILE, Wishes()), None)
        refused = {(order[index].path, finding) for index, finding in collated.refused.items()}
        outcomes.append((value.dicomdir, value.files, frozenset(refused), frozenset(value.findings)))
    assert outcomes[0] == outcomes[1]


@given(some_instances(), st.sampled_from(Supply))
def test_every_instance_ends_once_in_the_files_or_among_the_refused(
    instances: list[Instance], supply: Supply
) -> None:
    collated = collate(instances, PROFILE, supply)
    value = complete(lay_out(collated, PROFILE, Wishes()), None)
    written = [file.instance.path for file in value.files]
    refused = [instances[index].path for index in collated.refused]
    assert sorted(written + refused) == [instance.path for instance in instances]
    assert all(finding.text for finding in (*value.findings, *collated.refused.values()))


@given(some_instances(), st.sampled_from(Supply))
def test_the_dicomdir_reads_back_without_a_complaint(instances: list[Instance], supply: Supply) -> None:
    value = complete(lay_out(collate(instances, PROFILE, supply), PROFILE, Wishes()), None)
    decoded = decode(value.dicomdir)
    assert decoded.directory == value.directory
    assert decoded.findings == ()


@given(some_instances())
def test_one_patient_one_study_one_series_has_one_record(instances: list[Instance]) -> None:
    value = complete(lay_out(collate(instances, PROFILE, Supply.DIRECTORY), PROFILE, Wishes()), None)
    for record_type, tag in (("PATIENT", 0x00100020), ("STUDY", 0x0020000D), ("SERIES", 0x0020000E)):
        keys = [record.key(tag) for record in value.directory.walk() if record.type == record_type]
        assert all(key is not None and key.value for key in keys)
        assert len(set(keys)) == len(keys)
