"""What is shipped: sdist and wheel hold the profiles, and the wheel burns where the clone is out of sight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import mediakit
from tests.support.studies import SAMPLES

ROOT = Path(__file__).parents[2]
PROFILES = {path.name: path.read_bytes() for path in (ROOT / "profiles").glob("*.toml")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and from it the wheel, without network."""
    out = tmp_path_factory.mktemp("dist")
    done = run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(ROOT), cwd=out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the interpreter of a fresh environment: mediakit from the wheel, all else lent by this one."""
    home = tmp_path_factory.mktemp("venv") / "env"
    venv.create(home, with_pip=False, symlinks=os.name != "nt")
    python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ["-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    done = run(sys.executable, *install, str(wheel), cwd=home)
    assert done.returncode == 0, done.stderr
    place = run(str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home)
    # A folder named in a .pth file is searched last; its own .pth files (our editable install) are not read.
    Path(place.stdout.strip(), "lent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, cwd=cwd, env=environment
    )


def test_the_wheel_holds_every_profile_as_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        shipped = {
            name.removeprefix("mediakit/_profiles/"): archive.read(name)
            for name in archive.namelist()
            if name.startswith("mediakit/_profiles/") and name.endswith(".toml") and name.count("/") == 2
        }
    assert len(PROFILES) > 10
    assert shipped == PROFILES


def test_the_wheel_holds_every_module_and_nothing_beside_the_package(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    modules = {str(path.relative_to(ROOT).as_posix()) for path in (ROOT / "mediakit").rglob("*.py")}
    assert modules <= names
    assert "mediakit/py.typed" in names
    assert "mediakit/report/schemas/validation.json" in names
    assert {name.split("/")[0] for name in names} == {
        "mediakit",
        f"dicom_mediakit-{mediakit.__version__}.dist-info",
        f"dicom_mediakit-{mediakit.__version__}.data",
    }
    (shared,) = (name for name in names if ".data/" in name)
    assert shared.endswith("/share/man/man1/mediakit.1")
    assert not [name for name in names if "__pycache__" in name]


def test_the_sdist_holds_profiles_samples_tests_and_docs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {f"profiles/{name}" for name in PROFILES} <= names
    assert {"README.md", "LICENSE", "pyproject.toml", "docs/architecture.md", "tests/__init__.py"} <= names
    assert {str(path.relative_to(ROOT)) for path in SAMPLES.rglob("*") if path.is_file()} <= names
    assert not [name for name in names if ".venv" in name or "__pycache__" in name or name.endswith(".iso")]


def test_the_installed_package_is_that_of_the_wheel(python: Path, tmp_path: Path) -> None:
    said = run(str(python), "-c", "import mediakit; print(mediakit.__file__)", cwd=tmp_path)
    assert Path(said.stdout.strip()).is_relative_to(python.parents[1])


def test_the_installed_command_lists_82_profiles(python: Path, tmp_path: Path) -> None:
    said = run(str(python.with_name("mediakit")), "profiles", "list", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith("82 profiles\n")


def test_the_installed_command_burns_the_samples_from_another_folder(python: Path, tmp_path: Path) -> None:
    command = (
        str(python.with_name("mediakit")),
        "burn",
        "--all-patients",
        str(SAMPLES),
        "-p",
        "STD-GEN-CD",
        "-o",
        "a.iso",
    )
    said = run(*command, "--json", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    document = json.loads(said.stdout)
    assert document["counts"] == {"converted": 6, "not-dicom": 1, "written": 34}
    assert [path.name for path in tmp_path.iterdir()] == ["a.iso"]


def test_the_wheel_runs_without_being_unpacked(wheel: Path, tmp_path: Path) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import mediakit;"
        "assert '.whl' in mediakit.__file__; from mediakit.cli.main import run; run()"
    )
    said = run(sys.executable, "-c", code, str(wheel), "profiles", "list", cwd=tmp_path)
    assert said.returncode == 0, said.stderr
    assert said.stdout.endswith("82 profiles\n")
