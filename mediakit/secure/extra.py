"""The packages that secure media need, and what is said when they are not installed."""

from __future__ import annotations

from importlib.util import find_spec

from mediakit.errors import UsageError


def has_ciphers() -> bool:
    """Return True when `cryptography` is there."""
    return find_spec("cryptography") is not None


def is_installed() -> bool:
    """Return True when the packages of the extra `secure` are there."""
    return has_ciphers() and find_spec("asn1crypto") is not None


def check_installed() -> None:
    """Raise UsageError when the packages of the extra `secure` are missing."""
    if not is_installed():
        raise UsageError(
            "encrypted media need the packages cryptography and asn1crypto",
            hint="install them with `pip install 'dicom-mediakit[secure]'`",
        )
