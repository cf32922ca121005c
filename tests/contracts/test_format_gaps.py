"""What every tree promises of an image with gaps: nothing altered, nothing lost without a word."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

import pytest

from mediakit.errors import SourceError
from mediakit.formats.base import NodeKind, Tree
from mediakit.formats.readable import Gaps
from mediakit.formats.registry import open_tree
from tests.support.media import a_small_medium, content_of
from tests.support.tree_media import MAKERS

FILES = {one.path: one.size for one in a_small_medium()}
SECTOR = 2048


def faults_of(tree: Tree) -> list[str]:
    """Return the files whose bytes are wrong, and those that are gone while nothing says so."""
    whole, unread = {}, set()
    for node in tree.walk():
        if node.kind is not NodeKind.FILE:
            unread.add(node.path)
            continue
        try:
            with tree.open(node) as stream:
                whole[node.path] = stream.read()
        except (SourceError, OSError):
            unread.add(node.path)
    wrong = [path for path, data in whole.items() if path in FILES and data != content_of(path, FILES[path])]
    lost = FILES.keys() - whole.keys() - unread
    return wrong if unread or tree.facts.damage else [*wrong, *lost]


@pytest.mark.parametrize("kind", sorted(set(MAKERS) - {"folder"}))
def test_gaps_alter_nothing_and_lose_nothing_without_a_word(kind: str, tmp_path: Path) -> None:
    image = tmp_path / kind
    MAKERS[kind][1](a_small_medium(), image)
    sound = image.read_bytes()
    sectors = range(0, len(sound), SECTOR)
    used = [at for at in sectors if any(sound[at : at + SECTOR])]
    chance = random.Random(kind)  # noqa: S311 - no secret
    faults: dict[tuple[int, ...], list[str]] = {}
    opened = 0
    for _ in range(25):
        gaps = sorted(set(chance.sample(used, chance.choice([1, 2, 5]))))
        data = bytearray(sound)
        for at in gaps:
            data[at : at + SECTOR] = bytes(len(data[at : at + SECTOR]))
        image.write_bytes(data)
        try:
            tree = open_tree(image, gaps=Gaps([(at, SECTOR) for at in gaps]))
        except SourceError:
            continue
        with closing(tree):
            opened += 1
            if found := faults_of(tree):
                faults[tuple(gaps)] = found
    assert not faults
    assert opened > 12
