"""An import ends with one true state for every instance, whatever medium and destination do."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pydicom
import pytest

from mediakit.destinations.base import Destination, Unreachable
from mediakit.destinations.folder import FolderDestination
from mediakit.dicom.uids import STORAGE
from mediakit.errors import SourceError, UsageError
from mediakit.events import Event, Listener, PhaseStarted
from mediakit.findings import Severity
from mediakit.journeys.import_ import import_medium
from mediakit.journeys.import_order import ImportDepth, ImportOrder, Patience
from mediakit.journeys.import_target import Target
from mediakit.journeys.proving import Prover
from mediakit.journeys.stock import Scope
from mediakit.ledger.jobs import Jobs
from mediakit.outcome import Outcome, State
from mediakit.transfer.imported import Imported
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass
from mediakit.transfer.people import Expectation, Mixed
from mediakit.transfer.proof import Denied, NoAnswer, Proof, Proven, Verify
from mediakit.transfer.states import TransferState
from tests.support.dicom_bytes import element, part10
from tests.support.scripted import BAD, FULL, LOSE, SUCCESS, WARNING, ScriptedDestination
from tests.support.studies import CR, CT_1, CT_2, CT_3, NOTES, SAMPLES, burnt_to, folder_of

ALL = Expectation(mixed=Mixed.ALLOW)
IMPLICIT = "1.2.840.10008.1.2"
QUICK = Patience(refusals=(0.0, 0.0), connections=(0.0, 0.0), grace_s=2.0)


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path / "jobs")


@pytest.fixture
def ct(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "ct", {"A/IM1": CT_1, "A/IM2": CT_2, "A/IM3": CT_3})


def uid_of(path: Path) -> str:
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def run(
    source: Path,
    destination: Destination,
    jobs: Jobs,
    prover: Prover | None = None,
    **changes: object,
) -> Imported:
    order = ImportOrder(**{"patience": QUICK, "expectation": ALL, **changes})  # type: ignore[arg-type]  # each test passes its fields
    return import_medium(source, Target(destination=destination, verify=prover, query=prover), jobs, order)


def states(imported: Imported) -> dict[str, State]:
    return {Path(fate.source).name: fate.state for fate in imported.result.fates}


def rules(imported: Imported) -> set[str]:
    return set(imported.result.report.by_rule())


def data_sets(folder: Path) -> Counter[str]:
    """Return the digests of the data sets below a folder, by pydicom's own account of where they begin."""
    found: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as stream:
                stream.seek(128)
                if stream.read(4) != b"DICM":
                    continue
                pydicom.filereader._read_file_meta_info(stream)
                found[hashlib.sha256(stream.read()).hexdigest()] += 1
    return found


def small_file(sop_class: str, number: int) -> bytes:
    """Return a whole small file of any SOP Class, without pixel data."""
    uid = f"1.2.826.0.1.{number}"
    elements = [
        element(0x00080016, "UI", sop_class),
        element(0x00080018, "UI", uid),
        element(0x00100010, "PN", "A^B"),
        element(0x00100020, "LO", "P1"),
        element(0x0020000D, "UI", "1.2.3"),
        element(0x0020000E, "UI", f"1.2.3.{number}"),
    ]
    return part10(b"".join(elements), sop_class, uid)


