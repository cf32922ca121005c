"""Answers of STOW-RS: whatever a server sends, it is an answer or it is none, and no success is made up."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediakit.destinations.bounded_http import Reply
from mediakit.destinations.server_words import reason_of, xml_document
from mediakit.destinations.stow import answer_of
from mediakit.transfer.outgoing import StatusClass

UID = "1.2.840.1"
_TYPES = st.sampled_from(
    ["application/dicom+json", "application/json", "application/dicom+xml", "text/html", "text/plain", ""]
)
_TAGS = st.sampled_from(["00081199", "00081198", "00081155", "00081196", "00081197", "Value", "vr", "x"])
_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(UID)
_JSON: st.SearchStrategy[Any] = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TAGS, inner, max_size=4),
    max_leaves=25,
)
_CONTENT = st.none() | st.binary(max_size=60) | _JSON.map(lambda value: json.dumps(value).encode())


@given(status=st.integers(0, 999), media_type=_TYPES, content=_CONTENT)
def test_any_response_is_judged_without_a_fault(status: int, media_type: str, content: bytes | None) -> None:
    answer = answer_of(Reply(status=status, media_type=media_type, body=content), UID)
    if answer is not None:
        assert answer.code == status
        assert answer.words.isprintable()
        assert len(answer.words) < 400


@given(status=st.integers(0, 999), media_type=_TYPES, content=_CONTENT)
def test_a_success_names_the_instance(status: int, media_type: str, content: bytes | None) -> None:
    answer = answer_of(Reply(status=status, media_type=media_type, body=content), UID)
    if answer is not None and answer.kind is StatusClass.SUCCESS:
        assert 200 <= status < 300
        assert content is not None
        assert UID.encode() in content


@given(media_type=_TYPES, content=_CONTENT, warning=st.text(max_size=30))
def test_a_reason_is_one_printable_line_whatever_comes(
    media_type: str, content: bytes | None, warning: str
) -> None:
    reason = reason_of(media_type, content, warning)
    assert reason.isprintable()
    assert len(reason) <= 203


@given(st.binary(max_size=200) | st.text(alphabet="<>/&;!DOCTYPE []aé", max_size=80).map(str.encode))
def test_any_xml_is_a_document_or_none(content: bytes) -> None:
    assert xml_document(content) in (None, {}) or b"NativeDicomModel" in content
