"""Answers of STOW-RS: whatever a server sends, it is an answer or it is none, and no success is made up."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mediakit.destinations.stow import answer_of
from mediakit.transfer.outgoing import StatusClass

UID = "1.2.840.1"
_TYPES = st.sampled_from(["application/dicom+json", "application/json", "text/html", ""])
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
    answer = answer_of(status, media_type, content, UID)
    if answer is not None:
        assert answer.code == status
        assert answer.words.isprintable()
        assert len(answer.words) < 200


@given(status=st.integers(0, 999), media_type=_TYPES, content=_CONTENT)
def test_a_success_names_the_instance(status: int, media_type: str, content: bytes | None) -> None:
    answer = answer_of(status, media_type, content, UID)
    if answer is not None and answer.kind is StatusClass.SUCCESS:
        assert 200 <= status < 300
        assert content is not None
        assert UID.encode() in content
