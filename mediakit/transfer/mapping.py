"""The map of foreign identities to local ones, as a CSV file that people review. Pure: bytes in, text out.

A row says which instances it is for (`from_...`), whom they belong to here (`to_...`), and whether a person
agreed (`approved`). Cells that a spreadsheet would take for a formula stand behind an apostrophe.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mediakit.dicom.instance import Instance
from mediakit.dicom.limits import why_unfit
from mediakit.dicom.person_name import Likeness, same_name
from mediakit.errors import UsageError
from mediakit.findings import Report
from mediakit.outcome import Outcome
from mediakit.transfer.patient_identity import Identities, Identity, plain_date

MAX_BYTES = 16 << 20
_ACCESSION = 0x00080050
_MOST_FAULTS = 40

_FROM = ("from_patient_id", "from_issuer", "from_name", "from_birth_date", "from_study_uid", "from_accession")
_TARGETS: Mapping[str, tuple[int, str]] = {
    "to_patient_id": (0x00100020, "LO"),
    "to_issuer": (0x00100021, "LO"),
    "to_name": (0x00100010, "PN"),
    "to_birth_date": (0x00100030, "DA"),
    "to_sex": (0x00100040, "CS"),
    "to_accession": (0x00080050, "SH"),
}
COLUMNS = (*_FROM, *_TARGETS, "confidence", "source", "approved")
_NEEDED = ("to_patient_id", "approved")
_APPROVED = {"yes": True, "no": False, "": False}
_FORMULA = frozenset("=+-@\t\r'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a row is compared with: an identity on the medium, and a study of it."""

    identity: Identity
    study_uid: str = ""
    accession: str = field(default="", repr=False)


