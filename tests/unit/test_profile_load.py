"""Finding and reading the shipped profiles."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mediakit
from mediakit.dicom.uids import STORAGE, SYNTAXES
from mediakit.errors import ProfileError
from mediakit.profile import load
from mediakit.profile.dump import to_builtins
from mediakit.profile.load import canonical, check_file, load_catalogue, load_profile
from mediakit.profile.model import Kind, Requirement, Role
from mediakit.profile.sense import document_faults, profile_faults
from tests.support.each import each

CATALOGUE = load_catalogue()
FOLDER = Path(str(load.shipped()))
PROFILE_FILES = sorted(
    path
    for path in FOLDER.glob("*.toml")
    if path.name not in {"media.toml", "key-tables.toml", "not-profiles.toml"}
)


def test_the_shipped_folder_is_that_of_the_clone_and_holds_no_code() -> None:
    assert (FOLDER / "std-gen.toml").is_file()
    assert not list(FOLDER.rglob("*.py"))


def test_there_is_one_file_per_annex() -> None:
    assert len(PROFILE_FILES) == 13
    annexes = [
        sorted({p.source for p in CATALOGUE.profiles.values() if CATALOGUE.origins[p.id] == f.name})
        for f in PROFILE_FILES
    ]
    assert sorted(one for (one,) in annexes) == [f"PS3.11 Annex {letter}" for letter in "ABCDEGHIJKLMN"]


@each("path", PROFILE_FILES, ids=lambda path: path.name)
def test_a_shipped_file_makes_sense(path: Path) -> None:
    document, faults = load.parse(path.read_text(encoding="utf-8"))
    assert faults == []
    assert document is not None
    assert list(document_faults(document)) == []
    for row in document.profile:
        assert list(profile_faults(CATALOGUE.profiles[row.id])) == []
        assert CATALOGUE.profiles[row.id].kind is Kind.STANDARD


def test_every_uid_of_the_shipped_profiles_is_known_and_current() -> None:
    for profile in CATALOGUE.profiles.values():
        for rule in profile.sop:
            for uid in rule.classes:
                assert uid.startswith("*") or not STORAGE[uid].retired
            assert all(uid == "*" or uid in SYNTAXES for uid in rule.syntaxes)


def test_the_catalogue_is_in_the_order_of_the_annexes() -> None:
    sources = [profile.source for profile in CATALOGUE.profiles.values()]
    assert sources == sorted(sources)
    assert next(iter(CATALOGUE.profiles)) == "STD-XABC-CD"


@each("identifier", CATALOGUE.profiles)
def test_a_profile_loaded_alone_equals_the_one_of_the_catalogue(identifier: str) -> None:
    assert load_profile(identifier) == CATALOGUE.profiles[identifier]


def test_loading_one_profile_parses_its_own_file_and_no_other() -> None:
    script = (
        "import tomllib; seen = []; real = tomllib.loads\n"
        "def loads(text): seen.append(text); return real(text)\n"
        "tomllib.loads = loads\n"
        "from mediakit.profile.load import load_profile\n"
        "load_profile('STD-GEN-CD'); print(len(seen))\n"
        "load_profile('STD-GEN-USB-J2K'); print(len(seen))\n"
        "import sys; print('pydicom' in sys.modules, 'mediakit.profile.sense' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    # std-gen.toml and media.toml; then std-gen-flash.toml and key-tables.toml
    assert done.stdout.split() == ["2", "4", "False", "False"]


@pytest.mark.parametrize("spelling", ["APL-GEN-CD", "std-gen-cd", " STD-GEN-CD ", "apl-gen-cd"])
def test_old_and_careless_spellings_are_taken(spelling: str) -> None:
    assert canonical(spelling) == "STD-GEN-CD"
    assert load_profile(spelling).id == "STD-GEN-CD"


@each(
    ("identifier", "instead"),
    [
        ("STD-GEN-DVD", "STD-GEN-DVD-JPEG"),
        ("STD-GEN-USB", "STD-GEN-USB-JPEG"),
        ("STD-GEN-SEC", "STD-GEN-SEC-CD"),
        ("STD-CTMR-USB", "STD-GEN-USB-JPEG"),
        ("STD-MAM-CD", "STD-GEN-CD"),
        ("STD-MAM-DVD-RAM", "STD-GEN-CD"),
        ("STD-GEN-SEC-DVD-MPEG2-MPML", "STD-DVD-SEC-MPEG2-MPML"),
        ("STD-FTL-SEC-ZIP-MAIL", "STD-DTL-SEC-ZIP-MAIL"),
        ("STD-US-ID-SF-CD", "STD-US-ID-SF-CDR"),
        ("STD-US-CC-MF-MOD650", "STD-US-ID-SF-MOD23-90"),
        ("STD-CTMR-MOD650", "STD-CTMR-MOD41"),
        ("STD-WVFM-ECG-FD", "STD-GEN-CD"),
        ("APL-GEN-USB", "STD-GEN-USB-JPEG"),
    ],
)
def test_invented_and_retired_identifiers_are_refused_with_what_exists(identifier: str, instead: str) -> None:
    with pytest.raises(ProfileError, match=r"is not a current profile of PS3\.11") as caught:
        load_profile(identifier)
    assert caught.value.why
    assert instead in caught.value.hint


def test_no_refused_identifier_is_a_profile_and_every_replacement_is_one() -> None:
    rows = tomllib.loads((FOLDER / "not-profiles.toml").read_text(encoding="utf-8"))["not-profile"]
    for identifier in CATALOGUE.profiles:
        assert load._refused(identifier) is None, identifier
    for row in rows:
        assert set(row["instead"]) <= set(CATALOGUE.profiles), row["id"]


def test_a_slip_of_the_pen_gets_a_suggestion() -> None:
    with pytest.raises(ProfileError, match="no profile `STD-GEN-USB-JEPG`") as caught:
        load_profile("STD-GEN-USB-JEPG")
    assert "STD-GEN-USB-JPEG" in caught.value.hint


@pytest.mark.parametrize("identifier", ["", "nonsense", "../media", "STD-*", '"', "media.toml"])
def test_nonsense_is_refused_and_points_to_the_list(identifier: str) -> None:
    with pytest.raises(ProfileError, match="there is no profile"):
        load_profile(identifier)


def test_a_role_that_a_profile_does_not_have_is_not_defined_in_any_row() -> None:
    for profile in CATALOGUE.profiles.values():
        for rule in profile.sop:
            asked = {Role.FSC: rule.fsc, Role.FSR: rule.fsr, Role.FSU: rule.fsu}
            for role, requirement in asked.items():
                assert (requirement is Requirement.NOT_DEFINED) == (role not in profile.roles), profile.id


def test_every_medium_is_used_and_its_default_capacity_is_one_of_its_own() -> None:
    used = {profile.medium.id for profile in CATALOGUE.profiles.values()}
    media = load._media()
    assert used == set(media)
    for medium in media.values():
        assert (medium.default_capacity in medium.capacities) == bool(medium.capacities)


@pytest.mark.parametrize("identifier", ["STD-GEN-CD", "STD-CTMR-CD", "STD-US-CC-MF-CDR", "STD-XABC-CD"])
def test_a_profile_goes_to_json_with_its_tags_as_text(identifier: str) -> None:
    plain = json.loads(json.dumps(to_builtins(load_profile(identifier))))
    assert plain["id"] == identifier
    for row in (*plain["keys"], *plain["images"]):
        assert row["tag"][0] == "("
        assert row["tag"][5] == ","
        assert row["tag"][10] == ")"
    for row in plain["items"]:
        assert row["sequence"] == "(0018,6011)"
        assert all(tag.startswith("(00") for tag in row["tags"])
    assert plain["medium"]["capacities"]["cd74"] == 681_984_000


def test_profiles_are_found_in_a_wheel_and_in_a_zip_too(tmp_path: Path) -> None:
    """The layout of the wheel: `mediakit/_profiles` inside the package, and no top-level folder."""
    site = tmp_path / "site"
    shutil.copytree(
        Path(mediakit.__file__).parent, site / "mediakit", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copytree(FOLDER, site / "mediakit" / "_profiles")
    zipped = shutil.make_archive(str(tmp_path / "mediakit"), "zip", site)
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import mediakit\n"
        "from mediakit.profile.load import load_catalogue, shipped\n"
        "print(mediakit.__file__); print(shipped()); print(len(load_catalogue().profiles))"
    )
    for place in (str(site), zipped):
        done = subprocess.run(
            [sys.executable, "-c", script, place], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        package, folder, count = done.stdout.splitlines()
        assert package.startswith(place)
        assert folder.startswith(place)
        assert count == "82"


def test_a_shipped_file_given_as_a_users_file_is_refused() -> None:
    faults = check_file(FOLDER / "std-den.toml")
    assert faults == (
        "STD-DEN-CD: STD- is for the profiles of PS3.11; a profile of your own is AUG- or PRI-",
    )


@pytest.mark.parametrize("path", sorted((FOLDER / "examples").glob("*.toml")), ids=lambda path: path.name)
def test_the_examples_are_sound_and_not_part_of_the_catalogue(path: Path) -> None:
    assert check_file(path) == ()
    added = set(load_catalogue([path]).profiles) - set(CATALOGUE.profiles)
    assert len(added) == 1
    assert load_profile(added.pop(), [path]).base in CATALOGUE.profiles


def test_the_example_of_the_readme_is_sound(tmp_path: Path) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    assert len(text.splitlines()) <= 20
    (tmp_path / "clinic.toml").write_text(text, encoding="utf-8")
    assert check_file(tmp_path / "clinic.toml") == ()
    assert load_profile("AUG-CLINIC-CD", [tmp_path]).base == "STD-CTMR-CD"
