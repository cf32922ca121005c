"""Password recipients: a key from a passphrase (PBKDF2, RFC 8018), and the key wrap of RFC 3211.

Which pseudo-random function PS3.15 D.1 means by RFC 2898 is unconfirmed: HMAC-SHA-256 is written, and
HMAC-SHA-1 read as well.
"""

from __future__ import annotations

import hashlib
import os
from threading import Lock
from typing import Final

from mediakit.errors import UsageError
from mediakit.secure.algorithms import (
    HMAC_SHA256,
    PBKDF2,
    PWRI_KEK,
    Cipher,
    aes_256,
)
from mediakit.secure.ber import CONSTRUCTED, CONTEXT, OCTETS, SEQUENCE, Malformed, algorithm, element, integer

ROUNDS: Final = 600_000  # of PBKDF2 in what is written
MOST_ROUNDS: Final = 10_000_000  # of one recipient that are read
_MOST_ALL_ROUNDS = 2_000_000_000  # of one medium: an hour of work must not be ordered by a file
_NULL = b"\x05\x00"
_CHECK_BYTES = 3


class TooDear(Malformed):
    """A file asks for more rounds of PBKDF2 than are made."""


def checked(passphrase: bytes) -> bytes:
    """Return a passphrase that can be one: ISO IR 6, printable, not empty. Raises UsageError."""
    if not passphrase:
        raise UsageError("the passphrase is empty")
    if not all(0x20 <= octet <= 0x7E for octet in passphrase):
        raise UsageError(
            "a passphrase may have letters, digits and signs of US-ASCII only (PS3.15 D.1)",
            hint="leave out umlauts and other letters that some keyboards do not have",
        )
    return passphrase


class Derived:
    """Keys made from one passphrase, each made once: it is slow on purpose."""

    def __init__(self, passphrase: bytes) -> None:
        self._passphrase = passphrase
        self._keys: dict[tuple[bytes, int, str, int], bytes] = {}
        self._rounds = 0
        self._lock = Lock()

    def key(self, salt: bytes, rounds: int, prf: str, key_bytes: int) -> bytes:
        """Return the key for a salt. Raises TooDear."""
        wanted = (salt, rounds, prf, key_bytes)
        with self._lock:
            if wanted not in self._keys:
                self._rounds += rounds
                if not 0 < rounds <= MOST_ROUNDS or self._rounds > _MOST_ALL_ROUNDS:
                    raise TooDear(f"it asks for {rounds} rounds of PBKDF2")
                self._keys[wanted] = hashlib.pbkdf2_hmac(prf, self._passphrase, salt, rounds, key_bytes)
            return self._keys[wanted]


class PasswordRecipient:
    """Wraps keys for those who know a passphrase; salt and key of it are made once a file-set."""

    def __init__(self, passphrase: bytes, rounds: int = ROUNDS) -> None:
        salt = os.urandom(16)
        self._key = hashlib.pbkdf2_hmac("sha256", passphrase, salt, rounds, 32)
        parameters = element(
            SEQUENCE, element(OCTETS, salt), integer(rounds), integer(32), algorithm(HMAC_SHA256, _NULL)
        )
        self._derivation = element(CONTEXT | CONSTRUCTED, *_parts_of(algorithm(PBKDF2, parameters)))

    def info(self, key: bytes) -> bytes:
        """Return a RecipientInfo with a content encryption key: [3] PasswordRecipientInfo."""
        cipher, identifier = aes_256(os.urandom(16))
        return element(
            CONTEXT | CONSTRUCTED | 3,
            integer(0),
            self._derivation,
            algorithm(PWRI_KEK, identifier),
            element(OCTETS, wrapped(key, self._key, cipher)),
        )


def wrapped(key: bytes, by: bytes, cipher: Cipher) -> bytes:
    """Return a key wrapped by another one (RFC 3211 2.3.1)."""
    plain = bytes([len(key), *(octet ^ 0xFF for octet in key[:_CHECK_BYTES])]) + key
    size = max(2 * cipher.block, -(-len(plain) // cipher.block) * cipher.block)
    plain += os.urandom(size - len(plain))
    machine = cipher.machine(by).encryptor()
    first = machine.update(plain)
    return (
        machine.update(first) + machine.finalize()
    )  # chained on: the second pass begins with its last block


def unwrapped(data: bytes, by: bytes, cipher: Cipher) -> bytes | None:
    """Return the key that was wrapped, None when the check bytes are wrong (RFC 3211 2.3.2)."""
    block = cipher.block
    if len(data) < 2 * block or len(data) % block:
        return None
    last = cipher.decrypt(by, data[-block:], data[-2 * block : -block])
    first = cipher.decrypt(by, data[:-block], last) + last
    plain = cipher.decrypt(by, first)
    size, check = plain[0], plain[1 : 1 + _CHECK_BYTES]
    key = plain[1 + _CHECK_BYTES :][:size]
    is_right = len(key) == size >= _CHECK_BYTES and all(
        a ^ b == 0xFF for a, b in zip(check, key, strict=False)
    )
    return key if is_right else None


def _parts_of(sequence: bytes) -> tuple[bytes]:
    """Return the contents of a SEQUENCE: the tag of an IMPLICIT type stands in place of its own."""
    return (sequence[2 if sequence[1] < 0x80 else 2 + (sequence[1] & 0x7F) :],)
