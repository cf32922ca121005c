"""`mediakit dest`: names that are kept, and what destinations say."""

from __future__ import annotations

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.cli.config import own_folder
from mediakit.cli.destination_rows import DestinationRow, IdentityRow, TimeoutRow, named_of, to_toml
from mediakit.cli.named import destination_named, named_destinations, own_file
from mediakit.destinations.address import Named
from mediakit.destinations.dicom_address import DicomAddress
from mediakit.destinations.dicomweb_address import DicomwebAddress
from mediakit.destinations.folder import FolderAddress
from mediakit.destinations.login import Login
from mediakit.destinations.options import Options
from mediakit.destinations.peer import Timeouts, Tls
from mediakit.dicom.uids import STORAGE
from mediakit.errors import UsageError
from mediakit.network.user_items import IdentityKind
from mediakit.transfer.probed import SYNTAXES
from tests.support.cli import command, mediakit
from tests.support.fault_bytes import item_of, window_item
from tests.support.fault_http import replies, serving
from tests.support.fault_scp import FaultScp
from tests.support.fault_script import AtConnection, Script
from tests.support.instances import CT

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"


def counted(text: str) -> bytes:
    return len(text).to_bytes(2, "big") + text.encode()


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, as a user without any configuration."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.chdir(tmp_path)


def test_a_destination_that_is_added_is_listed_and_known_by_its_name() -> None:
    assert mediakit("dest", "add", "pacs", "PACS@10.0.0.1:11112", "--calling-ae", "US").code == 0
    assert mediakit("dest", "list").out.split() == ["pacs", "PACS@10.0.0.1:11112", "calling-ae", "US"]
    one = destination_named("pacs", None)
    assert one.address == DicomAddress(called_ae="PACS", host="10.0.0.1", port=11112)
    assert one.options == Options(calling_ae="US")


def test_every_option_is_kept(tmp_path: Path) -> None:
    said = mediakit(
        *("dest", "add", "tls", "dicom+tls://PACS@host", "--calling-ae", "US", "--ca-file", "ca.pem"),
        *("--certificate", "own.pem", "--key", "own.key", "--no-check-host-name"),
        *("--connect-timeout", "1", "--association-timeout", "2.5", "--answer-timeout", "600"),
        *("--proof-timeout", "3600"),
        *("--commit-port", "11113", "--commit-host", "127.0.0.1"),
    )
    assert said.code == 0, said.err
    assert destination_named("tls", None).options == Options(
        calling_ae="US",
        tls=Tls(
            ca_file=tmp_path / "ca.pem",
            certificate=tmp_path / "own.pem",
            key=tmp_path / "own.key",
            check_host_name=False,
        ),
        timeouts=Timeouts(connect_s=1, association_s=2.5, answer_s=600, proof_s=3600),
        commit_port=11113,
        commit_host="127.0.0.1",
    )
    (listed,) = mediakit_document("dest", "list")["destinations"]
    assert listed["options"]["answer-timeout"] == 600
    assert listed["options"]["proof-timeout"] == 3600
    assert listed["options"]["check-host-name"] is False


def test_an_identity_is_kept_by_the_place_of_its_secret_and_a_window_by_its_size(tmp_path: Path) -> None:
    place = ("--passcode-file", "code")
    options = ("--no-identity-response", "--window", "1", "--no-extended-negotiation")
    said = mediakit("dest", "add", "pacs", "PACS@host", "--user", "ward", *place, *options)
    assert said.code == 0, said.err
    assert destination_named("pacs", None).options == Options(
        login=Login(kind=IdentityKind.PASSCODE, user="ward", file=tmp_path / "code", wants_response=False),
        window=1,
        extends=False,
    )
    (listed,) = mediakit_document("dest", "list")["destinations"]
    assert listed["options"] == {
        "calling-ae": "MEDIAKIT",
        "user": "ward",
        "passcode-file": str(tmp_path / "code"),
        "identity-response": False,
        "window": 1,
        "extended-negotiation": False,
    }


