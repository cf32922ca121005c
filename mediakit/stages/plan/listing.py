"""The producers of the manifest: the sums of all files, the signature over them, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from io import BytesIO
from typing import BinaryIO

from msgspec import Struct

from mediakit import __version__
from mediakit.errors import IntegrityError
from mediakit.fileset.for_people import VIEWER_PAGE
from mediakit.fileset.manifest import (
    ABOUT,
    FOR_PAGE,
    HEX_DIGITS,
    MANIFEST,
    PUBLIC_KEY,
    SIGNATURE,
    SIGNATURE_BYTES,
    for_page,
    line_of,
)
from mediakit.fileset.plan import DICOMDIR, FileSetLayout
from mediakit.formats.base import Entry
from mediakit.secure.ed25519 import SigningKey, fingerprint, pem_of
from mediakit.stages.plan.produce import Producer

_CHECK = f"openssl pkeyutl -verify -rawin -pubin -inkey {PUBLIC_KEY} -sigfile {SIGNATURE} -in {MANIFEST}"


def listing(signer: SigningKey | None, made: str) -> tuple[Producer, ...]:
    """Return the producers of a manifest and of its signature; they must be the last.

    `made` is the day of the medium, YYYY-MM-DD.
    """
    if signer is None:
        return (_manifest,)
    return (partial(_about, signer, made), partial(_manifest, signer=signer))


def _about(signer: SigningKey, made: str, laid_out: FileSetLayout) -> Sequence[Entry]:
    """Return the public key, and a text on what was signed: both are listed in the manifest."""
    directory = laid_out.directory
    lines = (
        f"The files of this medium are listed in {MANIFEST}, which is signed in {SIGNATURE} (Ed25519).",
        f"Check the files: sha256sum -c {MANIFEST}, or mediakit verify.",
        f"Check the signature: {_CHECK}",
        "A key that stands only on this medium shows that nothing was changed, not who made it:",
        "compare its fingerprint with one that you were given in another way.",
        "",
        f"Key (SHA-256): {fingerprint(signer.public)}",
        f"Made by: mediakit {__version__}",
        f"Made on: {made}",
        f"Profile: {laid_out.profile.id}",
        f"File-set ID: {directory.file_set_id}",
        f"File-set UID: {directory.file_set_uid}",
    )
    text = "".join(f"{line}\r\n" for line in lines).encode("ascii", "replace")
    return tuple(
        Entry(path, len(content), partial(BytesIO, content))
        for path, content in ((PUBLIC_KEY, pem_of(signer.public)), (ABOUT, text))
    )


class _Listed(Struct, frozen=True, kw_only=True):
    """What a manifest lists, and who signs it. Its files are made of the hashes of what was written."""

    paths: tuple[str, ...]
    signer: SigningKey | None

    def content(self, hashes: Mapping[str, str]) -> bytes:
        """Return the manifest."""
        return b"".join(line_of(hashes[path], path) for path in self.paths)

    def signature(self, hashes: Mapping[str, str]) -> bytes:
        """Return the signature, b"" without a key."""
        return b"" if self.signer is None else self.signer.sign(self.content(hashes))

    def page_copy(self, hashes: Mapping[str, str]) -> bytes:
        """Return the script for the page of the viewer."""
        return for_page(self.content(hashes), self.signature(hashes), self._key())

    def size(self) -> int:
        """Return the size of the manifest in bytes."""
        return sum(len(line_of("0" * HEX_DIGITS, path)) for path in self.paths)

    def size_of_page_copy(self) -> int:
        """Return the size of the script in bytes."""
        return len(for_page(bytes(self.size()), bytes(SIGNATURE_BYTES if self.signer else 0), self._key()))

    def _key(self) -> bytes:
        return b"" if self.signer is None else self.signer.public


def _manifest(laid_out: FileSetLayout, signer: SigningKey | None = None) -> Sequence[Entry]:
    """Return the SHA-256 of every other file in the form that `sha256sum -c` reads, and what is made of it.

    They must be the last entries: they are made of the hashes of what was written before.
    """
    paths = (
        DICOMDIR,
        *(file.file_id.path for file in laid_out.files),
        *(extra.path for extra in laid_out.extra),
    )
    listed = _Listed(paths=paths, signer=signer)
    entries = [Entry(MANIFEST, listed.size(), _only_from_hashes, listed.content)]
    if signer is not None:
        entries.append(Entry(SIGNATURE, SIGNATURE_BYTES, _only_from_hashes, listed.signature))
    if VIEWER_PAGE in paths:
        entries.append(Entry(FOR_PAGE, listed.size_of_page_copy(), _only_from_hashes, listed.page_copy))
    return entries


def _only_from_hashes() -> BinaryIO:
    raise IntegrityError(
        "the manifest was asked for before the files were hashed", hint="please report this error"
    )
