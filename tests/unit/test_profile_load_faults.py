"""Each kind of fault in a profile file gives a clear sentence with its place, and all are told at once."""

# ruff: noqa: E501 - one case is one line of the tables below

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediakit.errors import ProfileError
from mediakit.profile.document import Document
from mediakit.profile.load import check_file, load_catalogue, parse
from mediakit.profile.shape import shape_faults
from tests.support.each import each

SOUND = """
schema = 1

[[profile]]
id = "PRI-X-CD"
title = "X"
source = "here"
base = "STD-GEN-CD"
medium = "cd-r"
roles = ["FSC", "FSR"]
sessions = "finalize"

[[profile.sop]]
classes = ["1.2.840.10008.5.1.4.1.1.2"]
syntaxes = ["1.2.840.10008.1.2.1"]
fsc = "optional"
fsr = "optional"

[[profile.key]]
tag = "(0008,1140)"
records = ["IMAGE"]
type = "1C"
condition = "present"

[[profile.key]]
tag = "(0008,1150)"
records = ["IMAGE"]
type = "1C"
condition = "parent-present"
parent = "(0008,1140)"

[[profile.image]]
classes = ["1.2.840.10008.5.1.4.1.1.2"]
tag = "(0028,0010)"
op = "max"
values = ["512"]

[[profile.item]]
classes = ["1.2.840.10008.5.1.4.1.1.2"]
sequence = "(0018,6011)"
tags = ["(0018,6012)"]

[profile.icon]
records = ["IMAGE"]
required = false
rows = 64
columns = 64
bits-allocated = 8
bits-stored = 8
photometric = ["MONOCHROME2"]
"""


def faults_of(folder: Path, text: str) -> tuple[str, ...]:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return check_file(path)


def with_change(old: str, new: str) -> str:
    assert SOUND.count(old) >= 1, old
    return SOUND.replace(old, new, 1)


def test_the_sound_file_is_sound(tmp_path: Path) -> None:
    assert faults_of(tmp_path, SOUND) == ()


SHAPE = [
    ("schema = 1", "schema = 2", "$.schema: expected 1, got 2"),
    ("schema = 1\n", "", "$: `schema` is missing"),
    ('title = "X"', 'titel = "X"', "$.profile[0].titel: unknown key; did you mean `title`?"),
    ('title = "X"', "title = 7", "$.profile[0].title: expected a text of 1 to 1000 characters, got 7"),
    ('title = "X"', 'title = ""', '$.profile[0].title: expected a text of 1 to 1000 characters, got ""'),
    ('roles = ["FSC", "FSR"]', 'roles = ["FSC", "FSX"]', '$.profile[0].roles[1]: expected one of "FSC", "FSR", "FSU", got "FSX"'),
    ('roles = ["FSC", "FSR"]', "roles = []", "$.profile[0].roles: expected a list of FSC, FSR, FSU, got an empty list"),
    ('id = "PRI-X-CD"', 'id = "PRI-x"', "$.profile[0].id: expected an identifier such as AUG-HOSPITAL-CD"),
    ('id = "PRI-X-CD"', f'id = "PRI-X-{"C" * 60}"', "$.profile[0].id: expected an identifier such as AUG-HOSPITAL-CD"),
    ('classes = ["1.2.840.10008.5.1.4.1.1.2"]', 'classes = ["CT"]', '$.profile[0].sop[0].classes[0]: expected a SOP Class UID, "*storage" or "*multiframe", got "CT"'),
    ('classes = ["1.2.840.10008.5.1.4.1.1.2"]', 'classes = ["1.02.3"]', "$.profile[0].sop[0].classes[0]: expected a SOP Class UID"),
    ('classes = ["1.2.840.10008.5.1.4.1.1.2"]', 'classes = ["1.2.3\\n"]', "$.profile[0].sop[0].classes[0]: expected a SOP Class UID"),
    ('classes = ["1.2.840.10008.5.1.4.1.1.2"]', 'classes = "1.2"', "$.profile[0].sop[0].classes: expected a list with at least one SOP Class"),
    ('syntaxes = ["1.2.840.10008.1.2.1"]', "syntaxes = []", "$.profile[0].sop[0].syntaxes: expected a list with at least one Transfer Syntax, got an empty list"),
    ('fsc = "optional"', 'fsc = "maybe"', '$.profile[0].sop[0].fsc: expected one of "mandatory", "optional"'),
    ('tag = "(0008,1140)"', 'tag = "0008,1140"', '$.profile[0].key[0].tag: expected a tag such as "(0008,0060)", got "0008,1140"'),
    ('type = "1C"', 'type = "4"', '$.profile[0].key[0].type: expected "1" or "1C" or "2" or "2C" or "3", got "4"'),
    ('condition = "present"', 'condition = "rows > 5"', '$.profile[0].key[0].condition: expected one of "always", "present"'),
    ('op = "max"', 'op = "min"', '$.profile[0].image[0].op: expected one of "equals", "one-of", "max"'),
    ('values = ["512"]', "values = [512]", "$.profile[0].image[0].values[0]: expected a text of 1 to 1000 characters, got 512"),
    ("rows = 64", "rows = 0", "$.profile[0].icon.rows: expected a whole number from 1 to 65535, got 0"),
    ("required = false", 'required = "no"', '$.profile[0].icon.required: expected true or false, got "no"'),
    ("[profile.icon]", "[profile.icom]", "$.profile[0].icom: unknown key; did you mean `icon`?"),
    ("bits-stored = 8\n", "", "$.profile[0].icon: `bits-stored` is missing"),
    ('title = "X"', "icon = 5\ntitle = 'X'\n[profile.x]", "$.profile[0].icon: expected a table, got 5"),
    ('title = "X"', "title = 1979-05-27", "$.profile[0].title: expected a text of 1 to 1000 characters, got 1979-05-27"),
]  # fmt: skip


