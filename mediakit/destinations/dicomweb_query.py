"""QIDO-RS: what a server has, and which instances of a series as proof of what was stored (PS3.18 10.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from mediakit.destinations.base import Lost
from mediakit.destinations.bounded_http import Reply
from mediakit.destinations.dicomweb import open_client
from mediakit.destinations.options import Options
from mediakit.destinations.peer import WebService
from mediakit.destinations.stow import JSON, status_words
from mediakit.dicom.instance_names import is_name

#: One match, as the DICOM JSON Model has it: attributes by tag (PS3.18 F).
Row = Mapping[str, Any]

_SOP_INSTANCE: Final = "00080018"
_PAGE: Final = 200  # asked for: public services take up to 200; a server may give fewer
_SMALLER: Final = (100, 50, 10)  # asked for when that is too much; at last nothing is said of it
_TOO_MUCH: Final = frozenset({400, 413, 416, 422})
_MOST_FOUND: Final = 200_000  # matches of one search
_MOST_BYTES: Final = 64 << 20  # of one page: some servers give all at once
_NO_OPTIONS: Final = Options()


class DicomwebQuery:
    """Asks a server what it has. For one thread; close it at the end."""

    def __init__(self, service: WebService, options: Options = _NO_OPTIONS) -> None:
        """Raise UsageError when a file of the options cannot be used; nothing is sent yet."""
        self.client = open_client(service, options)
        self._name = str(service)
        self._limit = _PAGE

    def find_instances(self, study: str, series: str) -> frozenset[str]:
        """Return the SOP Instance UIDs that the server has in a series; none for what is not a UID.

        Raises Unreachable, and Lost when the answer is none of QIDO-RS or does not end.
        """
        if not (is_name(study) and is_name(series)):  # nothing else may stand in a path of a URL
            return frozenset()
        path = f"/studies/{study}/series/{series}/instances?includefield={_SOP_INSTANCE}"
        return frozenset(self.rows(path, _SOP_INSTANCE))

    def rows(self, path: str, key: str) -> Mapping[str, Row]:
        """Return what matches, by the value of `key` ("0020000D"); `path` has its query already.

        Raises Unreachable, and Lost when the answer is none of QIDO-RS or does not end.
        """
        found: dict[str, Row] = {}
        while len(found) < _MOST_FOUND:
            before = len(found)
            page = ((_uid_in(row, key), row) for row in self._page_of(path, before))
            found |= {uid: row for uid, row in page if uid}
            if len(found) == before:  # the end, or a server that gives the same page again
                return found
        raise Lost("the answer does not end", where=self._name)

    def close(self) -> None:
        """Close the connection."""
        self.client.close()

    def _page_of(self, path: str, offset: int) -> list[Row]:
        """Return the next page. A server that does not like the size of it is asked again for less."""
        while True:
            limit = f"&limit={self._limit}" if self._limit else ""
            reply = self.client.get(f"{path}{limit}&offset={offset}", most_bytes=_MOST_BYTES)
            if reply.status not in _TOO_MUCH or not self._limit:
                return self._rows(reply)
            self._limit = next((less for less in _SMALLER if less < self._limit), 0)

    def _rows(self, reply: Reply) -> list[Row]:
        if reply.status in {204, 404}:  # nothing matches; some servers say so by 404
            return []
        if reply.status != 200 or reply.media_type not in JSON or reply.body is None:
            raise Lost("no answer of QIDO-RS", where=self._name, why=status_words(reply.status))
        try:
            rows = msgspec.json.decode(reply.body)
        except (ValueError, RecursionError) as exc:
            raise Lost("no answer of QIDO-RS", where=self._name, why="it is not JSON") from exc
        if not isinstance(rows, list):
            raise Lost("no answer of QIDO-RS", where=self._name, why="it is no list")
        return [row for row in rows if isinstance(row, dict)]


def text_in(row: Row, tag: str) -> str:
    """Return the first value of an attribute as text, "" without one."""
    value = _value_in(row, tag)
    return str(value).strip(" \0") if isinstance(value, str | int) else ""


def _uid_in(row: Row, tag: str) -> str:
    """Return the UID of an attribute, "" without one: a number is none (PS3.18 F.2.3)."""
    return text_in(row, tag) if isinstance(_value_in(row, tag), str) else ""


def _value_in(row: Row, tag: str) -> object:
    attribute = row.get(tag)
    values = attribute.get("Value") if isinstance(attribute, dict) else None
    return values[0] if isinstance(values, list) and values else None