def test_every_kind_of_identity_has_its_keys(tmp_path: Path) -> None:
    kinds = IdentityKind
    for options, login in (
        (("--user", "ward"), Login(kind=kinds.USER_NAME, user="ward")),
        (
            ("--user", "ward", "--passcode-variable", "CODE"),
            Login(kind=kinds.PASSCODE, user="ward", variable="CODE"),
        ),
        (("--user", "ward", "--ask-passcode"), Login(kind=kinds.PASSCODE, user="ward", asks=True)),
        (("--kerberos-file", "t"), Login(kind=kinds.KERBEROS, file=tmp_path / "t")),
        (("--saml-file", "t"), Login(kind=kinds.SAML, file=tmp_path / "t")),
        (("--jwt-file", "t"), Login(kind=kinds.JWT, file=tmp_path / "t")),
        (("--jwt-variable", "TOKEN"), Login(kind=kinds.JWT, variable="TOKEN")),
    ):
        assert mediakit("dest", "add", "pacs", "PACS@host", *options).code == 0
        assert destination_named("pacs", None).options.login == login
        mediakit("dest", "remove", "pacs")


def test_an_echo_says_who_we_are_and_never_the_passcode(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("sesame\n")
    with FaultScp(Script(user_items=b"\x59\0\0\2\0\0")) as scp:
        place = f"PACS@127.0.0.1:{scp.port}"
        said = mediakit("dest", "echo", place, "--user", "ward", "--passcode-file", "code", "--json")
        mediakit("dest", "add", "pacs", place, "--user", "other", "--passcode-file", "code")
        by_name = mediakit("dest", "echo", "pacs")
        outweighed = mediakit("dest", "echo", "pacs", "--user", "ward")
    assert (said.code, by_name.code, outweighed.code) == (0, 0, 0)
    assert by_name.out.endswith("answers C-ECHO, confirms the user\n")
    sent = [value for items in scp.user_items for kind, value in items if kind == 0x58]
    assert sent == [
        b"\2\1\0\4ward\0\6sesame",
        b"\2\1\0\5other\0\6sesame",
        b"\1\1\0\4ward\0\0",
    ]
    assert "sesame" not in said.out + said.err + by_name.out + own_file().read_text()


def test_a_passcode_is_asked_for_on_a_terminal_alone() -> None:
    with FaultScp() as scp:
        said = mediakit("dest", "echo", f"A@127.0.0.1:{scp.port}", "--user", "ward", "--ask-passcode")
    assert said.code == 2
    assert "no terminal" in said.err
    assert scp.user_items == []


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no terminals like that here")
def test_a_passcode_that_is_typed_is_sent_and_not_shown() -> None:
    ours, theirs = os.openpty()
    with FaultScp(Script(user_items=b"\x59\0\0\2\0\0")) as scp:
        words = command("dest", "echo", f"A@127.0.0.1:{scp.port}", "--user", "ward", "--ask-passcode")
        process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
        shown = b""
        while b"Passcode of ward" not in shown:
            shown += os.read(ours, 1000)
        os.write(ours, b"sesame\n")
        assert process.wait(60) == 0
        shown += os.read(ours, 10_000)
    os.close(ours)
    os.close(theirs)
    assert b"answers C-ECHO" in shown
    assert b"sesame" not in shown
    assert (0x58, b"\2\1\0\4ward\0\6sesame") in scp.user_items[0]


def test_paths_of_dest_add_mean_what_they_mean_there(tmp_path: Path) -> None:
    mediakit("dest", "add", "here", "dir:in")
    mediakit("dest", "add", "web", "dicomweb+https://host/dw", "--token-file", "t", "--header-file", "h")
    known = named_destinations(None)
    assert known["here"].address == FolderAddress(path=tmp_path / "in")
    assert known["web"].options == Options(token_file=tmp_path / "t", header_file=tmp_path / "h")


def test_what_stands_in_the_file_stays() -> None:
    mediakit("dest", "add", "b", "dir:/b")
    mediakit("dest", "add", "a", "A@host")
    mediakit("dest", "add", "c", "dicomweb+https://host/dw", "--token-variable", "TOKEN")
    before = dict(named_destinations(None))
    assert list(before) == ["a", "b", "c"]
    assert mediakit("dest", "remove", "b").code == 0
    del before["b"]
    assert named_destinations(None) == before


def test_a_name_is_added_once() -> None:
    mediakit("dest", "add", "pacs", "A@host")
    content = own_file().read_bytes()
    said = mediakit("dest", "add", "pacs", "B@host")
    assert said.code == 2
    assert "there already is a destination `pacs`" in said.err
    assert "dest remove pacs" in said.err
    assert own_file().read_bytes() == content


def own_config() -> Path:
    """Return the user's own configuration file, with its folder made."""
    own_folder().mkdir(parents=True, exist_ok=True)
    return own_folder() / "config.toml"


def test_a_name_in_two_files_is_an_error_that_can_be_mended(tmp_path: Path) -> None:
    mediakit("dest", "add", "pacs", "A@host")
    own_config().write_text('[destinations.pacs]\nurl = "B@host"\n')
    said = mediakit("dest", "list")
    assert said.code == 2
    assert "defined twice" in said.err
    assert "mediakit dest remove pacs" in said.err
    assert mediakit("dest", "remove", "pacs").code == 0
    assert destination_named("pacs", None).address == DicomAddress(called_ae="B", host="host", port=104)


def test_a_given_configuration_stands_beside_the_names_of_dest_add(tmp_path: Path) -> None:
    mediakit("dest", "add", "own", "A@host")
    own_config().write_text('[destinations.here]\nurl = "B@host"\n')
    (tmp_path / "etc").mkdir()
    other = tmp_path / "etc" / "other.toml"
    other.write_text('profiles = []\n[destinations.there]\nurl = "dir:in"\n')
    assert set(named_destinations(None)) == {"own", "here"}
    known = named_destinations(other)
    assert set(known) == {"own", "there"}
    assert known["there"].address == FolderAddress(path=tmp_path / "etc" / "in")
    assert known["there"].origin == str(other)


def test_a_name_of_another_file_is_not_removed(tmp_path: Path) -> None:
    own_config().write_text('[destinations.pacs]\nurl = "B@host"\n')
    said = mediakit("dest", "remove", "pacs")
    assert said.code == 2
    assert "by hand" in said.err
    assert mediakit("dest", "remove", "nowhere").code == 2


def test_an_address_needs_no_name_and_a_wrong_name_gets_a_hint() -> None:
    mediakit("dest", "add", "archive", "A@host")
    assert destination_named("B@host:1", None) == Named(
        name="", address=DicomAddress(called_ae="B", host="host", port=1), options=Options()
    )
    with pytest.raises(UsageError) as caught:
        destination_named("archiv", None)
    assert caught.value.hint == "did you mean archive?"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a b", "A@host"), "is not a valid name"),
        (("A@host", "A@host"), "is not a valid name"),
        (("pacs", "host:104"), "AE title is missing"),
        (("pacs", "A@host", "--calling-ae", "MUCH-TOO-LONG-A-TITLE"), "at most 16"),
        (("pacs", "A@host", "--ca-file", "x"), "without TLS"),
        (("pacs", "A@host", "--token-file", "x"), "`token-file` does not apply"),
        (("pacs", "A@host", "--passcode-file", "x"), "needs a user name"),
        (("pacs", "A@host", "--user", "w", "--jwt-file", "x"), "several things at once"),
        (("pacs", "A@host", "--saml-file", "w", "--jwt-file", "x"), "several things at once"),
        (("pacs", "A@host", "--jwt-variable", "w", "--jwt-file", "x"), "stands in one place"),
        (("pacs", "A@host", "--no-identity-response"), "says nothing"),
        (("web", "dicomweb+https://host/", "--user", "w"), "`identity` does not apply"),
        (("in", "dir:/in", "--window", "5"), "`window` does not apply"),
        (("in", "dir:/in", "--no-extended-negotiation"), "`extended-negotiation` does not apply"),
        (("web", "dicomweb+https://host/", "--calling-ae", "US"), "`calling-ae` does not apply"),
        (("web", "dicomweb+https://host/", "--commit-port", "5"), "`commit-port` does not apply"),
        (("in", "dir:/in", "--answer-timeout", "5"), "`timeouts` does not apply"),
        (("pacs", "dicom+tls://A@host", "--key", "x"), "a key needs its certificate"),
        (("pacs", "A@host", "--answer-timeout", "0"), "timeouts.answer: expected seconds"),
        (("pacs", "A@host", "--answer-timeout", "nan"), "nan is not a number of seconds"),
    ],
)
def test_what_makes_no_sense_is_not_kept(arguments: tuple[str, ...], message: str) -> None:
    said = mediakit("dest", "add", *arguments)
    assert said.code == 2
    assert message in said.err
    assert not own_file().exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("destinations = 5", "must be a table"),
        ("[destinations]\npacs = 5", "expected a table"),
        ('[destinations.pacs]\nulr = "A@host"', "ulr: unknown key; did you mean `url`?; `url` is missing"),
        ('[destinations.pacs]\nurl = "A@host"\ncommit-port = 70000', "a port from 1 to 65535"),
        ('[destinations.pacs]\nurl = "A@host"\ntimeouts = { answer = "x" }', "timeouts.answer: expected sec"),
        ('[destinations.pacs]\nurl = "A@host"\nwindow = 0', "window: expected a number of operations from 1"),
        (
            '[destinations.pacs]\nurl = "A@host"\nidentity = { user = "w", passcode = "sesame" }',
            "identity.passcode: unknown key; did you mean `",
        ),
        ('[destinations.pacs]\nurl = "A@host"\nidentity = {}', "says nothing"),
        ('[destinations.pacs]\nurl = "host"', "neither an address"),
        ('[destinations."a.b"]\nurl = "A@host"', "is not a valid name"),
        ('[destinations.p]\nurl = "dicomweb+https://h/"\ntoken-file = ""', "a path is empty"),
    ],
)
def test_a_wrong_table_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    own_config().write_text(text)
    said = mediakit("dest", "list", "--json")
    assert said.code == 2
    error = said.document
    assert message in f"{error['error']}: {error['why']}"
    assert "config.toml" in error["where"]
    assert "sesame" not in said.out