@each(("old", "new", "fault"), SHAPE)
def test_a_fault_of_the_shape_is_said_with_its_path(tmp_path: Path, old: str, new: str, fault: str) -> None:
    text = (
        with_change(old, new)
        if "icon = 5" not in new
        else SOUND.split("[profile.icon]", maxsplit=1)[0].replace(old, new, 1)
    )
    assert any(one.startswith(fault) for one in faults_of(tmp_path, text)), faults_of(tmp_path, text)


SENSE = [
    ('medium = "cd-r"', 'medium = "cd"', 'PRI-X-CD: no medium "cd"; there are cd-r, dvd, dvd-ram'),
    ('base = "STD-GEN-CD"', 'base = "STD-GEN-XX"', "PRI-X-CD: STD-GEN-XX is not a standard profile to stand on"),
    ('medium = "cd-r"\n', "", "PRI-X-CD: `medium` is missing"),
    ('source = "here"\n', "", "PRI-X-CD: `source` is missing"),
    ('roles = ["FSC", "FSR"]\n', "", "PRI-X-CD: `roles` is missing"),
    ('sessions = "finalize"', 'sessions = "finalize"\nuse = ["a"]', 'PRI-X-CD: there is no set "a" in this file'),
    ('sessions = "finalize"', 'sessions = "finalize"\nkeys = "Z.9-9"', 'PRI-X-CD: there is no key table "Z.9-9"'),
    ('sessions = "finalize"', 'sessions = "finalize"\n[profile.add]\nroles = ["FSU"]', "PRI-X-CD: `add` needs `extends`"),
    ('["FSC", "FSR"]', '["FSC", "FSR", "FSR"]', "PRI-X-CD: role FSR is there twice"),
    ('["FSC", "FSR"]', '["FSC", "FSR", "FSU"]', "PRI-X-CD: the `sop` row of 1.2.840.10008.5.1.4.1.1.2 in 1.2.840.10008.1.2.1 does not say what it asks of FSU"),
    ('fsr = "optional"', 'fsr = "optional"\nfsu = "optional"', "$.profile[0].sop[0].fsu: no effect, no profile here has the role FSU"),
    ("5.1.4.1.1.2", "5.1.4.1.1.2.99", "$.profile[0].sop[0].classes: 1.2.840.10008.5.1.4.1.1.2.99 is not a storage SOP class of the standard"),
    ('["1.2.840.10008.1.2.1"]', '["1.2.840.10008.1.2.77"]', "$.profile[0].sop[0].syntaxes: 1.2.840.10008.1.2.77 is not a transfer syntax of the standard"),
    ('["1.2.840.10008.1.2.1"]', '["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1"]', "$.profile[0].sop[0].syntaxes: 1.2.840.10008.1.2.1 is there 2 times"),
    ('fsc = "optional"', 'fsc = "optional"\nphotometric = ["GREY"]', '$.profile[0].sop[0]: "GREY" is not a photometric interpretation'),
    ('tag = "(0008,1140)"', 'tag = "(0008,1141)"', "$.profile[0].key[0]: (0008,1141) is not in the data dictionary"),
    ('tag = "(0008,1140)"', 'tag = "(0009,1001)"', "$.profile[0].key[0]: (0009,1001) is private: its VR is not known, it cannot be a directory key"),
    ('tag = "(0008,1140)"', 'tag = "(0004,1500)"', "$.profile[0].key[0]: (0004,1500) is not an attribute that mediakit reads from instances"),
    ('tag = "(0028,0010)"', 'tag = "(7FE0,0010)"', "$.profile[0].image[0]: (7FE0,0010) is not an attribute that mediakit reads from instances"),
    ('tag = "(0028,0010)"', 'tag = "(0002,0010)"', "$.profile[0].image[0]: (0002,0010) is not an attribute that mediakit reads from instances"),
    ('tag = "(0008,1140)"\nrecords = ["IMAGE"]\ntype = "1C"\ncondition = "present"', 'tag = "(0018,0015)"\nrecords = ["IMAGE"]\ntype = "1C"\ncondition = "present-or-shared-fg"', '$.profile[0].key[0]: the condition "present-or-shared-fg" is for (0008,1140), (0020,0032)'),
    ('records = ["IMAGE"]', 'records = ["PICTURE"]', '$.profile[0].key[0].records: "PICTURE" is not a directory record type'),
    ('condition = "present"\n', "", "$.profile[0].key[0]: type 1C needs a `condition`"),
    ('type = "1C"', 'type = "1"', "$.profile[0].key[0]: `condition` has no effect on type 1"),
    ('parent = "(0008,1140)"\n', "", '$.profile[0].key[1]: the condition "parent-present" needs a `parent`'),
    ('parent = "(0008,1140)"', 'parent = "(0008,1111)"', "PRI-X-CD: directory key (0008,1150) is in (0008,1111), no key of IMAGE"),
    ('condition = "parent-present"\nparent = "(0008,1140)"', 'condition = "present"\n[[profile.key]]\ntag = "(0008,1150)"\nrecords = ["IMAGE"]\ntype = "3"', "PRI-X-CD: directory key (0008,1150) of IMAGE is there 2 times"),
    ('values = ["512"]', "values = []", '$.profile[0].image[0]: the operation "max" takes exactly 1 `values`, there are 0'),
    ('values = ["512"]', 'values = ["many"]', '$.profile[0].image[0]: the operation "max" needs a number, not many'),
    ('values = ["512"]', 'values = ["512"]\nplus = 1', '$.profile[0].image[0]: the operation "max" has no use for `plus`'),
    ('values = ["512"]', 'values = ["512"]\nother = "(0028,0011)"', '$.profile[0].image[0]: the operation "max" has no use for `other`'),
    ('op = "max"\nvalues = ["512"]', 'op = "equals-tag"', '$.profile[0].image[0]: the operation "equals-tag" needs `other`'),
    ('op = "max"\nvalues = ["512"]', 'op = "type-1"\nvalues = ["1"]', '$.profile[0].image[0]: the operation "type-1" takes no `values`, there are 1'),
    ('op = "max"\nvalues = ["512"]', 'op = "one-of"\nvalues = ["1"]', '$.profile[0].image[0]: the operation "one-of" takes at least 2 `values`, there are 1'),
    ('op = "max"\nvalues = ["512"]', 'op = "one-of"\nvalues = ["1", "1"]', "$.profile[0].image[0].values: 1 is there 2 times"),
    ('op = "max"\nvalues = ["512"]', 'op = "syntax-one-of"\nvalues = ["1.2.840.10008.1.2.1"]', '$.profile[0].image[0]: the operation "syntax-one-of" needs `when`'),
    ('op = "max"\nvalues = ["512"]', 'op = "syntax-one-of"\nvalues = ["1.2.840.10008.1.2.76"]\nwhen = { tag = "(0028,0004)", values = ["RGB"] }', "$.profile[0].image[0].values: 1.2.840.10008.1.2.76 is not a transfer syntax of the standard"),
    ('values = ["512"]', 'values = ["512"]\nwhen = { tag = "(0029,0001)", values = ["1"] }\n[[profile.image]]\nclasses = ["1.2.840.10008.5.1.4.1.1.4"]\ntag = "(0028,0010)"\nop = "type-1"', "PRI-X-CD: the rule on (0028,0010) has no effect: no `sop` row takes its SOP classes"),
    ('classes = ["1.2.840.10008.5.1.4.1.1.2"]\nsequence', 'classes = ["1.2.840.10008.5.1.4.1.1.4"]\nsequence', "PRI-X-CD: the rule on items of (0018,6011) has no effect"),
    ('records = ["IMAGE"]\nrequired', 'records = ["ICON"]\nrequired', '$.profile[0].icon.records: "ICON" is not a directory record type'),
    ("[profile.icon]", '[sets.idle]\n[profile.icon]', "$.sets.idle: no profile uses this set"),
    ("[profile.icon]", '[key-tables]\nidle = []\n[profile.icon]', "$.key-tables.idle: no profile uses it"),
]  # fmt: skip


