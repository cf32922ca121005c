from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from mediakit.fileset.security import security_of
from mediakit.fileset.survey import FileFact, FileKind
from mediakit.findings import Finding
from mediakit.formats.base import Node, NodeKind
from mediakit.profile.load import load_profile
from mediakit.rules import secure
from mediakit.secure.facts import Departure, Inner, SealFact
from mediakit.stages.look.closed import finding_on_closed
from tests.support.instances import make_instance
from tests.support.surveys import found_by, ids, medium_of, other_file, survey_of

A_CT = make_instance()
ENVELOPED = b"\x30\x82\x10\0\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0"
GCM = b"\x30\x82\x10\0\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17\xa0"
SEAL = SealFact(
    recipients=("a passphrase",), has_password=True, cipher="AES-256-CBC", rounds=600_000,
    inner=Inner.DIGESTED, digest="sha256",
)  # fmt: skip


def opened(**changes: object) -> list[Finding]:
    """Return what is found on a medium of which each file was taken out of such an envelope."""
    seal = replace(SEAL, **changes)  # type: ignore[arg-type]  # each test passes fields
    medium = medium_of(A_CT)
    medium = replace(medium, files=tuple(structs.replace(file, seal=seal) for file in medium.files))
    return found_by(secure.CHECKS, medium, load_profile("STD-GEN-SEC-CD"))


def test_an_envelope_as_the_profile_has_it_gives_no_finding() -> None:
    assert opened() == []
    assert opened(inner=Inner.SIGNED, rounds=0) == []


def test_files_that_were_not_opened_are_one_warning_that_says_what_opens_them() -> None:
    seal = SealFact(recipients=("a passphrase", "the key of certificate 1A"), cipher="AES-256-CBC")
    files = [structs.replace(other_file(name, head=ENVELOPED), seal=seal) for name in ("DICOMDIR", "IM1")]
    unknown = other_file("IM2", head=ENVELOPED)
    one, other = found_by(secure.CHECKS, survey_of(*files, unknown), None)
    assert (one.rule, other.rule) == (secure.LOCKED, secure.LOCKED)
    assert dict(one.detail)["count"] == 2
    assert "to open: a passphrase or the key of certificate 1A" in one.text
    assert "unknown" in other.text
    sentences = security_of(survey_of(*files, unknown))
    assert sentences[0].startswith("2 files are encrypted with AES-256-CBC, and not opened; to open: a pass")


def test_files_that_the_keys_do_not_open_are_one_error_for_each_reason() -> None:
    def closed(name: str, why: str) -> FileFact:
        finding = finding_on_closed(Node(name, 9, NodeKind.SEALED, why))
        return FileFact(name, 9, FileKind.CLOSED, finding=finding, seal=SealFact())

    medium = survey_of(closed("A", "wrong passphrase"), closed("B", "damaged"), closed("C", "damaged"))
    found = found_by(secure.CHECKS, medium, None)
    assert ids(found) == ["MK-SEC-010", "MK-SEC-010"]
    assert [dict(one.detail)["count"] for one in found] == [1, 2]
    assert security_of(medium) == ("3 files are encrypted, and could not be opened",)


@pytest.mark.parametrize("is_trusted", [None, True])
def test_who_signed_is_told_with_what_that_is_worth(*, is_trusted: bool | None) -> None:
    (finding,) = opened(inner=Inner.SIGNED, signers=("CN=A",), is_trusted=is_trusted)
    assert finding.rule is secure.SIGNED
    assert "signed by CN=A" in finding.text
    assert ("not judged" in finding.text) is (is_trusted is None)


def test_what_differs_from_the_profile_is_told_once_for_all_files() -> None:
    rules = {
        Departure.CIPHER: secure.CIPHER,
        Departure.LABEL: secure.FORM,
        Departure.NESTED: secure.FORM,
        Departure.HEADLESS: secure.FORM,
        Departure.DIGEST: secure.DIGEST,
        Departure.OAEP: secure.OAEP,
        Departure.RECIPIENT: secure.RECIPIENT,
    }
    assert rules.keys() == set(Departure)
    for departure, rule in rules.items():
        found = opened(departures=frozenset({departure}))
        assert [one.rule for one in found] == [rule], departure
        assert dict(found[0].detail)["count"] == 2


def test_few_rounds_for_a_passphrase_are_noted() -> None:
    (finding,) = opened(rounds=2048)
    assert finding.rule is secure.ROUNDS
    assert "2048 rounds" in finding.text


def test_another_kind_of_cms_is_an_error_in_a_secure_profile_alone() -> None:
    medium = survey_of(other_file("IM1", head=GCM))
    assert ids(found_by(secure.CHECKS, medium, load_profile("STD-GEN-SEC-CD"))) == ["MK-SEC-009"]
    assert found_by(secure.CHECKS, medium, load_profile("STD-GEN-CD")) == []