def test_unknown_keys_are_answered_with_the_known_ones(tmp_path: Path) -> None:
    own_config().write_text('[destinations.pacs]\nurl = "A@host"\nport = 5')
    hint = mediakit("dest", "list", "--json").document["hint"]
    assert "known keys: url, calling-ae, ca-file" in hint


def test_other_settings_in_the_file_of_dest_add_are_told_and_kept() -> None:
    own_file().parent.mkdir(parents=True)
    own_file().write_text("profiles = []\n")
    said = mediakit("dest", "add", "pacs", "A@host")
    assert said.code == 2
    assert "config.toml" in said.err
    assert own_file().read_text() == "profiles = []\n"


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)
_SECONDS = st.one_of(st.none(), st.floats(0.001, 86400))


@given(
    rows=st.dictionaries(
        st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,9}", fullmatch=True),
        st.builds(
            DestinationRow,
            url=_TEXT,
            calling_ae=st.none() | _TEXT,
            ca_file=st.none() | _TEXT,
            check_host_name=st.none() | st.booleans(),
            timeouts=st.none() | st.builds(TimeoutRow, connect=_SECONDS, answer=_SECONDS, proof=_SECONDS),
            commit_port=st.none() | st.integers(1, 65535),
            identity=st.none() | st.builds(IdentityRow, user=_TEXT, response=st.none() | st.booleans()),
            window=st.none() | st.integers(1, 64),
        ),
        max_size=3,
    )
)
def test_what_is_written_as_toml_is_read_as_it_was(rows: dict[str, DestinationRow]) -> None:
    read = tomllib.loads(to_toml(rows)).get("destinations", {})
    assert {name: msgspec.convert(raw, DestinationRow) for name, raw in read.items()} == rows