@each(("old", "new", "fault"), SENSE)
def test_a_fault_of_the_sense_is_said_in_a_sentence(tmp_path: Path, old: str, new: str, fault: str) -> None:
    faults = faults_of(tmp_path, with_change(old, new))
    assert any(one.startswith(fault) for one in faults), faults


def test_a_private_sop_class_and_a_private_tag_are_allowed_in_a_private_profile(tmp_path: Path) -> None:
    text = SOUND.replace("1.2.840.10008.5.1.4.1.1.2", "1.2.826.0.1.3680043.9").replace(
        "(0028,0010)", "(0029,1010)"
    )
    assert faults_of(tmp_path, text) == ()


def test_a_profile_without_sop_rows_is_refused(tmp_path: Path) -> None:
    text = SOUND.split("[[profile.sop]]", maxsplit=1)[0]
    assert faults_of(tmp_path, text) == ("PRI-X-CD: no `sop` row: the profile would take no instance",)


def test_common_without_a_profile_that_uses_it_has_no_effect(tmp_path: Path) -> None:
    text = 'schema = 1\n[common]\ntitle = "T"\n[[profile]]\nid = "AUG-X-CD"\nextends = "STD-CTMR-DVD"\nadd = { roles = ["FSU"] }'
    assert faults_of(tmp_path, text) == (
        "$.common: has no effect, every profile of this file extends another one",
    )


