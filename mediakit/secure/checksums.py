"""How bytes are told from other bytes: by SHA-256, or by a code for one run, in a tenth of the time.

The proof asks whether what was read back is what was read before. Where nobody wants a SHA-256 for later, a
message authentication code answers that as surely: GMAC (NIST SP 800-38D) with a key that is made for the run
and is known to nobody, so that no source can be made to deceive it. See ADR 23.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

from mediakit.secure.extra import has_ciphers
from mediakit.sized_stream import into_views

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import AEADEncryptionContext

BLOCK_BYTES: Final = 256 * 1024  # stays in the processor's cache between reading, summing and writing
_KEY_BYTES, _NONCE = 16, bytes(12)


class Running(Protocol):
    """A checksum over bytes that come one after another."""

    def update(self, data: bytes | memoryview[int], /) -> object:
        """Take further bytes into account."""
        ...

    def hexdigest(self) -> str:
        """Return it in hex. Nothing can be added then."""
        ...


class Checksum(Protocol):
    """A way to tell bytes from others. With `is_quick` another thread would cost more than it saves."""

    name: str
    is_quick: bool

    def begin(self) -> Running:
        """Return one over no bytes yet."""
        ...

    def of(self, data: bytes | memoryview[int], /) -> str:
        """Return the checksum (hex) of all the bytes of something small, at most 2 GiB."""
        ...


class _Sha256:
    name = "SHA-256"
    is_quick = False

    def begin(self) -> Running:
        return hashlib.sha256()

    def of(self, data: bytes | memoryview[int], /) -> str:
        return hashlib.sha256(data).hexdigest()


SHA_256: Final[Checksum] = _Sha256()


class _Gmac:
    """One key and one nonce for all files: nobody sees a code before the run is over."""

    name = "GMAC"
    is_quick = True

    def __init__(self) -> None:
        from cryptography.hazmat.primitives.ciphers import Cipher, aead, algorithms, modes

        key = os.urandom(_KEY_BYTES)
        self._cipher = Cipher(algorithms.AES(key), modes.GCM(_NONCE))
        self._encrypt = aead.AESGCM(key).encrypt

    def begin(self) -> Running:
        return _RunningGmac(self._cipher.encryptor())

    def of(self, data: bytes | memoryview[int], /) -> str:
        return self._encrypt(_NONCE, b"", data).hex()


class _RunningGmac:
    def __init__(self, machine: AEADEncryptionContext) -> None:
        self._machine = machine
        self.update = machine.authenticate_additional_data

    def hexdigest(self) -> str:
        self._machine.finalize()
        return self._machine.tag.hex()


def for_one_run() -> Checksum:
    """Return what the proof of this run compares by: SHA-256 where `cryptography` is missing or broken."""
    if not has_ciphers():
        return SHA_256
    try:
        return _Gmac()
    except ImportError:  # there, but for another Python or without its OpenSSL
        return SHA_256


def checksum_of(stream: BinaryIO, checksum: Checksum, buffer: memoryview, before: bytes = b"") -> str:
    """Return the checksum (hex) of `before` and what is left in a stream. Raises what its reads raise."""
    readinto = into_views(stream)
    running, held = None, 0
    if before:
        running = checksum.begin()
        running.update(before)
    while got := readinto(buffer[held:]):
        held += got
        if held == len(buffer):
            running = checksum.begin() if running is None else running
            running.update(buffer)
            held = 0
    if running is None:
        return checksum.of(buffer[:held])
    running.update(buffer[:held])
    return running.hexdigest()
