"""A DICOMweb server as a destination: STOW-RS, one instance per request, each with its own answer.

Instances go out as stored, in a stream. See `stow` for what answers mean and `bounded_http` for what is kept
from a server.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from typing import Final

from mediakit.destinations.base import Context, Lost, Meanwhile, Payload, Unreachable, nothing
from mediakit.destinations.bounded_http import HttpClient, Reply, Server
from mediakit.destinations.options import Options
from mediakit.destinations.peer import Tls, WebService
from mediakit.destinations.stow import (
    ACCEPT,
    JSON,
    answer_of,
    body,
    content_type,
    denies_service,
    status_words,
)
from mediakit.destinations.tls import client_context
from mediakit.destinations.web_headers import secret_headers
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass

# A search for a study that nobody has: it tells whether we may come in, and brings no patient here.
_PROBE: Final = "/studies?StudyInstanceUID=2.25.0&limit=1"
_LOGIN: Final = frozenset({401, 407})
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_NO_OPTIONS: Final = Options()
_BASE_URL: Final = "the address is the base URL, the one that `/studies` is put behind"


class DicomwebDestination:
    """A STOW-RS service. Its name is the address; no token or header is in it."""

    def __init__(self, service: WebService, options: Options = _NO_OPTIONS) -> None:
        self._service = service
        self._options = options

    @property
    def name(self) -> str:
        """Return "dicomweb+https://host/path"."""
        return str(self._service)

    @property
    def most_contexts(self) -> int | None:
        """Return None: nothing is negotiated."""
        return None

    @property
    def most_sessions(self) -> int | None:
        """Return how many connections there may be at once; None when nobody said."""
        return self._options.most_associations

    def connect(self, contexts: Sequence[Context]) -> DicomwebSession:  # noqa: ARG002 - it takes any
        """Return a session with a server that answers and lets us in. Raises Unreachable and UsageError."""
        client = open_client(self._service, self._options)
        try:
            _check(_asked(client, _PROBE), self.name)
        except BaseException:
            client.close()
            raise
        return DicomwebSession(client, self.name)

    def verify(self) -> str:
        """Search for a study that nobody has, else ask for the options of the service; say what came.

        Raises Unreachable and UsageError.
        """
        with closing(open_client(self._service, self._options)) as client:
            reply = _asked(client, _PROBE)
            _check(reply, self.name)
            if reply.status == 204 or (reply.status == 200 and reply.media_type in JSON):
                return f"answers to a search (HTTP {reply.status})"
            if reply.status != 200 and _asked(client, "/studies", "OPTIONS").status in {200, 204}:
                return f"is there, and answers to no search ({status_words(reply.status)})"
            raise Unreachable(
                "no DICOMweb service",
                where=self.name,
                why=status_words(reply.status) if reply.status != 200 else "the answer is a page, no data",
                hint=_BASE_URL,
            )


class DicomwebSession:
    """A connection to a STOW-RS service. For one thread."""

    def __init__(self, client: HttpClient, name: str) -> None:
        self._client: HttpClient | None = client
        self._name = name
        self._has_answered = False  # as a service does that stores

    def takes(self, sop_class: str) -> frozenset[str] | None:  # noqa: ARG002 - see below
        """Return None: what it takes shows in its answers only."""
        return None

    def refusal(self, sop_class: str) -> str:  # noqa: ARG002 - as above
        """Return "": nothing is negotiated."""
        return ""

    def send(self, item: Outgoing, payload: Payload, meanwhile: Meanwhile = nothing) -> Answer:  # noqa: ARG002
        """Store one instance; see `Session`. After a refused login the session is over.

        That nothing is found at the address is an answer to the instance only where others had theirs.
        """
        if self._client is None:
            raise Lost("the session with the server is over", where=self._name)
        boundary = secrets.token_hex(16)
        size, chunks = body(payload, boundary)
        try:
            reply = self._client.post("/studies", content_type(boundary), chunks, size, ACCEPT)
        except Unreachable as exc:  # it was there when the session began
            raise Lost("the server is gone", where=exc.where, why=str(exc.why or exc.what)) from exc
        if not self._has_answered and denies_service(reply, item.sop_instance):
            why = status_words(reply.status)
            raise Unreachable("no DICOMweb service", where=self._name, why=why, hint=_BASE_URL)
        answer = answer_of(reply, item.sop_instance)
        if answer is None:
            why = f"{status_words(reply.status)}, and no whole answer"
            raise Lost("whether the server stored it is not known", where=self._name, why=why)
        self._has_answered = True
        if reply.status in _LOGIN:
            self.close()  # the next session reads the token again
        if reply.location and answer.kind is StatusClass.ERROR:
            return replace(answer, words=f"{answer.words}, to {reply.location}")
        return answer

    def close(self) -> None:
        """Close the connection."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def abort(self) -> None:
        """Close the connection at once."""
        self.close()


def open_client(service: WebService, options: Options) -> HttpClient:
    """Return a client for a server; nothing is sent yet. Raises UsageError for files that cannot be used."""
    return HttpClient(
        Server(
            url=service.url,
            headers=secret_headers(options),
            tls=client_context(options.tls or Tls()) if service.is_tls else None,
            timeouts=options.timeouts,
        )
    )


def _asked(client: HttpClient, path: str, method: str = "GET") -> Reply:
    try:
        return client.get(path, method=method)
    except Lost as exc:
        raise Unreachable(
            "the server does not answer", where=exc.where, why=exc.why or exc.what, is_passing=True
        ) from exc


def _check(reply: Reply, name: str) -> None:
    """Raise Unreachable when the answer to a first question says that no other will be taken."""
    if reply.status in _LOGIN:
        hint = "set token-file, token-variable or header-file, or renew what stands there"
        raise Unreachable("no entry without a login", where=name, why=status_words(reply.status), hint=hint)
    if 300 <= reply.status < 400:
        place = f", to {reply.location}" if reply.location else ""
        hint = "it is not followed: what is secret would go there; give the address that it leads to"
        raise Unreachable(
            "the server sends us elsewhere", where=name, why=f"HTTP {reply.status}{place}", hint=hint
        )
    if reply.status in _PASSING:
        raise Unreachable(
            "the server takes nothing now", where=name, why=status_words(reply.status), is_passing=True
        )
