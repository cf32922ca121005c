"""What a user writes for a destination."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.destinations.address import Address
from mediakit.destinations.dicom_address import DicomAddress
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.folder import FolderAddress
from mediakit.destinations.peer import check_ae_title
from mediakit.destinations.registry import parse_address
from mediakit.errors import UsageError
from tests.support.each import each


@each(
    ("text", "address"),
    [
        ("PACS@10.0.0.1:11112", DicomAddress(called_ae="PACS", host="10.0.0.1", port=11112)),
        ("PACS@archive.example", DicomAddress(called_ae="PACS", host="archive.example", port=104)),
        ("MY AE@host:1", DicomAddress(called_ae="MY AE", host="host", port=1)),
        (" PACS @host:65535", DicomAddress(called_ae="PACS", host="host", port=65535)),
        ("A@B@host:104", DicomAddress(called_ae="A@B", host="host", port=104)),
        ("PACS@[FD00::5]", DicomAddress(called_ae="PACS", host="fd00::5", port=104)),
        ("PACS@[::1]:4242", DicomAddress(called_ae="PACS", host="::1", port=4242)),
        ("dicom://PACS@host", DicomAddress(called_ae="PACS", host="host", port=104)),
        ("DICOM://PACS@host:105/", DicomAddress(called_ae="PACS", host="host", port=105)),
        ("dicom://A%3AB@host", DicomAddress(called_ae="A:B", host="host", port=104)),
        ("dicom+tls://PACS@host", DicomAddress(called_ae="PACS", host="host", port=2762, is_tls=True)),
        ("dicom+tls://PACS@[::1]:9", DicomAddress(called_ae="PACS", host="::1", port=9, is_tls=True)),
        ("dicomweb+https://host/dicom-web/", DicomwebAddress(url="https://host/dicom-web")),
        ("dicomweb+https://Host:443", DicomwebAddress(url="https://host")),
        ("dicomweb+http://host:8042/a/b%20c", DicomwebAddress(url="http://host:8042/a/b%20c")),
        ("dicomweb+http://[::1]:80/x", DicomwebAddress(url="http://[::1]/x")),
        ("dir:/srv/in", FolderAddress(path=Path("/srv/in"))),
        ("dir:a b/c@d:e", FolderAddress(path=Path("a b/c@d:e"))),
    ],
)
def test_each_form_gives_its_address(text: str, address: Address) -> None:
    assert parse_address(text) == address


@each(
    ("text", "message", "hint"),
    [
        ("", "is empty", "AET@host:port"),
        ("pacs", "neither an address nor the name", "mediakit dest list"),
        ("host:104", "AE title is missing", "AET@host:port"),
        ("/srv/in", "a path alone", "dir:PATH"),
        ("C:\\in", "a path alone", "dir:PATH"),
        ("dicomweb+https:host/x", "not a URL", "dicomweb+https://host"),
        ("dicom:PACS@host", "a colon stands before", "dicom://"),
        ("@host:104", "at least one character", ""),
        ("   @host:104", "at least one character", ""),
        ("SEVENTEEN-LETTERS@host", "at most 16", ""),
        ("A\\B@host", "not an AE title", "backslash"),
        ("ÄRZTE@host", "not an AE title", "ASCII"),
        ("A\tB@host", "control characters", ""),
        ("PACS@", "host is missing", ""),
        ("PACS@:104", "host is missing", ""),
        ("PACS@ho st", "not the name of a host", ""),
        ("PACS@host/path", "not the name of a host", ""),
        ("PACS@-host", "not the name of a host", ""),
        ("PACS@münchen.example", "not the name of a host", "xn--"),
        ("PACS@::1", "in brackets", "[fd00::5]"),
        ("PACS@[::1", "in brackets", ""),
        ("PACS@[::1]104", "in brackets", ""),
        ("PACS@[1.2.3.4]", "not an IPv6 address", ""),
        ("PACS@host:", "1 to 65535", ""),
        ("PACS@host:0", "1 to 65535", ""),
        ("PACS@host:65536", "1 to 65535", ""),
        ("PACS@host:+104", "1 to 65535", ""),
        ("PACS@host:٣", "1 to 65535", ""),
        ("dicom://host:104", "AE title is missing", ""),
        ("dicom://PACS@host:104/path", "1 to 65535", ""),
        ("dicom://P%FFACS@host", "not ASCII", ""),
        ("dicom://A%0AB@host", "not an AE title", ""),
        ("dicomweb+https://", "host is missing", ""),
        ("dicomweb+https://host:x/", "1 to 65535", ""),
        ("dicomweb+https://host/a b", "percent-encoded", ""),
        ("dicomweb+https://host/a?b", "no query", "base URL"),
        ("dicomweb+https://host/?", "no query", "base URL"),
        ("dicomweb+https://[host/", "not a URL", ""),
        ("https://host/", "`https` is not a kind", "dicomweb+https://"),
        ("dicomweb://host/", "`dicomweb` is not a kind", "dicomweb+https://"),
        ("file:///srv/in", "`file` is not a kind", "dir:PATH"),
        ("ftp://host/", "`ftp` is not a kind", "AET@host:port"),
        ("dir:", "needs a folder", ""),
        ("dir:a\0b", "needs a folder", ""),
        ("P@" + "h" * 3000, "too long", ""),
    ],
)
def test_everything_else_is_refused_with_what_to_do(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_address(text)
    assert hint in caught.value.hint


@each(
    "text",
    [
        "dicomweb+https://joe:s3cret@host/",
        "dicomweb+https://s3cret@host/",
        "dicomweb+https://host/?key=s3cret",
        "dicomweb+https://host/#s3cret",
        "dicomweb+https://joe:s3cret@[host/",
        "dicomweb+https://joe:s3cret@host:x/",
        "https://joe:s3cret@host/",
        "ftp://joe:s3cret@host/",
        "dicom://joe:s3cret@host",
        "dicom+tls://joe:s3cret@host",
        "joe:s3cret@host:104",
    ],
)
def test_no_message_repeats_a_password(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_address(text)
    error: BaseException | None = caught.value
    assert "s3cret" not in f"{error} {caught.value.hint}"


_TITLES = st.text(
    "".join(chr(code) for code in range(32, 127)).replace("\\", ""), min_size=1, max_size=16
).filter(lambda text: bool(text.strip()))
_HOSTS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,30}[a-z0-9])?", fullmatch=True),
    st.ip_addresses(v=4).map(str),
    st.ip_addresses(v=6).map(str),
)


@given(title=_TITLES, host=_HOSTS, port=st.integers(1, 65535), is_tls=st.booleans())
def test_an_address_is_read_back_from_what_it_shows(title: str, host: str, port: int, is_tls: bool) -> None:
    address = DicomAddress(called_ae=check_ae_title(title), host=host, port=port, is_tls=is_tls)
    assert parse_address(str(address)) == address


@given(
    host=_HOSTS,
    port=st.integers(1, 65535),
    path=st.lists(st.text(string.ascii_letters + "-_~", min_size=1, max_size=9)),
)
def test_a_base_url_is_read_back_from_what_it_shows(host: str, port: int, path: list[str]) -> None:
    place = f"[{host}]" if ":" in host else host
    address = parse_address(f"dicomweb+http://{place}:{port}/{'/'.join(path)}")
    assert parse_address(str(address)) == address


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_a_usage_error(text: str) -> None:
    for start in ("", "dicom://", "dicomweb+https://", "A@", "A@["):
        try:
            parse_address(start + text)
        except UsageError:
            continue
