"""`mediakit serve scp` as users run it: a process that listens, receives, ends, and burns."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import jsonschema
import pytest

from mediakit.report.reception import reception_schema
from tests.support.certificates import make_certificates
from tests.support.cli import mediakit
from tests.support.dicom_bytes import EXPLICIT, RAW, element
from tests.support.peers import need, run
from tests.support.raw_scu import Ended, RawScu, store_request
from tests.support.serving import serving
from tests.support.studies import CT_FOLDER

CONTEXTS = [(RAW, [EXPLICIT])]


def small(sop_instance: str, *, series: str = "1.2.2", extra: bytes = b"") -> bytes:
    """Return a data set without pixel data."""
    return (
        element(0x00080016, "UI", RAW)
        + element(0x00080018, "UI", sop_instance)
        + element(0x0020000D, "UI", "1.2.1")
        + element(0x0020000E, "UI", series)
        + extra
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_that_is_stopped_by_a_signal_ends_in_order(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "in"
    with serving(folder, "--aet", "OURS") as server:
        assert (server.host, server.ae_title) == ("127.0.0.1", "OURS")
        with RawScu(server.address, CONTEXTS, called_ae="OURS", calling_ae="CT1") as scu:
            assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0
        said = server.finish(number)
    assert said.code == 0
    assert said.err == ""
    lines = said.out.splitlines()
    assert "CT1 (127.0.0.1): 1 stored" in lines
    assert lines[-1] == f"1 association, 1 stored in {folder}"
    assert (folder / "1.2.1/1.2.2/1.2.3.dcm").is_file()


def test_an_association_that_stays_open_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        scu = RawScu(server.address, CONTEXTS)
        assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0
        said = server.finish(signal.SIGTERM)
        with pytest.raises(Ended):
            scu.store(RAW, "1.2.4", small("1.2.4"))
        scu.socket.close()
    assert said.code == 0
    assert "RAWSCU (127.0.0.1): 1 stored, aborted" in said.out


def test_the_json_document_has_every_instance(tmp_path: Path) -> None:
    with serving(tmp_path, "--json", "--once") as server:
        with RawScu(server.address, CONTEXTS, calling_ae="CT1") as scu:
            assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0
            assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0
            assert scu.store(RAW, "1.2.3", small("1.2.3", series="1.2.9")) == 0x0111
            assert scu.store(RAW, "1.2.4", b"") == 0xC000
        said = server.finish()
    document = said.document
    jsonschema.validate(document, reception_schema())
    assert document["schema"] == "mediakit/reception/1"
    assert document["port"] == server.port
    assert document["counts"] == {"stored": 1, "already-there": 1, "conflict": 1, "refused": 1}
    assert [(one["state"], one["status"], one["path"]) for one in document["received"]] == [
        ("stored", 0, "1.2.1/1.2.2/1.2.3.dcm"),
        ("already-there", 0, "1.2.1/1.2.2/1.2.3.dcm"),
        ("conflict", 0x0111, ""),
        ("refused", 0xC000, ""),
    ]
    assert {one["sender"] for one in document["received"]} == {"CT1"}
    assert [finding["rule"] for finding in document["findings"]] == ["MK-SCP-002", "MK-SCP-003"]
    assert document["exit_code"] == 0  # the sender knows what was refused


def test_what_came_is_burnt_when_nobody_is_connected_any_more(tmp_path: Path) -> None:
    need("dcmsend")
    out = tmp_path / "disc.iso"
    with serving(
        tmp_path / "in", "--idle", "0.5", "--then-burn", "STD-GEN-CD", "-o", out, "--json"
    ) as server:
        for files in (sorted(CT_FOLDER.iterdir())[:4], sorted(CT_FOLDER.iterdir())[4:]):
            assert run("dcmsend", "127.0.0.1", str(server.port), *map(str, files)).returncode == 0
        document = server.finish().document
    assert document["counts"] == {"stored": 10}
    assert document["burn"]["outcome"] == "good"
    assert document["burn"]["counts"] == {"written": 10}
    assert mediakit("validate", out, "-p", "STD-GEN-CD").code == 0


def test_the_outcome_of_the_burn_is_told(tmp_path: Path) -> None:
    with serving(
        tmp_path / "in", "--once", "--then-burn", "STD-GEN-CD", "-o", tmp_path / "disc.iso"
    ) as server:
        with RawScu(server.address, CONTEXTS) as scu:
            assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0  # lacks what a directory needs
        said = server.finish()
    assert "outcome:" in said.out
    assert str(said.code) in said.out.splitlines()[-1]
    assert (said.code == 0) == (tmp_path / "disc.iso").exists()


def test_nothing_is_burnt_when_nothing_came(tmp_path: Path) -> None:
    with serving(tmp_path / "in", "--then-burn", "STD-GEN-CD", "-o", tmp_path / "disc.iso") as server:
        said = server.finish(signal.SIGTERM)
    assert said.code == 0
    assert not (tmp_path / "disc.iso").exists()


def test_a_server_that_is_killed_leaves_a_hidden_part_that_goes_away(
    tmp_path: Path,
) -> None:
    with serving(tmp_path) as server:
        whole = RawScu(server.address, CONTEXTS)
        assert whole.store(RAW, "1.2.3", small("1.2.3")) == 0
        half = RawScu(server.address, CONTEXTS)
        half.command(store_request(RAW, "1.2.4"))
        half.fragment(small("1.2.4"), 0)
        for _ in range(20):  # more than is held in memory
            half.fragment(b"\0" * 16000, 0)
        assert whole.store(RAW, "1.2.5", small("1.2.5")) == 0  # by now the part file is there
        assert server.finish(signal.SIGKILL).code == -signal.SIGKILL
        half.socket.close()
        whole.socket.close()
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert [name for name in left if not name.startswith(".mediakit-")] == ["1.2.3.dcm", "1.2.5.dcm"]
    with serving(tmp_path, "--once") as server:
        with RawScu(server.address, CONTEXTS) as scu:
            assert scu.store(RAW, "1.2.4", small("1.2.4")) == 0
            assert scu.store(RAW, "1.2.3", small("1.2.3", series="1.2.9")) == 0x0111
        server.finish()
    left = sorted(path.name for path in tmp_path.rglob("*") if path.is_file())
    assert left == ["1.2.3.dcm", "1.2.4.dcm", "1.2.5.dcm"]


def test_no_room_is_told_to_the_sender_and_by_the_exit_code(tmp_path: Path) -> None:
    large = element(0x00420011, "OB", bytes(300_000))
    with serving(tmp_path, "--json", "--once", largest_file=200 << 10) as server:
        with RawScu(server.address, CONTEXTS) as scu:
            assert scu.store(RAW, "1.2.3", small("1.2.3", extra=large)) == 0xA700
            assert scu.store(RAW, "1.2.4", small("1.2.4")) == 0
        said = server.finish()
    assert said.code == 6
    assert [finding["rule"] for finding in said.document["findings"]] == ["MK-SCP-001"]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["1.2.4.dcm"]


def test_tls_is_served_and_asks_for_a_certificate(tmp_path: Path) -> None:
    need("storescu")
    made = make_certificates(tmp_path)
    tls = ("--tls-cert", made.server, "--tls-key", made.server_key, "--tls-ca", made.authority)
    shown = ("--enable-tls", str(made.client_key), str(made.client))
    image = str(sorted(CT_FOLDER.iterdir())[0])
    with serving(tmp_path / "in", *tls) as server:
        silent = socket.create_connection(server.address)  # says nothing, and holds up nobody
        to = ("127.0.0.1", str(server.port), image)
        trusted = ("--add-cert-file", str(made.authority))
        anonymous = run("storescu", "-R", "--anonymous-tls", *trusted, *to)
        plain = run("storescu", "-R", *to)
        known = run("storescu", "-R", *shown, *trusted, *to)
        said = server.finish(signal.SIGTERM)
        silent.close()
    assert anonymous.returncode != 0
    assert plain.returncode != 0
    assert known.returncode == 0, known.stderr
    assert said.code == 0
    assert "1 stored" in said.out
    assert f"warning: the certificate in {made.server} expires on " in said.out
    assert "no TLS connection (peer did not return a certificate)" in said.out
    assert "no TLS connection (wrong version number)" in said.out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--then-burn", "STD-GEN-CD"), "go together"),
        (("-o", "OUT.iso"), "go together"),
        (("--on-reject", "skip"), "go with `--then-burn"),
        (("--then-burn", "STD-GEN-CD", "-o", "out.iso", "--remove-burnt"), "go with `--each`"),
        (("--then-burn", "STD-GEN-CD", "-o", "out.iso", "--quiet-for", "3"), "go with `--each`"),
        (("--then-burn", "STD-GEN-CD", "-o", "in/out.iso"), "lie in each other"),
        (("--then-burn", "NO-SUCH", "-o", "out.iso"), "NO-SUCH"),
        (("--tls-key", "x.pem"), "need `--tls-cert`"),
        (("--tls-cert", "missing.pem"), "cannot be read"),
        (("--peer", "dir:/tmp"), "AET@host:port"),
        (("--peer", "nonsense"), "destination"),
        (("--aet", "FAR TOO LONG A TITLE"), "AE title"),
    ],
)
def test_a_wrong_call_is_told_before_it_listens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = mediakit("serve", "scp", "--dir", "in", "--port", "0", *options)
    assert said.code == 2
    assert message in said.err
    assert "listening" not in said.out


def test_a_port_that_is_taken_is_a_wrong_call(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = mediakit("serve", "scp", "--dir", tmp_path, "--port", str(taken.getsockname()[1]))
    assert said.code == 2
    assert "cannot listen there" in said.err


def test_two_servers_do_not_share_a_folder(tmp_path: Path) -> None:
    with serving(tmp_path):
        said = mediakit("serve", "scp", "--dir", tmp_path, "--port", "0")
    assert said.code == 2
    assert "another process receives into the folder" in said.err


def test_an_ae_title_with_control_characters_does_not_reach_the_terminal(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        with pytest.raises(Ended):
            RawScu(server.address, CONTEXTS, calling_ae="A\x1b[31mB")
        with RawScu(server.address, CONTEXTS) as scu:
            assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0
        said = server.finish(signal.SIGTERM)
    assert "\x1b" not in said.out + said.err
    assert said.code == 0


def test_what_a_hostile_peer_sends_leaves_no_traceback(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        scu = RawScu(server.address, CONTEXTS)
        for kind in (5, 5, 4, 1):  # released twice, and more
            scu.socket.sendall(bytes((kind, 0, 0, 0, 0, 4)) + bytes(4))
        with pytest.raises(Ended):
            for _ in range(9):
                scu.read_pdu()
        scu.socket.close()
        with RawScu(server.address, CONTEXTS) as scu:
            assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0
        said = server.finish(signal.SIGTERM)
    assert said.err == ""
    assert said.code == 0


def test_only_users_of_a_file_are_let_in_and_the_line_says_who_was_not(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("sesame\n")
    made = mediakit("serve", "user", "ward", "--passcode-file", tmp_path / "code")
    assert made.code == 0, made.err
    assert made.out.startswith("ward:scrypt:")
    (tmp_path / "users").write_text(made.out)
    right, wrong = b"\x58\0\0\x10\2\1\0\4ward\0\6sesame", b"\x58\0\0\x10\2\1\0\4ward\0\6simsim"
    with serving(tmp_path / "in", "--users", tmp_path / "users") as server:
        with RawScu(server.address, CONTEXTS, user_items=right, calling_ae="CT1") as scu:
            assert scu.store(RAW, "1.2.3", small("1.2.3")) == 0
        with pytest.raises(Ended):
            RawScu(server.address, CONTEXTS, user_items=wrong, calling_ae="CT2")
        said = server.finish(signal.SIGTERM)
    assert said.code == 0
    assert "CT1 (127.0.0.1, user ward): 1 stored" in said.out
    assert "CT2 (127.0.0.1, user ward): nothing sent, rejected: user and passcode do not fit" in said.out
    assert "MK-SCP-005  1 association from CT2 rejected" in said.err
    assert "sesame" not in said.out + said.err + made.out
    assert "simsim" not in said.out + said.err


def test_a_user_without_a_passcode_or_a_name_gets_no_line(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    for arguments, why in (
        (("ward", "--passcode-file", tmp_path / "empty"), "the passcode is empty"),
        (("wa:rd", "--passcode-file", tmp_path / "empty"), "not a user name"),
        (("ward", "--passcode-file", tmp_path / "missing"), "cannot be read"),
        (("ward",), "no terminal"),
    ):
        said = mediakit("serve", "user", *arguments)
        assert (said.code, said.out) == (2, "")
        assert why in said.err
    said = mediakit("serve", "scp", "--dir", tmp_path / "in", "--users", tmp_path / "empty")
    assert (said.code, said.out) == (2, "")
    assert "there are no users" in said.err


def test_the_log_has_every_line_with_its_time_also_when_the_terminal_is_quiet(tmp_path: Path) -> None:
    log = tmp_path / "scp.log"
    log.write_text("an older line\n", encoding="utf-8")
    with serving(tmp_path / "in", "--log-file", log, "-vv") as server:
        with socket.create_connection(server.address) as stranger:
            stranger.sendall(b"GET / HTTP/1.0\r\n\r\n" + bytes(80))
        deadline = time.monotonic() + 30
        while "stranger" not in log.read_text(encoding="utf-8") and time.monotonic() < deadline:
            time.sleep(0.05)
        said = server.finish(signal.SIGTERM)
    assert said.code == 0
    older, *lines = log.read_text(encoding="utf-8").splitlines()
    assert older == "an older line"
    assert all(re.match(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ  ", line) for line in lines)
    assert "listening on" in lines[0]
    assert "a stranger (127.0.0.1)" in lines[1]


def test_a_log_that_cannot_be_written_is_a_wrong_call(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for log in (tmp_path, tmp_path / "no" / "log", tmp_path / "pipe", tmp_path / "link"):
        said = mediakit("serve", "scp", "--dir", tmp_path / "in", "--port", "0", "--log-file", log)
        assert said.code == 2, log
        assert "the log cannot be written" in said.err
