"""MIME messages: what is written is read, by us and by the standard library; any bytes are read to an end."""

from __future__ import annotations

import email
import io
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from mediakit.errors import SourceError
from mediakit.formats.base import Entry, NodeKind
from mediakit.formats.mime_read import MimeTree
from tests.support.media import contents, write

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\\\0"), min_size=1, max_size=12).filter(
    lambda name: name not in {".", ".."}
)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
BODIES = st.one_of(
    st.binary(max_size=300), st.binary(max_size=60).map(lambda data: bytes(128) + b"DICM" + data)
)
SEED = b"".join(
    line + b"\r\n"
    for line in (
        b'Content-Type: multipart/mixed; boundary="b"', b"", b"preamble", b"--b",
        b'Content-Type: application/dicom; id="A/B"; name*=utf-8\'\'%C3%A4',
        b"Content-Transfer-Encoding: base64",
        b"", b"QUJDREVGR0g=", b"--b", b"Content-Type: multipart/related; boundary=b2", b"", b"--b2",
        b"Content-Transfer-Encoding: quoted-printable", b"", b"a=3Db=", b"c", b"--b2--", b"--b",
        b"Content-Type: message/rfc822", b"", b"Content-Type: text/plain", b"", b"x", b"--b--",
    )
)  # fmt: skip


@given(st.dictionaries(PATHS, BODIES, min_size=1, max_size=6))
def test_whatever_is_written_is_read_by_us_and_by_others(files: dict[str, bytes]) -> None:
    folders = {path[:at] for path in files for at, sign in enumerate(path) if sign == "/"}
    files = {path: data for path, data in files.items() if path not in folders}
    entries = [Entry(path, len(data), partial(io.BytesIO, data)) for path, data in files.items()]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        write("mime", entries, out)
        assert contents(out) == {path.removeprefix("./"): data for path, data in files.items()}
        others = email.message_from_bytes(out.read_bytes()).walk()
        assert [part.get_payload(decode=True) for part in others][1:] == list(files.values())


@given(st.data())
def test_a_message_of_any_bytes_is_read_to_its_end_or_refused(data: st.DataObject) -> None:
    mail = bytearray(SEED)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(mail)))
        mail[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=10))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mail"
        path.write_bytes(mail)
        try:
            tree = MimeTree(path)
        except SourceError:
            return
        nodes = list(tree.walk())
        assert len({node.path for node in nodes}) == len(nodes)
        for node in nodes:
            if node.kind is NodeKind.FILE:
                with tree.open(node) as stream:
                    assert len(stream.read()) == node.size
        tree.close()
