"""`burn --sign-key` and `verify`: every file against the manifest, the manifest against its signature."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

import mediakit as library
from mediakit.fileset.manifest import for_page, listing_of
from mediakit.journeys.burn_order import Depth
from mediakit.secure.ed25519 import fingerprint, public_key_of
from tests.support.cli import mediakit
from tests.support.media import contents
from tests.support.peers import need
from tests.support.secure import PASSPHRASE, certificates
from tests.support.studies import CT_1, CT_2, CT_3, burnt_to, folder_of

_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_PEM = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
_PUBLIC = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
_NAME = fingerprint(public_key_of(_PUBLIC))
_OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))
_OTHER_PUBLIC = _OTHER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with keys and `disc`, a signed medium as a folder."""
    root = folder_of(
        tmp_path_factory.mktemp("signed"), {"k.pem": _PEM, "k.pub": _PUBLIC, "other.pub": _OTHER_PUBLIC}
    )
    said = mediakit(
        "burn",
        CT_1,
        CT_2,
        "-o",
        root / "disc",
        "--medium",
        "cd",
        "--viewer",
        "none",
        "--sign-key",
        root / "k.pem",
    )
    assert said.code == 0, said.err
    return root


def changed(given: Path, tmp_path: Path, change: Callable[[Path], object]) -> Path:
    """Return a copy of the signed medium to which something was done."""
    copy = tmp_path / "disc"
    shutil.copytree(given / "disc", copy)
    change(copy)
    return copy


def rules_of(document: dict[str, object]) -> list[str]:
    found = document["findings"]
    assert isinstance(found, list)
    return sorted(one["rule"] for one in found)


def test_every_media_format_carries_a_manifest_whose_signature_openssl_and_verify_accept(
    given: Path, tmp_path: Path
) -> None:
    need("openssl")
    burns = (
        ("a.iso",), ("a.img",), ("a.zip",), ("folder", "-p", "STD-GEN-CD"),
        ("b.iso", "-p", "STD-GEN-DVD-JPEG", "--format", "udf-1.02"),
        ("s.iso", "-p", "STD-GEN-SEC-CD", "--recipient", certificates().client),
    )  # fmt: skip
    for name, *options in burns:
        out = tmp_path / str(name)
        said = mediakit(
            "burn", CT_1, CT_2, "-o", out, "--viewer", "none", "--sign-key", given / "k.pem", *options
        )
        assert said.code == 0, (name, said.err)
        opens = ("--key", certificates().client_key, "--cert", certificates().client)
        keys = opens if name == "s.iso" else ()
        said = mediakit("verify", out, "--json", *keys)
        assert said.code == 0, (name, said.out, said.err)
        figures = said.document["figures"]
        assert (figures["intact"], figures["listed"]) == (5, 5), name
        assert (figures["signature"], figures["key"]) == ("good", _NAME), name
        assert figures["origin"] == "not checked against a known key"
        assert rules_of(said.document) == ["MK-MAN-005"], name
        taken = tmp_path / f"{name}-taken"
        assert mediakit("extract", out, "-o", taken, *keys).code == 0
        check = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", "MANIFEST.PEM"]
        check += ["-sigfile", "MANIFEST.SIG", "-in", "MANIFEST.TXT"]
        subprocess.run(check, cwd=taken, check=True, capture_output=True)
        text = (taken / "SIGNED.TXT").read_text("ascii")
        assert f"Key (SHA-256): {_NAME}" in text
        assert "Made by: mediakit " in text
        assert "Profile: STD-GEN-" in text
    assert mediakit("verify", tmp_path / "s.iso").code == 3  # its manifest is encrypted


