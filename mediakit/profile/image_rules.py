"""Value rules on the attributes of an instance (tables X.3-3 and followers of PS3.11).

Every value is compared as text; when both sides are numbers, as numbers. Of several values the first one
counts, unless the rule itself has a backslash in the value that it wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from struct import Struct

from mediakit.dicom.elements import dictionary_vr
from mediakit.dicom.instance import Header
from mediakit.dicom.uids import syntax_name
from mediakit.dicom.wanted import WANTED
from mediakit.findings import Finding, Rule, Severity, Where, tag_text
from mediakit.profile.form import PHOTOMETRIC, Form
from mediakit.profile.model import ImageOp, ImageRule, When

_SHOWN = 40  # characters of a value in a finding
_NUMBERS = {
    b"US": Struct("<H"),
    b"SS": Struct("<h"),
    b"UL": Struct("<I"),
    b"SL": Struct("<i"),
    b"UV": Struct("<Q"),
    b"SV": Struct("<q"),
    b"FL": Struct("<f"),
    b"FD": Struct("<d"),
}
_FIT = "choose another profile: `mediakit profiles fit` shows which take the instance"
_AT_SOURCE = "let the sender or the archive complete the instance: mediakit changes no attribute of an image"

VALUE_MISSING = Rule(
    id="MK-PRO-040",
    severity=Severity.ERROR,
    title="{tag} has no value; the profile requires {wanted}",
    ref="PS3.11",
    hint="have the sender or the archive complete the instance: mediakit changes no attribute of an image",
)
VALUE_WRONG = Rule(
    id="MK-PRO-041",
    severity=Severity.ERROR,
    title="{tag} is {found}; the profile requires {wanted}",
    ref="PS3.11",
    hint=_FIT,
)
VALUE_TOO_LARGE = Rule(
    id="MK-PRO-042",
    severity=Severity.ERROR,
    title="{tag} is {found}; the profile allows at most {wanted}",
    ref="PS3.11",
    hint=_FIT,
)
VALUE_OFF_OTHER = Rule(
    id="MK-PRO-043",
    severity=Severity.ERROR,
    title="{tag} is {found}; the profile requires {wanted}",
    ref="PS3.11",
    hint=_FIT,
)
VALUE_REQUIRED = Rule(
    id="MK-PRO-044",
    severity=Severity.ERROR,
    title="{tag} has no value; it is Type 1 in the profile",
    ref="PS3.11",
    hint=_AT_SOURCE,
)
ATTRIBUTE_REQUIRED = Rule(
    id="MK-PRO-045",
    severity=Severity.ERROR,
    title="{tag} is absent; it is Type 2 in the profile: it may be empty, but it must be there",
    ref="PS3.11",
    hint=_AT_SOURCE,
)
SYNTAX_OF_VALUE = Rule(
    id="MK-PRO-046",
    severity=Severity.ERROR,
    title="{when} does not go with {syntax}; the profile requires {wanted}",
    ref="PS3.11",
    hint="`--convert lossless` finds a transfer syntax that goes with it, where there is one",
)
ATTRIBUTE_FORBIDDEN = Rule(
    id="MK-PRO-047",
    severity=Severity.ERROR,
    title="{tag} is present; the profile does not allow it",
    ref="PS3.11",
    hint=_AT_SOURCE,
)


def check_values(rules: Sequence[ImageRule], header: Header, form: Form, where: Where) -> list[Finding]:
    """Return a finding for every value rule that an instance in this form breaks."""
    return [
        finding
        for rule in rules
        if rule.when is None or _holds(rule.when, first_value(header, rule.when.tag, form))
        for finding in _CHECKS[rule.op](rule, header, form, where)
    ]


def first_value(header: Header, tag: int, form: Form) -> str | None:
    """Return the first value of an element as text: "" when it is empty, None when it is absent."""
    if tag == PHOTOMETRIC:
        return form.photometric if form.photometric or tag in header.values else None
    raw = header.values.get(tag)
    if raw is None:
        return None
    number = _number_form(tag)
    if number is not None:
        return str(number.unpack_from(raw)[0]) if len(raw) >= number.size else ""
    return raw.split(b"\\", 1)[0].strip(b" \0").decode("latin-1")


@lru_cache(maxsize=1024)
def _number_form(tag: int) -> Struct | None:
    """Return how a value of the tag is packed when its VR is a binary number; None for other VRs."""
    vr = WANTED[tag].encode("ascii") if tag in WANTED else dictionary_vr(tag)
    return _NUMBERS.get(vr)


def same(found: str, wanted: str) -> bool:
    """Return True when two values are equal, as text or as numbers."""
    if found == wanted:
        return True
    number = as_number(found)
    return number is not None and number == as_number(wanted)


def as_number(text: str) -> float | None:
    """Return the number that a text of VR IS or DS stands for; None when it is no finite number."""
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _holds(when: When, found: str | None) -> bool:
    among = found is not None and any(same(found, value) for value in when.values)
    return among is not when.negate


def _one_of(rule: ImageRule, header: Header, form: Form, where: Where) -> Iterator[Finding]:
    found = first_value(header, rule.tag, form)
    wanted = " or ".join(rule.values)
    if not found:
        yield _finding(VALUE_MISSING, rule, where, wanted=wanted)
        return
    whole = header.text(rule.tag)
    if not any(same(found, value) or ("\\" in value and whole == value) for value in rule.values):
        yield _finding(VALUE_WRONG, rule, where, found=_shown(rule.tag, found), wanted=wanted)


def _max(rule: ImageRule, header: Header, form: Form, where: Where) -> Iterator[Finding]:
    found = first_value(header, rule.tag, form)
    limit = rule.values[0] if rule.values else ""
    most = as_number(limit)
    if not found:
        yield _finding(VALUE_MISSING, rule, where, wanted=f"at most {limit}")
        return
    number = as_number(found)
    if number is None or most is None or number > most:
        yield _finding(VALUE_TOO_LARGE, rule, where, found=_shown(rule.tag, found), wanted=limit)


def _equals_tag(rule: ImageRule, header: Header, form: Form, where: Where) -> Iterator[Finding]:
    found = first_value(header, rule.tag, form)
    other = None if rule.other is None else first_value(header, rule.other, form)
    name = "" if rule.other is None else tag_text(rule.other)
    wanted = f"{name}{rule.plus:+d}" if rule.plus else name
    if not found or not other:
        yield _finding(
            VALUE_MISSING if not found else VALUE_OFF_OTHER, rule, where, found=found or "", wanted=wanted
        )
        return
    number, target = as_number(found), as_number(other)
    if number is None or target is None:
        equal = rule.plus == 0 and found == other
    else:
        equal = number == target + rule.plus
    if not equal:
        shown, off = _shown(rule.tag, found), f"{wanted}, where {name} is {_shown(rule.other or 0, other)}"
        yield _finding(VALUE_OFF_OTHER, rule, where, found=shown, wanted=off)


def _type_1(rule: ImageRule, header: Header, form: Form, where: Where) -> Iterator[Finding]:
    del form
    if not header.values.get(rule.tag) or not _filled(header, rule.tag):
        yield _finding(VALUE_REQUIRED, rule, where)


def _type_2(rule: ImageRule, header: Header, form: Form, where: Where) -> Iterator[Finding]:
    del form
    if rule.tag not in header.values:
        yield _finding(ATTRIBUTE_REQUIRED, rule, where)


def _syntax_one_of(rule: ImageRule, header: Header, form: Form, where: Where) -> Iterator[Finding]:
    if form.syntax not in rule.values:
        tag = rule.tag if rule.when is None else rule.when.tag
        value = _shown(tag, first_value(header, tag, form) or "(no value)")
        wanted = " or ".join(syntax_name(uid) for uid in rule.values)
        yield _finding(
            SYNTAX_OF_VALUE,
            rule,
            where,
            when=f"{tag_text(tag)} {value}",
            syntax=syntax_name(form.syntax),
            wanted=wanted,
        )


def _forbidden(rule: ImageRule, header: Header, form: Form, where: Where) -> Iterator[Finding]:
    del form
    if rule.tag in header.values:
        yield _finding(ATTRIBUTE_FORBIDDEN, rule, where)


def _filled(header: Header, tag: int) -> bool:
    # A number whose bytes are all zero is a value; a text of blanks is none.
    return _number_form(tag) is not None or header.has_value(tag)


def _finding(kind: Rule, rule: ImageRule, where: Where, **detail: str) -> Finding:
    place = Where(path=where.path, tag=rule.tag)
    return kind.at(place, tag=tag_text(rule.tag), **detail, ref=rule.ref or kind.ref)


def _shown(tag: int, text: str) -> str:
    """Return a value fit for a report: short, printable, and nothing from the patient group."""
    if tag >> 16 == 0x0010:
        return "another value"
    return "".join(char if char.isprintable() else "?" for char in text[:_SHOWN])


_Check = Callable[[ImageRule, Header, Form, Where], Iterator[Finding]]
_CHECKS: Mapping[ImageOp, _Check] = {
    ImageOp.EQUALS: _one_of,
    ImageOp.ONE_OF: _one_of,
    ImageOp.MAX: _max,
    ImageOp.EQUALS_TAG: _equals_tag,
    ImageOp.TYPE_1: _type_1,
    ImageOp.TYPE_2: _type_2,
    ImageOp.SYNTAX_ONE_OF: _syntax_one_of,
    ImageOp.FORBIDDEN: _forbidden,
}
