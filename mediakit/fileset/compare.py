"""What differs between two surveys, as far as headers and directories tell. Pure: no bytes are read here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mediakit.dicom.dictionary import tag_name
from mediakit.dicom.instance import Instance, Tag
from mediakit.dicom.uids import syntax_name
from mediakit.fileset.record import DirectoryRecord, Key
from mediakit.fileset.survey import RecordLink, Survey
from mediakit.findings import tag_text

_LISTED = 8


def header_difference(one: Instance, other: Instance) -> str:
    """Return in words what differs in two headers of one SOP Instance: attributes by name, never a value."""
    if one.sop_class != other.sop_class:
        return "the SOP Class"
    parts = []
    if one.transfer_syntax != other.transfer_syntax:
        names = [syntax_name(uid) or uid for uid in (one.transfer_syntax, other.transfer_syntax)]
        parts.append(f"the Transfer Syntax ({names[0]}, {names[1]})")
    tags = [*_tags(one.header.values, other.header.values), *_tags(one.header.meta, other.header.meta)]
    if tags:
        parts.append(_named(tags))
    return " and ".join(parts) or "what the header scan does not look at, or the pixel data"


def record_differences(one: Survey, other: Survey) -> Iterator[tuple[str, str]]:
    """Yield SOP Instance UID and attributes for every instance whose records say something else in `other`.

    Records above the leaf are compared too, each pair once: a patient with another birth date is told at the
    first of its instances. Instances that only one directory references are not told here.
    """
    theirs = {link.reference.sop_instance: link for link in other.links}
    seen: set[tuple[int, int]] = set()
    for link in one.links:
        partner = theirs.get(link.reference.sop_instance)
        if partner is None:
            continue
        tags = sorted(_record_tags(link, partner, seen))
        if tags:
            yield link.reference.sop_instance, _named(tags)


def _record_tags(link: RecordLink, partner: RecordLink, seen: set[tuple[int, int]]) -> set[Tag]:
    tags: set[Tag] = set()
    for mine, its in zip((link.record, *link.above), (partner.record, *partner.above), strict=False):
        pair = (id(mine), id(its))
        if pair not in seen:
            seen.add(pair)
            tags.update(_tags(_values(mine), _values(its)))
    return tags


def _values(record: DirectoryRecord) -> dict[Tag, bytes]:
    return {key.tag: _bare(key) for key in record.keys}


def _bare(key: Key) -> bytes:
    return key.value if key.vr == "SQ" else key.value.strip(b" \0")


def _tags(one: Mapping[Tag, bytes], other: Mapping[Tag, bytes]) -> list[Tag]:
    return sorted(tag for tag in one.keys() | other.keys() if one.get(tag) != other.get(tag))


def _named(tags: list[Tag]) -> str:
    listed = ", ".join(f"{tag_name(tag) or 'private'} {tag_text(tag)}" for tag in tags[:_LISTED])
    return f"{listed} and {len(tags) - _LISTED} more" if len(tags) > _LISTED else listed
