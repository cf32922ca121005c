"""The data dictionary of PS3.6, through pydicom, which is imported when a tag is looked up."""

from __future__ import annotations

from functools import cache

from mediakit.dicom.instance import Tag


def is_private(tag: Tag) -> bool:
    """Return True when the group of the tag is odd (PS3.5 7.8)."""
    return bool((tag >> 16) & 1)


def is_standard(tag: Tag) -> bool:
    """Return True when the tag is in the data dictionary, retired or not (PS3.6)."""
    from pydicom.datadict import dictionary_has_tag, repeater_has_tag  # noqa: PLC0415 - start-up

    return dictionary_has_tag(tag) or repeater_has_tag(tag)


def tag_name(tag: Tag) -> str:
    """Return the name of a tag ("Patient's Name"), or "" when it is not in the dictionary."""
    from pydicom.datadict import dictionary_description  # noqa: PLC0415 - start-up

    return dictionary_description(tag) if is_standard(tag) else ""


@cache
def ordinary_words() -> frozenset[str]:
    """Return the words of the names of attributes, in lower case: what any text of this field can hold."""
    from pydicom._dicom_dict import DicomDictionary  # noqa: PLC0415 - start-up

    words = (
        word.strip("'()/-.,").casefold() for entry in DicomDictionary.values() for word in entry[2].split()
    )
    return frozenset(word.removesuffix("'s") for word in words if word)
