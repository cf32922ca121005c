"""What a mail holds and no file of its tree shows: always damage, never silence."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.formats.base import Node
from mediakit.formats.mime_read import MimeTree
from mediakit.formats.registry import open_tree
from mediakit.limits import MAX_HEAD_BYTES
from tests.support.mails import DICOM, message, part


def test_what_a_mail_holds_and_no_file_shows_is_damage_with_its_path(tmp_path: Path) -> None:
    good = part(b64encode(DICOM), "Content-Type: application/dicom; id=A")
    again, end = b"--b\r\n" + good + b"\r\n--b--\r\n", b"--b--\r\n"
    whole = message(tmp_path / "whole", good).read_bytes()
    mailbox = b"\nFrom a@b Mon Jan  1 00:00:00 2024\n" + whole
    typed = "Content-Type: application/dicom; id=B"
    mail = "Content-Type: message/rfc822"
    other = b"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c--\r\n" + again.replace(b"--b", b"--d")
    behind, next_mail = ("", "text follows the delimiter that ends it"), ("", "another mail follows it")
    a_mail, elsewhere = ("part-2", "it is a mail"), ("part-2", "its content is not in this message")
    not_dicom, cut = ("B", "it is declared as DICOM"), ("", "the head of a part is larger")
    for name, bad, last, damage in (
        ("blank", b"", end + b" \r\n\t\0", None),
        ("no line end", b"", b"--b--", None),
        ("mailbox", b"", end + mailbox, next_mail),
        ("second end", b"", end + again, behind),
        ("far behind", b"", end + b"\n" * 3_000_000 + b"x", behind),
        ("behind an inner end", other, end, behind),
        ("base64 mail", part(b64encode(whole), mail), end, a_mail),
        ("qp mail", part(whole.replace(b"--b", b"=2Db"), mail, encoding="quoted-printable"), end, a_mail),
        ("deep mail", f"{mail}\r\n\r\n".encode() * 20 + good, end, a_mail),
        ("external", b"Content-Type: message/external-body\r\n\r\n", end, elsewhere),
        ("partial", b"Content-Type: message/partial\r\n\r\nx", end, elsewhere),
        ("no encoding", typed.encode() + b"\r\n\r\n" + b64encode(DICOM), end, not_dicom),
        ("encoded twice", part(b64encode(b64encode(DICOM)), typed), end, not_dicom),
        ("empty", part(b"", typed), end, not_dicom),
        ("long field", part(b64encode(DICOM), typed + "; x=" + "y" * 9000), end, cut),
    ):
        tree = MimeTree(message(tmp_path / "mail", good, *([bad] if bad else []), end=last))
        assert next(iter(tree.walk())) == Node("A", len(DICOM)), name
        assert len(tree.facts.damage) == (damage is not None), (name, tree.facts.damage)
        for found in tree.facts.damage:
            assert damage is not None
            assert (found.path, found.what[: len(damage[1])], found.is_made_good) == (*damage, False), name
        tree.close()


def test_a_mailbox_whose_first_mail_is_one_file_is_damage(tmp_path: Path) -> None:
    head = b"Content-Type: application/dicom; id=A\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    for last, count in ((b"", 0), (b"\nFrom a@b Mon Jan  1 00:00:00 2024\nSubject: x\n\n", 1)):
        (tmp_path / "mail").write_bytes(head + DICOM + last)
        tree = MimeTree(tmp_path / "mail")
        assert len(tree.facts.damage) == count
        tree.close()


def test_a_message_whose_head_is_too_large_is_refused_with_what_to_do(tmp_path: Path) -> None:
    head = b"MIME-Version: 1.0\r\nX-A: " + b"y" * MAX_HEAD_BYTES + b"\r\n"
    (tmp_path / "mail").write_bytes(head + message(tmp_path / "whole", b"\r\n").read_bytes())
    with pytest.raises(SourceError, match="head of a part is larger") as caught:
        open_tree(tmp_path / "mail")
    assert caught.value.hint
