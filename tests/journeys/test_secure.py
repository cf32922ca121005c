"""Secure media from end to end: burnt, looked at, validated, taken out, compared, repaired, imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.cli import mediakit
from tests.support.secure import PASSPHRASE, certificates
from tests.support.studies import CT_1, CT_2, CT_FOLDER

OTHER = "STD-GEN-SEC-CD"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a passphrase, and one CD image, one stick and one folder sealed for it."""
    root = tmp_path_factory.mktemp("secure")
    (root / "passphrase").write_bytes(PASSPHRASE + b"\n")
    (root / "wrong").write_bytes(b"another one\n")
    made = certificates()
    for out, profile in (("a.iso", "STD-GEN-SEC-CD"), ("a.img", ""), ("folder", "STD-GEN-SEC-USB-JPEG")):
        said = mediakit(
            "burn", CT_1, CT_2, "-o", root / out, *(["-p", profile] if profile else []),
            "--passphrase-file", root / "passphrase", "--recipient", made.client,
            "--sign-key", made.server_key, "--sign-cert", made.server,
        )  # fmt: skip
        assert said.code == 0, said.err
        assert "proof" in said.out
    return root


def opening(root: Path) -> tuple[tuple[str | Path, ...], ...]:
    made = certificates()
    return (
        ("--passphrase-file", root / "passphrase"),
        ("--key", made.client_key, "--cert", made.client),
    )


def test_a_secure_medium_is_validated_taken_out_and_imported_by_either_recipient(
    given: Path, tmp_path: Path
) -> None:
    for number, name in enumerate(("a.iso", "a.img", "folder")):
        keys = opening(given)[number % 2]
        said = mediakit("validate", given / name, *keys, "--json")
        assert said.document["profile"].startswith("STD-GEN-SEC-"), name
        assert said.document["counts"] == {"valid": 3}, name
        assert said.code == 0, (name, said.out)
        assert "signed by CN=mediakit test server: the signature holds" in said.document["security"][0]
        out = tmp_path / f"out{number}"
        assert mediakit("extract", given / name, "-o", out, *keys).code == 0
        taken = sorted(path.read_bytes() for path in out.rglob("I0*"))
        assert taken == sorted(path.read_bytes() for path in (CT_1, CT_2)), name
        stored = tmp_path / f"store{number}"
        stored.mkdir()
        said = mediakit("import", given / name, f"dir:{stored}", *keys, "--state", tmp_path / "state")
        assert said.code == 0, (name, said.out, said.err)


def test_media_are_compared_through_their_envelopes(
    given: Path,
) -> None:
    keys = opening(given)[0]
    assert mediakit("diff", given / "a.iso", given / "a.img", *keys).code == 0
    said = mediakit("diff", given / "a.iso", CT_FOLDER, *keys)
    assert said.code == 1
    assert "does not have instance" in said.err + said.out


def test_without_a_key_it_is_said_what_opens_it_and_nothing_is_taken_for_read(given: Path) -> None:
    said = mediakit("inspect", given / "a.iso")
    assert said.code == 3
    assert "to open: the key of certificate" in said.err
    assert "or a passphrase" in said.err
    assert "security   3 files are encrypted with AES-256-CBC, and not opened" in said.out
    said = mediakit("validate", given / "a.iso", "-p", OTHER, "--json")
    assert (said.code, said.document["counts"]) == (3, {"unreadable": 3})
    rules = {finding["rule"] for finding in said.document["findings"]}
    assert "MK-SEC-001" in rules
    assert not {rule for rule in rules if rule.startswith("MK-DIR-0")}  # its bytes were not judged


