"""The target's name decides the media format, within what the profile's medium allows."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from mediakit.errors import UsageError
from mediakit.fileset.capacity import max_file_bytes
from mediakit.profile.load import load_catalogue, load_profile
from mediakit.profile.model import Security
from mediakit.stages.plan.target import capacity_of, file_system_of, format_of
from tests.support.each import each
from tests.support.instances import CD


@each(
    ("profile", "out", "expected"),
    [
        ("STD-GEN-CD", "a.iso", "iso9660"),
        ("STD-GEN-CD", "A.ISO", "iso9660"),
        ("STD-GEN-CD", "a", "folder"),
        ("STD-GEN-CD", "2026.01.02", "folder"),
        ("STD-XABC-CD", "a.iso", "iso9660"),
        ("STD-GEN-BD", "a.iso", "udf-2.50"),
        ("STD-GEN-BD", "a.udf", "udf-2.50"),
        ("STD-GEN-DVD-JPEG", "a.iso", "iso9660"),
        ("STD-GEN-DVD-JPEG", "a.udf", "udf-1.02"),
        ("STD-GEN-DVD-RAM", "a.iso", "udf-1.50"),
        ("STD-US-SC-MF-DVD-RAM", "a.udf", "udf-1.50"),
        ("STD-GEN-ZIP-MAIL", "a.zip", "zip"),
        ("STD-GEN-ZIP-MAIL", "a.Zip", "zip"),
        ("STD-GEN-MIME", "a.eml", "mime"),
        ("STD-GEN-MIME", "a.mime", "mime"),
        ("STD-GEN-USB-JPEG", "stick", "folder"),
    ],
)
def test_the_suffix_and_the_medium_choose_the_format(profile: str, out: str, expected: str) -> None:
    chosen = format_of(load_profile(profile), Path(out))
    if expected.startswith("udf-2"):
        assert chosen.startswith("udf-2")
    else:
        assert chosen == expected


def test_a_file_that_iso_9660_cannot_hold_goes_on_udf_where_the_medium_has_it() -> None:
    for profile, size, expected in (
        ("STD-GEN-DVD-JPEG", 2**32 - 1, "iso9660"),
        ("STD-GEN-DVD-JPEG", 2**32, "udf-1.02"),
        ("STD-GEN-CD", 2**32, "iso9660"),  # which refuses it by name
    ):
        assert format_of(load_profile(profile), Path("a.iso"), "", size) == expected
    assert max_file_bytes(load_profile("STD-GEN-DVD-JPEG").medium) is None
    assert max_file_bytes(load_profile("STD-GEN-CD").medium) == 2**32 - 1


@pytest.mark.parametrize(
    ("profile", "out", "hint"),
    [
        ("STD-GEN-CD", "a.zip", "`.iso`"),
        ("STD-GEN-CD", "a.udf", "`.iso`"),
        ("STD-GEN-ZIP-MAIL", "a.iso", "`.zip`"),
        ("STD-GEN-USB-JPEG", "a.iso", ".img"),
        ("STD-GEN-CD", "a.img", ".iso"),
        ("STD-GEN-CD", "a.nrg", "folder"),
    ],
)
def test_a_suffix_that_does_not_suit_the_medium_is_a_wrong_call(profile: str, out: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        format_of(load_profile(profile), Path(out))
    assert hint in caught.value.hint
    assert caught.value.where == out


def test_every_profile_has_a_target() -> None:
    for profile in load_catalogue().profiles.values():
        assert format_of(profile, Path("folder")) == "folder"


def test_what_the_hint_advises_is_taken() -> None:
    """A user who follows the hint must not meet the next error."""
    for profile in load_catalogue().profiles.values():
        if profile.security is Security.MEDIA:
            continue
        for suffix in (".iso", ".udf", ".zip"):
            try:
                format_of(profile, Path("a" + suffix))
            except UsageError as exc:
                advised = "a" + exc.hint.split("`")[1] if "`" in exc.hint else "a"
                assert format_of(profile, Path(advised))


@each(
    ("asked", "size_bytes"),
    [
        ("", 681_984_000),
        ("cd74", 681_984_000),
        ("CD74", 681_984_000),
        ("1", 1),
        ("650MB", 650_000_000),
        ("4.7GB", 4_700_000_000),
        ("4.7 gb", 4_700_000_000),
        ("25GiB", 25 * 2**30),
        ("10 kib", 10_240),
        (" 512 B ", 512),
    ],
)
def test_a_capacity_is_a_name_of_the_medium_or_a_size(asked: str, size_bytes: int) -> None:
    assert capacity_of(CD, asked) == size_bytes


@each("asked", ["bd25", "cd", "-5MB", "MB", "5 TB", "1e9", "0x10", "٣", "nan", "inf"])
def test_what_is_no_capacity_of_the_medium_is_refused_with_the_names_it_has(asked: str) -> None:
    with pytest.raises(UsageError) as caught:
        capacity_of(CD, asked)
    assert "cd74" in caught.value.hint


def test_a_medium_without_a_limit_has_none_until_one_is_asked_for() -> None:
    boundless = msgspec.structs.replace(CD, capacities={}, default_capacity="")
    assert capacity_of(boundless, "") is None
    assert capacity_of(boundless, "8GB") == 8_000_000_000


def test_every_shipped_medium_knows_its_default_capacity() -> None:
    for profile in load_catalogue().profiles.values():
        medium = profile.medium
        expected = medium.capacities[medium.default_capacity] if medium.default_capacity else None
        assert capacity_of(medium, "") == expected


def test_a_format_can_be_asked_for_by_name_where_a_suffix_has_several() -> None:
    disc = load_profile("STD-GEN-BD")
    assert format_of(disc, Path("a.iso")) == "udf-2.60"
    assert format_of(disc, Path("a.iso"), "udf-2.50") == "udf-2.50"
    for asked in ("iso9660", "zip", "hfs"):
        with pytest.raises(UsageError):
            format_of(disc, Path("a.iso"), asked)
    with pytest.raises(UsageError):
        format_of(disc, Path("a"), "udf-2.50")


@pytest.mark.parametrize(
    ("out", "old", "expected"),
    [
        ("a.zip", "ISO 9660 Level 1", "ZIP"),
        ("a.udf", "", "UDF 2.6"),
        ("a.iso", "UDF 2.6", "UDF 2.6"),
        ("a.iso", "UDF 2.5", "UDF 2.5"),
        ("a.iso", "FAT16", "ISO 9660 Level 1"),
        ("a", "ZIP", ""),
        ("a", "FAT16", "FAT16"),
    ],
)
def test_the_file_system_of_a_target_follows_its_suffix_and_the_source(
    out: str, old: str, expected: str
) -> None:
    assert file_system_of(Path(out), old) == expected