def test_what_was_done_to_a_medium_is_named_file_by_file(given: Path, tmp_path: Path) -> None:
    def change(disc: Path) -> None:
        instance = next(disc.rglob("I0000001"))
        content = bytearray(instance.read_bytes())
        content[-100] ^= 1
        instance.write_bytes(content)
        (disc / "SIGNED.TXT").unlink()
        folder_of(disc, {"NEW.EXE": b"MZ", "System Volume Information/x": b"litter"})
        (disc / "LINK").symlink_to("DICOMDIR")

    disc = changed(given, tmp_path, change)
    said = mediakit("verify", disc, "--json")
    assert said.code == 1
    assert rules_of(said.document) == [
        "MK-MAN-002", "MK-MAN-003", "MK-MAN-005", "MK-MAN-011", "MK-SRC-101",
    ]  # fmt: skip
    states = {one["source"]: one["state"] for one in said.document["files"]}
    assert [states[name] for name in ("NEW.EXE", "SIGNED.TXT", "LINK")] == ["faulty", "missing", "unreadable"]
    assert states["System Volume Information/x"] == "excluded"
    assert len(states) == 10
    figures = said.document["figures"]
    assert [figures[name] for name in ("changed", "missing", "added", "unreadable")] == [1, 1, 1, 1]
    report = tmp_path / "verified.json"
    quiet = mediakit("verify", disc, "--quiet", "--report", report)
    assert quiet.code == 1
    assert all(rule in quiet.err for rule in ("MK-MAN-011", "MK-SRC-101"))
    assert quiet.out == ""
    assert report.read_text() == said.out
    text = mediakit("verify", disc).out
    assert "3 of 5 files as listed; 1 changed, 1 missing, 1 added, 1 unreadable" in text
    judged = mediakit("validate", disc, "--json").document
    assert {"MK-MAN-002", "MK-MAN-003"} <= set(rules_of(judged))


def test_a_signature_that_does_not_fit_or_was_taken_away_is_said(given: Path, tmp_path: Path) -> None:
    def flip(name: str) -> Callable[[Path], object]:
        def change(disc: Path) -> None:
            content = bytearray((disc / name).read_bytes())
            content[5] ^= 1
            (disc / name).write_bytes(content)

        return change

    for name in ("MANIFEST.SIG", "MANIFEST.TXT"):
        (tmp_path / name).mkdir()
        disc = changed(given, tmp_path / name, flip(name))
        said = mediakit("verify", disc, "--json")
        assert (said.code, said.document["figures"]["signature"]) == (1, "bad")
        assert "MK-MAN-004" in rules_of(mediakit("validate", disc, "--json").document)
    (tmp_path / "gone").mkdir()
    disc = changed(given, tmp_path / "gone", lambda disc: (disc / "MANIFEST.SIG").unlink())
    said = mediakit("verify", disc, "--json")
    assert (said.code, rules_of(said.document)) == (1, ["MK-MAN-004"])


def test_the_key_of_the_sender_tells_origin_from_integrity(given: Path, tmp_path: Path) -> None:
    for named in (given / "k.pub", _NAME, f"SHA256:{_NAME.upper()}"):
        said = mediakit("verify", given / "disc", "--public-key", named, "--json")
        assert (said.code, rules_of(said.document)) == (0, ["MK-MAN-008"]), named
        assert said.document["figures"]["origin"] == "a known key"
    said = mediakit("verify", given / "disc", "--public-key", given / "other.pub", "--json")
    assert (said.code, rules_of(said.document)) == (1, ["MK-MAN-009"])
    for name, why in (
        ("k.pem", "no Ed25519 public key here: the file holds something else"),
        ("no.pub", "here: no such file"),
    ):
        said = mediakit("verify", given / "disc", "--public-key", given / name)
        assert said.code == 2
        assert why in said.err
        assert "Errno" not in said.err
    unsigned = tmp_path / "unsigned"
    burnt_to(unsigned, CT_1, manifest=True)
    assert mediakit("verify", unsigned).code == 0
    said = mediakit("verify", unsigned, "--public-key", given / "k.pub", "--json")
    assert (said.code, rules_of(said.document)) == (1, ["MK-MAN-010"])
    config = tmp_path / "config.toml"
    for trust, words in ((given / "k.pub", "a known key"), (given / "other.pub", "none of the known keys")):
        config.write_text(f'[manifest]\ntrust = ["{trust}"]\n', "utf-8")
        said = mediakit("verify", given / "disc", "--config", config, "--json")
        assert said.code == 0
        assert words in said.document["figures"]["origin"]