def test_all_faults_of_the_shape_are_told_at_once(tmp_path: Path) -> None:
    text = SOUND
    for old, new, _ in SHAPE[3:22:2]:
        if old in text:
            text = text.replace(old, new, 1)
    faults = faults_of(tmp_path, text)
    assert len(faults) >= 8
    assert len({one.split(":")[0] for one in faults}) == len(faults)


def test_all_faults_of_the_sense_are_told_at_once(tmp_path: Path) -> None:
    text = (
        SOUND.replace('"cd-r"', '"cd"')
        .replace('"1C"', '"1"')
        .replace('["512"]', '["x"]')
        .replace("(0018,6012)", "(0018,6013)")
    )
    faults = faults_of(tmp_path, text)
    assert [one.partition(":")[0] for one in faults] == [
        "$.profile[0].key[0]",
        "$.profile[0].key[1]",
        "$.profile[0].image[0]",
        "$.profile[0].item[0]",
        "PRI-X-CD",
    ]


@each(
    ("content", "fault"),
    [
        (b"schema = 1\nschema = 2\n", "is not TOML: "),
        (b"\xff\xfe", "is not UTF-8: byte 0"),
        (b"a = " + b"[" * 100_000, "is nested too deeply for a profile file"),
        (b"# " + b"x" * (1 << 20), "the file has more than 1048576 bytes"),
        (b"", "$: `schema` is missing"),
    ],
)
def test_a_file_that_is_no_profile_file_is_a_fault_and_no_crash(
    tmp_path: Path, content: bytes, fault: str
) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(content)
    assert check_file(path)[0].startswith(fault)


def test_a_missing_file_and_a_folder_are_faults(tmp_path: Path) -> None:
    assert check_file(tmp_path / "none.toml") == ("cannot be read: No such file or directory",)
    assert check_file(tmp_path)[0].startswith("cannot be read: ")


def test_an_empty_folder_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match=r"there is no .toml file in this folder"):
        load_catalogue([tmp_path])


# Any damage to a sound document is told, and never crashes.

JUNK = st.one_of(
    st.integers(), st.booleans(), st.text(max_size=8), st.lists(st.integers(), max_size=2), st.floats(),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2), st.dates(),
)  # fmt: skip


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    here = [path] if path else []
    if isinstance(value, dict):
        return here + [one for key, inner in value.items() for one in nodes(inner, (*path, key))]
    if isinstance(value, list):
        return here + [one for index, inner in enumerate(value) for one in nodes(inner, (*path, index))]
    return here


NODES = nodes(tomllib.loads(SOUND))


@given(st.sampled_from(NODES), JUNK)
def test_a_damaged_document_has_faults_exactly_when_it_cannot_be_converted(
    path: tuple[Any, ...], junk: Any
) -> None:
    raw = tomllib.loads(SOUND)
    spot: Any = raw
    for step in path[:-1]:
        spot = spot[step]
    spot[path[-1]] = junk
    try:
        msgspec.convert(raw, Document)
        sound = True
    except msgspec.ValidationError:
        sound = False
    assert (not list(shape_faults(raw, Document))) == sound


@given(st.text(max_size=200))
def test_any_text_gives_a_document_or_faults(text: str) -> None:
    document, faults = parse(text)
    assert (document is None) == bool(faults)
