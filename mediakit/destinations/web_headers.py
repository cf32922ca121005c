"""Headers with secrets for a DICOMweb server, read from where the options say. No message repeats a value."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mediakit.destinations.options import Options
from mediakit.errors import UsageError

_MOST_BYTES: Final = 64 << 10
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)  # RFC 9110 5.6.2
_OURS: Final = frozenset(
    {"host", "content-type", "content-length", "transfer-encoding", "connection", "accept", "te", "trailer"}
    | {"upgrade", "expect", "accept-encoding"}
)


def secret_headers(options: Options) -> Mapping[str, str]:
    """Return the headers of every request, read again for each session.

    Tokens are renewed while a long journey runs. Raises UsageError when a file or variable is missing or
    wrong.
    """
    headers = {} if options.header_file is None else _of_file(options.header_file)
    token = _token(options)
    if token:
        if "authorization" in map(str.lower, headers):
            raise UsageError("both a token and an Authorization header", where=str(options.header_file))
        headers["Authorization"] = f"Bearer {token}"
    return headers


def _token(options: Options) -> str:
    if options.token_file is not None and options.token_variable:
        raise UsageError("`token-file` and `token-variable` exclude each other")
    if options.token_variable:
        token = os.environ.get(options.token_variable, "").strip()
        where = f"environment variable {options.token_variable}"
    elif options.token_file is not None:
        token = _text(options.token_file).strip()
        where = str(options.token_file)
    else:
        return ""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError("holds no bearer token", where=where, hint="one line with nothing but the token")
    return token


def _of_file(path: Path) -> dict[str, str]:
    """Return the headers of a file of lines "Name: value"; "#" begins a comment."""
    headers: dict[str, str] = {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, value = line.partition(":")
        value = value.strip()
        where = f"{path}, line {number}"
        if not colon or not _NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise UsageError("not a header", where=where, hint='a line is "Name: value", in ASCII')
        if name.lower() in _OURS:
            raise UsageError(f"`{name}` is set by mediakit", where=where)
        if name.lower() in map(str.lower, headers):
            raise UsageError(f"`{name}` stands there twice", where=where)
        headers[name] = value
    return headers


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(_MOST_BYTES + 1)
        if len(content) > _MOST_BYTES:
            raise UsageError(f"more than {_MOST_BYTES} bytes: this holds no headers", where=str(path))
        return content.decode("utf-8-sig")
    except OSError as exc:
        raise UsageError("cannot be read", where=str(path), why=exc.strerror or "") from exc
    except UnicodeDecodeError as exc:
        raise UsageError("is not text", where=str(path)) from exc
