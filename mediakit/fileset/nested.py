"""Look into the raw content of a sequence: Explicit VR Little Endian, lengths defined or not.

Never raises for bytes: a walk ends where the bytes no longer make sense. No recursion.
"""

from __future__ import annotations

from collections.abc import Iterator

from mediakit.dicom import text
from mediakit.dicom.bounded_read import Malformed
from mediakit.dicom.elements import EXPLICIT_LITTLE
from mediakit.dicom.instance import SPECIFIC_CHARACTER_SET, Tag
from mediakit.dicom.sequences import items
from mediakit.dicom.values import CHARSET_VRS
from mediakit.dicom.walk import Step, Token
from mediakit.dicom.wanted import MOST, WANTED
from mediakit.dicom.write import NestedWriter, pad
from mediakit.fileset import key_values
from mediakit.findings import tag_text
from mediakit.profile.model import KeyCondition, KeyRule, Profile


def text_values(content: bytes) -> Iterator[bytes]:
    """Yield the value of every element whose VR the Specific Character Set rules, at any depth."""
    return (value for _tag, vr, value in elements(content) if vr in CHARSET_VRS)


def values_of(content: bytes, wanted: Tag) -> Iterator[bytes]:
    """Yield the values of one attribute, at any depth."""
    return (value for tag, _vr, value in elements(content) if tag == wanted)


def elements(content: bytes) -> Iterator[tuple[Tag, str, bytes]]:
    """Yield tag, VR and value of every element that is no sequence, in order, at any depth."""
    try:
        for token, _ in _steps(content, b""):
            if token.step is Step.ELEMENT:
                yield token.tag, token.vr, content[token.start : token.end]
    except Malformed:
        return


def is_readable(content: bytes, charset: bytes) -> bool:
    """Return True when all text is of the character set that holds for it: `charset`, or that of its item."""
    try:
        return all(
            text.is_readable(content[token.start : token.end], said, token.vr)
            for token, said in _steps(content, charset)
            if token.step is Step.ELEMENT and token.vr in CHARSET_VRS
        )
    except Malformed:
        return True


def why_illegal(content: bytes, charset: bytes) -> str:
    """Return why a directory record may not hold these items, "" when it may."""
    try:
        for token, said in _steps(content, charset):
            if token.step is Step.ELEMENT:
                value = content[token.start : token.end]
                why = "its length is odd" if len(value) % 2 else _why(token, value, said)
                if why:
                    return f"{tag_text(token.tag)} in it: {why}"
    except Malformed:
        return "its items do not add up"
    return ""


def mended(content: bytes, charset: bytes) -> bytes | None:
    """Return the items with legal values: mended, or left out where that cannot be.

    None when the items cannot be read to their end, or when a UID in them is none.
    """
    writer = NestedWriter()
    try:
        for token, said in _steps(content, charset):
            if token.step is Step.ELEMENT:
                value: bytes | None = content[token.start : token.end]
                if value is not None and _why(token, value, said):
                    value = _mended(token, value, said)
                    if value is None and token.vr == "UI":
                        return None
                if value is not None:
                    writer.element(token.tag, token.vr, value + pad(token.vr, value))
            elif token.step is Step.ITEM:
                writer.open_item(undefined=False)
            elif token.step is Step.SEQUENCE:
                writer.open_sequence(token.tag, "SQ", undefined=False)
            elif token.step in {Step.ITEM_CLOSED, Step.SEQUENCE_CLOSED}:
                writer.close()
            else:
                return None
    except Malformed:
        return None
    return bytes(writer.out)


def demanded_inside(profile: Profile, record_type: str) -> Iterator[KeyRule]:
    """Yield what a profile demands inside the sequences of a type of record, whatever the instance is."""
    for rule in profile.keys:
        is_certain = rule.condition in {KeyCondition.ALWAYS, KeyCondition.PARENT_PRESENT}
        if rule.parent is not None and is_certain and rule.type != "3" and record_type in rule.records:
            yield rule


def is_inside(rule: KeyRule, content: bytes) -> bool:
    """Return True when an item holds the attribute; a sequence without items holds nothing to complain of."""
    if not content:
        return True
    values = values_of(content, rule.tag)
    return any(True for _ in values) if rule.type.startswith("2") else any(map(key_values.bare, values))


def _why(token: Token, value: bytes, charset: bytes) -> str:
    if token.tag == SPECIFIC_CHARACTER_SET and text.unknown_term(value) is not None:
        return "it is not a Defined Term"
    return key_values.why_illegal(value, token.vr, charset, _most(token.tag))


def _mended(token: Token, value: bytes, charset: bytes) -> bytes | None:
    if token.tag == SPECIFIC_CHARACTER_SET:
        return None  # the item is of ASCII alone, or it could not be read at all
    return key_values.mended(value, token.vr, charset, _most(token.tag))


def _most(tag: Tag) -> int:
    """Return how many values an attribute may have, 0 when that is any number or not known here."""
    return MOST.get(tag, 1) if tag in WANTED else 0


def _steps(content: bytes, charset: bytes) -> Iterator[tuple[Token, bytes]]:
    """Yield every step with the character set that holds there. Raises Malformed."""
    charsets = [charset]
    for token in items(content, EXPLICIT_LITTLE):
        if token.step is Step.ITEM:
            charsets.append(charsets[-1])
        elif token.step is Step.ITEM_CLOSED:
            charsets.pop()
        elif token.step is Step.ELEMENT and token.tag == SPECIFIC_CHARACTER_SET:
            charsets[-1] = content[token.start : token.end]
        yield token, charsets[-1]
