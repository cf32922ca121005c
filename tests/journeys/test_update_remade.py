"""Update: viewer, pages and manifest that mediakit made are made again, and name nobody who was removed."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pydicom
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mediakit.choices import ForPeople, LinkCase, Viewer
from mediakit.formats.registry import open_medium
from mediakit.journeys.burn_order import Depth
from mediakit.journeys.verify import VerifyOrder, verify
from mediakit.outcome import Outcome, State
from mediakit.secure.ed25519 import KnownKeys, fingerprint
from mediakit.secure.given import read_signing_key
from tests.faults.test_update_kill import KilledError, killed_at
from tests.journeys.test_update import ids, uid_of
from tests.journeys.test_update_secure import by_passphrase
from tests.support.cli import mediakit
from tests.support.secure import BY_PASSPHRASE
from tests.support.studies import CR, CT_1, CT_2, CT_3, MR, burnt_to, folder_of
from tests.support.updating import assert_sound, content_of, updated
from tests.support.viewer import ViewerFolder

_STRIDE = 13  # every write takes a minute

WARD = ("Ward 5 & 6", "Ulm, Tel. 555")
FULL = ForPeople(viewer=Viewer.FULL, institution=WARD)
WITH_PAGES = ForPeople(viewer=Viewer.PREVIEW, pdi=True, link_case=LinkCase.LOWER, institution=WARD)


def removed_texts() -> list[bytes]:
    """Return what the instance of the patient who is removed says of them."""
    mr = pydicom.dcmread(MR, stop_before_pixels=True)
    name = mr.PatientName
    texts = [mr.PatientID, mr.StudyInstanceUID, mr.SOPInstanceUID, name.family_name, name.given_name]
    coded = [text.encode("unicode_escape").decode().replace("\\x", "\\u00") for text in texts]
    numbered = ["".join(f"&#{ord(char)};" if ord(char) > 127 else char for char in text) for text in texts]
    raw = [bytes(mr.PatientName.original_string)[:8]]
    return [*raw, *(text.encode() for text in (*texts, *coded, *numbered) if len(text) > 4)]


def bytes_of(medium: Path) -> dict[str, bytes]:
    with open_medium(medium) as tree:
        found = {}
        for node in tree.walk():
            with tree.open(node) as stream:
                found[node.path] = stream.read()
        return found


def unpacked(medium: Path, folder: Path) -> ViewerFolder:
    return ViewerFolder(folder_of(folder, bytes_of(medium)))


def without_mr(medium: Path, *add: Path, **more: object) -> Any:
    patient = pydicom.dcmread(MR, stop_before_pixels=True).PatientID
    return updated(medium, *add, patients=[patient], **more)


def test_the_viewer_and_the_pages_are_those_of_the_updated_set_and_name_nobody_who_was_removed(
    tmp_path: Path,
) -> None:
    told = removed_texts()
    for name, people, more in (
        ("a.iso", FULL, {}),
        ("b.img", WITH_PAGES, {}),
        ("c", WITH_PAGES, {"state": tmp_path / "state"}),
        ("d.iso", FULL, {"session": True}),
    ):
        medium = tmp_path / name
        profile = "STD-GEN-USB-JPEG" if name == "b.img" else "STD-GEN-CD"
        burnt_to(medium, CT_1, CT_2, MR, people=people, manifest=True, profile=profile)
        before = bytes_of(medium)
        assert sum(text in b"".join(before.values()) for text in told) > 4
        done = without_mr(medium, CT_3, **more)
        assert done.result.outcome is Outcome.GOOD, name
        after = bytes_of(medium)
        assert not [path for path, data in after.items() if any(text in data for text in told)], name
        if "session" not in more and medium.is_file():
            assert not any(text in medium.read_bytes() for text in told), name
        verified = verify(medium, VerifyOrder())
        assert verified.outcome is Outcome.GOOD, name
        assert_sound(medium, profile)
        index = unpacked(medium, tmp_path / f"{name}-out").index
        assert index["counts"] == {"patients": 1, "studies": 1, "series": 1, "instances": 3}, name
        assert (index["tier"], index["disc"]["link_case"]) == (people.viewer, people.link_case), name
        assert any(path.startswith("IHE_PDI/") for path in after) is people.pdi, name
        assert b"Ward 5 &amp; 6<br />Ulm" in after["INDEX.HTM"], name
        fates = {Path(fate.source).name: fate.state for fate in done.result.fates}
        assert (fates["INDEX.BIN"], fates["VIEWER.HTM"]) == (State.EXCLUDED, State.EXCLUDED), name
        assert not [path for path in after if path.startswith("NEWDIR")], name
        again = updated(medium, MR, all_patients=True, **more)  # what was made again is known again
        assert again.result.outcome is Outcome.GOOD, name
        again_index = unpacked(medium, tmp_path / f"{name}-again").index
        assert again_index["counts"] == {"patients": 2, "studies": 2, "series": 2, "instances": 4}, name


def test_all_that_a_burn_makes_is_known_again_and_a_rehearsal_changes_nothing(tmp_path: Path) -> None:
    for people in (FULL, WITH_PAGES, ForPeople(viewer=Viewer.NONE, pdi=True)):
        medium = tmp_path / f"{people.viewer}-{people.pdi}"
        burnt_to(medium, CT_1, CR, people=people, manifest=True)
        before = content_of(medium)
        done = updated(medium, CT_2, depth=Depth.PLAN)
        assert done.result.outcome is Outcome.GOOD, people
        assert done.result.figures["kept"] == 2, people  # the instances alone
        assert content_of(medium) == before


def test_other_forms_of_the_viewer_and_none_are_written_where_they_are_asked_for(tmp_path: Path) -> None:
    burnt_to(tmp_path / "disc", CT_1, CT_2, MR, people=FULL)
    state = tmp_path / "state"
    said = mediakit("update", tmp_path / "disc", "--add", CT_3, "--viewer", "preview", "--state", state, "-v")
    assert (said.code, "made again" in said.out) == (0, True)
    assert ViewerFolder(tmp_path / "disc").index["tier"] == "preview"
    done = without_mr(tmp_path / "disc", viewer=Viewer.NONE, state=state)
    assert done.result.outcome is Outcome.GOOD
    assert [path for path in content_of(tmp_path / "disc") if not path.startswith("DICOM")] == []
    reasons = {
        fate.because.text for fate in done.result.fates if fate.because and fate.state is State.EXCLUDED
    }
    assert any("the updated medium has no such file" in reason for reason in reasons)


def test_what_is_not_known_to_be_ours_stays_or_stops_the_update(tmp_path: Path) -> None:
    own = folder_of(tmp_path / "own", {"INDEX.HTM": b"<p>hello</p>", "VIEWER/READ.ME": b"hello"})
    burnt_to(tmp_path / "own.iso", CT_1, CT_2, people=FULL, add=(own,))
    before = content_of(tmp_path / "own.iso")
    done = updated(tmp_path / "own.iso", CT_3)
    after = content_of(tmp_path / "own.iso")
    assert done.result.outcome is Outcome.GOOD
    assert all(before[path] == after[path] for path in ("INDEX.HTM", "VIEWER/READ.ME"))
    burnt_to(tmp_path / "disc", CT_1, CT_2, people=WITH_PAGES)
    for path, change in (
        ("VIEWER/INDEX.BIN", lambda data: data.replace(b'"made_by":"mediakit', b'"made_by":"another')),
        ("VIEWER/INDEX.BIN", lambda data: data[:2000]),
        ("VIEWER/INDEX.BIN", lambda _: b'mk.test("");\nmk.index(' + b"[" * 100_000 + b");\n"),
        ("VIEWER/VIEWER.HTM", lambda data: data[50:]),
        ("VIEWER/S0001/META.BIN", lambda data: data.replace(b"S0001", b"S0002", 1)),
        ("VIEWER/S0009/D00001.PDF", lambda _: b"%PDF"),
        ("INDEX.HTM", lambda data: data.replace(b"<h3>", b"<h3><b>of somebody else</b>")),
        ("IHE_PDI/INDEX.HTM", lambda data: data.replace(b"</body>", b"")),
        ("IHE_PDI/S0001.HTM", lambda data: data + b"more"),
        ("IHE_PDI/I0000001.JPG", lambda _: b"GIF89a"),
        ("IHE_PDI/MORE.HTM", lambda _: b"<p>hello</p>"),
    ):
        medium = tmp_path / "changed"
        shutil.copytree(tmp_path / "disc", medium)
        file = medium / path
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(change(file.read_bytes() if file.exists() else b""))
        before = content_of(medium)
        done = updated(medium, CT_3, state=tmp_path / "state")
        assert (done.result.outcome, content_of(medium)) == (Outcome.DOES_NOT_FIT, before), path
        wrong = [one.where.path for one in done.result.report.findings if one.rule.id == "MK-UPD-016"]
        assert wrong, path
        shutil.rmtree(medium)


def test_a_manifest_keeps_the_sums_of_what_stays_so_that_a_changed_file_is_still_found(
    tmp_path: Path,
) -> None:
    medium = tmp_path / "disc"
    burnt_to(medium, CT_1, CT_2, MR, manifest=True)
    file = next(path for path in (medium / "DICOM").rglob("*") if path.is_file())
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    done = updated(medium, CT_3, state=tmp_path / "state")
    assert (done.result.outcome, "MK-UPD-004" in ids(done)) == (Outcome.GOOD, False)
    found = verify(medium, VerifyOrder())
    wrong = [fate.source for fate in found.fates if fate.state is State.FAULTY]
    assert (found.outcome is Outcome.GOOD, wrong) == (False, [file.relative_to(medium).as_posix()])


def test_on_an_encrypted_medium_the_pages_are_sealed(tmp_path: Path) -> None:
    for name in ("a.iso", "b"):
        medium = tmp_path / name
        burnt_to(
            medium, CT_1, MR, profile="STD-GEN-SEC-CD", envelope=by_passphrase(), people=FULL, manifest=True
        )
        done = without_mr(medium, CT_2, keys=BY_PASSPHRASE, state=tmp_path / "state")
        assert done.result.outcome is Outcome.GOOD
        stored = bytes_of(medium)
        assert all(b"mk.index" not in data for data in stored.values())
        with open_medium(medium) as tree:
            assert tree.find("VIEWER/INDEX.BIN") is not None
        assert verify(medium, VerifyOrder(keys=BY_PASSPHRASE)).outcome is Outcome.GOOD


def test_a_signed_manifest_is_signed_again_with_a_key_and_refused_without(tmp_path: Path) -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = folder_of(tmp_path / "keys", {"k.pem": pem}) / "k.pem"
    signer = read_signing_key(key)
    burnt_to(tmp_path / "disc", CT_1, MR, people=FULL, signer=signer)
    state = tmp_path / "state"
    done = without_mr(tmp_path / "disc", CT_2, state=state)
    assert (done.result.outcome, "MK-UPD-030" in ids(done)) == (Outcome.DOES_NOT_FIT, True)
    said = mediakit(
        *("update", tmp_path / "disc", "--add", CT_2, "--remove", uid_of(MR)),
        *("--sign-key", key, "--state", state),
    )
    assert said.code == 0, said.err
    known = KnownKeys(keys=((fingerprint(signer.public), signer.public),), is_required=True)
    assert verify(tmp_path / "disc", VerifyOrder(known=known)).outcome is Outcome.GOOD
    assert ViewerFolder(tmp_path / "disc").index["counts"]["instances"] == 2
    burnt_to(tmp_path / "plain", CT_1)
    assert "MK-UPD-033" in ids(updated(tmp_path / "plain", CT_2, signer=signer, state=state))


def test_a_folder_with_a_viewer_comes_to_the_new_set_wherever_an_update_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    burnt_to(tmp_path / "base", CT_1, MR, people=FULL, manifest=True)
    shutil.copytree(tmp_path / "base", tmp_path / "whole")
    assert without_mr(tmp_path / "whole", CT_2, state=tmp_path / "state").result.outcome is Outcome.GOOD
    wanted = content_of(tmp_path / "whole")
    for number in (*range(0, 400, _STRIDE), 10_000):
        medium, state = tmp_path / f"m{number}", tmp_path / f"s{number}"
        shutil.copytree(tmp_path / "base", medium)
        try:
            with killed_at(number, monkeypatch):
                without_mr(medium, CT_2, state=state)
        except KilledError:
            is_new = content_of(medium)["DICOMDIR"] == wanted["DICOMDIR"]
            again = updated(medium, CT_2, state=state) if is_new else without_mr(medium, CT_2, state=state)
            assert again.result.outcome is Outcome.GOOD, number
        else:
            break
        assert content_of(medium) == wanted, number
        assert not list(state.glob("*.json"))
        shutil.rmtree(medium)
    assert number < 10_000


def test_a_page_that_cannot_be_replaced_is_named_and_replaced_by_the_next_update(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    medium, state = tmp_path / "disc", tmp_path / "state"
    burnt_to(medium, CT_1, MR, people=FULL)
    real = os.replace

    def denied(old: Any, new: Any, **named: Any) -> None:
        if str(new) == "INDEX.BIN":
            raise PermissionError(13, "Permission denied", str(new))
        real(old, new, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", denied)
        done = without_mr(medium, CT_2, state=state)
    assert (done.result.outcome, "MK-UPD-032" in ids(done)) == (Outcome.INTEGRITY, True)
    assert ViewerFolder(medium).index["counts"]["patients"] == 2
    again = updated(medium, CT_3, state=state)
    assert again.result.outcome is Outcome.GOOD
    assert ViewerFolder(medium).index["counts"] == {"patients": 1, "studies": 1, "series": 1, "instances": 3}
    assert not [path for path in content_of(medium) if path.startswith("NEWDIR")]
