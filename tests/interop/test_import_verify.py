"""`mediakit import --verify` through the real command line: what Orthanc and our own SCP prove."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from mediakit.destinations.dial import dial
from mediakit.destinations.peer import Peer, Tls
from mediakit.destinations.tls import server_context
from tests.support.certificates import make_certificates
from tests.support.cli import mediakit
from tests.support.embedded_scp import embedded_scp
from tests.support.network_peers import Listening, free_port, orthanc, storescp
from tests.support.studies import CT_FOLDER

pytestmark = pytest.mark.interop


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEDIAKIT_STATE", str(tmp_path / "state"))


@contextmanager
def committing_orthanc(folder: Path, port: int) -> Iterator[Listening]:
    """Run Orthanc, which reports on storage commitment to a port of this host."""
    with orthanc(folder, DicomModalities={"mediakit": ["MEDIAKIT", "127.0.0.1", port]}) as scp:
        yield scp


def dest(scp: Listening) -> str:
    return f"{scp.ae_title}@127.0.0.1:{scp.port}"


def rest(scp: Listening, path: str, method: str = "GET") -> Any:
    with urlopen(Request(f"http://127.0.0.1:{scp.http_port}{path}", method=method), timeout=30) as answer:
        return json.load(answer)


def lose_one(scp: Listening) -> str:
    """Delete an instance behind the back of everybody; return its SOP Instance UID."""
    one = rest(scp, "/instances")[0]
    uid = rest(scp, f"/instances/{one}")["MainDicomTags"]["SOPInstanceUID"]
    rest(scp, f"/instances/{one}", "DELETE")
    return str(uid)


def states(document: dict[str, Any]) -> dict[str, str]:
    return {each["sop_instance_uid"]: each["state"] for each in document["instances"]}


def named(tmp_path: Path, scp: Listening, **keys: object) -> tuple[str | Path, ...]:
    """Return the arguments that name this SCP by a configuration."""
    config = tmp_path / "config.toml"
    lines = [f'url = "{dest(scp)}"', "timeouts = { proof = 2 }"]
    lines += [f"{key.replace('_', '-')} = {value}" for key, value in keys.items()]
    config.write_text("[destinations.pacs]\n" + "\n".join(lines) + "\n")
    return ("pacs", "--config", config)


def test_orthanc_commits_to_all_that_it_was_sent(tmp_path: Path) -> None:
    port = free_port()
    with committing_orthanc(tmp_path / "orthanc", port) as scp:
        said = mediakit(
            *("import", CT_FOLDER, dest(scp), "--verify", "commit", "--commit-port", str(port), "--json")
        )
        assert said.code == 0, said.err
        assert set(states(said.document).values()) == {"committed"}
        assert said.document["figures"]["proof"] == "commit: 10 of 10 confirmed"
        assert len(rest(scp, "/instances")) == 10


def test_an_instance_that_orthanc_lost_is_unconfirmed_until_it_is_sent_again(tmp_path: Path) -> None:
    port = free_port()
    with committing_orthanc(tmp_path / "orthanc", port) as scp:
        assert mediakit("import", CT_FOLDER, dest(scp)).code == 0
        lost = lose_one(scp)
        proving = ("--verify", "commit", "--commit-port", str(port))
        said = mediakit("import", CT_FOLDER, dest(scp), "--resume", *proving, "--json")
        assert said.code == 8, said.err
        assert [uid for uid, state in states(said.document).items() if state == "unconfirmed"] == [lost]
        assert list(states(said.document).values()).count("committed") == 9
        text = mediakit("job", "show", said.document["job"]).out
        assert "it has no such instance" in text
        resumed = mediakit("import", CT_FOLDER, dest(scp), "--resume", *proving)
        assert resumed.code == 8
        assert f"job retry {said.document['job']}" in resumed.out


def test_a_retry_sends_what_was_lost_and_proves_it(tmp_path: Path) -> None:
    port = free_port()
    with committing_orthanc(tmp_path / "orthanc", port) as scp:
        where = named(tmp_path, scp)
        assert mediakit("import", CT_FOLDER, *where, "--verify", "query").code == 0
        assert mediakit("import", CT_FOLDER, *where, "--verify", "commit").code == 8
        lose_one(scp)
        job = mediakit("job", "list").out.split()[0]
        said = mediakit("job", "retry", job, *where[1:], "--commit-port", str(port))
        assert said.code == 0, said.out
        assert len(rest(scp, "/instances")) == 10
        assert "commit: 10 of 10 confirmed" in said.out


def test_without_a_port_of_ours_the_report_says_that_one_is_wanting(tmp_path: Path) -> None:
    with committing_orthanc(tmp_path / "orthanc", free_port()) as scp:
        said = mediakit("import", CT_FOLDER, *named(tmp_path, scp), "--verify", "commit")
    assert said.code == 8
    assert said.err.count("MK-IMP-024") == 1
    at_once, at_the_end = said.err.split("MK-IMP-024")
    assert "no port for reports is given" in at_once
    assert "`--commit-port`" in at_once
    assert "`--commit-port`" in at_the_end
    assert "unconfirmed          10" in said.out
    assert said.out.count("hint:") == 1


def test_a_port_that_the_peer_does_not_know_gives_no_proof_in_time(tmp_path: Path) -> None:
    port = free_port()
    with committing_orthanc(tmp_path / "orthanc", free_port()) as scp:
        where = named(tmp_path, scp, commit_port=port)
        said = mediakit("import", CT_FOLDER, *where, "--verify", "commit")
    assert said.code == 8
    assert f"no report came to port {port} within 2 s" in said.err
    assert "no port for reports is given" not in said.err


def test_a_port_that_is_taken_does_not_hide_what_was_sent(tmp_path: Path) -> None:
    with committing_orthanc(tmp_path / "orthanc", free_port()) as scp:
        proving = ("--verify", "commit", "--commit-port", str(scp.http_port))
        said = mediakit("import", CT_FOLDER, dest(scp), *proving)
    assert said.code == 8
    assert "cannot listen there" in said.err
    assert "unconfirmed          10" in said.out


def test_a_query_proves_what_orthanc_has_and_denies_the_rest(tmp_path: Path) -> None:
    with orthanc(tmp_path / "orthanc") as scp:
        assert mediakit("import", CT_FOLDER, dest(scp)).code == 0
        lost = lose_one(scp)
        said = mediakit("import", CT_FOLDER, dest(scp), "--resume", "--verify", "query", "--json")
    assert said.code == 8
    assert [uid for uid, state in states(said.document).items() if state == "unconfirmed"] == [lost]


def test_a_destination_that_cannot_be_queried_proves_nothing(tmp_path: Path) -> None:
    with storescp(tmp_path / "in") as scp:
        said = mediakit("import", CT_FOLDER, dest(scp), "--verify", "query")
    assert said.code == 8
    assert "does not offer the service" in said.err
    assert "query: 0 of 10 confirmed" in said.out


def test_reports_come_over_tls_where_the_destination_has_a_certificate(tmp_path: Path) -> None:
    made = make_certificates(tmp_path / "certificates")
    port = free_port()
    both = Tls(ca_file=made.authority, certificate=made.server, key=made.server_key)
    callers = {"MEDIAKIT": partial(dial, Peer(called_ae="MEDIAKIT", host="127.0.0.1", port=port, tls=both))}
    serving = server_context(made.server, made.server_key, made.authority)
    with embedded_scp(tmp_path / "in", callers=callers, ssl_context=serving) as scp:
        config = tmp_path / "config.toml"
        config.write_text(
            f'[destinations.pacs]\nurl = "dicom+tls://MEDIAKIT@127.0.0.1:{scp.port}"\n'
            f'ca-file = "{made.authority}"\ncertificate = "{made.server}"\nkey = "{made.server_key}"\n'
            f"commit-port = {port}\ntimeouts = {{ proof = 30 }}\n"
        )
        said = mediakit("import", CT_FOLDER, "pacs", "--config", config, "--verify", "commit")
    assert said.code == 0, said.out + said.err
    assert "commit: 10 of 10 confirmed" in said.out


def test_a_port_for_reports_is_an_error_where_no_report_is_asked_for(tmp_path: Path) -> None:
    said = mediakit("import", CT_FOLDER, "PACS@127.0.0.1:104", "--commit-port", "11113")
    assert said.code == 2
    assert "`--verify commit`" in said.err
