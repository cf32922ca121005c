"""Opens Secure DICOM Files. Nothing decrypted leaves before its digest or its signatures hold.

A file is read twice: to check it, and to use it. A wrong RSA key is no error of the decryption (it gives
random octets): recipients are matched by their certificate, and the digest decides.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

from mediakit.errors import SourceError, Untrusted
from mediakit.secure.algorithms import PWRI_KEK, RSA, RSA_OAEP, cipher_of, hash_of
from mediakit.secure.ber import Malformed
from mediakit.secure.extra import is_installed
from mediakit.secure.facts import Inner, SealFact, is_enveloped
from mediakit.secure.head import A_PASSPHRASE, Head, derivation_of, fact_of, octets_of, parsed, read_head
from mediakit.secure.inner import Opened, Untrue, read_inner
from mediakit.secure.keys import Keys
from mediakit.secure.passwords import Derived, TooDear, unwrapped
from mediakit.secure.streams import Decrypted, Pieces

if TYPE_CHECKING:
    from asn1crypto.cms import RecipientInfo

#: Content encryption keys of a file that may be the right one, each with why it is not when it is not.
KeysFor = Callable[[Head], Iterator[bytes]]

DAMAGED = "damaged, or not meant for this key"
_IN_MEMORY = 1 << 20  # files up to here are decrypted once
_REMEMBERED = 4096
_HEAD_BYTES = 32


def described(stream: BinaryIO, size: int) -> SealFact | None:
    """Return what can be said of a Secure DICOM File without a key; None when nothing can. Raises OSError."""
    if not is_installed():
        return None
    try:
        return fact_of(read_head(stream, size))
    except Malformed:
        return None


def open_sealed(stream: BinaryIO, size: int, keys_for: KeysFor) -> tuple[Head, Opened]:
    """Decrypt as much as is needed to know what is in an envelope. Raises SourceError, Malformed, OSError."""
    head = read_head(stream, size)
    if head.cipher is None:
        raise SourceError(f"it is encrypted with {head.cipher_name}, which PS3.15 D.1 does not have")
    content = Pieces(stream, head.content)
    wrong: Malformed | None = None
    for key in keys_for(head):
        if len(key) != head.cipher.key_bytes:
            wrong = Malformed(DAMAGED)
            continue
        try:
            plain = Decrypted(content, head.content.size, head.cipher, key)  # type: ignore[arg-type]
            return head, read_inner(plain, head.label)
        except Malformed as exc:
            wrong = exc
    raise SourceError(DAMAGED) from wrong


def checked(opened: Opened, keys: Keys) -> bytes:
    """Read a file in an envelope to its end; return the file when it is short, once it is known to hold.

    Raises Untrue, Malformed, OSError; Untrusted when it is not signed by somebody trusted.
    """
    sums, held = opened.sums()
    if opened.kind is Inner.DIGESTED:
        if sums[opened.digests[0]] != opened.digest:
            raise Untrue("its digest does not hold")
        if keys.trust:
            raise Untrusted("it is not signed, and only what a trusted authority vouches for is opened")
        return held
    from mediakit.secure.signers import check_signatures

    signers, is_trusted = check_signatures(opened, sums, keys.trust)
    if is_trusted is False:
        raise Untrusted(f"it is signed by {', '.join(signers)}, for whom no trusted authority vouches")
    return held


def unsealed(opened: Opened, keys: Keys, stream: BinaryIO) -> BinaryIO:
    """Return the file in an envelope, checked, as a seekable stream that closes that of the envelope.

    Raises SourceError, OSError.
    """
    try:
        held = checked(opened, keys)
    except (Untrue, Malformed) as exc:
        raise SourceError(f"{DAMAGED}: {exc}") from exc
    if opened.content.size <= _IN_MEMORY:
        stream.close()
        return io.BytesIO(held)
    return opened.file(stream)


class Opener:
    """Opens files with the keys of a reader; those in no envelope are given as they are. Safe in threads."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._derived = [Derived(one) for one in keys.passphrases]
        self._unwrapped: dict[bytes, tuple[bytes, ...]] = {}
        self._facts: dict[SealFact, SealFact] = {}
        self._lock = Lock()

    def look(self, stream: BinaryIO, size: int) -> tuple[int, SealFact | None]:
        """Return the size of the file in an envelope, and what the envelope is; None when there is none.

        Raises SourceError, OSError.
        """
        if not _is_sealed(stream):
            return size, None
        head, opened = self._open(stream, size)
        with said():
            fact = self._fact(head, opened)
        with self._lock:
            return opened.content.size, self._facts.setdefault(fact, fact)

    def unseal(self, stream: BinaryIO, size: int) -> BinaryIO:
        """Return the file in an envelope as a seekable stream. Raises SourceError, OSError."""
        try:
            if not _is_sealed(stream):
                return stream
            _, opened = self._open(stream, size)
            return unsealed(opened, self._keys, stream)
        except BaseException:
            stream.close()
            raise

    def _fact(self, head: Head, opened: Opened) -> SealFact:
        """Return what an envelope is. Who signed it is as it says: it is not opened when that fails."""
        known = fact_of(head)
        signers: tuple[str, ...] = ()
        if opened.kind is Inner.SIGNED:
            from mediakit.secure.signers import signers_of

            signers = signers_of(opened)
        return replace(
            known,
            inner=opened.kind,
            digest=" ".join(opened.digests),
            signers=signers,
            is_trusted=True if signers and self._keys.trust else None,
            departures=known.departures | opened.departures,
        )

    def _open(self, stream: BinaryIO, size: int) -> tuple[Head, Opened]:
        with said():
            return open_sealed(stream, size, self._keys_for)

    def _keys_for(self, head: Head) -> Iterator[bytes]:
        """Yield the content encryption keys that our keys give. Raises SourceError when there is none."""
        known = b"".join(info.dump() for info in head.recipients)
        with self._lock:
            found = self._unwrapped.get(known)
        if found is None:
            found = self._unwrap(head)
            with self._lock:
                if len(self._unwrapped) >= _REMEMBERED:
                    self._unwrapped.clear()
                self._unwrapped[known] = found
        yield from found

    def _unwrap(self, head: Head) -> tuple[bytes, ...]:
        found: list[bytes] = []
        by_password = [info for info in head.recipients if info.name == "pwri"]
        with parsed("a recipient"):
            for info in head.recipients:
                if info.name == "ktri":
                    found += self._by_certificate(info)
            for info in by_password:
                keys = (_by_passphrase(info, derived) for derived in self._derived)
                found += (key for key in keys if key is not None)
        if not found:
            raise SourceError(self._why_not(head, has_password=bool(by_password)))
        return tuple(found)

    def _by_certificate(self, info: RecipientInfo) -> Iterator[bytes]:
        from mediakit.secure.signers import fits

        for identity in self._keys.identities:
            if fits(info.chosen["rid"], identity.certificate):
                yield _decrypted_key(info, identity.key)

    def _why_not(self, head: Head, *, has_password: bool) -> str:
        why = []
        if self._derived and has_password:
            why.append("wrong passphrase")
        elif self._derived:
            why.append("no passphrase opens this file")
        if self._keys.identities:
            why.append("no recipient of this file fits this key")
        recipients = fact_of(head).recipients
        if self._derived and recipients == (A_PASSPHRASE,):
            return " and ".join(why)  # nothing but the right one opens it
        return f"{' and '.join(why)}; to open: {' or '.join(recipients)}"


