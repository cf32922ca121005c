"""The folder of received instances: names, doubles, what is left of a killed run."""

from __future__ import annotations

import errno
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit import open_folder
from mediakit.dicom.instance_names import is_name, name_of
from mediakit.errors import UsageError
from mediakit.scp.instance_store import Arrived, InstanceStore, Settled, instance_store
from mediakit.scp.part import HELD_BYTES
from mediakit.scp.receiver import Claim, head_for
from tests.support.dicom_bytes import EXPLICIT, IMPLICIT, RAW


def put(
    place: InstanceStore, uid: str, body: bytes, study: str = "1.2", syntax: str = EXPLICIT
) -> tuple[Settled, str]:
    """Put an instance away as a receiver does."""
    head = head_for(
        Claim(
            agreed_class=RAW,
            sop_class=RAW,
            sop_instance=uid,
            transfer_syntax=syntax,
            calling_ae="A" * (len(body) % 16 + 1),
        )
    )
    part = place.part()
    part.write(head + body)
    arrived = Arrived(
        sop_class=RAW,
        sop_instance=uid,
        transfer_syntax=syntax,
        study=study,
        series="1.3",
        data_set_at=len(head),
    )
    return place.settle(part, arrived)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_an_instance_is_found_by_its_uid_wherever_its_study_is(tmp_path: Path) -> None:
    with instance_store(tmp_path) as place:
        assert put(place, "1.2.3", b"\x08\0body")[0] is Settled.STORED
        assert put(place, "1.2.3", b"\x08\0body", study="9.9")[0] is Settled.SAME
        assert put(place, "1.2.3", b"\x08\0BODY")[0] is Settled.CONFLICT
        assert put(place, "1.2.3", b"\x08\0body", syntax=IMPLICIT)[0] is Settled.CONFLICT
    assert files(tmp_path) == ["1.2/1.3/1.2.3.dcm"]
    with instance_store(tmp_path) as place:
        assert place.find("1.2.3") == tmp_path / "1.2/1.3/1.2.3.dcm"
        (tmp_path / "1.2/1.3/1.2.3.dcm").unlink()
        assert place.find("1.2.3") is None
        assert put(place, "1.2.3", b"\x08\0BODY")[0] is Settled.STORED


def test_a_file_that_somebody_else_put_there_is_not_replaced(tmp_path: Path) -> None:
    with instance_store(tmp_path) as place:
        (tmp_path / "1.2/1.3").mkdir(parents=True)
        (tmp_path / "1.2/1.3/1.2.3.dcm").symlink_to(tmp_path / "nowhere")
        with pytest.raises(FileExistsError):
            put(place, "1.2.3", b"\x08\0body")
    assert (tmp_path / "1.2/1.3/1.2.3.dcm").is_symlink()


@pytest.mark.parametrize("level", [1, 2])
def test_a_link_in_the_folder_leads_nowhere(tmp_path: Path, level: int) -> None:
    folder, outside = tmp_path / "in", tmp_path / "outside"
    outside.mkdir()
    link = folder.joinpath(*("1.2", "1.3")[:level])
    link.parent.mkdir(parents=True)
    link.symlink_to(outside)
    with instance_store(folder) as place, pytest.raises(OSError, match=r"1\.[23]"):
        put(place, "1.2.3", b"\x08\0body")
    assert list(outside.iterdir()) == []


def test_a_folder_that_is_a_file_is_a_wrong_call(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="nothing can be received"), instance_store(tmp_path / "file"):
        pass


@given(st.text(max_size=80))
def test_no_uid_names_anything_but_one_entry_of_a_folder(uid: str) -> None:
    name = name_of(uid)
    assert name == Path(name).name
    assert name not in {"", ".", ".."}
    assert not name.startswith(".")
    assert len(name.encode()) <= 64
    if is_name(uid):
        assert name == uid


def test_the_file_of_an_instance_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    with instance_store(tmp_path / "in") as place:
        put(place, "1.2.3", b"\x08\0body")
    (tmp_path / "other").write_bytes(b"")
    mode = (tmp_path / "in/1.2/1.3/1.2.3.dcm").stat().st_mode
    assert mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("has_nameless", [True, False])
@pytest.mark.parametrize("size", [256, HELD_BYTES - 1000, HELD_BYTES + 1000])
def test_an_instance_of_any_size_stands_whole_under_its_name_and_leaves_nothing_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, has_nameless: bool
) -> None:
    if not has_nameless:  # as on a system that makes no file without a name
        monkeypatch.setattr(open_folder, "_has_nameless", lambda: False)
    body = bytes(range(256)) * (size // 256)
    with instance_store(tmp_path) as place:
        assert put(place, "1.2.3", body) == (Settled.STORED, "1.2/1.3/1.2.3.dcm")
        assert put(place, "1.2.3", body) == (Settled.SAME, "1.2/1.3/1.2.3.dcm")
        assert put(place, "1.2.3", body[:-1] + b"x") == (Settled.CONFLICT, "1.2/1.3/1.2.3.dcm")
        given_up = place.part()
        given_up.write(body)
        given_up.discard()
        assert files(tmp_path) == ["1.2/1.3/1.2.3.dcm"]
    assert (tmp_path / "1.2/1.3/1.2.3.dcm").read_bytes().endswith(body)


def test_instances_are_stored_where_the_system_refuses_files_without_names_or_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_open = os.open
    for number, code in enumerate((errno.EPERM, errno.ENOSYS, errno.EXDEV, errno.EMLINK)):
        for refuses_links in (False, True):

            def refused(
                path: str,
                flags: int = 0,
                *_: object,
                is_open: bool = not refuses_links,
                code: int = code,
                **to: int,
            ) -> int:
                nameless = open_folder._NAMELESS_FLAGS
                if is_open and flags & nameless != nameless:
                    return real_open(path, flags, 0o666, **to)
                raise OSError(code, os.strerror(code))

            folder = tmp_path / f"{number}{refuses_links}"
            with monkeypatch.context() as patched:
                patched.setattr(os, "link" if refuses_links else "open", refused)
                with instance_store(folder) as place:
                    for uid, size in (("1.2.3", 20), ("1.2.4", 2 * HELD_BYTES)):
                        assert put(place, uid, b"\x08\0" + bytes(size))[0] is Settled.STORED
            assert files(folder) == ["1.2/1.3/1.2.3.dcm", "1.2/1.3/1.2.4.dcm"]


def test_many_threads_that_store_the_same_give_one_file_each_name_once(tmp_path: Path) -> None:
    with instance_store(tmp_path) as place, ThreadPoolExecutor(8) as pool:
        uids = [f"1.2.3.{number % 40}" for number in range(160)]
        settled = Counter(
            kind for kind, _ in pool.map(lambda uid: put(place, uid, b"\x08\0body", study=uid), uids)
        )
    assert settled == {Settled.STORED: 40, Settled.SAME: 120}
    assert len(files(tmp_path)) == 40
