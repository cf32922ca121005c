"""What `import mediakit` gives: every name it promises, and nothing loaded before it is asked for."""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

import pytest
from msgspec import Struct

import mediakit
from mediakit.journeys import burn_order as journeys_burn_order
from mediakit.journeys import extract as journeys_extract
from mediakit.journeys import repair as journeys_repair
from mediakit.journeys import salvage as journeys_salvage
from mediakit.journeys import update_order as journeys_update_order
from mediakit.journeys import validate as journeys_validate

ROOT = Path(__file__).parents[2]
PUBLIC = {name: getattr(mediakit, name) for name in mediakit.__all__}
# Given and taken as a whole: what they are made of is internal, or the contract of those who extend mediakit.
_WHOLE = {"Address", "Envelope", "FileSetPlan", "Ledger", "Options", "Profile", "Target"}


def test_every_public_name_is_there() -> None:
    for name, member in PUBLIC.items():
        assert member is not None
        assert name in dir(mediakit)
    assert mediakit.__all__ == sorted(mediakit.__all__)


def test_another_name_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute `nothing`"):
        getattr(mediakit, "nothing")  # noqa: B009 - a type checker would not let it stand


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys, mediakit; print([name for name in sys.modules if name.startswith('mediakit.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_in_a_public_signature_is_public() -> None:
    hidden = {
        f"{name}: {used.__module__}.{used.__name__}"
        for name, member in PUBLIC.items()
        if name not in _WHOLE
        for used in _used_by(member)
        if used.__module__.startswith("mediakit.") and PUBLIC.get(used.__name__) is not used
    }
    assert hidden == set()


def _used_by(member: object) -> Iterator[type]:
    """Yield the classes in the signature of a function, the fields of a value, the methods of others."""
    if inspect.isclass(member) and issubclass(member, Enum | Exception):
        return
    if inspect.isclass(member) and not (dataclasses.is_dataclass(member) or issubclass(member, Struct)):
        for name, method in vars(member).items():
            if inspect.isfunction(method) and not name.startswith("_"):
                yield from _used_by(method)
    elif callable(member) and hasattr(member, "__annotations__"):
        for hint in typing.get_type_hints(member, localns=PUBLIC).values():
            yield from _classes(hint)


def _classes(hint: object) -> Iterator[type]:
    if isinstance(hint, list):
        for part in hint:
            yield from _classes(part)
    elif inspect.isclass(hint):
        yield hint
    for part in typing.get_args(hint):
        yield from _classes(part)


def test_everything_public_is_documented() -> None:
    bare = [
        name
        for name, member in PUBLIC.items()
        if _is_class_or_function(member) and not inspect.getdoc(member)
    ]
    assert bare == []


def _is_class_or_function(member: object) -> bool:
    return inspect.isclass(member) or inspect.isfunction(member)


def test_the_example_of_the_package_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(mediakit, verbose=False) == (0, 16)


@pytest.mark.parametrize(
    ("public", "journey"),
    [
        (mediakit.BurnOrder, journeys_burn_order.BurnOrder),
        (mediakit.ExtractOrder, journeys_extract.ExtractOrder),
        (mediakit.RepairOrder, journeys_repair.RepairOrder),
        (mediakit.SalvageOrder, journeys_salvage.SalvageOrder),
        (mediakit.UpdateOrder, journeys_update_order.UpdateOrder),
        (mediakit.ValidateOrder, journeys_validate.ValidateOrder),
    ],
)
def test_a_public_order_has_the_fields_and_defaults_of_the_journey(public: type, journey: type) -> None:
    theirs = {name: one.default for name, one in inspect.signature(journey).parameters.items()}
    ours = {name: one.default for name, one in inspect.signature(public).parameters.items()}
    if "catalogue" in ours:  # None stands for the shipped profiles, which a journey is given
        assert (ours.pop("catalogue"), theirs.pop("catalogue")) == (None, ())
    assert ours == theirs


def test_an_order_takes_text_and_holds_paths_and_a_profile(tmp_path: Path) -> None:
    when = datetime.now(UTC)
    burn = mediakit.BurnOrder(profile="std-gen-cd", out="a.iso", when=when, add="more")
    assert (burn.out, burn.add, burn.profile) == (
        Path("a.iso"),
        (Path("more"),),
        mediakit.load_profile("STD-GEN-CD"),
    )
    assert dataclasses.replace(burn, out=Path("b.iso")).out == Path("b.iso")
    assert mediakit.ExtractOrder(out=str(tmp_path)).out == tmp_path
    repair = mediakit.RepairOrder(profile="STD-GEN-DVD-JPEG", out="c.iso", when=when, add=("x", Path("y")))
    assert repair.profile is not None
    assert (repair.profile.id, repair.add) == ("STD-GEN-DVD-JPEG", (Path("x"), Path("y")))
    with pytest.raises(mediakit.ProfileError, match="STD-GEN-C"):
        mediakit.ValidateOrder(profile="STD-GEN-C")


def test_the_profiles_to_choose_from_are_the_shipped_ones_a_catalogue_or_some() -> None:
    catalogue = mediakit.load_catalogue()
    shipped = tuple(catalogue.profiles.values())
    assert mediakit.ValidateOrder().catalogue == shipped
    assert mediakit.ValidateOrder(catalogue=catalogue).catalogue == shipped
    assert mediakit.ValidateOrder(catalogue=shipped[:2]).catalogue == shipped[:2]
    assert mediakit.ValidateOrder(profile="STD-GEN-CD").catalogue == ()


def test_a_profile_file_of_the_user_is_named_as_text(tmp_path: Path) -> None:
    with pytest.raises(mediakit.ProfileError, match="there is no such file"):
        mediakit.load_catalogue([str(tmp_path / "none.toml")])


def test_a_text_is_one_source_and_not_a_row_of_letters(tmp_path: Path) -> None:
    with pytest.raises(mediakit.SourceError) as caught:
        mediakit.fit_sources(str(tmp_path / "nothing"))
    assert caught.value.where.endswith("nothing")


def test_a_sound_medium_conforms_without_an_order(tmp_path: Path) -> None:
    out = str(tmp_path / "a.iso")
    order = mediakit.BurnOrder(profile="STD-GEN-CD", out=out, when=datetime.now(UTC), all_patients=True)
    assert mediakit.burn([str(ROOT / "samples" / "studies")], order).result.outcome is mediakit.Outcome.GOOD
    validation = mediakit.validate(out)
    assert validation.result.outcome is mediakit.Outcome.GOOD
    assert [verdict.holds for verdict in validation.verdicts] == [True]
    assert "MK-VAL-001" not in validation.result.report.by_rule()
