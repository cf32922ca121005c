"""What is true of the data: rules, findings and reports. Nothing here stops a journey (see `errors`).

A `Rule` is a constant that stands above the function that raises it; its id is never used again for
something else. A `Finding` is a rule met at a place.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import Formatter

from msgspec import Struct

Detail = str | int


class Severity(StrEnum):
    """How much a finding matters. `ERROR`: does not conform, or data would be lost."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        """Return 2 for error, 1 for warning, 0 for note."""
        return {"error": 2, "warning": 1, "note": 0}[self.value]


class Where(Struct, frozen=True, kw_only=True):
    """The place of a finding: a path, the byte offset of a directory record, a tag; any may be absent."""

    path: str = ""
    record: int | None = None
    tag: int | None = None

    def __str__(self) -> str:
        parts = [self.path] if self.path else []
        if self.record is not None:
            parts.append(f"record at {self.record}")
        if self.tag is not None:
            parts.append(tag_text(self.tag))
        return ", ".join(parts)


NOWHERE = Where()


class _Filled(Formatter):
    """Fills a title. A field with a specification is a number, and the words for one and for many."""

    def format_field(self, value: object, format_spec: str) -> str:
        if not format_spec:
            return str(value)
        one, many = _forms(format_spec)
        number = f"{value:,}" if isinstance(value, int) else str(value)
        return f"{number} {one if number == '1' else many}"


class _Template(Formatter):
    """Leaves the names of the fields in a title."""

    def get_value(self, key: int | str, args: object, kwargs: object) -> str:  # noqa: ARG002 - of Formatter
        return f"{{{key}}}"

    def format_field(self, value: object, format_spec: str) -> str:
        return f"{value} {_forms(format_spec)[1]}" if format_spec else str(value)


class _Heading(_Template):
    """Leaves out what differs from finding to finding."""

    def get_value(self, key: int | str, args: object, kwargs: object) -> str:  # noqa: ARG002 - of Formatter
        return "\u2026"

    def format_field(self, value: object, format_spec: str) -> str:
        return _forms(format_spec)[1] if format_spec else str(value)


def _forms(words: str) -> tuple[str, str]:
    one, _, many = words.partition("|")
    return one, many or f"{one}s"


_FILLED = _Filled()

# Clauses of media storage, directories, formats, security, and of PDI and its German catalogue were checked.
_CHECKED = re.compile(
    r"PS3\.(?:2|10|11|12|15)\b|PS3\.3(?:-2004)? (?:Table )?F\b|IHE ITI TF-2 3\.32\b|IHE RAD TF-3 4\.47\b|DRG "
)


class Rule(Struct, frozen=True, kw_only=True):
    """One thing that can be found.

    `title` is a `str.format` template filled from the finding's detail. A number can have its noun with it:
    `{count:file is|files are}` gives "1 file is" and "2 files are". `ref` names the clause (for example
    "PS3.10 8.5"), `hint` says what to do about it.
    """

    id: str
    severity: Severity
    title: str
    ref: str
    hint: str = ""

    @property
    def source(self) -> str:
        """Return the clause, marked when its number was not checked against the text of the source."""
        return self.ref if not self.ref or _CHECKED.match(self.ref) else f"{self.ref} (unconfirmed)"

    @property
    def heading(self) -> str:
        """Return the title for many findings at once: an ellipsis stands for what differs."""
        return _Heading().vformat(self.title, (), {})

    @property
    def template(self) -> str:
        """Return the title with the names of its fields, for a list of rules: "{count} files are"."""
        return _Template().vformat(self.title, (), {})

    def at(self, where: Where = NOWHERE, **detail: Detail) -> Finding:
        """Return a finding of this rule; `detail` must name every field of `title`."""
        return Finding(rule=self, where=where, detail=tuple(detail.items()))


class Finding(Struct, frozen=True, kw_only=True):
    """A rule met at a place."""

    rule: Rule
    where: Where = NOWHERE
    detail: tuple[tuple[str, Detail], ...] = ()

    @property
    def severity(self) -> Severity:
        """Return the severity of the rule."""
        return self.rule.severity

    @property
    def ref(self) -> str:
        """Return the clause: the detail `ref` when the rule leaves it to the finding, else the rule's own."""
        return str(dict(self.detail).get("ref", self.rule.ref))

    @property
    def text(self) -> str:
        """Return the sentence for a person. Raises KeyError when a detail is missing."""
        return _FILLED.vformat(self.rule.title, (), dict(self.detail))

    def moved(self, path: str) -> Finding:
        """Return the same finding at another path."""
        where = Where(path=path, record=self.where.record, tag=self.where.tag)
        return Finding(rule=self.rule, where=where, detail=self.detail)


def _order(finding: Finding) -> tuple[int, str, str, int, int, str]:
    where = finding.where
    place = (where.record or 0, where.tag or 0)
    return (-finding.severity.rank, where.path, finding.rule.id, *place, str(finding.detail))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All findings on one subject, sorted, so that two runs are equal byte for byte."""

    subject: str
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, subject: str, findings: Iterable[Finding]) -> Report:
        """Return a report with the findings in their one order: worst first, then by place."""
        return cls(subject=subject, findings=tuple(sorted(findings, key=_order)))

    def worst(self) -> Severity | None:
        """Return the highest severity met, or None when there is no finding."""
        return max((f.severity for f in self.findings), key=lambda s: s.rank, default=None)

    def by_rule(self) -> Mapping[str, int]:
        """Return how often each rule id was met."""
        return Counter(f.rule.id for f in self.findings)


def tag_text(tag: int) -> str:
    """Return a tag in the notation of the standard: 0x00100020 gives "(0010,0020)"."""
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def printable(text: str) -> str:
    """Return text of foreign origin safe to show on one line: what cannot be printed as an escape."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "surrogatepass").decode()
        for char in text
    )
