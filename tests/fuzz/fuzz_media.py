"""Coverage-guided fuzzing by hand.

    pip install atheris
    python -m tests.fuzz.fuzz_media TARGET SEED... -max_total_time=300 -timeout=5

The invariant, for every target: on any bytes the code returns, or raises SourceError when a medium is opened,
or SourceError or OSError when a file of it is read, within bounded time and memory. Targets: decode, header,
iso9660, udf, udf-sound (the checksums of UDF are made right again, else nothing deep is reached), fat, zip,
mime, medium. Seeds are files or folders of files; options are those of libFuzzer. It is no test: it has no
end of its own.
"""

from __future__ import annotations

import binascii
import io
import struct
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["mediakit"]):
    from mediakit.dicom.header import Scanner
    from mediakit.errors import SourceError
    from mediakit.fileset.contents import contents_of
    from mediakit.fileset.decode import decode
    from mediakit.formats.base import NodeKind, Tree
    from mediakit.formats.registry import TREES, open_tree
    from mediakit.formats.udf_tags import BLOCK, Tag
    from mediakit.profile.load import load_profile
    from mediakit.rules.check import RuleSet
    from mediakit.rules.every import judge_medium
    from mediakit.stages.look.media import look as survey

    for _where in TREES.values():
        import_module(_where.partition(":")[0])

_PLACE = Path(tempfile.mkdtemp(prefix="mediakit-fuzz-")) / "image"
_READ_BYTES = 1 << 20
_FILES = 200
_PROFILE = load_profile("STD-GEN-CD")
_TAGS = frozenset(Tag)


def _decode(content: bytes) -> None:
    decoded = decode(content)
    assert sum(1 for _ in decoded.directory.walk()) <= len(content)
    for finding in decoded.findings:
        assert finding.text


def _header(content: bytes) -> None:
    Scanner().read(io.BytesIO(content), len(content), "", "x")


def _tree(kind: str) -> Callable[[bytes], None]:
    def run(content: bytes) -> None:
        _PLACE.write_bytes(content)
        module, _, name = TREES[kind].partition(":")
        try:
            tree: Tree = getattr(import_module(module), name)(_PLACE)
        except SourceError:
            return
        try:
            _read(tree)
        finally:
            tree.close()

    return run


def _udf_sound(content: bytes) -> None:
    held = bytearray(content)
    for block in range(0, len(held), BLOCK):
        at = block
        while at + 16 <= len(held) and held[at + 2] in {2, 3}:
            tag, size = struct.unpack_from("<H8xH", held, at)
            end = at + 16 + size
            if tag not in _TAGS or end > len(held):
                break
            struct.pack_into("<H", held, at + 8, binascii.crc_hqx(bytes(held[at + 16 : end]), 0))
            held[at + 4] = (sum(held[at : at + 16]) - held[at + 4]) & 0xFF
            if tag != Tag.FILE_IDENTIFIER:  # these follow one another without gaps
                break
            at = end + -end % 4
    _tree("udf")(bytes(held))


def _read(tree: Tree) -> None:
    sum(1 for _ in tree.folders())
    for number, node in enumerate(tree.walk()):
        if number >= _FILES or node.kind is not NodeKind.FILE:
            continue
        assert tree.find(node.path) is not None
        try:
            with tree.open(node) as stream:
                assert len(stream.read(_READ_BYTES)) <= _READ_BYTES
        except (SourceError, OSError):
            continue


def _medium(content: bytes) -> None:
    _PLACE.write_bytes(content)
    try:
        tree = open_tree(_PLACE)
    except SourceError:
        return
    try:
        seen = survey(tree, "medium", Scanner())
    finally:
        tree.close()
    contents_of(seen)
    for _, finding in judge_medium(seen, _PROFILE, frozenset(RuleSet)):
        assert finding.text


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "decode": _decode,
    "header": _header,
    **{kind: _tree(kind) for kind in ("iso9660", "udf", "fat", "zip", "mime") if kind in TREES},
    "udf-sound": _udf_sound,
    "medium": _medium,
}


def main() -> None:
    """Fuzz one target."""
    target, *rest = sys.argv[1:]
    options = [word for word in rest if word.startswith("-")]
    corpus = _PLACE.with_name("corpus")
    corpus.mkdir()
    for seed in (Path(word) for word in rest if not word.startswith("-")):
        for path in [seed] if seed.is_file() else (path for path in seed.rglob("*") if path.is_file()):
            (corpus / f"{len(list(corpus.iterdir())):05}").write_bytes(path.read_bytes())
    atheris.Setup([sys.argv[0], str(corpus), *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
