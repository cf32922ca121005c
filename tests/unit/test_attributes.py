"""The elements of a file by keyword are what pydicom reads, although most are never parsed."""

from __future__ import annotations

import warnings

from pydicom import dcmread
from pydicom.datadict import keyword_for_tag

from mediakit.dicom import part10
from mediakit.dicom.attributes import Attributes
from tests.support.studies import PYDICOM_FILES

LARGEST = 300_000
WITHOUT = {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}


def test_every_value_of_explicit_files_is_the_one_of_pydicom() -> None:
    wrong, compared = [], 0
    for path in sorted(PYDICOM_FILES.rglob("*.dcm")):
        if path.stat().st_size > LARGEST:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                with path.open("rb") as stream:
                    file = part10.read(stream)
                theirs = dcmread(path, force=True)
            except Exception:  # noqa: BLE001, S112 - files that one of the two refuses say nothing
                continue
            if theirs.original_encoding != (False, True):
                continue
            ours = Attributes.of(file)
            for element in theirs:
                keyword = keyword_for_tag(element.tag)
                if not keyword or keyword in WITHOUT or element.tag.group >= 0x5000 or element.is_empty:
                    continue
                compared += 1
                if repr(ours.value(keyword)) != repr(element.value):
                    wrong.append((path.name, keyword))
                if element.VR in {"US", "SS", "UL", "SL"}:
                    again = Attributes.of(file).numbers(keyword)
                    many = element.value if element.VM > 1 else [element.value]
                    wrong += [(path.name, keyword)] * (again != tuple(map(float, many)))
    assert not wrong
    assert compared > 1000
