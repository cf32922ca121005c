"""MIME messages: what is written into them, foreign mail, and mail that means harm."""

from __future__ import annotations

import email
import io
import zipfile
from base64 import b64encode
from contextlib import closing
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from mediakit.errors import DoesNotFit, SourceError
from mediakit.formats.base import Entry, Node, NodeKind
from mediakit.formats.mime_head import read_head
from mediakit.formats.mime_read import MimeTree
from mediakit.formats.readable import Gaps
from mediakit.formats.registry import open_tree, sink, sniff
from mediakit.limits import MAX_HEAD_BYTES
from mediakit.volume import MimeVolume, ZipVolume
from tests.support.each import each
from tests.support.iso_bytes import Memory
from tests.support.mails import DICOM, message, part
from tests.support.media import a_small_medium, contents, entry, order, read_all, write


def dicom_entry(path: str) -> Entry:
    return Entry(path, len(DICOM), lambda: io.BytesIO(DICOM))


def volume_of(path: Path) -> MimeVolume:
    tree = MimeTree(path)
    tree.close()
    assert isinstance(tree.facts.volume, MimeVolume)
    return tree.facts.volume


# ---- what is written


def test_the_standard_library_reads_our_parts_with_id_name_and_bytes(tmp_path: Path) -> None:
    entries = [
        dicom_entry("DICOMDIR"), dicom_entry("DICOM/Z1/IM1"), dicom_entry("VIEWER/im1.dcm"),
        entry("DICOM/Z1/IM2", 1000), entry("DOC/Ärzte & Brief.txt", 57), entry("EMPTY", 0),
    ]  # fmt: skip
    write("mime", entries, tmp_path / "out.eml")
    read = email.message_from_bytes((tmp_path / "out.eml").read_bytes(), policy=policy.default)
    assert read.get_content_type() == "multipart/mixed"
    assert read.defects == []
    found = [
        (
            one.get_content_type(),
            one.get_param("id"),
            one.get_param("name"),
            one.get("Content-Location"),
            one.get_filename(),
            one["Content-Transfer-Encoding"],
        )
        for one in read.iter_parts()
    ]
    octets = "application/octet-stream"
    assert found == [
        ("application/dicom", "DICOMDIR", "DICOMDIR", None, "DICOMDIR", "base64"),
        ("application/dicom", "DICOM/Z1/IM1", "IM1.dcm", None, "IM1.dcm", "base64"),
        (octets, None, None, "VIEWER/im1.dcm", "im1.dcm", "base64"),
        (octets, None, None, "DICOM/Z1/IM2", "IM2", "base64"),
        (octets, None, None, "DOC/%C3%84rzte%20%26%20Brief.txt", "Ärzte & Brief.txt", "base64"),
        (octets, None, None, "EMPTY", "EMPTY", "base64"),
    ]
    given = [one.get_payload(decode=True) for one in read.iter_parts()]
    assert given == [one.open().read() for one in entries]
    assert contents(tmp_path / "out.eml") == {one.path: one.open().read() for one in entries}


def test_lines_have_76_characters_and_crlf(tmp_path: Path) -> None:
    write("mime", a_small_medium(), tmp_path / "out")
    lines = (tmp_path / "out").read_bytes().split(b"\r\n")
    assert all(b"\n" not in line and b"\r" not in line and len(line) <= 78 for line in lines)
    assert max(map(len, lines)) == 76


def test_the_size_is_known_before_and_never_too_small(tmp_path: Path) -> None:
    for entries in (a_small_medium(), [dicom_entry("DICOMDIR"), entry("EMPTY", 0)]):
        written = write("mime", entries, tmp_path / "out", overwrite=True).size_bytes
        assert 0 <= sink("mime").check(entries, order()) - written < 100 * len(entries)


