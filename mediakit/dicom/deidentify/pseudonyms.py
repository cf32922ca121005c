"""New values in place of old ones, the same every time for one secret key: UIDs, patients, dates."""

from __future__ import annotations

import hmac
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from hashlib import sha256
from itertools import count

from mediakit.errors import UsageError

#: What a key has at least, in bytes.
KEY_BYTES = 16
_STANDARD = "1.2.840.10008."
_OLDEST_OFFSET, _OFFSETS = 365, 3650  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Who a patient is from now on: Patient ID and Patient's Name."""

    patient_id: str
    name: str


class Pseudonyms:
    """Gives new values for old ones by a keyed hash; without the key nobody can find or test the old ones.

    Patients are those of `aliases` by their Patient ID. The others get `prefix` and a number in the order in
    which they are met, or `by_key` a code that is the same in each run with this key.
    """

    def __init__(
        self, key: bytes, *, aliases: Mapping[str, Alias] | None = None, prefix: str = "TEACH", by_key: bool
    ) -> None:
        """Raise UsageError for a key that is too short."""
        if len(key) < KEY_BYTES:
            raise UsageError(f"the key of a de-identification must have at least {KEY_BYTES} bytes")
        self._key = key
        self._by_key = by_key
        self._prefix = prefix
        self._aliases = dict(aliases or {})

    def uid(self, old: str) -> str:
        """Return the UID that stands for an instance UID (PS3.5 B.2). Those of the standard itself stay."""
        if not old or is_registered(old):
            return old
        number = bytearray(self._digest("uid", old)[:16])
        number[6] = number[6] & 0x0F | 0x80  # a UUID of version 8 (RFC 9562)
        number[8] = number[8] & 0x3F | 0x80
        return f"2.25.{int.from_bytes(number, 'big')}"

    def patient(self, patient: str) -> Alias:
        """Return who a patient is from now on; `patient` is the old Patient ID."""
        found = self._aliases.get(patient)
        if found is None:
            taken = {alias.patient_id for alias in self._aliases.values()}
            marks = (self._mark(patient, number) for number in count(1))
            mark = next(mark for mark in marks if mark not in taken)
            found = self._aliases[patient] = Alias(patient_id=mark, name=mark)
        return found

    def aliases(self) -> tuple[Alias, ...]:
        """Return everybody who was met or is given."""
        return tuple(self._aliases.values())

    def moved(self, patient: str, day: str) -> str | None:
        """Return a date (YYYYMMDD) moved back by the days of a patient; None when it is no date."""
        offset = int.from_bytes(self._digest("date", patient)[:8], "big") % _OFFSETS + _OLDEST_OFFSET
        try:
            found = date(int(day[:4]), int(day[4:6]), int(day[6:8])) - timedelta(days=offset)
        except (ValueError, OverflowError):
            return None
        return f"{found.year:04d}{found.month:02d}{found.day:02d}"

    def _mark(self, patient: str, number: int) -> str:
        if not self._by_key:
            return f"{self._prefix}-{number:04d}"
        code = self._digest(f"patient {number}", patient)
        return f"{self._prefix}-{b32encode(code[:5]).decode('ascii')}"

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self._key, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), sha256).digest()


def is_registered(uid: str) -> bool:
    """Return True for a UID that the standard itself gives to something, and that is not of an instance."""
    if not uid.startswith(_STANDARD):
        return False
    from pydicom.uid import UID  # noqa: PLC0415 - start-up time

    return UID(uid).name != uid
