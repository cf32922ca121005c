"""Updates of encrypted media: what stays keeps its envelope byte for byte, what is new is sealed likewise."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from mediakit.errors import SourceError, UsageError
from mediakit.formats.envelope import Envelope
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.outcome import Outcome
from mediakit.profile.load import load_profile
from mediakit.secure.certificates import read_certificates
from mediakit.secure.facts import is_enveloped
from mediakit.secure.keys import Keys
from mediakit.secure.passwords import PasswordRecipient
from mediakit.secure.sealing import CertificateRecipient, Sealer
from tests.faults.test_update_kill import killed_at
from tests.journeys.test_update import ids, uid_of
from tests.support.cli import mediakit
from tests.support.secure import (
    BY_PASSPHRASE,
    PASSPHRASE,
    by_another,
    by_certificate,
    certificates,
    sealer,
    signer,
)
from tests.support.studies import CR, CT_1, CT_2, CT_3, burnt_to
from tests.support.updating import Content, assert_holds, content_of, directory_of, kept_but, updated


def by_passphrase(*, is_signed: bool = False) -> Sealer:
    return Sealer([PasswordRecipient(PASSPHRASE, rounds=1000)], signer() if is_signed else None)


def burnt(out: Path, profile: str, envelope: Envelope | None = None) -> Content:
    """Burn two images onto an encrypted medium; return its files as they are stored."""
    burnt_to(out, CT_1, CT_2, profile=profile, envelope=envelope or by_passphrase())
    return content_of(out)


def assert_opens(medium: Path, profile: str, instances: int, keys: Keys = BY_PASSPHRASE) -> None:
    """Fail when a medium does not conform, is not opened as a whole, or has a file in clear."""
    found = validate(medium, ValidateOrder(profile=load_profile(profile), keys=keys))
    assert [one.sentence for one in found.verdicts] == [f"conforms to {profile}"]
    assert found.result.figures["instances"] == instances
    assert is_enveloped(directory_of(medium)[:32])


def test_files_that_stay_keep_their_envelopes_and_the_new_ones_are_sealed(tmp_path: Path) -> None:
    for name, profile, more in (
        ("a.iso", "STD-GEN-SEC-CD", {}),
        ("b.iso", "STD-GEN-SEC-CD", {"session": True}),
        ("c.img", "STD-GEN-SEC-USB-JPEG", {}),
        ("d", "STD-GEN-SEC-CD", {"state": tmp_path / "state"}),
    ):
        medium = tmp_path / name
        before = burnt(medium, profile)
        done = updated(medium, CT_3, instances=[uid_of(CT_1)], keys=BY_PASSPHRASE, **more)
        assert (done.result.outcome, done.result.figures["profile"]) == (Outcome.GOOD, profile), name
        assert done.plan is not None
        (new,) = (str(file.file_id) for file in done.plan.files)
        after = content_of(medium)
        gone = before.keys() - after.keys()
        assert len(gone) == 1, name
        assert_holds(after, kept_but(before, gone))
        assert after.keys() - before.keys() == {new}, name
        assert_opens(medium, profile, 2)


def test_the_medium_is_as_it_was_when_new_envelopes_would_differ(tmp_path: Path) -> None:
    medium, profile = tmp_path / "a.iso", "STD-GEN-SEC-CD"
    signed = by_passphrase(is_signed=True)
    before = burnt(medium, profile, signed)
    for keys, envelope, rule in (
        (BY_PASSPHRASE, None, "MK-UPD-022"),  # nothing signs what is new
        (BY_PASSPHRASE, Sealer([_recipient()], signer()), "MK-UPD-020"),  # the passphrase would not open it
    ):
        done = updated(medium, CT_3, keys=keys, envelope=envelope)
        assert (done.result.outcome, rule in ids(done)) == (Outcome.DOES_NOT_FIT, True)
        assert content_of(medium) == before
    done = updated(medium, CT_3, keys=BY_PASSPHRASE, envelope=signed)
    assert done.result.outcome is Outcome.GOOD
    assert_opens(medium, profile, 3)
    two = tmp_path / "two.iso"
    burnt(two, profile, sealer())
    assert "MK-UPD-020" in ids(updated(two, CT_3, keys=by_certificate()))
    done = updated(two, CT_3, keys=by_certificate(), envelope=sealer())
    assert done.result.outcome is Outcome.GOOD
    assert_opens(two, profile, 3, by_certificate())
    assert_opens(two, profile, 3)


def _recipient() -> CertificateRecipient:
    return CertificateRecipient(read_certificates(certificates().client)[0])


def test_who_can_open_only_what_is_new_is_named(tmp_path: Path) -> None:
    medium = tmp_path / "a.iso"
    burnt(medium, "STD-GEN-SEC-CD")
    done = updated(medium, CT_3, keys=BY_PASSPHRASE, envelope=sealer())
    assert "MK-UPD-021" in ids(done)
    assert "MK-UPD-020" not in ids(done)
    assert done.result.outcome is Outcome.GOOD


def test_without_what_opens_it_an_encrypted_medium_is_not_called_broken(tmp_path: Path) -> None:
    medium, wrong = tmp_path / "a.iso", Keys(passphrases=(b"another one",))
    before = burnt(medium, "STD-GEN-SEC-CD")
    for keys, why in (({}, "is encrypted, and was not opened"), ({"keys": wrong}, "wrong passphrase"),
                      ({"keys": by_another()}, "no recipient of this file fits this key")):  # fmt: skip
        with pytest.raises(SourceError, match=why) as caught:
            updated(medium, CT_3, **keys)
        assert "mediakit repair" not in str(caught.value) + caught.value.hint
        assert "passphrase" in str(caught.value)
        assert "wrong passphrase; to open: a passphrase" not in str(caught.value)
    assert content_of(medium) == before
    with pytest.raises(UsageError, match="STD-GEN-CD has no encrypted files"):
        updated(medium, CT_3, keys=BY_PASSPHRASE, profile=load_profile("STD-GEN-CD"))


def test_an_encrypted_medium_is_updated_from_the_command_line(tmp_path: Path) -> None:
    medium, made = tmp_path / "a.iso", certificates()
    (tmp_path / "passphrase").write_bytes(PASSPHRASE + b"\n")
    burnt(medium, "STD-GEN-SEC-CD", sealer(is_signed=True))
    opens = ("--passphrase-file", tmp_path / "passphrase", "--recipient", made.client)
    said = mediakit("update", medium, "--add", CT_3, *opens)
    assert (said.code, "--sign-key" in said.err) == (4, True)
    signs = ("--sign-key", made.server_key, "--sign-cert", made.server)
    said = mediakit("update", medium, "--add", CT_3, *opens, *signs)
    assert said.code == 0, said.err
    assert_opens(medium, "STD-GEN-SEC-CD", 3, by_certificate())
    said = mediakit("update", medium, "--add", CR, "--recipient", made.client)
    assert (said.code, "say what opens it" in said.err) == (2, True)


def test_an_encrypted_folder_holds_the_old_set_or_the_new_one_wherever_an_update_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = burnt(tmp_path / "base", "STD-GEN-SEC-CD")
    ends = set()
    for number in range(0, 200, 5):
        medium = tmp_path / f"m{number}"
        shutil.copytree(tmp_path / "base", medium)
        more = {"keys": BY_PASSPHRASE, "envelope": by_passphrase(), "state": tmp_path / f"s{number}"}
        try:
            with killed_at(number, monkeypatch):
                updated(medium, CT_3, instances=[uid_of(CT_1)], **more)
        except BaseException as exc:  # noqa: BLE001 - KilledError of the test
            assert type(exc).__name__ == "KilledError", exc
        else:
            break
        is_old = content_of(medium)["DICOMDIR"] == before["DICOMDIR"]
        ends.add(is_old)
        updated(medium, CT_3, **more)  # tidies up what the other left behind, and adds what is not there
        assert_opens(medium, "STD-GEN-SEC-CD", 3 if is_old else 2)
    assert ends == {True, False}
