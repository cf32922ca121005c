"""Updates for tests, and what must be true after every one of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from mediakit.fileset.carry import carry
from mediakit.fileset.decode import decode
from mediakit.fileset.removal import Removal
from mediakit.fileset.survey import Survey
from mediakit.formats.registry import open_medium
from mediakit.journeys.update import update
from mediakit.journeys.update_order import Updated, UpdateOrder
from mediakit.journeys.validate import ValidateOrder, validate
from mediakit.profile.load import load_catalogue, load_profile
from mediakit.stages.look.media import look, scanner_for
from tests.support.studies import WHEN

CATALOGUE = tuple(load_catalogue(()).profiles.values())

Content = dict[str, str]


def updated(medium: Path, *add: Path, **changes: object) -> Updated:
    """Update a medium; `changes` are fields of UpdateOrder, or of Removal."""
    removal = {name: frozenset(changes.pop(name)) for name in _REMOVAL & changes.keys()}  # type: ignore[call-overload]
    settings = {"when": WHEN, "add": add, "catalogue": CATALOGUE, "removal": Removal(**removal), **changes}
    return update(medium, UpdateOrder(**settings))  # type: ignore[arg-type]  # each test passes its fields


_REMOVAL = {"instances", "patients", "studies", "series"}


def content_of(medium: Path) -> Content:
    """Return the SHA-256 of every file of a medium, by path."""
    with open_medium(medium) as tree:
        found = {}
        for node in tree.walk():
            with tree.open(node) as stream:
                found[node.path] = hashlib.sha256(stream.read()).hexdigest()
        return found


def directory_of(medium: Path) -> bytes:
    """Return the bytes of the DICOMDIR in the root of a medium."""
    with open_medium(medium) as tree:
        node = tree.find("DICOMDIR")
        assert node is not None
        with tree.open(node) as stream:
            return stream.read()


def survey_of(medium: Path) -> Survey:
    with open_medium(medium) as tree:
        return look(tree, str(medium), scanner_for(load_profile("STD-GEN-CD")))


def records_of(data: bytes) -> set[bytes]:
    """Return every record of a DICOMDIR: the bytes of its elements, but for the two offsets."""
    decoded = decode(data)
    assert not [finding for finding in decoded.findings if finding.severity == "error"]
    return {
        record.carried[:8] + record.carried[12:30] + record.carried[34:]
        for record in carry(data, decoded.directory).walk()
    }


def kept_but(content: Content, gone: Iterable[str] = ()) -> Content:
    """Return what must still be there of the content of a medium."""
    left_out = {"DICOMDIR", *gone}
    return {path: sha256 for path, sha256 in content.items() if path not in left_out}


def assert_holds(content: Content, expected: Content) -> None:
    """Fail when a file that was to be kept is not there, or has other bytes."""
    assert {path: content.get(path) for path in expected} == expected


def assert_sound(medium: Path, profile: str = "STD-GEN-CD") -> None:
    """Fail when a medium does not conform, or a record leads to nothing."""
    validation = validate(medium, ValidateOrder(profile=load_profile(profile)))
    assert [verdict.sentence for verdict in validation.verdicts] == [f"conforms to {profile}"]
    assert validation.result.figures["missing"] == validation.result.figures["unreferenced"] == 0
