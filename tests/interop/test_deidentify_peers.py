"""What dciodvfy says of de-identified instances: no error that the original has not."""

from __future__ import annotations

import io
import re
from pathlib import Path

from mediakit.choices import OnBurnedIn
from mediakit.dicom.deidentify.files import Deidentified, deidentify
from mediakit.dicom.deidentify.order import Deidentification
from tests.support.peers import need, run
from tests.support.studies import PYDICOM_FILES, SAMPLES

_ERROR = re.compile(r"^Error - (.*)$", re.MULTILINE)
_PLACE = re.compile(r"<[^>]*>|\[[^\]]*\]|\d+")
OPTIONS = ("basic", "retain-modified-dates,clean-graphics,clean-structured-content,retain-device")


def errors(path: Path) -> set[str]:
    """Return the errors without values and places."""
    said = run("dciodvfy", "-new", str(path))
    return {_PLACE.sub("", found) for found in _ERROR.findall(said.stdout + said.stderr)}


def test_dciodvfy_finds_no_error_that_the_original_has_not(tmp_path: Path) -> None:
    need("dciodvfy")
    sources = [path for path in sorted(SAMPLES.rglob("*")) if path.is_file() and path.suffix != ".txt"]
    sources += [
        PYDICOM_FILES / name for name in ("rtplan.dcm", "rtstruct.dcm", "reportsi.dcm", "MR_small.dcm")
    ]
    alike = re.compile("MR00000[2-9]|IM-0002-000|IM-0002-0010|2[.]25[.]")
    sources = [path for path in sources if not alike.match(path.name)]
    worse: dict[str, set[str]] = {}
    for path in sources:
        before = errors(path)
        for options in OPTIONS:
            how = Deidentification(options=options)
            done = deidentify(io.BytesIO(path.read_bytes()), how.engine(), OnBurnedIn.KEEP)
            if isinstance(done, Deidentified):
                target = tmp_path / "one.dcm"
                target.write_bytes(b"".join(done.file.pieces()))
                if new := errors(target) - before:
                    worse[f"{path.name} {options[:8]}"] = new
    assert worse == {}