def test_a_name_that_no_line_of_a_head_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DoesNotFit, match="too long"):
        write("mime", [entry("ä" * 200 + ".txt")], tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


# ---- foreign mail


def test_a_mail_of_the_standard_library_is_read_whole(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "Grüße " * 30
    mail.set_content("Sehr geehrte Kollegen,\nmit Grüßen\n")
    mail.add_alternative("<p>Grüße</p>", subtype="html")
    mail.add_attachment(DICOM, "application", "dicom", filename="Ä " * 40 + ".dcm")
    mail.add_attachment(DICOM, "application", "dicom", filename="IM1.dcm", params={"id": "DICOM/IM1"})
    mail.add_attachment("plain text\n", filename="README.TXT")
    for number, linesep in enumerate(("\n", "\r\n")):
        path = tmp_path / str(number)
        path.write_bytes(mail.as_bytes(policy=policy.SMTP.clone(linesep=linesep)))
        assert sniff(Memory(path.read_bytes())) == "mime"
        tree = open_tree(path)
        held = read_all(tree)
        assert list(held) == ["part-1.txt", "part-2.htm", "Ä " * 40 + ".dcm", "DICOM/IM1", "README.TXT"]
        assert held["DICOM/IM1"] == held["Ä " * 40 + ".dcm"] == DICOM
        assert "mit Grüßen" in held["part-1.txt"].decode()
        assert tree.facts.damage == ()
        tree.close()


@each(
    ("fields", "path"),
    [
        (['Content-Type: application/dicom; id="A/B"; name="B.dcm"'], "A/B"),
        (["Content-type:APPLICATION/DICOM;ID=A/B"], "A/B"),
        (["Content-Type: application/dicom;", '\tid="A/B";', "  name=B.dcm"], "A/B"),
        (['Content-Type: application/dicom; name="x;id=no"; id=A'], "A"),
        (['Content-Type: application/dicom; name="a\\"b\\\\c"'], 'a"b\\c'),
        (["Content-Type: application/dicom; name*=utf-8''%C3%A4.dcm"], "ä.dcm"),
        (["Content-Type: application/dicom; name*=iso-8859-1'de'%E4.dcm"], "ä.dcm"),
        (["Content-Type: application/dicom; name*0*=utf-8''%C3%A4; name*1=b.dcm"], "äb.dcm"),
        (["Content-Type: application/dicom; name*1=b; name*0=a"], "ab"),
        (["Content-Type: application/dicom; name*=no-such-set''%C3%A4"], "ä"),
        (["Content-Type: application/dicom; name=\"=?utf-8?B?w6QuZGNt?=\""], "ä.dcm"),
        (["Content-Type: application/dicom", "Content-Disposition: attachment; filename=a.dcm"], "a.dcm"),
        (["Content-Type: application/dicom", "Content-Location: ./A/%C3%A4"], "A/ä"),
        (["Content-Type: application/dicom", "Content-Location: http://x.example/A"], "part-1.dcm"),
        (["Content-Type: application/dicom"], "part-1.dcm"),
        (['Content-Type: application/dicom; id="unclosed'], "unclosed"),
        (["Content-Type: nonsense; id=A"], "A"),
        (["X-Other: 1"], "part-1.txt"),
    ],
)  # fmt: skip
def test_a_path_is_found_however_it_is_written(fields: list[str], path: str, tmp_path: Path) -> None:
    message(tmp_path / "mail", part(b64encode(DICOM), *fields))
    assert contents(tmp_path / "mail") == {path: DICOM}


@each(
    ("encoding", "body", "held"),
    [
        ("base64", b64encode(DICOM), DICOM),
        ("BASE64", b"QUJD\n\tRA = =", b"ABCD"),
        ("base64", b"QUJDRA", b"ABCD"),
        ("base64", b"", b""),
        ("quoted-printable", b"a=\r\nb=3D=C3=A4\r\n", b"ab=\xc3\xa4\r\n"),
        ("quoted-printable", b"x" * 300_000 + b"=41", b"x" * 300_000 + b"A"),
        ("binary", DICOM, DICOM),
        ("8bit", b"\xe4\r\n", b"\xe4\r\n"),
        ("7bit", b"--bc\r\n--\r\nb\r\n--b x", b"--bc\r\n--\r\nb\r\n--b x"),
    ],
)
def test_every_transfer_encoding_is_undone(encoding: str, body: bytes, held: bytes, tmp_path: Path) -> None:
    message(tmp_path / "mail", part(body, "Content-Type: x/y; name=A", encoding=encoding))
    tree = MimeTree(tmp_path / "mail")
    (node,) = tree.walk()
    assert node == Node("A", len(held))
    with tree.open(node) as stream:
        assert stream.read() == held
        stream.seek(max(0, len(held) - 2))
        assert stream.read() == held[-2:]
    assert tree.facts.damage == ()
    tree.close()


def test_parts_within_parts_and_mail_in_mail_are_files_of_one_tree(tmp_path: Path) -> None:
    inner = (
        b'Content-Type: multipart/related; boundary="b2"\r\n\r\npreamble\r\n--b2\r\n'
        + part(b64encode(DICOM), "Content-Type: application/dicom; id=A/IM1")
        + b"\r\n--b2--\r\n \r\n"
    )
    mail = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n" + inner
    path = message(tmp_path / "mail", inner, part(b"text", "Content-Type: text/plain", encoding="7bit"), mail)
    assert contents(path) == {"A/IM1": DICOM, "part-2.txt": b"text", "A/IM1 (2)": DICOM}
    assert volume_of(path).doubled == ("A/IM1",)


def test_two_parts_of_one_id_are_two_files(tmp_path: Path) -> None:
    two = [part(b64encode(data), "Content-Type: x/y; name=A") for data in (b"one", b"two")]
    assert contents(message(tmp_path / "mail", *two)) == {"A": b"one", "A (2)": b"two"}


def archive_of(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def attached(name: str, data: bytes) -> bytes:
    return part(b64encode(data), f"Content-Type: application/octet-stream; name={name}")


def test_the_only_archive_with_dicom_files_is_the_medium_and_the_rest_of_the_mail_lies_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "spool"))
    (tmp_path / "spool").mkdir()
    inner = archive_of({"DICOMDIR": DICOM})
    files = {"DICOMDIR": DICOM, "MAIL/IM1": DICOM, "MORE.ZIP": inner}
    text = part(b"Dear doctor", "Content-Type: text/plain", encoding="7bit")
    path = message(tmp_path / "mail", text, attached("DICOM.ZIP", archive_of(files)))
    assert contents(path) == files | {"MAIL2/part-1.txt": b"Dear doctor"}
    with closing(open_tree(path)) as tree:
        assert isinstance(tree.facts.volume, ZipVolume)
        assert set(tree.folders()) == {"MAIL", "MAIL2"}
        assert tree.find("MAIL2/part-1.txt") is not None
        assert tree.find("part-1.txt") is None
        assert all(tree.extents(node)[0][0] > 0 for node in tree.walk())
        assert not list((tmp_path / "spool").iterdir())
    cut = path.read_bytes()
    path.write_bytes(cut[: len(cut) // 2])
    with closing(open_tree(path)) as tree:
        kinds = {node.path: node.kind for node in tree.walk()}
    assert kinds == {"part-1.txt": NodeKind.FILE, "DICOM.ZIP": NodeKind.UNREADABLE}
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "no such folder"))
    path.write_bytes(cut)
    with pytest.raises(DoesNotFit, match="archive in a mail"):
        open_tree(path)


def test_an_archive_is_a_file_of_the_mail_where_it_is_not_the_only_one_or_holds_no_dicom(
    tmp_path: Path,
) -> None:
    good = archive_of({"IM1": DICOM})
    for others in (
        {"A.ZIP": good, "B.ZIP": good},
        {"A.ZIP": good, "IM2": DICOM},
        {"A.ZIP": archive_of({"letter.txt": b"Dear doctor"})},
        {"A.ZIP": archive_of({"B.ZIP": good})},
        {"A.ZIP": good[:-30]},
        {"A.ZIP": b"PK\3\4" + bytes(400)},
    ):
        parts = [attached(name, data) for name, data in others.items()]
        assert contents(message(tmp_path / "mail", *parts)) == others
    many = [attached(f"T{number}", b"text") for number in range(1000)]
    assert "A.ZIP" in contents(message(tmp_path / "mail", *many, attached("A.ZIP", good)))


# ---- what is odd


@each(
    ("fields", "encoding", "odd"),
    [
        (["Content-Type: application/dicom; id=A/B; name=B.dcm"], "base64", {}),
        (["Content-Type: application/dicom; id=DICOMDIR; name=DICOMDIR"], "base64", {}),
        (["Content-Type: application/octet-stream; name=B.dcm"], "base64", {"other_types": ("B.dcm",)}),
        (["Content-Type: application/dicom; name=B.dcm"], "base64", {"without_id": ("B.dcm",)}),
        (["Content-Type: application/dicom; id=A/B; name=C.dcm"], "base64", {"misnamed": ("A/B",)}),
        (["Content-Type: application/dicom; id=A/B"], "base64", {"misnamed": ("A/B",)}),
        (["Content-Type: application/dicom; id=A; name=A.dcm"], "8bit", {"unsafe": ("A",)}),
        (["Content-Type: application/dicom; id=/A; name=A.dcm"], "base64", {"rooted": ("/A",)}),
        (["Content-Type: application/dicom; id=../A; name=A.dcm"], "base64", {"rooted": ("../A",)}),
    ],
)  # fmt: skip
def test_what_annex_k_does_not_allow_is_told(
    fields: list[str], encoding: str, odd: dict[str, tuple[str, ...]], tmp_path: Path
) -> None:
    body = DICOM if encoding == "8bit" else b64encode(DICOM)
    found = volume_of(message(tmp_path / "mail", part(body, *fields, encoding=encoding)))
    names = ("other_types", "without_id", "misnamed", "unsafe", "doubled", "rooted")
    assert {name: getattr(found, name) for name in names if getattr(found, name)} == odd


@each(
    ("body", "encoding", "kind"),
    [
        (b"QU\0\0JD", "base64", NodeKind.UNREADABLE),
        (b"QUJDR", "base64", NodeKind.UNREADABLE),
        (b"begin 644 x", "x-uuencode", NodeKind.PACKED),
    ],
)
def test_what_is_not_what_was_sent_is_not_given_out(
    body: bytes, encoding: str, kind: NodeKind, tmp_path: Path
) -> None:
    good = part(b"QUJD", "Content-Type: x/y; name=GOOD")
    bad = part(body, "Content-Type: x/y; name=BAD", encoding=encoding)
    tree = MimeTree(message(tmp_path / "mail", bad, good))
    assert [(node.path, node.kind) for node in tree.walk()] == [("BAD", kind), ("GOOD", NodeKind.FILE)]
    assert next(iter(tree.walk())).why
    tree.close()


@each(
    ("end", "body", "kind"),
    [
        (b"", b"QUJDRA==", NodeKind.FILE),  # its own end can be seen
        (b"", b"QUJD", NodeKind.UNREADABLE),
        (b"--b", b"QUJD", NodeKind.FILE),
        (b"--", b"QUJD", NodeKind.UNREADABLE),
    ],
)
def test_a_missing_end_is_damage_and_the_files_before_it_are_whole(
    end: bytes, body: bytes, kind: NodeKind, tmp_path: Path
) -> None:
    parts = [part(b"QUJD", "Content-Type: x/y; name=A"), part(body, "Content-Type: x/y; name=B")]
    tree = MimeTree(message(tmp_path / "mail", *parts, end=end))
    kinds = [(node.path, node.kind) for node in tree.walk()][:2]
    assert kinds == [("A", NodeKind.FILE), ("B", kind)]
    assert [one.what for one in tree.facts.damage] == [
        "the message is cut off: the delimiter that ends it is missing"
    ]
    assert tree.facts.volume == MimeVolume(is_truncated=True)
    tree.close()


def test_text_behind_a_file_and_a_part_without_end_are_named(tmp_path: Path) -> None:
    inner = b"Content-Type: multipart/mixed; boundary=b2\r\n\r\n--b2\r\n" + part(
        b"QUJDRA==\r\n____\r\nlist footer", "Content-Type: x/y; name=A"
    )
    tree = MimeTree(message(tmp_path / "mail", inner))
    assert read_all(tree) == {"A": b"ABCD"}
    assert [(one.path, one.what.partition(";")[0]) for one in tree.facts.damage] == [
        ("", "a part that has parts has no end"), ("A", "text follows the end of its base64"),
    ]  # fmt: skip
    tree.close()


@each(
    ("kind", "what"),
    [("message/partial; id=x; number=1; total=2", "in several"), ("application/pkcs7-mime", "S/MIME")],
)
def test_messages_that_are_not_whole_or_locked_are_refused_with_what_to_do(
    kind: str, what: str, tmp_path: Path
) -> None:
    (tmp_path / "mail").write_bytes(f"Subject: x\r\nContent-Type: {kind}\r\n\r\nQUJD".encode())
    with pytest.raises(SourceError, match=what) as caught:
        open_tree(tmp_path / "mail")
    assert caught.value.hint


def test_a_gap_of_a_rescued_message_harms_the_parts_that_it_touches(tmp_path: Path) -> None:
    parts = [part(b64encode(bytes(60_000)), f"Content-Type: x/y; name=A{number}") for number in range(4)]
    path = message(tmp_path / "mail", *parts)
    first, second = (path.read_bytes().index(f"name={name}".encode()) for name in ("A1", "A2"))
    for gap, left in (((first + 5000, 100), {"A0", "A2", "A3"}), ((second - 10, 20), {"A0", "A3"})):
        tree = MimeTree(path, Gaps([gap]))
        kinds = {node.path: node.kind for node in tree.walk()}
        assert {name for name, kind in kinds.items() if kind is NodeKind.FILE} == left
        assert [one.what.partition(";")[0] for one in tree.facts.damage] == [
            "some of the message cannot be read"
        ]
        tree.close()


# ---- what is no message


@each(
    "data",
    [
        b"", b"Content-Type: text/plain\r\n\r\nmail of text", b"Content-Type multipart/mixed; boundary=b",
        b"Subject: notes\n\nno type", b"multipart/mixed; boundary=b\n\n--b\n",
        b"\r\nContent-Type: multipart/mixed",
        b"[a]\nContent-Type: multipart/mixed; boundary=b\n\n", b"{\"a\": \"multipart/mixed\"}\n",
        b"Content-Type: multipart/mixed; boundary=b\n\n".ljust(128, b"x") + b"DICM",
    ],
)  # fmt: skip
def test_other_files_are_no_messages(data: bytes) -> None:
    assert sniff(Memory(data)) == "file"


# ---- harm


def test_hostile_mail_ends_soon_and_says_where_it_stopped(tmp_path: Path) -> None:
    top = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (number, number)
        for number in range(20_000)
    )
    for name, data in {
        "deep": top + b"--b\r\n" + nested,
        "long head": top + b"--b\r\nX: " + b"y" * (2 * MAX_HEAD_BYTES) + b"\r\n\r\n--b--",
        "many fields": top + b"--b\r\n" + b"a:\n" * 100_000,
        "no boundary": b"Content-Type: multipart/mixed\r\n\r\n--b\r\n",
        "long boundary": b"Content-Type: multipart/mixed; boundary=" + b"b" * 5000 + b"\r\n\r\n",
        "only delimiters": top + b"--b\n" * 50_000,
        "almost delimiters": top + b"\n--" * 1_000_000,
        "spaces": top + (b"--b" + b" " * 10_000 + b"x\n") * 300,
        "parameters": b"Content-Type: multipart/mixed" + b';a="' * 2000 + b"\r\n\r\n",
    }.items():
        (tmp_path / "mail").write_bytes(data)
        tree = open_tree(tmp_path / "mail")
        assert tree.facts.damage, name
        for node in tree.walk():
            if node.kind is NodeKind.FILE:
                tree.open(node).close()
        tree.close()


def test_a_head_of_any_bytes_is_read() -> None:
    for text in (
        b"Content-Type: a/b;" + b"=" * 500,
        b"Content-Type: a/b; x*=''",
        b"Content-Type: a/b; x*9*=1",
        b'Content-Type: a/b; n="=?x?q?a?="',
        b"A:" + b"\xff" * 9000,
        b"Content-Type:",
    ):
        assert read_head(text, 0).body == len(text)


def test_names_lead_nowhere(tmp_path: Path) -> None:
    names = ["../../evil", "/etc/evil", "a/../../evil", "C:/evil", "a/" * 100 + "x"]
    tree = MimeTree(
        message(tmp_path / "mail", *(part(b"QUJD", f'Content-Type: x/y; name="{name}"') for name in names))
    )
    assert [node.path for node in tree.walk()] == names
    assert [node.kind for node in tree.walk()] == [NodeKind.FILE] * 4 + [NodeKind.UNREADABLE]
    tree.close()
