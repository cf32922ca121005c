"""A destination in memory that does what a script says: a small real implementation of the protocol."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mediakit.destinations.base import Context, Lost, Meanwhile, Payload, Unreachable, nothing
from mediakit.transfer.outgoing import Answer, Outgoing, StatusClass

SUCCESS = Answer(kind=StatusClass.SUCCESS)
FULL = Answer(kind=StatusClass.REFUSED, code=0xA700, words="out of resources")
BAD = Answer(kind=StatusClass.ERROR, code=0xC000, words="cannot understand")
WARNING = Answer(kind=StatusClass.WARNING, code=0xB000, words="coercion")
LOSE = "lose"  # the connection ends after the peer has the instance and before it answers

Script = Callable[[Outgoing, int], "Answer | str"]


@dataclass
class ScriptedDestination:
    """Answers by `script(item, how often this instance came)`; `takes_syntax` tells what is accepted."""

    script: Script = lambda _item, _tries: SUCCESS
    takes_syntax: Callable[[str, str], bool] = lambda _sop_class, _syntax: True
    unreachable: list[Unreachable] = field(default_factory=list)
    most_contexts: int | None = 128
    name: str = "SCRIPT@127.0.0.1:1"
    received: list[tuple[str, str, str]] = field(default_factory=list)  # UID, syntax, SHA-256 of data set
    connections: list[tuple[Context, ...]] = field(default_factory=list)
    on_send: Callable[[Outgoing], None] = lambda _item: None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def connect(self, contexts: Sequence[Context]) -> ScriptedSession:
        with self._lock:
            self.connections.append(tuple(contexts))
            if self.unreachable:
                raise self.unreachable.pop(0)
        return ScriptedSession(self, tuple(contexts))

    def verify(self) -> str:
        return "here"

    def uids(self) -> list[str]:
        return [uid for uid, _, _ in self.received]


class ScriptedSession:
    def __init__(self, owner: ScriptedDestination, contexts: tuple[Context, ...]) -> None:
        self._owner = owner
        self._contexts = contexts
        self.is_open = True

    def takes(self, sop_class: str) -> frozenset[str]:
        return frozenset(
            syntax
            for context in self._contexts
            if context.sop_class == sop_class
            for syntax in context.transfer_syntaxes
            if self._owner.takes_syntax(sop_class, syntax)
        )

    def refusal(self, sop_class: str) -> str:  # noqa: ARG002 - it has no reasons
        return ""

    def send(self, item: Outgoing, payload: Payload, meanwhile: Meanwhile = nothing) -> Answer:
        if not self.is_open:
            raise Lost("the session is over", why="closed")
        assert payload.transfer_syntax in self.takes(item.sop_class)
        self._owner.on_send(item)
        digest = hashlib.sha256()
        for chunk in payload.data_set():
            digest.update(chunk)
        owner = self._owner
        with owner._lock:
            tries = owner.uids().count(item.sop_instance)
            owner.received.append((item.sop_instance, payload.transfer_syntax, digest.hexdigest()))
        meanwhile()
        answer = owner.script(item, tries)
        if isinstance(answer, str):
            self.is_open = False
            raise Lost("the connection ended", why="by the script")
        return answer

    def close(self) -> None:
        self.is_open = False

    def abort(self) -> None:
        self.is_open = False
