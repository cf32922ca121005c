"""The tables of SOP classes and transfer syntaxes, compared with pydicom's dictionary."""

from __future__ import annotations

import subprocess
import sys

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from mediakit.dicom import uids
from mediakit.dicom.uids import STORAGE, SYNTAXES, SyntaxKind


def test_every_storage_class_that_pydicom_knows_has_the_same_name_and_state() -> None:
    common = {uid: kind for uid, kind in STORAGE.items() if uid in UID_dictionary}
    assert len(common) > 200
    for uid, kind in common.items():
        name, _, _, retired, _ = UID_dictionary[uid]
        assert kind.name.replace(" SOP Class", "") == name.replace(" SOP Class", "")
        assert kind.retired == (retired == "Retired"), uid


def test_no_storage_class_of_pydicoms_dictionary_is_missing() -> None:
    ours = set(STORAGE)
    theirs = {
        uid
        for uid, (name, kind, *_) in UID_dictionary.items()
        if kind == "SOP Class" and "Storage" in name and uid.startswith("1.2.840.10008.5.1.4.1.1.")
    }
    assert theirs - ours == set()


def test_the_directory_is_not_a_storage_class() -> None:
    assert not uids.is_storage("1.2.840.10008.1.3.10")
    assert uids.is_storage("1.2.840.10008.5.1.4.1.1.2")
    assert uids.is_storage("1.2.840.10008.5.1.4.1.1.3")  # retired
    assert not uids.is_storage("1.2.3.4")


def test_every_transfer_syntax_of_pydicom_is_known_with_its_encoding() -> None:
    theirs = {uid: row for uid, row in UID_dictionary.items() if row[1] == "Transfer Syntax"}
    assert set(theirs) <= set(SYNTAXES)
    for uid, row in theirs.items():
        ours = SYNTAXES[uid]
        assert ours.name == row[0]
        if ours.kind is not SyntaxKind.OTHER:
            known = UID(uid)
            assert ours.implicit == known.is_implicit_VR, uid
            assert ours.big_endian == (not known.is_little_endian), uid
            assert ours.is_encapsulated == known.is_encapsulated, uid
            assert (ours.kind is SyntaxKind.DEFLATED) == known.is_deflated, uid


def test_jpeg_xl_is_known_although_pydicom_has_not_heard_of_it() -> None:
    assert [SYNTAXES[f"1.2.840.10008.1.2.4.{n}"].lossy for n in (110, 111, 112)] == [False, True, True]


def test_only_lossless_syntaxes_are_encoded_and_whatever_is_encoded_can_be_decoded() -> None:
    encoded = [syntax for syntax in SYNTAXES.values() if syntax.can_encode]
    assert sorted(s.uid.removeprefix("1.2.840.10008.1.2") for s in encoded) == [
        ".1",
        ".4.70",
        ".4.80",
        ".4.90",
        ".5",
    ]
    assert all(syntax.can_decode and not syntax.lossy for syntax in encoded)


def test_names_fall_back_to_the_uid() -> None:
    assert uids.class_name("1.2.840.10008.5.1.4.1.1.2") == "CT Image Storage"
    assert uids.class_name("1.2.3") == "1.2.3"
    assert uids.syntax_name("1.2.840.10008.1.2.5") == "RLE Lossless"
    assert uids.syntax_name("1.2.3") == "1.2.3"


def test_multi_frame_is_a_property_of_the_class() -> None:
    assert STORAGE["1.2.840.10008.5.1.4.1.1.3.1"].multiframe
    assert STORAGE["1.2.840.10008.5.1.4.1.1.12.1"].multiframe
    assert not STORAGE["1.2.840.10008.5.1.4.1.1.2"].multiframe
    named = [k for k in STORAGE.values() if "Multi-frame" in k.name or "Enhanced CT" in k.name]
    assert len(named) >= 9
    assert all(kind.multiframe for kind in named)


def test_the_tables_load_without_pydicom() -> None:
    code = "import sys, mediakit.dicom.uids; assert not any(m.startswith('pydicom') for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
