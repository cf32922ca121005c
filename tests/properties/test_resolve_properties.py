"""Only files of the medium are found, whatever a directory says; every difference is named."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mediakit.fileset.file_id import FileID
from mediakit.fileset.record import FileRef
from mediakit.fileset.resolve import Difference, Match, Names

LEGAL = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

components = st.text(LEGAL, min_size=1, max_size=8)
file_ids = st.lists(components, min_size=1, max_size=8).map(lambda parts: FileID("/".join(parts)))
extensions = st.sampled_from([".dcm", ".DCM", ".Dcm", ".ima", ".dicom", ".img", ".X"])
hostile_pieces = st.sampled_from(
    [
        "..",
        ".",
        "",
        "...",
        "\0",
        "C:",
        "NUL",
        "CON",
        "A",
        "B",
        "a",
        "A.DCM",
        "A;1",
        " A",
        "A ",
        "\xe4",
        "/",
        ";1",
    ]
)
hostile = st.lists(st.one_of(hostile_pieces, st.text(max_size=4)), max_size=9).map("\\".join)
raw_ids = st.one_of(st.binary(max_size=40), hostile.map(lambda text: text.encode("utf-8", "surrogateescape")))
odd_names = st.one_of(
    st.text("AaBb.;1/\\:~ ", min_size=1, max_size=8),
    st.sampled_from(["../A", "/A", "A/B", "A\\B", "\udcc4/A"]),
)
media = st.lists(st.tuples(odd_names, st.lists(odd_names, max_size=2).map(tuple)), max_size=8)


def legal(file_id: FileID) -> FileRef:
    return FileRef(file_id, "", "", "")


def illegal(raw: bytes) -> FileRef:
    return FileRef(None, "", "", "", (), raw)


def leads_up(raw: bytes) -> bool:
    return any(part.strip() == ".." for part in raw.decode("utf-8", "replace").replace("/", "\\").split("\\"))


@given(media, raw_ids, st.sampled_from(["", "A", "B", "A/B"]))
def test_what_is_found_is_one_of_the_files_and_nothing_leads_up(
    files: list[tuple[str, tuple[str, ...]]], raw: bytes, base: str
) -> None:
    names = Names(files, base)
    match = names.find(illegal(raw))
    assert match is None or match.path in {path for path, _ in files}
    if leads_up(raw.rstrip(b" \0")):
        assert match is None


@given(media, odd_names)
def test_a_path_is_found_among_the_files_or_not_at_all(
    files: list[tuple[str, tuple[str, ...]]], path: str
) -> None:
    match = Names(files).find_path(path)
    assert match is None or match.path in {path for path, _ in files}


@given(file_ids, media)
def test_the_exact_name_always_wins(file_id: FileID, files: list[tuple[str, tuple[str, ...]]]) -> None:
    path = str(file_id)
    rivals = [(path.lower(), ()), (f"{path}.DCM", ()), (f"{path};1", (path,))]
    assert Names([*files, *rivals, (path, ())]).find(legal(file_id)) == Match(path)


@given(file_ids, extensions)
def test_an_extension_on_either_side_is_found_and_named(file_id: FileID, extension: str) -> None:
    named = frozenset({Difference.EXTENSION})
    path = str(file_id) + extension
    assert Names([(path, ())]).find(legal(file_id)) == Match(path, named)
    raw = (file_id.value + extension).encode()
    assert Names([(str(file_id), ())]).find(illegal(raw)) == Match(str(file_id), named)


@given(file_ids.filter(lambda file_id: str(file_id) != str(file_id).lower()))
def test_lower_case_on_either_side_is_found_and_named(file_id: FileID) -> None:
    named = frozenset({Difference.CASE})
    path = str(file_id).lower()
    assert Names([(path, ())]).find(legal(file_id)) == Match(path, named)
    assert Names([(str(file_id), ())]).find(illegal(file_id.value.lower().encode())) == Match(
        str(file_id), named
    )


@given(file_ids, st.sampled_from([";1", ".", ".;1", ";2", ".;1.;1"]))
def test_a_version_on_either_side_is_found_and_named(file_id: FileID, version: str) -> None:
    named = frozenset({Difference.VERSION})
    path = str(file_id) + version
    assert Names([(path, ())]).find(legal(file_id)) == Match(path, named)
    raw = (file_id.value + version).encode()
    assert Names([(str(file_id), ())]).find(illegal(raw)) == Match(str(file_id), named)


@given(file_ids.filter(lambda file_id: len(file_id.parts) > 1), st.sampled_from(["/", "\\\\", "//", "."]))
def test_another_separator_is_found_and_named(file_id: FileID, separator: str) -> None:
    named = frozenset({Difference.SEPARATOR})
    raw = separator.join(file_id.parts).encode()
    assert Names([(str(file_id), ())]).find(illegal(raw)) == Match(str(file_id), named)


@given(file_ids, st.sampled_from([".\\", "./", "D:\\", "c:", "E:/"]))
def test_a_beginning_above_the_root_is_found_and_named(file_id: FileID, beginning: str) -> None:
    match = Names([(str(file_id), ())]).find(illegal((beginning + file_id.value).encode()))
    assert match is not None
    assert match.path == str(file_id)
    spelled = {Difference.SEPARATOR} if "/" in beginning else set()
    assert match.differences - spelled == {Difference.LEADING}


@given(file_ids, file_ids)
def test_another_name_of_the_file_is_found_and_named(file_id: FileID, other: FileID) -> None:
    if str(other) == str(file_id):
        return
    match = Names([(str(other), (str(file_id),))]).find(legal(file_id))
    assert match == Match(str(other), frozenset({Difference.OTHER_NAME}))


@given(st.lists(file_ids, min_size=1, max_size=20, unique=True), st.sampled_from(["SUB", "a b/C"]))
def test_a_file_set_below_a_folder_is_found_whole(all_ids: list[FileID], base: str) -> None:
    names = Names([(f"{base}/{file_id}", ()) for file_id in all_ids], base)
    assert [names.find(legal(file_id)) for file_id in all_ids] == [
        Match(f"{base}/{file_id}") for file_id in all_ids
    ]
