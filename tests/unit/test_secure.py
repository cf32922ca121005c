from __future__ import annotations

import io
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from mediakit.errors import IntegrityError, SourceError, UsageError
from mediakit.secure import extra
from mediakit.secure.algorithms import cipher_of
from mediakit.secure.ber import Cursor, Malformed, element, head
from mediakit.secure.certificates import read_key, read_keys, read_passphrase
from mediakit.secure.checksums import SHA_256, checksum_of, for_one_run
from mediakit.secure.given import sealer_for
from mediakit.secure.keys import Keys
from mediakit.secure.opening import Opener
from mediakit.secure.passwords import Derived, PasswordRecipient, TooDear, checked, unwrapped, wrapped
from mediakit.secure.sealing import Sealer
from tests.support.secure import (
    BY_PASSPHRASE,
    PASSPHRASE,
    by_another,
    by_certificate,
    certificates,
    sealed,
    sealer,
)

CONTENT = bytes(range(256)) * 37
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def certificate_of(
    folder: Path, key: PrivateKey, *, days: tuple[int, int] = (-1, 1), usage: x509.KeyUsage | None = None
) -> Path:
    """Write a certificate that vouches for itself, and its key beside it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now + timedelta(days=days[0]))
        .not_valid_after(now + timedelta(days=days[1]))
    )
    if usage is not None:
        made = made.add_extension(usage, critical=True)
    path = folder / "one.pem"
    path.write_bytes(made.sign(key, SHA256()).public_bytes(Encoding.PEM))
    (folder / "one.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def usage_of(**allowed: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: allowed.get(name, False) for name in names})


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def test_certificates_that_do_not_do_are_refused_with_the_reason(
    key: rsa.RSAPrivateKey, tmp_path: Path
) -> None:
    short = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the point
    curve = ec.generate_private_key(ec.SECP256R1())
    signing = usage_of(digital_signature=True)
    cases: tuple[tuple[Callable[[], Path], str], ...] = (
        (lambda: certificate_of(tmp_path, short), "1024 bits"),
        (lambda: certificate_of(tmp_path, curve), "no RSA key"),
        (lambda: certificate_of(tmp_path, key, days=(-9, -2)), "expired on"),
        (lambda: certificate_of(tmp_path, key, days=(2, 9)), "is not valid before"),
        (lambda: certificate_of(tmp_path, key, usage=signing), "not for encryption"),
        (lambda: tmp_path / "one.key", "no certificate"),
        (lambda: tmp_path / "nowhere", "cannot be read"),
    )
    for make, sentence in cases:
        with pytest.raises(UsageError, match=sentence):
            sealer_for(make())
    with pytest.raises(UsageError, match="nobody could open"):
        sealer_for()


def test_keys_that_will_not_do_are_refused(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    mine = certificate_of(tmp_path, key)
    made = certificates()
    for keys, given, sentence in (
        ([made.client_key], [], "no certificate given belongs to this key"),
        ([made.client_key], [made.server], "no certificate given belongs to this key"),
        ([made.client_key], [made.client, mine], "no key given belongs to this certificate"),
        ([made.client], [made.client], "no private key in this file"),
    ):
        with pytest.raises(UsageError, match=sentence):
            read_keys(keys, given)
    with pytest.raises(UsageError, match="does not belong to the certificate"):
        sealer_for(made.client, sign_key=made.client_key, sign_certificate=mine)
    with pytest.raises(UsageError, match="go together"):
        sealer_for(made.client, sign_key=made.client_key)
    encipherment = certificate_of(tmp_path, key, usage=usage_of(key_encipherment=True))
    with pytest.raises(UsageError, match="not for signing"):
        sealer_for(encipherment, sign_key=tmp_path / "one.key", sign_certificate=encipherment)


def test_a_key_with_a_passphrase_of_its_own_is_opened_with_it(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    path = tmp_path / "locked.key"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"its own"))
    )
    assert read_key(path, lambda _: b"its own").key_size == 2048
    with pytest.raises(UsageError, match="no private key"):
        read_key(path, lambda _: b"another")
    with pytest.raises(UsageError, match="the key has a pass"):
        read_key(path)


def test_one_file_may_hold_key_and_certificate(key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    path = certificate_of(tmp_path, key)
    both = tmp_path / "both.pem"
    both.write_bytes((tmp_path / "one.key").read_bytes() + path.read_bytes())
    assert len(read_keys([both], []).identities) == 1
    assert "both" not in repr(read_keys([both], []))


def test_a_passphrase_is_the_first_line_of_its_file_and_has_us_ascii_alone(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b"a b\\c\r\nmore")
    assert read_passphrase(path) == b"a b\\c"
    for wrong in (b"", "Schlüssel".encode(), b"a\tb"):
        with pytest.raises(UsageError):
            checked(wrong)
    assert "correct" not in repr(BY_PASSPHRASE)


def test_a_key_is_wrapped_as_rfc_3211_has_it() -> None:
    """The second example of RFC 3211 3: Triple-DES, 500 rounds of HMAC-SHA-1."""
    phrase = b"All n-entities must communicate with other n-entities via n-1 entiteeheehees"
    by = Derived(phrase).key(bytes.fromhex("1234567878563412"), 500, "sha1", 24)
    assert by.hex() == "6a8970bf68c92caea84a8df28510858607126380cc47ab2d"
    cipher = cipher_of("1.2.840.113549.3.7", bytes.fromhex("baf1ca7931213c4e"))
    assert cipher is not None
    data = bytes.fromhex("c03c514abdb9e2c5aac038572b5e24553876b377aafb82eca5a9d73f8ab143d9ec74e6cad7db260c")
    found = unwrapped(data, by, cipher)
    assert found is not None
    assert found.hex() == "8c637d887223a2f965b566eb014b0fa5d52300a3f7ea40fffc577203c71baf3b"
    assert unwrapped(wrapped(found, by, cipher), by, cipher) == found
    assert unwrapped(data, bytes(24), cipher) is None
    assert unwrapped(data[:-1], by, cipher) is None


def test_more_rounds_than_are_made_are_refused_before_the_first() -> None:
    with pytest.raises(TooDear):
        Derived(b"x").key(b"salt", 10_000_001, "sha256", 32)
    with pytest.raises(TooDear):
        Derived(b"x").key(b"salt", 0, "sha256", 32)
    data = sealed(CONTENT, Sealer([PasswordRecipient(PASSPHRASE, rounds=1000)]))
    dear = data.replace(b"\x02\x02\x03\xe8", b"\x02\x02\x7f\xff", 1)
    with pytest.raises(SourceError, match="wrong passphrase"):
        Opener(BY_PASSPHRASE).look(io.BytesIO(dear), len(dear))


def test_each_file_has_a_key_and_a_vector_of_its_own() -> None:
    one, other = (sealed(CONTENT, sealer()) for _ in range(2))
    assert len(one) == len(other)
    assert one[-2000:] != other[-2000:]


def test_who_is_no_recipient_and_who_has_another_passphrase_is_told_so() -> None:
    data = sealed(CONTENT, sealer())
    for keys, sentence in (
        (by_another(), "no recipient of this file fits this key; to open: the key of certificate"),
        (Keys(passphrases=(b"another",)), "wrong passphrase"),
    ):
        with pytest.raises(SourceError, match=sentence):
            Opener(keys).look(io.BytesIO(data), len(data))


@pytest.mark.parametrize("is_signed", [False, True])
def test_a_flipped_bit_of_the_content_is_found_and_one_elsewhere_changes_no_file(*, is_signed: bool) -> None:
    content = bytes(900)
    data = sealed(content, sealer(is_signed=is_signed))
    behind = sealer(is_signed=is_signed)._inside.after_bytes + 16  # no signature covers its certificate
    opener = Opener(by_certificate())
    passed = []
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        try:
            found = opener.unseal(io.BytesIO(changed), len(changed)).read()
        except SourceError:
            continue
        assert found == (content if changed[:25] == data[:25] else changed), at
        passed.append(at)
    inside = [at for at in passed if len(data) - behind - 900 < at < len(data) - behind]
    assert inside == []


def test_a_file_that_changed_since_the_plan_is_an_error() -> None:
    for found in (CONTENT[:-1], CONTENT + b"x"):
        stream = sealer().seal(io.BytesIO(found), len(CONTENT))
        with pytest.raises(IntegrityError):
            stream.read()


def test_an_element_is_never_taken_to_be_longer_than_the_one_around_it() -> None:
    inside = element(0x04, bytes(9))
    for data in (
        head(0x30, len(inside)) + inside[:-1],
        head(0x30, 4) + inside,
        b"\x30\x89" + bytes(9),
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80" + inside,
    ):
        cursor = Cursor(io.BytesIO(data), len(data))
        with pytest.raises(Malformed):
            cursor.enter(0x30)
            cursor.whole(0x04)
            cursor.leave()


def test_nested_heads_without_end_are_refused() -> None:
    data = b"\x24\x80" * 100_000
    cursor = Cursor(io.BytesIO(data), len(data))
    with pytest.raises(Malformed):
        cursor.spans(0x04)


def test_what_is_missing_without_the_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra, "find_spec", lambda _: None)
    with pytest.raises(UsageError) as caught:
        sealer_for("x.pem")
    assert "dicom-mediakit[secure]" in caught.value.hint


def test_a_checksum_is_the_same_however_the_bytes_come_and_sha256_where_the_extra_is_not_usable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = bytes(n % 251 for n in range(3000))
    for checksum in (SHA_256, for_one_run()):
        whole = checksum.of(content)
        for size in (7, 1000, 3000, 3001):
            assert checksum_of(io.BytesIO(content), checksum, memoryview(bytearray(size))) == whole
        other = bytearray(content)
        for place in (0, 1999, 2999):
            other[place] ^= 1
            assert checksum_of(io.BytesIO(other), checksum, memoryview(bytearray(999))) != whole
            other[place] ^= 1
    assert for_one_run().of(content) != for_one_run().of(content), "the key is of one run"
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers", None)  # it cannot be imported
        assert for_one_run() is SHA_256
    monkeypatch.setattr(extra, "find_spec", lambda _: None)
    assert for_one_run() is SHA_256
