"""What servers say in their own words, in the forms that they say it in."""

from __future__ import annotations

import pytest

from mediakit.destinations.bounded_http import Reply
from mediakit.destinations.server_words import reason_of, xml_document
from mediakit.destinations.stow import answer_of
from mediakit.transfer.outgoing import StatusClass

UID = "1.2.840.1"


@pytest.mark.parametrize(
    ("media_type", "content", "warning", "reason"),
    [
        (
            "application/json",
            b'{"error":{"code":409,"message":"is locked"}}',
            "",
            "is locked",
        ),
        ("application/json", b'{"Details":"disk full","HttpError":"x","Message":"no"}', "", "no"),
        (
            "application/problem+json",
            b'{"title":"Conflict","detail":"locked by a rule"}',
            "",
            "locked by a rule",
        ),
        ("application/json", b'{"errors":[{"message":"first"},{"message":"second"}]}', "", "first"),
        ("application/json", b'"plain"', "", "plain"),
        ("application/xml", b"<error><code>7</code><message>is locked</message></error>", "", "is locked"),
        ("text/html", b"<html><title>Log in</title><script>x()</script><p>Hello", "", "Log in"),
        ("text/html", b"<p>503 <b>Service</b> away</p>", "", "503 Service away"),
        ("text/plain", b"no room\n  left", "", "no room left"),
        ("image/png", b"\x89PNG", "", ""),
        ("", None, '299 archive "locked by a rule"', "locked by a rule"),
        ("application/json", b'{"message":"less"}', '299 a "more"', "more"),
        ("application/xml", b'<!DOCTYPE a [<!ENTITY b "bbbb">]><message>&b;</message>', "", ""),
        ("application/json", b"[" * 100_000, "", ""),
    ],
)
def test_a_reason_is_found_in_every_form(media_type: str, content: bytes, warning: str, reason: str) -> None:
    assert reason_of(media_type, content, warning) == reason


def model(sequence: str, *values: tuple[str, str]) -> bytes:
    items = "".join(
        f'<DicomAttribute tag="{tag}" vr="UI"><Value number="1">{value}</Value></DicomAttribute>'
        for tag, value in values
    )
    item = f'<DicomAttribute tag="{sequence}" vr="SQ"><Item number="1">{items}</Item></DicomAttribute>'
    return f'<?xml version="1.0"?><NativeDicomModel>{item}</NativeDicomModel>'.encode()


def test_the_native_dicom_model_is_read_as_json_is() -> None:
    stored = Reply(status=200, media_type="application/dicom+xml", body=model("00081199", ("00081155", UID)))
    assert (answer := answer_of(stored, UID)) is not None
    assert answer.kind is StatusClass.SUCCESS
    content = model("00081198", ("00081155", UID), ("00081197", "272"))
    failed = answer_of(Reply(status=409, media_type="application/dicom+xml", body=content), UID)
    assert failed is not None
    assert failed.kind is StatusClass.ERROR
    assert "0110H" in failed.words
    assert xml_document(b"<other/>") is None


def test_an_answer_that_names_no_instance_is_unclear_and_one_that_was_cut_off_is_none() -> None:
    page = answer_of(Reply(status=200, media_type="text/html", body=b"<title>Log in</title>"), UID)
    assert page is not None
    assert page.kind is StatusClass.UNCLEAR
    assert "text/html" in page.words
    assert "Log in" in page.words
    assert answer_of(Reply(status=200, media_type="application/json", body=None), UID) is None
    other = answer_of(Reply(status=200, media_type="application/json", body=b"{}"), UID)
    assert other is not None
    assert other.kind is StatusClass.UNCLEAR