def test_a_key_comes_from_the_configuration_and_its_passphrase_from_a_file(tmp_path: Path) -> None:
    locked = _KEY.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE))
    folder_of(tmp_path, {"k.der": locked, "pass": PASSPHRASE + b"\n", "wrong": b"wrong\n"})
    config = tmp_path / "config.toml"
    config.write_text('[manifest]\nsign-key = "k.der"\nsign-passphrase-file = "pass"\n', "utf-8")
    assert mediakit("burn", CT_1, "-o", tmp_path / "a", "--medium", "cd", "--config", config).code == 0
    assert (tmp_path / "a" / "MANIFEST.SIG").stat().st_size == 64
    for options in (("wrong",), ()):
        given = ("--sign-passphrase-file", tmp_path / options[0]) if options else ()
        said = mediakit("burn", CT_1, "-o", tmp_path / "b.iso", "--sign-key", tmp_path / "k.der", *given)
        assert said.code == 2, said.out
        assert "passphrase" in said.err
        assert not (tmp_path / "b.iso").exists()
    config.write_text("[manifest]\nsecret = 1\n", "utf-8")
    assert "unknown setting `manifest.secret`" in mediakit("verify", tmp_path / "a", "--config", config).err


def test_an_update_of_a_signed_medium_is_refused_and_changes_nothing(given: Path, tmp_path: Path) -> None:
    disc = changed(given, tmp_path, lambda _: None)
    before = contents(disc)
    said = mediakit("update", disc, "--add", CT_3, "--state", tmp_path / "state")
    assert said.code == 4
    assert "MK-UPD-030" in said.err
    assert contents(disc) == before


def test_several_media_are_signed_each_by_itself_and_the_plan_counts_it(given: Path, tmp_path: Path) -> None:
    signer = library.read_signing_key(given / "k.pem")
    burnt = burnt_to(tmp_path / "a.iso", CT_1, CT_2, CT_3, signer=signer, span=True, capacity="470kB")
    assert len(burnt.plans) > 1
    for medium in burnt.media:
        result = library.verify(medium.target, library.VerifyOrder(known=library.known_keys(given / "k.pub")))
        assert result.outcome is library.Outcome.GOOD, result.report
        assert result.figures["signature"] == "good"
    plan = burnt_to(tmp_path / "b.iso", CT_1, signer=signer, depth=Depth.PLAN).plan
    assert plan is not None
    sizes = {one.path: one.size for one in plan.extra}
    assert sizes["MANIFEST.SIG"] == 64
    burnt_to(tmp_path / "b", CT_1, signer=signer)
    made = contents(tmp_path / "b")
    assert all(len(made[path]) == size for path, size in sizes.items() if path != "SIGNED.TXT")


def test_the_copy_for_the_page_is_checked_too(given: Path, tmp_path: Path) -> None:
    def change(disc: Path) -> None:
        content, key = (disc / "MANIFEST.TXT").read_bytes(), public_key_of(_PUBLIC)
        folder_of(disc, {"VIEWER/MANIFEST.BIN": for_page(content, bytes(64), key)})

    said = mediakit("verify", changed(given, tmp_path, change), "--json")
    assert (said.code, rules_of(said.document)) == (1, ["MK-MAN-005", "MK-MAN-007"])


def test_lines_of_a_manifest_that_say_nothing_are_counted_and_a_text_is_no_manifest(tmp_path: Path) -> None:
    disc = folder_of(tmp_path / "disc", {"A.TXT": b"a", "MANIFEST.TXT": b"what is in the parcel\n"})
    said = mediakit("verify", disc)
    assert said.code == 3
    assert "there is no manifest" in said.err
    line = hashlib.sha256(b"a").hexdigest().encode() + b" *a.txt\r\n"
    (disc / "MANIFEST.TXT").write_bytes(line + b"?\n" * 3)
    said = mediakit("verify", disc, "--json")
    assert (said.code, rules_of(said.document)) == (0, ["MK-MAN-001"])
    assert said.document["figures"]["intact"] == 1
    listing = listing_of(line + b"\n" * 2_000_000)
    assert (len(listing.sha256), listing.bad_lines, listing.first_bad) == (1, 1000, 2)
    (disc / "MANIFEST.SIG").write_bytes(b"x" * 100)
    said = mediakit("verify", disc, "--json")
    assert (said.code, rules_of(said.document)) == (0, ["MK-MAN-001", "MK-MAN-006"])


def test_a_page_copy_is_json_of_known_size() -> None:
    text = for_page(b"a", b"", b"")
    assert text.startswith(b"mk.manifest(")
    assert text.endswith(b");\n")
    assert json.loads(text[len(b"mk.manifest(") : -3]) == {"manifest": "YQ==", "signature": "", "key": ""}
