"""The report on an import: what arrived, what did not, why, what to do, as text, JSON and HTML."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from msgspec import structs

from mediakit.errors import UsageError
from mediakit.outcome import Fate, Outcome, State
from mediakit.report.forms import import_form_of
from mediakit.report.import_places import TO_DO, ended, findings_besides
from mediakit.report.imported import import_schema, imported_doc, imported_text
from mediakit.report.imported_html import imported_html
from mediakit.report.json import to_json
from mediakit.transfer.imported import Change, ContextLine, Imported
from mediakit.transfer.outgoing import Answer, StatusClass, status_text
from mediakit.transfer.patient_identity import Identity
from mediakit.transfer.row import Row
from mediakit.transfer.states import TransferState
from tests.support.imports import ATTENTION, JOB, good, imported, troubled
from tests.support.ledgers import CT, EXPLICIT_LE, PEER, SOURCE, row, uid

IMPLICIT_LE = "1.2.840.10008.1.2"


def document(told: Imported) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(to_json(imported_doc(told)))
    jsonschema.validate(made, import_schema())
    return made


def test_a_good_import_is_told_in_a_few_lines() -> None:
    assert imported_text(good()).splitlines() == [
        f"{SOURCE} -> {PEER}",
        "  not-dicom            1",
        "  left out             1 (the DICOMDIR, never sent)",
        "  stored               2",
        "  sent                 2.5 MB, 812.5 images per second, 40.1 MB/s",
        f"job {JOB}",
        "what to do: nothing. The medium can be given back.",
        "outcome: good (exit code 0)",
    ]


def test_instances_that_went_in_another_transfer_syntax_are_counted() -> None:
    rows = [
        replace(row(1), state=TransferState.STORED, sent_as=IMPLICIT_LE),
        replace(row(2), state=TransferState.STORED, sent_as=IMPLICIT_LE),
        replace(row(3), state=TransferState.STORED, sent_as=EXPLICIT_LE),
        replace(row(4), state=TransferState.FAILED, sent_as=IMPLICIT_LE),
    ]
    lines = imported_text(imported(rows)).splitlines()
    assert "  converted            2 instances are there as Implicit VR Little Endian, without loss" in lines
    assert "converted" not in imported_text(good())


def test_of_what_was_not_sent_for_one_reason_a_few_lines_are_enough() -> None:
    lines = imported_text(imported([row(number) for number in range(30)])).splitlines()
    assert (
        len([line for line in lines if line.startswith("  unsent ")]) == 1 + 3 + 1
    )  # the count, a few, the rest
    assert any(line.startswith("  unsent               ... and 27 more") for line in lines)


def test_every_state_that_needs_attention_is_named_with_place_uid_status_words_and_what_to_do() -> None:
    text = imported_text(troubled())
    for number, state in enumerate(ATTENTION, start=1):
        (line,) = [line for line in text.splitlines() if f"DICOM/BAD{number} " in line]
        assert line.startswith(f"  {state.fate.value} ")
        assert uid(number) in line
        assert f"status 0x{0xA900 + number:04X}" in line
        assert f"words {number} <b>of</b> the peer" in line
        hint = TO_DO[state.fate].replace("RESUME", "the same command with `--resume`")
        assert hint.replace("retry JOB", f"retry {JOB}") in text
    assert f"job {JOB}; the same command with `--resume` goes on with it" in text
    assert "sector 16 cannot be read" in text
    assert "hint: clean the disc" in text
    assert text.endswith("outcome: not everything was stored (exit code 6)\n")


def test_every_fate_that_is_not_good_has_something_to_do_and_words() -> None:
    for state in TransferState:
        if not state.fate.is_good:
            assert TO_DO[state.fate]
            told = imported([row(1, state=state)])
            assert uid(1) in imported_text(told)
            assert uid(1) in imported_html(told)


@pytest.mark.parametrize("count", [41, 5_000])
def test_a_long_list_is_cut_for_a_terminal_and_each_state_still_seen(count: int) -> None:
    rows = [row(number, state=TransferState.FAILED) for number in range(count)]
    rows += [row(count + number, state=TransferState.MISSING) for number in range(count)]
    text = imported_text(imported(rows))
    lines = [line for line in text.splitlines() if " DICOM/IM" in line]
    assert len(lines) == 40
    assert sum("missing" in line for line in lines) == 3
    assert f"... and {count - 37:,} more (`mediakit job show {JOB} -v` has all)" in text
    assert len(
        [x for x in imported_text(imported(rows), everything=True).splitlines() if " DICOM/IM" in x]
    ) == (2 * count)


def test_what_a_peer_or_a_medium_says_is_printed_on_one_line() -> None:
    odd = replace(row(1, "A\x1b[2J\r\nB", TransferState.FAILED), words="x\r\ny")
    text = imported_text(imported([odd]))
    assert "A\\x1b[2J\\r\\nB" in text
    assert "\x1b" not in text
    assert "x\\r\\ny" in text


def test_a_status_is_written_as_its_documents_write_it() -> None:
    assert status_text(0, PEER) == ""
    assert status_text(0x0110, PEER) == "0x0110"
    assert status_text(409, "dicomweb+https://host/studies") == "409"


def test_an_answer_is_told_with_its_status_where_the_destination_has_one() -> None:
    refused = Answer(kind=StatusClass.REFUSED, code=0xA700, words="out of resources")
    assert refused.text(PEER) == "status 0xA700 (out of resources)"
    assert Answer(kind=StatusClass.ERROR, code=404).text("dicomweb+http://host") == "status 404"
    assert Answer(kind=StatusClass.REFUSED, words="there is no room").text("dir:/in") == "there is no room"
    assert Answer(kind=StatusClass.REFUSED).text("dir:/in") == "it does not say why"


def test_a_rehearsal_says_what_would_go_and_that_nothing_was_sent() -> None:
    lines = (
        ContextLine(sop_class=CT, transfer_syntaxes=(EXPLICIT_LE,), count=2, accepted="as is", why=""),
        ContextLine(sop_class="1.2.3", transfer_syntaxes=(EXPLICIT_LE,), count=1, accepted="no", why="why"),
    )
    told = imported([row(1), row(2)], contexts=lines, is_rehearsal=True, job="")
    fates = tuple(structs.replace(fate, state=State.PLANNED) for fate in told.result.fates)
    told = replace(told, result=replace(told.result, fates=fates, outcome=Outcome.GOOD))
    text = imported_text(told)
    assert "  planned              2" in text
    assert "CT Image Storage, Explicit VR Little Endian  as is" in text
    assert "1.2.3, Explicit VR Little Endian  no: why" in text
    assert "nothing was sent: this was a rehearsal" in text
    assert "needs attention" not in text
    assert "2 of 2 images would be sent" in imported_html(told)
    assert document(told)["contexts"][1] == {
        "sop_class_uid": "1.2.3",
        "transfer_syntax_uids": [EXPLICIT_LE],
        "count": 1,
        "accepted": "no",
        "why": "why",
    }


def test_whose_images_they_are_is_told_on_the_terminal_alone_when_the_guard_says_no() -> None:
    identities = ((Identity(patient_id="P1", name="Doe^Jane", birth_date="19700101"), 2),)
    told = imported([row(1)], outcome=Outcome.IDENTITY, identities=identities, job="")
    fates = (Fate(source=f"{SOURCE}/DICOM/IM0001", state=State.WITHHELD, sop_instance=uid(1)),)
    told = replace(told, result=replace(told.result, fates=fates))
    text = imported_text(told)
    assert "nothing was sent" in text
    assert "2  P1, Doe^Jane, born 1970-01-01" in text
    assert "Doe" not in imported_html(told)
    assert "Doe" not in json.dumps(document(told))
    assert "Doe" not in repr(told)
    assert "not clear whose images" in imported_html(told)


def test_the_document_has_every_instance_and_every_other_file() -> None:
    made = document(troubled())
    assert made["schema"] == "mediakit/import/1"
    assert (made["outcome"], made["exit_code"], made["job"]) == ("partly-stored", 6, JOB)
    assert len(made["instances"]) == len(ATTENTION) + 2
    first = made["instances"][1]
    assert (first["state"], first["status"], first["status_text"]) == ("unsent", 0xA901, "0xA901")
    assert (first["sop_instance_uid"], first["sop_class_uid"], first["path"]) == (uid(1), CT, "DICOM/BAD1")
    assert made["instances"][-1]["because"] == "MK-XXX-001"
    assert [(each["source"], each["state"]) for each in document(good())["files"]] == [
        (f"{SOURCE}/DICOMDIR", "excluded"),
        (f"{SOURCE}/README.TXT", "not-dicom"),
    ]
    assert document(good())["counts"] == {"excluded": 1, "not-dicom": 1, "stored": 2}


def test_changed_values_are_listed_and_never_in_a_repr() -> None:
    change = Change(key=uid(0), tag=0x00100010, name="Patient's Name", before="Old^Name", after="<i>New")
    told = replace(good(), changes=(change, replace(change, key=uid(1))))
    nameless = {"sop_instance_uid": uid(0), "tag": "(0010,0010)", "name": "Patient's Name"}
    named = json.loads(to_json(imported_doc(told, with_names=True)))["changes"][0]
    assert named == {**nameless, "before": "Old^Name", "after": "<i>New"}
    assert document(told)["changes"][0] == {**nameless, "before": "", "after": ""}
    assert "changed              2 values in 2 instances" in imported_text(told)
    assert "Old^Name" not in imported_html(told)
    page = imported_html(told, with_names=True)
    assert "Old^Name" in page
    assert "&lt;i&gt;New" in page
    assert "Old^Name" not in repr(told)


def test_findings_that_are_told_with_an_instance_are_not_told_twice() -> None:
    assert [finding.rule.id for finding in findings_besides(troubled())] == ["MK-XXX-002"]


def test_an_instance_without_a_fate_of_its_own_has_the_one_of_its_row() -> None:
    told = imported([row(1, "A", TransferState.STORED), row(2, "A", TransferState.FAILED)])
    told = replace(told, result=replace(told.result, fates=told.result.fates[:1]))
    assert [each.state for each in ended(told)] == [State.STORED, State.FAILED]


def test_instances_that_share_a_place_keep_their_fates_apart() -> None:
    told = imported([row(1, "A", TransferState.STORED), row(2, "A", TransferState.PLANNED)])
    fates = (told.result.fates[0], structs.replace(told.result.fates[1], source=f"{SOURCE}/A ({uid(2)})"))
    told = replace(told, result=replace(told.result, fates=fates))
    assert [each.fate for each in ended(told)] == list(fates)
    assert document(told)["files"] == []
    assert document(told)["counts"] == {"stored": 1, "unsent": 1}


@pytest.mark.parametrize(
    ("changes", "sentence", "step"),
    [
        ({}, "The one image is at the destination", "The medium can be given back"),
        ({"verified": "commit"}, "the destination confirmed 0 of 1", "Nothing."),
    ],
)
def test_a_good_page_says_so(changes: dict[str, Any], sentence: str, step: str) -> None:
    page = imported_html(replace(good(1), **changes))
    assert sentence in page
    assert step in page
    assert "verdict good" in page


@pytest.mark.parametrize(
    ("state", "step"),
    [
        (TransferState.UNCONFIRMED, "until somebody has looked for these images at the destination"),
        (TransferState.MISSING, "Ask the sender for another copy"),
        (TransferState.FAILED, "what stands in the way"),
    ],
)
def test_a_page_says_what_to_do(state: TransferState, step: str) -> None:
    rows = [row(0, state=TransferState.STORED), row(1, state=state)]
    page = imported_html(imported(rows, outcome=Outcome.PARTLY_STORED))
    assert step in page
    doubt = "known to be " if state is TransferState.UNCONFIRMED else ""
    assert f"1 of 2 images is not {doubt}at the destination" in page
    assert "verdict bad" in page


def test_an_import_that_was_interrupted_at_its_end_is_not_called_good() -> None:
    told = good()
    page = imported_html(replace(told, result=replace(told.result, outcome=Outcome.INTERRUPTED)))
    assert "All 2 images are at the destination, and the import was interrupted" in page
    assert "verdict bad" in page
    assert "given back" not in page


def test_the_studies_are_counted_without_names_the_worst_first() -> None:
    def of(study: str, one: Row) -> Row:
        return replace(one, item=replace(one.item, study=study))

    rows = [of("1.1", row(0, state=TransferState.STORED)), of("1.2", row(1, state=TransferState.FAILED))]
    page = re.sub(r"<[^>]*>", " ", imported_html(imported(rows)))
    studies = " ".join(page[page.index("Study Instance UID") :].split())
    assert studies.startswith("Study Instance UID Images Arrived 1.2 1 0 \u2716 1.1 1 1 ")


def test_a_page_for_a_huge_import_stays_small() -> None:
    rows = [row(number, state=TransferState.FAILED) for number in range(20_000)]
    assert len(imported_html(imported(rows))) < 300_000


def test_the_form_of_a_report_follows_from_its_name() -> None:
    assert import_form_of("A.HTML")(good(), "2026").startswith("<!doctype html>")
    assert json.loads(import_form_of("a.json")(good(), "2026"))["schema"] == "mediakit/import/1"
    with pytest.raises(UsageError):
        import_form_of("a.pdf")