def test_a_home_stands_for_itself_in_a_path(tmp_path: Path) -> None:
    raw = {"url": "dir:~/in"}
    assert named_of("x", raw, tmp_path / "etc" / "f.toml").address == FolderAddress(
        path=tmp_path / "home" / "in"
    )


def test_echo_says_what_the_peer_says() -> None:
    with FaultScp() as scp:
        mediakit("dest", "add", "scp", f"SCP@127.0.0.1:{scp.port}", "--calling-ae", "US")
        said = mediakit("dest", "echo", "scp")
        assert said.code == 0, said.err
        assert said.out.startswith(f"scp (SCP@127.0.0.1:{scp.port}): answers C-ECHO")
        assert scp.called == [("SCP", "US")]
        assert mediakit_document("dest", "echo", "scp")["said"].startswith("answers C-ECHO")


def test_echo_asks_a_dicomweb_server() -> None:
    with serving() as server:
        address = f"dicomweb+http://{server.address}/dw"
        assert "answers to a search" in mediakit("dest", "echo", address).out
        server.get_faults = [replies(401)]
        said = mediakit("dest", "echo", address, "--json")
        assert said.code == 5
        assert "login" in said.document["error"]


def test_echo_looks_at_a_folder(tmp_path: Path) -> None:
    assert "can be written to" in mediakit("dest", "echo", f"dir:{tmp_path}").out
    assert mediakit("dest", "echo", f"dir:{tmp_path}/none/in").code == 5


