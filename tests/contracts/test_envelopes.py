"""What holds of every envelope, over every sink and every tree of the registry."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from msgspec.structs import replace

from mediakit.dicom.header import Scanner
from mediakit.fileset.survey import FileKind
from mediakit.formats.base import Entry, Node
from mediakit.formats.envelope import Envelope, UnsealedTree, sealed
from mediakit.formats.registry import SINKS, open_medium
from mediakit.outcome import Outcome
from mediakit.stages.look.media import look
from tests.support.envelopes import Identity, Inverted
from tests.support.media import a_small_medium, content_of, read_all, write
from tests.support.secure import sealer
from tests.support.studies import CT_1, CT_2, burnt_to
from tests.support.tree_media import MAKERS

KINDS = ("identity", "inverted", "cms", "cms-signed")


def envelope_of(kind: str) -> Envelope:
    """Return an envelope; those of CMS need openssl, which makes their certificates."""
    if kind.startswith("cms"):
        return sealer(is_signed=kind == "cms-signed")
    return Identity() if kind == "identity" else Inverted()


def from_hashes(hashes: Mapping[str, str]) -> bytes:
    return hashes["DICOMDIR"].encode()


@pytest.mark.parametrize("name", sorted(SINKS))
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_sealed_on_any_medium_comes_out_as_it_went_in(name: str, kind: str, tmp_path: Path) -> None:
    envelope = envelope_of(kind)
    entries = [one for one in a_small_medium() if "/" not in one.path or one.path.count("/") < 7]
    last = Entry("LAST", 64, lambda: io.BytesIO(b""), from_hashes)
    receipt = write(name, [sealed(one, envelope) for one in (*entries, last)], tmp_path / "out")
    with open_medium(tmp_path / "out") as tree:
        plain = UnsealedTree(tree, envelope)
        found = read_all(plain)
        sizes = {node.path: node.size for node in plain.walk()}
        found_there = plain.find("DICOMDIR")
        assert found_there is not None
        assert replace(found_there, seal=None) == Node("DICOMDIR", 3000)
    expected = {one.path: content_of(one.path, one.size) for one in entries}
    assert found == {**expected, "LAST": receipt.sha256["DICOMDIR"].encode()}
    assert sizes == {path: len(content) for path, content in found.items()}


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_every_tree_is_read_through_an_envelope(kind: str, tmp_path: Path) -> None:
    entries = [sealed(one, Inverted()) for one in a_small_medium()]
    MAKERS[kind][1](entries, tmp_path / "making")
    shutil.move(tmp_path / "making", tmp_path / "medium")
    with open_medium(tmp_path / "medium") as tree:
        found = {path.upper(): data for path, data in read_all(UnsealedTree(tree, Inverted())).items()}
    assert found == {one.path: content_of(one.path, one.size) for one in a_small_medium()}


@pytest.mark.parametrize("out", ["out", "out.iso"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_burn_in_envelopes_is_proven_and_looked_at_through_them(
    out: str, kind: str, tmp_path: Path
) -> None:
    envelope = envelope_of(kind)
    burnt = burnt_to(tmp_path / out, CT_1, CT_2, envelope=envelope, manifest=True, profile="STD-GEN-SEC-CD")
    assert burnt.result.outcome is Outcome.GOOD
    with open_medium(tmp_path / out) as tree:
        seen = look(UnsealedTree(tree, envelope), out, Scanner())
    assert sorted(file.kind for file in seen.files) == sorted(
        [FileKind.DICOMDIR, FileKind.INSTANCE, FileKind.INSTANCE, FileKind.OTHER]
    )
    assert all(link.file is not None for link in seen.links)
