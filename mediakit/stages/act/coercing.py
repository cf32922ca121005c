"""Local values in place of foreign ones, put into instances on their way."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import BinaryIO

from mediakit.dicom.coerce import Coerced, coerce
from mediakit.dicom.dictionary import tag_name
from mediakit.dicom.original_attributes import CoercionNote
from mediakit.stages.act.loading import Changed, Unsendable
from mediakit.stages.import_order import ImportOrder
from mediakit.stages.judge.identity_guard import GuardedIdentities
from mediakit.transfer.imported import Change
from mediakit.transfer.mapping import Subject
from mediakit.transfer.outgoing import Outgoing
from mediakit.transfer.row import key_of
from mediakit.transfer.states import Happening


class Coercer:
    """Exchanges the values of instances on their way, and keeps what was changed. For several threads."""

    def __init__(self, guarded: GuardedIdentities, order: ImportOrder) -> None:
        self._guarded = guarded
        self._note = order.note or CoercionNote(system="MEDIAKIT", at=datetime.now(UTC))
        self._lock = threading.Lock()
        self.changes: list[Change] = []

    @property
    def is_needed(self) -> bool:
        """Return True when some instance gets new values."""
        return bool(self._guarded.plan.changes)

    def rehearse(self) -> None:
        """Note what would be changed, once for each patient and study; `key` is the first instance."""
        first: dict[Subject, str] = {}
        for key, subject in self._guarded.subjects.items():
            first.setdefault(subject, key)
        for subject, key in first.items():
            changes = self._guarded.plan.changes_for(subject) or {}
            known = subject.identity
            before = {
                0x00100010: known.name,
                0x00100020: known.patient_id,
                0x00100021: known.issuer,
                0x00100030: known.birth_date,
                0x00100040: known.sex,
                0x00080050: subject.accession,
            }
            self.changes += [
                Change(key=key, tag=tag, name=tag_name(tag), before=before.get(tag, ""), after=after)
                for tag, after in changes.items()
                if before.get(tag, "") != after
            ]

    def __call__(self, item: Outgoing, stream: BinaryIO) -> Changed | Unsendable | None:
        """Return the instance with its new values, why it cannot get them, or None when it stays as it is."""
        key = key_of(item.sop_instance, item.path)
        subject = self._guarded.subjects.get(key)
        changes = None if subject is None else self._guarded.plan.changes_for(subject)
        if not changes:
            return None
        coerced = coerce(stream, changes, self._note)
        if not isinstance(coerced, Coerced):
            return Unsendable(Happening.ERROR, coerced.finding)
        if not coerced.changed:
            return None
        with self._lock:
            self.changes += [
                Change(key=key, tag=each.tag, name=tag_name(each.tag), before=each.before, after=each.after)
                for each in coerced.changed
            ]
        return Changed(coerced.data, coerced.transfer_syntax, coerced.findings)