def test_no_journey_calls_an_encrypted_medium_damaged(given: Path, tmp_path: Path) -> None:
    medium, stored = given / "a.iso", tmp_path / "store"
    stored.mkdir()
    cases: tuple[tuple[int, tuple[str | Path, ...]], ...] = (
        (3, ("inspect", medium)),
        (3, ("validate", medium)),
        (1, ("extract", medium, "-o", tmp_path / "out")),  # the files as they are stored
        (3, ("repair", medium, "-o", tmp_path / "b.iso")),
        (3, ("burn", medium, "-p", "STD-GEN-CD", "-o", tmp_path / "b.iso")),
        (3, ("import", medium, f"dir:{stored}", "--state", tmp_path / "state")),
        (3, ("update", medium, "--add", CT_1, "--state", tmp_path / "state")),
        (1, ("diff", medium, CT_1)),
    )
    for code, arguments in cases:
        said = mediakit(*arguments)
        words = said.out + said.err
        assert (said.code, "or a passphrase" in words) == (code, True), (arguments, words)
        assert "passphrase-file" in words, (arguments, words)
        assert not [word for word in ("damaged", "another copy", "repair it") if word in words], (
            arguments,
            words,
        )


def test_a_wrong_key_and_a_wrong_passphrase_are_said_and_nothing_is_written(
    given: Path, tmp_path: Path
) -> None:
    made = certificates()
    stored = tmp_path / "store"
    stored.mkdir()
    for keys, sentence in (
        (("--passphrase-file", given / "wrong"), "wrong passphrase"),
        (
            ("--key", made.elsewhere_key, "--cert", made.elsewhere),
            "no recipient of this file fits this key; to open: the key of certificate",
        ),
    ):
        for arguments in (
            ("validate", given / "a.iso"),
            ("inspect", given / "a.iso"),
            ("extract", given / "a.iso", "-o", tmp_path / "out"),
            ("import", given / "a.iso", f"dir:{stored}", "--state", tmp_path / "state"),
        ):
            said = mediakit(*arguments, *keys)
            assert said.code == 3, (arguments, said.out, said.err)
            assert sentence in said.err, arguments
    assert list(stored.iterdir()) == []
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
    said = mediakit("burn", given / "a.iso", "-p", "STD-GEN-CD", "-o", tmp_path / "b.iso")
    assert said.code == 3
    assert "is encrypted, and was not opened" in said.out
    assert not (tmp_path / "b.iso").exists()


def test_an_encrypted_medium_is_a_source_of_a_burn_and_of_a_repair(given: Path, tmp_path: Path) -> None:
    made = certificates()
    said = mediakit(
        "burn", given / "a.img", "-p", "STD-GEN-CD", "-o", tmp_path / "plain.iso",
        "--source-passphrase-file", given / "passphrase",
    )  # fmt: skip
    assert said.code == 0, said.err
    assert mediakit("validate", tmp_path / "plain.iso").code == 0
    source = ("repair", given / "a.iso", "--key", made.client_key, "--cert", made.client)
    said = mediakit(*source, "-o", tmp_path / "b.iso")
    assert said.code == 2  # what was encrypted is not written in clear because nobody said for whom
    assert "say who can open them" in said.err
    assert mediakit(*source, "-o", tmp_path / "b.iso", "--recipient", made.server).code == 0
    said = mediakit("validate", tmp_path / "b.iso", "--key", made.server_key, "--cert", made.server)
    assert said.code == 0, said.out


def test_trust_opens_only_what_is_signed_below_an_authority(given: Path, tmp_path: Path) -> None:
    keys = (*opening(given)[0], "--trust")
    said = mediakit("validate", given / "a.iso", *keys, certificates().authority, "--json")
    assert (said.code, "vouches" in said.document["security"][0]) == (0, True)
    said = mediakit("validate", given / "a.iso", *keys, certificates().client)
    assert said.code == 3
    assert "MK-SRC-114" in said.err
    assert "for whom no trusted authority vouches" in said.err
    assert "what to do: it is not signed by anybody whom you trust." in said.out
    said = mediakit("import", given / "a.iso", f"dir:{tmp_path}", *keys, certificates().client)
    assert said.code != 0
    assert "what to do: it is not signed by anybody whom you trust." in said.out
    assert (
        mediakit("burn", CT_1, "-o", tmp_path / "b.img", "--passphrase-file", given / "passphrase").code == 0
    )
    said = mediakit("validate", tmp_path / "b.img", *keys, certificates().authority)
    assert said.code == 3
    assert "it is not signed" in said.err
    said = mediakit("validate", tmp_path / "b.img", *opening(given)[0], "--json")
    assert "not signed" in said.document["security"][0]
    assert said.code == 0


