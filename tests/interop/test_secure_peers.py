"""Secure DICOM Files between mediakit and OpenSSL, in both directions."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.secure.algorithms import DIGESTED, SIGNED
from mediakit.secure.ber import CONSTRUCTED, CONTEXT, SEQUENCE, element, oid
from mediakit.secure.facts import Departure
from mediakit.secure.keys import Keys
from mediakit.secure.opening import Opener
from tests.support.peers import need, run
from tests.support.secure import (
    BY_PASSPHRASE,
    PASSPHRASE,
    by_another,
    by_certificate,
    certificates,
    sealed,
    sealer,
)

pytestmark = pytest.mark.interop

SMALL = bytes(range(250)) * 38
LARGE = bytes(range(251)) * 10_000  # is read twice, in pieces


def openssl(*arguments: str | Path) -> None:
    need("openssl")
    done = run("openssl", "cms", *map(str, arguments))
    assert done.returncode == 0, (arguments, done.stderr)


def opened(envelope: bytes, keys: Keys) -> tuple[bytes, frozenset[Departure]]:
    opener = Opener(keys)
    size, fact = opener.look(io.BytesIO(envelope), len(envelope))
    assert fact is not None
    with opener.unseal(io.BytesIO(envelope), len(envelope)) as stream:
        content = stream.read()
        stream.seek(size // 2)
        assert stream.read(7) == content[size // 2 :][:7]
    assert len(content) == size
    return content, fact.departures


@pytest.mark.parametrize("is_signed", [False, True])
def test_openssl_opens_and_checks_what_is_sealed_here(*, is_signed: bool, tmp_path: Path) -> None:
    made = certificates()
    ways: tuple[tuple[str | Path, ...], ...] = (
        ("-recip", made.client, "-inkey", made.client_key),
        ("-pwri_password", PASSPHRASE.decode()),
    )
    inner, info, out = tmp_path / "inner", tmp_path / "info", tmp_path / "out"
    for content, way in itertools.product((b"", b"x", SMALL, LARGE), ways):
        envelope = tmp_path / "envelope"
        envelope.write_bytes(sealed(content, sealer(is_signed=is_signed)))
        openssl("-decrypt", "-binary", "-inform", "DER", "-in", envelope, "-out", inner, *way)
        kind = SIGNED if is_signed else DIGESTED
        info.write_bytes(element(SEQUENCE, oid(kind), element(CONTEXT | CONSTRUCTED, inner.read_bytes())))
        check: tuple[str | Path, ...] = ("-digest_verify",)
        if is_signed:
            check = ("-verify", "-purpose", "any", "-CAfile", made.authority)
        openssl(*check, "-binary", "-inform", "DER", "-in", info, "-out", out)
        assert out.read_bytes() == content


def test_what_openssl_encrypts_is_opened_whatever_its_form(tmp_path: Path) -> None:
    made = certificates()
    file, inner, envelope = tmp_path / "file", tmp_path / "inner", tmp_path / "envelope"
    inners = {
        "digest": ("-digest_create", "-md", "sha512"),
        "sign": ("-sign", "-nodetach", "-signer", made.server, "-inkey", made.server_key),
        "sign in pieces": (
            "-sign",
            "-nodetach",
            "-stream",
            "-signer",
            made.server,
            "-inkey",
            made.server_key,
        ),
        "sign plain": ("-sign", "-nodetach", "-noattr", "-signer", made.server, "-inkey", made.server_key),
    }
    oaep = ("-keyopt", "rsa_padding_mode:oaep", "-keyopt", "rsa_oaep_md:sha256")
    outers: dict[str, tuple[tuple[str | Path, ...], Keys]] = {
        "certificate": (("-aes-256-cbc", "-recip", made.client), by_certificate()),
        "in pieces": (("-stream", "-aes-128-cbc", "-recip", made.client), by_certificate()),
        "key identifier": (("-aes-192-cbc", "-keyid", "-recip", made.client), by_certificate()),
        "OAEP": (("-aes-256-cbc", "-recip", made.client, *oaep), by_certificate()),
        "password": (("-aes-256-cbc", "-pwri_password", PASSPHRASE.decode()), BY_PASSPHRASE),
        "password, in pieces": (("-stream", "-des3", "-pwri_password", PASSPHRASE.decode()), BY_PASSPHRASE),
    }
    wrong: list[object] = []
    for content, (kind, making) in itertools.product((SMALL, LARGE), inners.items()):
        file.write_bytes(content)
        openssl(*making, "-binary", "-outform", "DER", "-in", file, "-out", inner)
        for name, (options, keys) in outers.items():
            if content is LARGE and ("pieces" not in name or "pieces" not in kind):
                continue
            openssl("-encrypt", "-binary", "-outform", "DER", "-in", inner, "-out", envelope, *options)
            found, departures = opened(envelope.read_bytes(), keys)
            oaep_alone = {Departure.OAEP} if name == "OAEP" else set()
            expected = frozenset({Departure.LABEL, Departure.NESTED} | oaep_alone)
            if (found, departures) != (content, expected):
                wrong.append((kind, name, departures))
            with pytest.raises(SourceError, match="fits this key"):
                opened(envelope.read_bytes(), by_another())
    assert wrong == []


def test_an_envelope_without_digest_or_signature_is_not_opened(tmp_path: Path) -> None:
    file, envelope = tmp_path / "file", tmp_path / "envelope"
    file.write_bytes(SMALL)
    recipient = certificates().client
    openssl("-encrypt", "-binary", "-outform", "DER", "-in", file, "-out", envelope, "-recip", recipient)
    with pytest.raises(SourceError, match="damaged"):
        opened(envelope.read_bytes(), by_certificate())