class Subjects:
    """Gives the subject of instances; equal raw values are decoded once."""

    def __init__(self) -> None:
        self._identities = Identities()

    def of(self, instance: Instance) -> Subject:
        """Return what rows are compared with."""
        return Subject(
            identity=self._identities.of(instance),
            study_uid=instance.study,
            accession=instance.header.text(_ACCESSION),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MapRow:
    """One row; `line` is its place in the file, 0 when it comes from no file. "" in `to_...`: left as it is.

    `from_patient_id` None is not compared, "" stands for instances without Patient ID. The other `from_...`
    are not compared when they are empty. `confidence` is 0 to 100, None when nobody said.
    """

    line: int = 0
    from_patient_id: str | None = field(default=None, repr=False)
    from_issuer: str = field(default="", repr=False)
    from_name: str = field(default="", repr=False)
    from_birth_date: str = field(default="", repr=False)
    from_study_uid: str = field(default="", repr=False)
    from_accession: str = field(default="", repr=False)
    to_patient_id: str = field(default="", repr=False)
    to_issuer: str = field(default="", repr=False)
    to_name: str = field(default="", repr=False)
    to_birth_date: str = field(default="", repr=False)
    to_sex: str = field(default="", repr=False)
    to_accession: str = field(default="", repr=False)
    confidence: int | None = None
    source: str = field(default="", repr=False)
    approved: bool = False

    @property
    def changes(self) -> dict[int, str]:
        """Return the new values by tag."""
        return {tag: value for name, (tag, _) in _TARGETS.items() if (value := getattr(self, name))}

    @property
    def match(self) -> tuple[str | None, ...]:
        """Return what the row compares: two approved rows must not have the same."""
        return tuple(getattr(self, name) for name in _FROM)

    @property
    def rank(self) -> int:
        """Return how narrow the row is: one for a single study outweighs one for a whole patient."""
        return 2 * bool(self.from_study_uid) + bool(self.from_accession)

    def is_for(self, subject: Subject) -> bool:
        """Return True when the row is for this subject."""
        who = subject.identity
        if self.from_patient_id is not None and self.from_patient_id != who.patient_id:
            return False
        equal = (
            (self.from_issuer, who.issuer),
            (plain_date(self.from_birth_date), plain_date(who.birth_date)),
            (self.from_study_uid, subject.study_uid),
            (self.from_accession, subject.accession),
        )
        if any(wanted and wanted != there for wanted, there in equal):
            return False
        return not self.from_name or _is_name(self.from_name, who.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """What a reconciliation found out: rows for the review file, in the order of the medium. They hold names.

    `counts` tells for how many identities (or studies) there is one good candidate ("matched"), several as
    good as each other ("several"), a weak one ("weak"), or none ("none").
    """

    source: str
    peer: str
    rows: tuple[MapRow, ...] = field(repr=False)
    counts: Mapping[str, int]
    report: Report
    outcome: Outcome


def _is_name(wanted: str, there: str) -> bool:
    return wanted == there or same_name(wanted, there) is Likeness.SAME


def parse_map(raw: bytes, where: str) -> tuple[MapRow, ...]:
    """Return the rows of a map. Raises UsageError that tells all faults, with their lines.

    The file is UTF-8, with or without a byte order mark, and has commas or semicolons. Faults are unknown or
    missing columns, approved rows without a target or with the same match, and values that cannot stand in
    their attribute.
    """
    if len(raw) > MAX_BYTES:
        raise UsageError(f"the map is larger than {MAX_BYTES >> 20} MB", where=where)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise UsageError(
            "the map is not in UTF-8",
            where=where,
            why=f"byte {exc.start}",
            hint="save it as `CSV UTF-8` in the spreadsheet",
        ) from exc
    reader = _Reader(text)
    rows = tuple(reader.rows())
    if reader.faults:
        faults = [f"line {line}: {what}" for line, what in sorted(reader.faults)[:_MOST_FAULTS]]
        if len(reader.faults) > _MOST_FAULTS:
            faults.append(f"and {len(reader.faults) - _MOST_FAULTS} more")
        raise UsageError("the map cannot be used", where=where, why="; ".join(faults), hint=_HINT)
    return rows


_HINT = f"columns are {', '.join(COLUMNS)}; `mediakit reconcile` writes such a file"


def digest_of(rows: Iterable[MapRow]) -> str:
    """Return a digest (SHA-256, hex) of what a map approves, in any order; "" when it approves nothing."""
    approved = sorted(repr((row.match, sorted(row.changes.items()))) for row in rows if row.approved)
    return (
        hashlib.sha256("\n".join(approved).encode("utf-8", "surrogatepass")).hexdigest() if approved else ""
    )


class _Reader:
    """Reads rows and collects what is wrong with them."""

    def __init__(self, text: str) -> None:
        self.faults: list[tuple[int, str]] = []
        head = text.split("\n", 1)[0]
        separator = ";" if head.count(";") > head.count(",") else ","
        self._lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)

    def rows(self) -> Iterator[MapRow]:
        cells = self._cells()
        columns = [cell.strip().lower() for cell in next(cells, [])]
        if not self._check_columns(columns):
            return
        seen: dict[tuple[str | None, ...], int] = {}
        for row_cells in cells:
            if any(cell.strip() for cell in row_cells):
                row = self._row(columns, row_cells)
                if row is not None:
                    self._check_match(row, seen)
                    yield row

    def _cells(self) -> Iterator[list[str]]:
        try:
            yield from self._lines
        except csv.Error as exc:
            self._fault(f"it is no CSV ({exc})")

    def _fault(self, what: str) -> None:
        self.faults.append((self._lines.line_num, what))

    def _check_columns(self, columns: Sequence[str]) -> bool:
        for name in dict.fromkeys(columns):
            if name not in COLUMNS:
                self._fault(f"unknown column {name[:40]!a}")
            elif columns.count(name) > 1:
                self._fault(f"column {name} stands twice")
        for name in _NEEDED:
            if name not in columns:
                self._fault(f"column {name} is missing")
        if not set(columns) & set(_FROM):
            self._fault("there is no column to match by (from_patient_id, from_name, ...)")
        return not self.faults

    def _row(self, columns: Sequence[str], cells: Sequence[str]) -> MapRow | None:
        if len(cells) != len(columns):
            self._fault(f"it has {len(cells)} cells, there are {len(columns)} columns")
            return None
        found = {name: _plain(cell) for name, cell in zip(columns, cells, strict=True)}
        before = len(self.faults)
        approved = _APPROVED.get(found.pop("approved").lower())
        if approved is None:
            self._fault("approved must be yes or no")
        confidence = self._confidence(found.pop("confidence", ""))
        found["to_birth_date"] = plain_date(found.get("to_birth_date", ""))
        for name, (_, vr) in _TARGETS.items():
            if why := why_unfit(vr, found.get(name, "")):
                self._fault(f"{name}: {why}")
        if approved and not found["to_patient_id"]:
            self._fault("it is approved and has no to_patient_id")
        if not any(found.get(name) for name in _FROM):
            self._fault("nothing says which instances it is for")
        if len(self.faults) > before:
            return None
        return MapRow(line=self._lines.line_num, confidence=confidence, approved=bool(approved), **found)

    def _confidence(self, cell: str) -> int | None:
        if not cell:
            return None
        if cell.isascii() and cell.isdecimal() and len(cell) <= 3 and int(cell) <= 100:
            return int(cell)
        self._fault("confidence must be a whole number from 0 to 100")
        return None

    def _check_match(self, row: MapRow, seen: dict[tuple[str | None, ...], int]) -> None:
        if row.approved and seen.setdefault(row.match, row.line) != row.line:
            self._fault(f"it is for the same instances as line {seen[row.match]}, and both are approved")


def _plain(cell: str) -> str:
    value = cell.strip(" ")
    return value[1:] if len(value) > 1 and value[0] == "'" and value[1] in _FORMULA else value


def format_map(rows: Iterable[MapRow]) -> str:
    """Return rows as a CSV text that `parse_map` and spreadsheets read (write it as UTF-8 with a BOM)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow(_cell(getattr(row, name)) for name in COLUMNS)
    return out.getvalue()


def _cell(value: str | int | bool | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return no_formula("" if value is None else str(value))


def no_formula(text: str) -> str:
    """Return the text of a CSV cell so that a spreadsheet does not take it for a formula."""
    return f"'{text}" if text[:1] in _FORMULA else text