def test_a_secure_profile_without_a_recipient_and_a_plain_one_with_one_are_refused(
    given: Path, tmp_path: Path
) -> None:
    made = certificates()
    for arguments, sentence in (
        (("-p", "STD-GEN-SEC-CD"), "say who can open them"),
        (("-p", "STD-GEN-CD", "--recipient", made.client), "has no encrypted files"),
        (("-p", "STD-GEN-SEC-CD", "--sign-key", made.client_key), "is not an Ed25519 key"),
        (("--medium", "zip", "--recipient", made.client), "no profile has encrypted files on"),
        (("--medium", "zip", "--recipient", made.client), "the e-mail is encrypted as a whole"),
    ):
        said = mediakit("burn", CT_1, "-o", tmp_path / "a.iso", *arguments)
        assert (said.code, sentence in said.err) == (2, True), (arguments, said.err)
    mail = ("-p", "STD-GEN-SEC-ZIP-MAIL", "--recipient", made.client, "-o", tmp_path / "a.zip")
    assert "the e-mail is encrypted as a whole" in mediakit("burn", CT_1, *mail).err
    assert list(tmp_path.iterdir()) == []


def test_the_configuration_names_recipients_and_keys(given: Path, tmp_path: Path) -> None:
    made = certificates()
    config = tmp_path / "config.toml"
    config.write_text(
        f'[secure]\nrecipients = ["{made.client}"]\n'
        f'sign-key = "{made.server_key}"\nsign-cert = "{made.server}"\n'
        f'key = "{made.client_key}"\ncert = "{made.client}"\ntrust = ["{made.authority}"]\n'
    )
    out = tmp_path / "a.iso"
    assert mediakit("burn", CT_1, "-p", OTHER, "-o", out, "--config", config).code == 0
    said = mediakit("validate", out, "--config", config, "--json")
    assert (said.code, "vouches" in said.document["security"][0]) == (0, True)
    assert mediakit("burn", CT_1, "-p", "STD-GEN-CD", "-o", tmp_path / "b.iso", "--config", config).code == 0
    config.write_text('[secure]\npassword = "x"\n')
    said = mediakit("validate", out, "--config", config)
    assert (said.code, "unknown setting `secure.password`" in said.err) == (2, True)


def test_a_changed_byte_is_found_in_each_journey_and_the_rest_is_carried(given: Path, tmp_path: Path) -> None:
    medium = tmp_path / "folder"
    for path in (given / "folder").rglob("*"):
        if path.is_file():
            target = medium / path.relative_to(given / "folder")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    first = next(iter(sorted(medium.rglob("I0*"))))
    content = bytearray(first.read_bytes())
    content[len(content) // 2] ^= 1
    first.write_bytes(content)
    keys = opening(given)[0]
    stored = tmp_path / "store"
    stored.mkdir()
    said = mediakit("validate", medium, *keys)
    assert said.code == 1
    assert "damaged, or not meant for this key" in said.err
    said = mediakit("import", medium, f"dir:{stored}", "--state", tmp_path / "state", *keys)
    assert (said.code, "damaged, or not meant for this key" in said.out) == (6, True), said.out
    assert sum(path.is_file() for path in stored.rglob("*")) == 1


def test_a_server_that_burns_secure_media_starts_only_when_it_knows_for_whom(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text("profiles = []\n")
    said = mediakit(
        "serve", "scp", "--port", "1", "--dir", tmp_path / "in", "--then-burn", OTHER,
        "-o", tmp_path / "a.iso", "--config", config,
    )  # fmt: skip
    assert (said.code, "asks for encrypted files" in said.err) == (2, True), said.err
