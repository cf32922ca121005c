"""Profiles and fits as text and as JSON documents."""

from __future__ import annotations

import json
import re

import pytest

from mediakit.findings import Rule, Severity
from mediakit.outcome import Fate, State
from mediakit.profile.fit import Fit, Obstacle
from mediakit.profile.load import Catalogue, load_catalogue
from mediakit.report.json import to_json
from mediakit.report.profiles import (
    check_doc,
    check_text,
    fit_doc,
    fit_text,
    list_doc,
    list_text,
    show_doc,
    show_text,
)

BAD = Rule(id="MK-TST-001", severity=Severity.ERROR, title="bad", ref="")
LEFT = (
    Fate(source="in/x\n", state=State.UNREADABLE, because=BAD.at()),
    Fate(source="y", state=State.EXCLUDED),
)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


def test_the_list_has_a_line_for_each_of_the_82_profiles(catalogue: Catalogue) -> None:
    lines = list_text(catalogue).splitlines()
    assert [line.split()[0] for line in lines[:-1]] == list(catalogue.profiles)
    assert lines[-1] == "82 profiles"


def test_the_list_as_json_names_file_and_medium(catalogue: Catalogue) -> None:
    document = json.loads(to_json(list_doc(catalogue)))
    assert document["schema"] == "mediakit/profiles/1"
    (one,) = (each for each in document["profiles"] if each["id"] == "STD-GEN-CD")
    assert one["medium"] == "cd-r"
    assert one["roles"] == ["FSC", "FSR", "FSU"]
    assert one["file"].endswith("std-gen.toml")


def test_every_profile_can_be_shown_in_both_forms(catalogue: Catalogue) -> None:
    for profile in catalogue.profiles.values():
        text = show_text(profile)
        document = json.loads(to_json(show_doc(profile)))
        assert text.startswith(f"{profile.id}: ")
        assert profile.source in text
        assert document["id"] == profile.id
        assert len(document["keys"]) == len(profile.keys)


def test_tags_are_spelled_as_in_the_standard_everywhere(catalogue: Catalogue) -> None:
    number = re.compile(r'"(tag|tags|parent|other|sequence)": \[?\s*\d')
    for profile in catalogue.profiles.values():
        assert not number.search(to_json(show_doc(profile)))


def test_a_page_tells_classes_by_name_and_syntaxes_with_their_requirements(catalogue: Catalogue) -> None:
    text = show_text(catalogue.profiles["STD-CTMR-CD"])
    assert "CT Image Storage" in text
    assert "Explicit VR Little Endian" in text
    assert "FSC " in text


def a_fit(name: str, accepted: int, convertible: int, refused: int) -> Fit:
    obstacles = tuple(Obstacle(f"MK-TST-{n}", f"obstacle\x1b {n}", n, "path") for n in range(9, 4, -1))
    return Fit(
        profile_id=name,
        title=f"title of {name}",
        takes_all_as_is=not convertible and not refused,
        accepted=accepted,
        convertible=convertible,
        refused=refused,
        obstacles=obstacles,
    )


def test_a_fit_sorts_profiles_under_three_headings() -> None:
    fits = (a_fit("ONE", 3, 0, 0), a_fit("TWO", 1, 2, 0), a_fit("THREE", 1, 1, 1))
    text = fit_text(fits, 3, LEFT)
    one, two, three = (text.index(name) for name in ("ONE", "TWO", "THREE "))
    assert (
        text.index("as they are:") < one < text.index("after a lossless") < two < text.index("not as a whole")
    )
    assert text.index("not as a whole") < three
    assert "2 to convert" in text
    assert "1 refused" in text


def test_a_fit_shows_the_first_obstacles_and_the_files_that_are_no_instance() -> None:
    text = fit_text((a_fit("THREE", 1, 1, 1),), 3, LEFT)
    assert [n for n in range(5, 10) if f"MK-TST-{n}" in text] == [7, 8, 9]
    assert r"unreadable in/x\n" in text
    assert "\x1b" not in text


def test_a_fit_says_none_under_an_empty_heading() -> None:
    assert fit_text((), 0, ()).count("  none") == 2


def test_a_fit_as_json_has_every_obstacle() -> None:
    document = json.loads(to_json(fit_doc((a_fit("THREE", 1, 1, 1),), 3, LEFT)))
    assert document["schema"] == "mediakit/fit/1"
    assert len(document["profiles"][0]["obstacles"]) == 5
    assert document["left_out"] == [
        {"source": "in/x\n", "state": "unreadable", "because": "MK-TST-001"},
        {"source": "y", "state": "excluded", "because": ""},
    ]


def test_a_check_tells_each_fault_or_that_the_file_is_sound() -> None:
    assert check_text("a.toml", ()) == "a.toml: sound\n"
    assert check_text("a.toml", ("one", "two")) == "a.toml: one\na.toml: two\n"
    assert check_doc("a.toml", ()) == {
        "schema": "mediakit/profile-check/1",
        "file": "a.toml",
        "sound": True,
        "faults": [],
    }
    assert check_doc("a.toml", ("one",))["sound"] is False
