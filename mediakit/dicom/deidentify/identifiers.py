"""What identified people before, kept while a medium is made: so that it can be searched for at the end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mediakit.dicom import text
from mediakit.dicom.deidentify.pseudonyms import is_registered
from mediakit.dicom.deidentify.table import CLASS_UIDS


class Kind(StrEnum):
    """What an identifier is, in words for a finding: the value itself is never shown."""

    PATIENT_NAME = "name of a patient"
    PERSON_NAME = "name of a person"
    PATIENT_ID = "Patient ID"
    ACCESSION = "Accession Number"
    OTHER_ID = "identifier of an order, a stay or a record"
    ADDRESS = "address or telephone number"
    UID = "UID"
    BIRTH_DATE = "birth date"


_KINDS: Mapping[int, Kind] = {
    0x00080050: Kind.ACCESSION,
    0x00100020: Kind.PATIENT_ID,
    0x00101000: Kind.PATIENT_ID,
    0x00100030: Kind.BIRTH_DATE,
    # addresses and telephone numbers of patients, physicians and institutions
    0x00080081: Kind.ADDRESS,
    0x00080092: Kind.ADDRESS,
    0x00080094: Kind.ADDRESS,
    0x00101040: Kind.ADDRESS,
    0x00102154: Kind.ADDRESS,
    0x00102155: Kind.ADDRESS,
    0x00380400: Kind.ADDRESS,
    0x00401102: Kind.ADDRESS,
    0x00401103: Kind.ADDRESS,
    # numbers of orders, stays, records
    0x00200010: Kind.OTHER_ID,
    0x00101050: Kind.OTHER_ID,
    0x00101090: Kind.OTHER_ID,
    0x00120040: Kind.OTHER_ID,
    0x00380010: Kind.OTHER_ID,
    0x00380060: Kind.OTHER_ID,
    0x00400009: Kind.OTHER_ID,
    0x00400253: Kind.OTHER_ID,
    0x00401001: Kind.OTHER_ID,
    0x00401006: Kind.OTHER_ID,
    0x00401007: Kind.OTHER_ID,
    0x00402006: Kind.OTHER_ID,
    0x00402007: Kind.OTHER_ID,
    0x00402016: Kind.OTHER_ID,
    0x00402017: Kind.OTHER_ID,
}
_STUDY_ID = 0x00200010
_TELLING_STUDY_ID = re.compile(r"(?!(19|20)\d{6}$).{6,}", re.DOTALL)  # often it is a small number or a date


@dataclass(frozen=True, slots=True)
class Identifier:
    """One value as text, and as the bytes that stood in the file."""

    kind: Kind
    text: str = field(repr=False)
    raw: bytes = field(repr=False)


class Identifiers:
    """Collects identifiers, each once."""

    def __init__(self) -> None:
        self._found: dict[Identifier, None] = {}

    def __iter__(self) -> Iterator[Identifier]:
        """Yield them in the order in which they were met."""
        return iter(tuple(self._found))

    def note(self, tag: int, vr: str, value: bytes, charset: bytes) -> None:
        """Keep a value that does not go on, if it identifies somebody."""
        kind = _KINDS.get(tag) or _by_vr(tag, vr)
        if kind is None:
            return
        for part in [value] if vr in {"ST", "LT", "UT"} else value.split(b"\\"):
            raw = part.strip(b" \0")
            if tag == _STUDY_ID and not _TELLING_STUDY_ID.match(raw.decode("latin-1")):
                continue
            if raw and not (kind is Kind.UID and is_registered(raw.decode("latin-1"))):
                self._found.setdefault(Identifier(kind, text.decode(raw, charset, vr).strip(), raw))

    def without(self, texts: Iterable[str]) -> tuple[Identifier, ...]:
        """Return all but those that are new values, too: they cannot be told apart."""
        new = {text.casefold() for text in texts}
        return tuple(one for one in self._found if one.text.casefold() not in new)


def _by_vr(tag: int, vr: str) -> Kind | None:
    if vr == "PN":
        return Kind.PATIENT_NAME if tag >> 16 == 0x0010 else Kind.PERSON_NAME
    return Kind.UID if vr == "UI" and tag not in CLASS_UIDS else None