def keys_that_open(keys: Keys, open_file: Callable[[], BinaryIO], size: int) -> Keys:
    """Return those of the keys of which each opens a file of `size` bytes in its envelope by itself.

    Raises OSError.
    """

    def opens(one: Keys) -> bool:
        try:
            with open_file() as stream:
                return Opener(one).look(stream, size)[1] is not None
        except SourceError:
            return False

    return replace(
        keys,
        identities=tuple(each for each in keys.identities if opens(Keys(identities=(each,)))),
        passphrases=tuple(each for each in keys.passphrases if opens(Keys(passphrases=(each,)))),
    )


def _is_sealed(stream: BinaryIO) -> bool:
    is_one = is_enveloped(stream.read(_HEAD_BYTES))
    stream.seek(0)
    return is_one


@contextmanager
def said() -> Iterator[None]:
    """Say in a sentence what is wrong with an envelope."""
    try:
        yield
    except TooDear as exc:
        raise SourceError("its passphrase cannot be tried", why=str(exc)) from exc
    except Malformed as exc:
        raise SourceError("its envelope (CMS) is damaged", why=str(exc)) from exc


def _by_passphrase(info: RecipientInfo, derived: Derived) -> bytes | None:
    """Return the key that a passphrase gives, None when it does not. Raises TooDear, Malformed."""
    from asn1crypto import algos

    salt, rounds, prf, length = derivation_of(info)
    wrap = info.chosen["key_encryption_algorithm"]
    if not prf or wrap["algorithm"].dotted != PWRI_KEK:
        raise Malformed("its password recipient uses an algorithm that is not read")
    kek = algos.AlgorithmIdentifier.load(wrap["parameters"].dump())
    cipher = cipher_of(kek["algorithm"].dotted, octets_of(kek["parameters"]))
    if cipher is None or length not in {None, cipher.key_bytes}:
        raise Malformed("its password recipient uses an algorithm that is not read")
    by = derived.key(salt, rounds, prf, cipher.key_bytes)
    return unwrapped(info.chosen["encrypted_key"].native, by, cipher)


def _decrypted_key(info: RecipientInfo, key: Any) -> bytes:
    """Return what an RSA key makes of an encrypted key: random octets, or none, when it is the wrong one."""
    from cryptography.hazmat.primitives.asymmetric import padding

    algorithm = info.chosen["key_encryption_algorithm"]
    name = algorithm["algorithm"].dotted
    if name not in {RSA, RSA_OAEP}:
        raise Malformed("the key of its recipient is encrypted in a way that is not read")
    how = padding.PKCS1v15() if name == RSA else _oaep(algorithm["parameters"])
    try:
        found: bytes = key.decrypt(info.chosen["encrypted_key"].native, how)
    except ValueError:
        return b""
    return found


def _oaep(parameters: Any) -> Any:
    from asn1crypto import algos
    from cryptography.hazmat.primitives.asymmetric import padding

    found = algos.RSAESOAEPParams.load(parameters.dump())
    mask = found["mask_gen_algorithm"]["parameters"]["algorithm"].native
    return padding.OAEP(
        mgf=padding.MGF1(hash_of(mask)),
        algorithm=hash_of(found["hash_algorithm"]["algorithm"].native),
        label=None,
    )