def test_every_sample_reaches_the_destination_as_it_is_stored(tmp_path: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert Counter(digest for _, _, digest in destination.received) == data_sets(SAMPLES)
    assert imported.result.counts()[State.STORED] == 40


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("medium.iso", "STD-GEN-CD"),
        ("medium.zip", "STD-GEN-ZIP-MAIL"),
        ("medium", "STD-GEN-CD"),
    ],
)
def test_a_burnt_medium_reaches_a_folder_whole(tmp_path: Path, jobs: Jobs, name: str, profile: str) -> None:
    medium = tmp_path / name
    burnt_to(medium, SAMPLES, profile=profile)
    imported = run(medium, FolderDestination(tmp_path / "out"), jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert imported.result.counts()[State.EXCLUDED] == 1  # the DICOMDIR is never sent
    stored = data_sets(tmp_path / "out")
    assert sum(stored.values()) == imported.result.counts()[State.STORED] > 30
    if name == "medium":
        assert stored < data_sets(medium)  # the DICOMDIR is what is more


def test_parallel_associations_bring_everything_once(jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs, associations=4)
    assert imported.result.outcome is Outcome.GOOD
    assert len(destination.received) == len(set(destination.uids())) == 40


def test_files_that_are_no_instances_are_named_and_left(tmp_path: Path, jobs: Jobs) -> None:
    source = folder_of(tmp_path / "m", {"IM1": CT_1, "notes.txt": NOTES, "broken": CT_2.read_bytes()[:2000]})
    imported = run(source, ScriptedDestination(), jobs)
    assert states(imported) == {"IM1": State.STORED, "notes.txt": State.NOT_DICOM, "broken": State.UNREADABLE}
    assert imported.result.outcome is Outcome.PARTLY_STORED


def test_an_archive_on_a_medium_is_named_because_images_may_lie_in_it(tmp_path: Path, jobs: Jobs) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(CT_2, "IM2")
    source = folder_of(tmp_path / "m", {"IM1": CT_1, "MORE.ZIP": packed.getvalue(), "B/X.ISO": b"\0" * 999})
    imported = run(source, ScriptedDestination(), jobs)
    assert states(imported) == {"IM1": State.STORED, "MORE.ZIP": State.NOT_DICOM, "X.ISO": State.NOT_DICOM}
    assert ["2 archives" in f.text for f in imported.result.report.findings if f.rule.id == "MK-IMP-008"] == [
        True
    ]
    assert imported.result.outcome is Outcome.GOOD
    assert (
        run(source, ScriptedDestination(), jobs, fail_on=Severity.WARNING).result.outcome is Outcome.FINDINGS
    )


@pytest.mark.parametrize("kept", [1500, 500, 200])
def test_a_directory_that_is_cut_off_is_no_instance_that_did_not_arrive(
    tmp_path: Path, jobs: Jobs, ct: Path, kept: int
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, ct)
    directory = medium / "DICOMDIR"
    directory.write_bytes(directory.read_bytes()[:kept])
    imported = run(medium, ScriptedDestination(), jobs)
    assert states(imported)["DICOMDIR"] is State.EXCLUDED
    assert len(imported.rows) == 3
    assert imported.result.outcome is Outcome.GOOD
    assert "MK-IMP-009" in rules(imported)


def test_a_medium_without_instances_is_said_to_be_none(tmp_path: Path, jobs: Jobs) -> None:
    imported = run(folder_of(tmp_path / "m", {"notes.txt": NOTES}), ScriptedDestination(), jobs)
    assert imported.result.outcome is Outcome.SOURCE


def test_a_medium_that_cannot_be_opened_raises(tmp_path: Path, jobs: Jobs) -> None:
    with pytest.raises(SourceError):
        run(tmp_path / "nothing", ScriptedDestination(), jobs)


def test_a_file_that_the_directory_names_and_nobody_has_is_missing(tmp_path: Path, jobs: Jobs) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, CT_1.parent)
    gone = next(path for path in sorted(medium.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    gone.unlink()
    imported = run(medium, ScriptedDestination(), jobs)
    assert states(imported)[gone.name] is State.MISSING
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert "MK-IMP-001" in rules(imported)
    ignoring = run(medium, ScriptedDestination(), jobs, scope=Scope.FILES)
    assert ignoring.result.outcome is Outcome.GOOD


def test_a_file_that_the_directory_does_not_name_is_taken_unless_it_is_not_wanted(
    tmp_path: Path, jobs: Jobs, ct: Path
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, ct)
    folder_of(medium, {"EXTRA": SAMPLES / "mueller_joerg" / "20240311_CR" / "thorax_pa.DCM"})
    imported = run(medium, ScriptedDestination(), jobs)
    assert states(imported)["EXTRA"] is State.STORED
    assert "MK-IMP-003" in rules(imported)
    only = run(medium, ScriptedDestination(), jobs, scope=Scope.DIRECTORY)
    assert states(only)["EXTRA"] is State.EXCLUDED
    assert "MK-IMP-004" in rules(only)
    assert only.result.outcome is Outcome.GOOD


def test_a_medium_without_a_directory_is_scanned_and_said_to_be_one(ct: Path, jobs: Jobs) -> None:
    imported = run(ct, ScriptedDestination(), jobs)
    assert "MK-IMP-006" in rules(imported)
    assert imported.result.outcome is Outcome.GOOD


def test_a_sound_medium_gives_no_finding(tmp_path: Path, jobs: Jobs, ct: Path) -> None:
    burnt_to(tmp_path / "medium.iso", ct)
    assert rules(run(tmp_path / "medium.iso", ScriptedDestination(), jobs)) == {"MK-IMP-030"}


def test_a_directory_that_contradicts_its_files_is_told_and_the_files_are_believed(
    tmp_path: Path, jobs: Jobs
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, folder_of(tmp_path / "two", {"A": CT_1, "B": CT_2}))
    first = next(path for path in sorted(medium.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    first.write_bytes(CT_3.read_bytes())
    destination = ScriptedDestination()
    imported = run(medium, destination, jobs)
    assert "MK-IMP-007" in rules(imported)
    assert uid_of(CT_3) in destination.uids()
    assert State.MISSING in states(imported).values()  # what stood there by the directory is nowhere


def test_another_instance_of_the_same_uid_at_the_destination_is_never_replaced(
    tmp_path: Path, jobs: Jobs
) -> None:
    out = FolderDestination(tmp_path / "out")
    run(folder_of(tmp_path / "one", {"A": CT_1}), out, jobs)
    other = bytearray(CT_1.read_bytes())
    other[-1] ^= 1
    before = data_sets(tmp_path / "out")
    imported = run(folder_of(tmp_path / "other", {"A": bytes(other)}), out, jobs)
    assert states(imported) == {"A": State.CONFLICT}
    assert "MK-IMP-015" in rules(imported)
    assert data_sets(tmp_path / "out") == before


def test_the_same_instance_twice_goes_once(tmp_path: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(folder_of(tmp_path / "m", {"A": CT_1, "B": CT_1}), destination, jobs)
    assert sorted(states(imported).values()) == [State.DUPLICATE, State.STORED]
    assert len(destination.received) == 1


def test_two_instances_of_one_uid_are_a_conflict_and_neither_goes(tmp_path: Path, jobs: Jobs) -> None:
    other = bytearray(CT_1.read_bytes())
    other[-1] ^= 1
    destination = ScriptedDestination()
    imported = run(folder_of(tmp_path / "m", {"A": CT_1, "B": bytes(other)}), destination, jobs)
    assert set(states(imported).values()) == {State.CONFLICT}
    assert not destination.received
    assert imported.result.outcome is Outcome.PARTLY_STORED


def test_of_two_instances_of_one_uid_the_one_that_the_directory_names_goes(
    tmp_path: Path, jobs: Jobs, ct: Path
) -> None:
    medium = tmp_path / "medium"
    burnt_to(medium, ct)
    first = next(path for path in sorted(medium.rglob("*")) if path.is_file() and path.name != "DICOMDIR")
    other = bytearray(first.read_bytes())
    other[-1] ^= 1
    folder_of(medium, {"TWIN": bytes(other)})
    destination = ScriptedDestination()
    imported = run(medium, destination, jobs)
    assert (states(imported)[first.name], states(imported)["TWIN"]) == (State.STORED, State.CONFLICT)
    assert len(destination.received) == 3


def test_a_destination_that_refuses_everything_is_no_success(ct: Path, jobs: Jobs) -> None:
    imported = run(ct, ScriptedDestination(script=lambda _item, _tries: FULL), jobs)
    assert set(states(imported).values()) == {State.REFUSED}
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert "MK-IMP-011" in rules(imported)


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("SCRIPT@127.0.0.1:1", FULL, "also later: status 0xA700 (out of resources)"),
        ("SCRIPT@127.0.0.1:1", BAD, "take it: status 0xC000 (cannot understand)"),
        ("SCRIPT@127.0.0.1:1", WARNING, "with a warning: status 0xB000 (coercion)"),
        (
            "dicomweb+http://127.0.0.1:1",
            Answer(kind=StatusClass.ERROR, code=413, words="too large"),
            "take it: status 413 (too large)",
        ),
        (
            "dir:/in",
            Answer(kind=StatusClass.REFUSED, words="there is no room"),
            "also later: there is no room",
        ),
    ],
)
def test_a_finding_says_an_answer_in_the_words_of_its_kind_of_destination(
    name: str, answer: Answer, said: str, ct: Path, jobs: Jobs
) -> None:
    destination = ScriptedDestination(script=lambda _item, _tries: answer, name=name)
    texts = {finding.text for finding in run(ct, destination, jobs).result.report.findings}
    assert len([text for text in texts if text.endswith(said)]) == 1


def test_a_refusal_is_tried_again_and_an_error_is_not(ct: Path, jobs: Jobs) -> None:
    refused, failed = uid_of(CT_1), uid_of(CT_2)

    def script(item: Outgoing, tries: int) -> object:
        if item.sop_instance == refused:
            return FULL if tries == 0 else SUCCESS
        return BAD if item.sop_instance == failed else WARNING

    destination = ScriptedDestination(script=script)  # type: ignore[arg-type]
    imported = run(ct, destination, jobs)
    assert states(imported) == {
        "IM1": State.STORED,
        "IM2": State.FAILED,
        "IM3": State.STORED_WITH_WARNING,
    }
    assert Counter(destination.uids())[refused] == 2
    assert Counter(destination.uids())[failed] == 1
    assert {"MK-IMP-012", "MK-IMP-013"} <= rules(imported)


def test_a_full_destination_is_not_sent_everything_in_vain(jobs: Jobs) -> None:
    destination = ScriptedDestination(script=lambda _item, _tries: FULL)
    patience = Patience(refusals=(), connections=(), in_a_row=3)
    imported = run(SAMPLES, destination, jobs, patience=patience)
    assert len(destination.received) == 3
    assert imported.result.counts()[State.UNSENT] == 37
    assert imported.result.counts()[State.REFUSED] == 3


def test_an_answer_that_never_came_is_asked_for_again(ct: Path, jobs: Jobs) -> None:
    lost = uid_of(CT_2)
    destination = ScriptedDestination(
        script=lambda item, tries: LOSE if item.sop_instance == lost and tries == 0 else SUCCESS
    )
    imported = run(ct, destination, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert Counter(destination.uids())[lost] == 2


def test_an_instance_that_ends_every_connection_is_left_and_the_others_go(ct: Path, jobs: Jobs) -> None:
    lost = uid_of(CT_1)
    destination = ScriptedDestination(
        script=lambda item, _tries: LOSE if item.sop_instance == lost else SUCCESS
    )
    imported = run(ct, destination, jobs)
    assert states(imported) == {"IM1": State.UNCERTAIN, "IM2": State.STORED, "IM3": State.STORED}
    assert "MK-IMP-014" in rules(imported)


def test_a_destination_that_cannot_be_reached_leaves_everything_unsent(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(unreachable=[Unreachable("nobody answers")])
    imported = run(ct, destination, jobs)
    assert set(states(imported).values()) == {State.UNSENT}
    assert imported.result.outcome is Outcome.NO_ASSOCIATION
    assert "MK-IMP-020" in rules(imported)


def test_a_passing_trouble_is_waited_for(ct: Path, jobs: Jobs) -> None:
    busy = Unreachable("too many associations", is_busy=True)
    imported = run(ct, ScriptedDestination(unreachable=[busy, busy]), jobs)
    assert imported.result.outcome is Outcome.GOOD


def test_what_the_destination_does_not_take_is_converted_and_named(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(takes_syntax=lambda _class, syntax: syntax == IMPLICIT)
    imported = run(ct, destination, jobs)
    assert imported.result.outcome is Outcome.GOOD
    assert {syntax for _, syntax, _ in destination.received} == {IMPLICIT}
    assert "MK-CNV-001" in rules(imported)
    assert {row.sent_as for row in imported.rows} == {IMPLICIT}


def test_without_leave_nothing_is_converted(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(takes_syntax=lambda _class, syntax: syntax == IMPLICIT)
    imported = run(ct, destination, jobs, may_convert=False)
    assert set(states(imported).values()) == {State.NOT_NEGOTIATED}
    assert imported.result.outcome is Outcome.PARTLY_STORED
    assert "MK-IMP-010" in rules(imported)


def test_resume_sends_only_what_is_not_there_yet(ct: Path, jobs: Jobs) -> None:
    broken = ScriptedDestination(script=lambda item, _tries: LOSE if item.path.endswith("IM2") else SUCCESS)
    first = run(ct, broken, jobs)
    assert first.result.outcome is Outcome.PARTLY_STORED
    whole = ScriptedDestination()
    second = run(ct, whole, jobs, resume=True)
    assert second.job == first.job
    assert whole.uids() == [uid_of(CT_2)]
    assert second.result.outcome is Outcome.GOOD
    third = ScriptedDestination()
    assert run(ct, third, jobs, resume=True).result.outcome is Outcome.GOOD
    assert not third.received and not third.connections


def test_without_resume_an_earlier_import_is_named_and_a_new_one_begun(ct: Path, jobs: Jobs) -> None:
    first = run(ct, ScriptedDestination(), jobs)
    again = ScriptedDestination()
    second = run(ct, again, jobs)
    assert second.job != first.job
    assert len(again.received) == 3
    assert "MK-IMP-022" in rules(second)


def test_a_second_copy_of_the_medium_fills_the_gaps(tmp_path: Path, jobs: Jobs, ct: Path) -> None:
    medium, copy = tmp_path / "medium", tmp_path / "copy"
    burnt_to(medium, ct)
    burnt_to(copy, ct)
    files = sorted(path for path in medium.rglob("*") if path.is_file() and path.name != "DICOMDIR")
    files[0].write_bytes(files[0].read_bytes()[:1000])
    files[1].unlink()
    first = run(medium, ScriptedDestination(), jobs)
    assert first.result.counts() == {
        State.STORED: 1,
        State.UNREADABLE: 1,
        State.MISSING: 1,
        State.EXCLUDED: 1,
    }
    destination = ScriptedDestination()
    second = run(copy, destination, jobs, resume=True)
    assert second.result.outcome is Outcome.GOOD
    assert len(destination.received) == 2


def test_a_retry_tries_again_what_was_not_taken(ct: Path, jobs: Jobs) -> None:
    first = run(ct, ScriptedDestination(script=lambda _item, _tries: BAD), jobs)
    mended = ScriptedDestination()
    assert run(ct, mended, jobs, resume=True).result.outcome is Outcome.PARTLY_STORED
    assert not mended.received
    assert run(ct, mended, jobs, job=first.job, retry=True).result.outcome is Outcome.GOOD
    assert len(mended.received) == 3


def test_a_retry_from_a_larger_medium_keeps_to_its_job(tmp_path: Path, ct: Path, jobs: Jobs) -> None:
    first = run(ct, ScriptedDestination(script=lambda _item, _tries: FULL), jobs)
    more = folder_of(tmp_path / "more", {"A/IM1": CT_1, "A/IM2": CT_2, "A/IM3": CT_3, "CR": CR})
    destination = ScriptedDestination()
    imported = run(more, destination, jobs, job=first.job, retry=True, expectation=Expectation())
    assert imported.result.outcome is Outcome.GOOD
    assert states(imported)["CR"] is State.EXCLUDED
    assert "MK-IMP-023" in rules(imported)
    assert len(destination.received) == 3


def test_a_proof_confirms_what_was_stored(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        return Proof(kind="query", answers={item.sop_instance: Proven() for item in items})

    imported = run(ct, ScriptedDestination(), jobs, prover, verify=Verify.QUERY)
    assert {row.state for row in imported.rows} == {TransferState.COMMITTED}
    assert imported.result.outcome is Outcome.GOOD


def test_a_proof_that_denies_what_was_answered_is_a_matter_of_integrity(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        first, second, third = (item.sop_instance for item in items)
        return Proof(
            kind="commit",
            answers={first: Proven(), second: Denied(reason="no such instance"), third: NoAnswer()},
        )

    imported = run(ct, ScriptedDestination(), jobs, prover, verify=Verify.COMMIT)
    assert Counter(row.state for row in imported.rows) == {
        TransferState.COMMITTED: 1,
        TransferState.UNCONFIRMED: 2,
    }
    assert imported.result.outcome is Outcome.INTEGRITY
    assert "MK-IMP-021" in rules(imported)


def test_a_destination_that_cannot_be_asked_leaves_what_it_stored_unconfirmed(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        raise UsageError("cannot listen there", where="0.0.0.0:104")

    imported = run(ct, ScriptedDestination(), jobs, prover, verify=Verify.COMMIT)
    assert {row.state for row in imported.rows} == {TransferState.UNCONFIRMED}
    assert imported.result.outcome is Outcome.INTEGRITY
    assert "MK-IMP-024" in rules(imported)
    assert {row.words for row in imported.rows} == {"0.0.0.0:104: cannot listen there"}


def test_a_destination_that_cannot_be_asked_first_gets_everything(ct: Path, jobs: Jobs) -> None:
    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        return Proof(kind="query", answers={}, words="the peer does not offer the service")

    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, prover, ask_first=True)
    assert len(destination.received) == 3
    assert "MK-IMP-024" in rules(imported)
    assert imported.result.outcome is Outcome.GOOD


def test_what_a_query_finds_at_the_destination_is_not_sent(ct: Path, jobs: Jobs) -> None:
    there = uid_of(CT_1)

    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        return Proof(kind="query", answers={there: Proven()})

    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, prover, ask_first=True)
    assert there not in destination.uids()
    assert states(imported)["IM1"] is State.ALREADY_THERE
    assert imported.result.outcome is Outcome.GOOD


def test_a_signal_ends_the_import_with_a_job_that_can_be_resumed(ct: Path, jobs: Jobs) -> None:
    sent: list[str] = []

    def interrupt(event: Event) -> None:
        if isinstance(event, PhaseStarted) and event.phase == "prove":
            raise KeyboardInterrupt

    def prover(items: Sequence[Outgoing], _tell: Listener) -> Proof:
        sent.extend(item.sop_instance for item in items)
        return Proof(kind="query", answers={item.sop_instance: Proven() for item in items})

    order = ImportOrder(patience=QUICK, verify=Verify.QUERY)
    target = Target(destination=ScriptedDestination(), verify=prover, query=prover)
    imported = import_medium(ct, target, jobs, order, interrupt)
    assert imported.result.outcome is Outcome.INTERRUPTED
    assert {row.state for row in imported.rows} == {TransferState.STORED}
    resumed = import_medium(ct, target, jobs, ImportOrder(resume=True, verify=Verify.QUERY))
    assert {row.state for row in resumed.rows} == {TransferState.COMMITTED}
    assert resumed.job == imported.job


def test_a_medium_with_several_patients_is_refused_and_nothing_is_sent(jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs, expectation=Expectation())
    assert imported.result.outcome is Outcome.IDENTITY
    assert not destination.connections and not jobs.summaries()
    assert imported.result.counts()[State.WITHHELD] == 40
    assert {"MK-IDN-003"} <= rules(imported)
    assert len({identity.patient_id for identity, _ in imported.identities}) == 3


def test_one_patient_can_be_chosen_and_the_others_are_left_out(jobs: Jobs) -> None:
    refused = run(SAMPLES, ScriptedDestination(), jobs, expectation=Expectation())
    chosen = refused.identities[0][0].patient_id
    destination = ScriptedDestination()
    imported = run(SAMPLES, destination, jobs, expectation=Expectation(patient=chosen))
    assert imported.result.outcome is Outcome.GOOD
    counts = imported.result.counts()
    assert counts[State.STORED] == len(destination.received) > 0
    assert counts[State.STORED] + counts[State.EXCLUDED] == 40


def test_a_resume_for_another_patient_leaves_out_those_of_the_first(jobs: Jobs) -> None:
    refused = run(SAMPLES, ScriptedDestination(), jobs, expectation=Expectation())
    one, other = (refused.identities[number][0].patient_id for number in (0, 1))
    nobody = ScriptedDestination(unreachable=[Unreachable("nobody answers")])
    first = run(SAMPLES, nobody, jobs, expectation=Expectation(patient=one))
    destination = ScriptedDestination()
    second = run(SAMPLES, destination, jobs, resume=True, expectation=Expectation(patient=other))
    assert second.job == first.job
    assert second.result.outcome is Outcome.GOOD
    counts = second.result.counts()
    assert counts[State.STORED] == len(destination.received)
    assert counts[State.STORED] + counts[State.EXCLUDED] == 40


@pytest.mark.parametrize(
    "expectation",
    [
        Expectation(patient_id="SOMEBODY-ELSE"),
        Expectation(name="Otherwise^Anna"),
        Expectation(birth_date="19010101"),
    ],
)
def test_another_patient_than_expected_is_refused(ct: Path, jobs: Jobs, expectation: Expectation) -> None:
    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, expectation=expectation)
    assert imported.result.outcome is Outcome.IDENTITY
    assert not destination.received


def test_no_name_of_a_patient_is_in_the_findings_of_a_refusal(jobs: Jobs) -> None:
    imported = run(SAMPLES, ScriptedDestination(), jobs, expectation=Expectation())
    said = "\n".join(finding.text for finding in imported.result.report.findings)
    assert not any(name in said for name in ("Beispiel", "Jörg", "Hanako", "Ελένη"))


def test_a_rehearsal_speaks_to_nobody_and_begins_no_job(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination()
    imported = run(ct, destination, jobs, depth=ImportDepth.PLAN)
    assert imported.is_rehearsal
    assert imported.result.outcome is Outcome.GOOD
    assert not destination.connections and not jobs.summaries()
    assert [line.count for line in imported.contexts] == [3]


def test_a_probe_tells_what_would_go_and_how_and_sends_nothing(ct: Path, jobs: Jobs) -> None:
    destination = ScriptedDestination(takes_syntax=lambda _class, syntax: syntax == IMPLICIT)
    imported = run(ct, destination, jobs, depth=ImportDepth.PROBE)
    assert [line.accepted for line in imported.contexts] == [
        "would be converted to Implicit VR Little Endian"
    ]
    assert not destination.received
    refusing = run(ct, ScriptedDestination(takes_syntax=lambda *_: False), jobs, depth=ImportDepth.PROBE)
    assert refusing.result.outcome is Outcome.PARTLY_STORED
    silent = run(ct, ScriptedDestination(unreachable=[Unreachable("x")]), jobs, depth=ImportDepth.PROBE)
    assert silent.result.outcome is Outcome.NO_ASSOCIATION


def test_more_contexts_than_an_association_holds_take_several(tmp_path: Path, jobs: Jobs) -> None:
    files: dict[str, Path | bytes] = {
        f"IM{number:03d}": small_file(uid, number) for number, uid in enumerate(list(STORAGE)[:140])
    }
    destination = ScriptedDestination()
    imported = run(folder_of(tmp_path / "m", files), destination, jobs)
    assert len(set(destination.uids())) == 140
    assert all(len(contexts) <= 128 for contexts in destination.connections)
    assert imported.result.outcome is Outcome.GOOD
