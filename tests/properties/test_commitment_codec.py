"""Data sets of storage commitment: what is written is read, and no data set breaks the reading."""

from __future__ import annotations

import contextlib
import io
import warnings

from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset
from pydicom.filereader import read_dataset
from pynetdicom.dsutils import encode

from mediakit.dicom.commitment import (
    CommitmentReport,
    CommitmentRequest,
    Reference,
    read_report,
    read_request,
    reason_words,
    report_set,
    request_set,
)
from mediakit.dicom.identifier import Unintelligible

uids = st.from_regex(r"[1-9][0-9]{0,8}(\.[1-9][0-9]{0,8}){1,5}", fullmatch=True)
references = st.builds(Reference, uids, uids)
reports = st.builds(
    CommitmentReport,
    transaction=uids,
    committed=st.lists(references, max_size=4).map(tuple),
    failed=st.lists(st.tuples(references, st.integers(0, 0xFFFF)), max_size=4).map(tuple),
)
requests = st.builds(
    CommitmentRequest, transaction=uids, references=st.lists(references, min_size=1, max_size=5).map(tuple)
)


def through_bytes(dataset: Dataset, *, implicit: bool) -> Dataset:
    encoded = encode(dataset, implicit, True)
    assert encoded is not None
    return _decoded(encoded, implicit=implicit)


def _decoded(encoded: bytes, *, implicit: bool) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_dataset(io.BytesIO(encoded), implicit, True)


@given(reports, st.booleans())
def test_a_report_is_read_as_it_was_written(report: CommitmentReport, implicit: bool) -> None:
    assert read_report(through_bytes(report_set(report), implicit=implicit)) == report


@given(requests, st.booleans())
def test_a_request_is_read_as_it_was_written(request: CommitmentRequest, implicit: bool) -> None:
    assert read_request(through_bytes(request_set(request), implicit=implicit)) == request


@given(requests, st.booleans(), st.data())
def test_changed_bytes_are_read_or_refused(
    request: CommitmentRequest, implicit: bool, data: st.DataObject
) -> None:
    encoded = bytearray(encode(request_set(request), implicit, True) or b"")
    for _ in range(3):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        dataset = _decoded(bytes(encoded), implicit=implicit)
    except Exception:  # noqa: BLE001 - the library reads it before we do, and answers for that
        return
    for read in (read_request, read_report):
        with contextlib.suppress(Unintelligible):
            read(dataset)


@given(st.integers(0, 0xFFFF))
def test_every_reason_has_words(reason: int) -> None:
    assert reason_words(reason)
