"""Media made by foreign tools: every instance is found, whoever wrote the directory and made the image."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mediakit.dicom.header import Scanner
from mediakit.fileset.survey import FileKind, Survey
from mediakit.formats.registry import open_tree
from mediakit.stages.look.media import look as survey
from tests.support.zoo import CAGES, KEEPERS, instances_in_a_folder


@pytest.fixture(name="instances", scope="module")
def _instances(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return instances_in_a_folder(tmp_path_factory.mktemp("zoo") / "instances")


@pytest.fixture(name="file_sets", scope="module")
def _file_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("file-sets")


def file_set(instances: Path, made: Path, keeper: str) -> Path:
    """Return the folder that a keeper made of the instances; made once."""
    folder = made / keeper
    if not folder.exists():
        KEEPERS[keeper](instances, folder)
    return folder


def digests(folder: Path) -> set[str]:
    return {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "DICOMDIR"
    }


def surveyed(image: Path) -> tuple[Survey, set[str]]:
    """Return the survey of an image, and the hashes of all instances read through the tree."""
    tree = open_tree(image)
    try:
        seen = survey(tree, image.name, Scanner())
        hashes = set()
        for file in seen.files:
            if file.kind is FileKind.INSTANCE:
                node = tree.find(file.path)
                assert node is not None
                with tree.open(node) as stream:
                    hashes.add(hashlib.sha256(stream.read()).hexdigest())
    finally:
        tree.close()
    return seen, hashes


@pytest.mark.parametrize("cage", CAGES)
@pytest.mark.parametrize("keeper", KEEPERS)
def test_every_instance_is_found_with_its_bytes(
    keeper: str, cage: str, instances: Path, file_sets: Path, tmp_path: Path
) -> None:
    folder = file_set(instances, file_sets, keeper)
    seen, hashes = surveyed(CAGES[cage](folder, tmp_path / "medium"))
    assert hashes == digests(folder)
    assert len(hashes) == 40
    assert all(file.kind in {FileKind.INSTANCE, FileKind.DICOMDIR} for file in seen.files)
    if keeper == "nobody":
        assert seen.dicomdir is None
    else:
        assert len(seen.links) == 40
        assert all(link.file is not None for link in seen.links)
        assert all(
            link.file is not None
            and link.file.instance is not None
            and link.file.instance.sop_instance == link.reference.sop_instance
            for link in seen.links
        )
