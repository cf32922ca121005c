"""What is asked of a de-identification, as one value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import token_bytes

from mediakit.choices import OnBurnedIn
from mediakit.dicom.deidentify.engine import Engine
from mediakit.dicom.deidentify.options import BASIC, Option, options_from
from mediakit.dicom.deidentify.policy import Policy
from mediakit.dicom.deidentify.pseudonyms import KEY_BYTES, Pseudonyms
from mediakit.dicom.deidentify.wishes import wishes_from
from mediakit.errors import UsageError


def new_key() -> bytes:
    """Return a secret key."""
    return token_bytes(2 * KEY_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentification:
    """How instances are de-identified (PS3.15 E).

    `options` are words of PS3.15 E.3: "basic", or "retain-device,clean-graphics". `table` is the content of a
    table file (see docs/teaching.md), which stands at `where`. With a secret `key` the same values get the
    same new values each time, and new Patient IDs follow from it; without one there is a new key for each
    run, and patients are numbered in the order in which they are met. Raises UsageError.
    """

    options: str = BASIC
    table: Mapping[str, object] = field(default_factory=dict, repr=False)
    key: bytes = field(default=b"", repr=False)
    on_burned_in: OnBurnedIn = OnBurnedIn.REFUSE
    where: str = "table"

    def __post_init__(self) -> None:
        """Raise UsageError for what cannot be done."""
        policy = self._policy()
        if Option.SAFE_PRIVATE in policy.options and not policy.wishes.safe_private:
            hint = "list the safe elements in `safe_private` of `--deidentify-table`"
            raise UsageError("`retain-safe-private` needs to know which private elements are safe", hint=hint)
        if self.key and len(self.key) < KEY_BYTES:
            hint = "make one and keep it secret: `head -c 32 /dev/urandom > FILE`"
            raise UsageError(f"the key of a de-identification needs at least {KEY_BYTES} bytes", hint=hint)

    @property
    def digest(self) -> str:
        """Return what tells this from another one, the key apart; no value can be read from it."""
        words = sorted(one.word for one in options_from(self.options))
        said = json.dumps([words, self.table, self.on_burned_in], sort_keys=True, default=str)
        return sha256(said.encode("ascii")).hexdigest()[:16]

    def engine(self) -> Engine:
        """Return an engine for one run."""
        policy, is_by_key = self._policy(), bool(self.key)
        key = self.key or new_key()
        return Engine(policy, Pseudonyms(key, aliases=policy.wishes.aliases, by_key=is_by_key))

    def _policy(self) -> Policy:
        return Policy(options=options_from(self.options), wishes=wishes_from(self.table, self.where))