def test_echo_of_nobody_ends_with_5() -> None:
    with FaultScp(Script(at_connection=AtConnection.NOT_LISTENING)) as scp:
        assert mediakit("dest", "echo", f"SCP@127.0.0.1:{scp.port}").code == 5
    with FaultScp(Script(reject=(1, 1, 7))) as scp:
        said = mediakit("dest", "echo", f"SCP@127.0.0.1:{scp.port}")
        assert said.code == 5
        assert "called AE title" in said.err


def test_a_probe_tells_each_class_and_syntax_that_the_peer_takes() -> None:
    script = Script(classes=frozenset({CT}), syntaxes=frozenset({EXPLICIT, IMPLICIT}))
    with FaultScp(script) as scp:
        found = mediakit_document("dest", "probe", f"SCP@127.0.0.1:{scp.port}")
        assert scp.received == []
    assert len(found["classes"]) == len(STORAGE)
    taken = {row["sop_class_uid"]: row for row in found["classes"] if row["transfer_syntaxes"]}
    assert set(taken) == {CT}
    assert taken[CT]["transfer_syntaxes"] == [IMPLICIT, EXPLICIT]
    reasons = {row["why"] for row in found["classes"] if row["sop_class_uid"] != CT}
    assert reasons == {"the SOP Class is not supported"}
    assert found["associations"] == len(scp.proposed) == -(-len(STORAGE) // 128) + 1


def test_a_probe_asks_for_each_syntax_of_each_class_that_is_taken() -> None:
    with FaultScp() as scp:
        found = mediakit_document("dest", "probe", f"SCP@127.0.0.1:{scp.port}")
    assert {len(row["transfer_syntaxes"]) for row in found["classes"]} == {len(SYNTAXES)}
    assert all(len(contexts) <= 128 for contexts in scp.proposed)


def test_a_probe_is_shown_as_a_table() -> None:
    script = Script(classes=frozenset({CT}), syntaxes=frozenset({EXPLICIT}))
    with FaultScp(script) as scp:
        text = mediakit("dest", "probe", f"SCP@127.0.0.1:{scp.port}").out
    lines = text.splitlines()
    assert lines[0].endswith(f"takes 1 of {len(STORAGE)} Storage SOP Classes")
    heading = next(line for line in lines if line.strip().startswith("ILE ELE DEF"))
    row = next(line for line in lines if line.startswith("CT Image Storage"))
    assert row.index("x") == heading.index("ELE")
    assert row.count("x") == 1
    heading = next(line for line in lines if line.startswith("ID "))
    rows = lines[lines.index(heading) + 1 :]
    assert len(rows) == len(STORAGE)
    taken = next(row for row in rows if " CT Image Storage" in row)
    assert taken[heading.index("result") :].split("  ")[0] == "Explicit VR Little Endian"
    assert taken[heading.index("roles") :].split()[0] == "SCU"
    assert sum("the SOP Class is not supported" in row for row in rows) == len(STORAGE) - 1


def test_a_probe_tells_the_whole_outcome_of_the_negotiation(tmp_path: Path) -> None:
    (tmp_path / "code").write_text("sesame")
    level = counted(CT) + b"\2\0\3\0\0\0"
    answers = (
        window_item(4)
        + item_of(0x54, counted(CT) + b"\1\1")
        + item_of(0x55, b"PACS 7\x1b ")
        + item_of(0x56, level)
        + item_of(0x59, bytes(2))
        + item_of(0x99, b"?")
    )
    login = ("--user", "ward", "--passcode-file", "code")
    with FaultScp(Script(classes=frozenset({CT}), syntaxes=frozenset({EXPLICIT}), user_items=answers)) as scp:
        place = f"SCP@127.0.0.1:{scp.port}"
        found = mediakit_document("dest", "probe", place, *login)
        text = mediakit("dest", "probe", place, *login).out
    assert found["negotiation"] == {
        "implementation_class_uid": "1.2.3.4",
        "implementation_version": "PACS 7\\x1b",
        "our_longest_pdu": 1 << 20,
        "their_longest_pdu": 16_384,
        "window_proposed": {"invoked": 8, "performed": 1},
        "window": {"invoked": 4, "performed": 1},
        "user_identity": "user name and passcode (ward): confirmed by the peer",
        "ignored": ["an item of the unknown type 99H"],
    }
    contexts = found["contexts"]
    assert [one["id"] for one in contexts if one["association"] == 1] == list(range(1, 256, 2))
    assert {one["association"] for one in contexts} == set(range(1, found["associations"] + 1))
    first = next(one for one in contexts if one["sop_class_uid"] == CT)
    assert (first["accepted"], first["transfer_syntax"], first["why"]) == (True, EXPLICIT, "")
    assert (first["scu"], first["scp"]) == (True, True)
    support = "level 2: all attributes are stored, signature level 3, does not coerce values"
    assert first["level_of_support"] == support
    refused = next(one for one in contexts if one["sop_class_uid"] != CT)
    assert (refused["accepted"], refused["transfer_syntax"]) == (False, "")
    assert "implementation   1.2.3.4 PACS 7\\x1b" in text
    assert "longest PDU      ours 1048576 bytes, theirs 16384 bytes" in text
    assert "window           4 invoked, 1 performed (8 invoked, 1 performed was proposed)" in text
    assert "user identity    user name and passcode (ward): confirmed by the peer" in text
    assert "ignored          an item of the unknown type 99H" in text
    row = next(line for line in text.splitlines() if support in line)
    assert "CT Image Storage" in row
    assert "SCU, SCP" in row
    assert "sesame" not in text + json.dumps(found)


def test_a_probe_without_extended_negotiation_asks_for_contexts_alone(tmp_path: Path) -> None:
    with FaultScp() as scp:
        mediakit(
            *("dest", "add", "plain", f"SCP@127.0.0.1:{scp.port}"),
            *("--window", "1", "--no-extended-negotiation"),
        )
        found = mediakit_document("dest", "probe", "plain")
    assert {kind for items in scp.user_items for kind, _ in items} == {0x51, 0x52, 0x55}
    assert found["negotiation"]["window_proposed"] is None
    assert found["negotiation"]["window"] == {"invoked": 1, "performed": 1}
    assert found["negotiation"]["user_identity"] == "not sent"


def test_a_probe_of_what_does_not_negotiate_says_so(tmp_path: Path) -> None:
    assert "nothing is negotiated" in mediakit("dest", "probe", f"dir:{tmp_path}").out
    assert mediakit_document("dest", "probe", f"dir:{tmp_path}")["classes"] is None


def test_a_probe_that_cannot_end_tells_nothing() -> None:
    with FaultScp(Script(reject=(2, 3, 2))) as scp:
        said = mediakit("dest", "probe", f"SCP@127.0.0.1:{scp.port}", "--json")
    assert said.code == 5
    assert said.document["schema"] == "mediakit/error/1"


def test_an_address_of_a_dicomweb_server_is_kept_in_one_form() -> None:
    mediakit("dest", "add", "web", "dicomweb+HTTPS://Host:443/dw/")
    assert named_destinations(None)["web"].address == DicomwebAddress(url="https://host/dw")


def mediakit_document(*arguments: str) -> Any:
    said = mediakit(*arguments, "--json")
    assert said.code == 0, said.err
    return json.loads(said.out)
