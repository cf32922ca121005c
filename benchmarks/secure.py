"""Time encrypted media beside OpenSSL: `python benchmarks/secure.py [--work DIR] [--rounds 3]`.

1 GiB as one instance and as 2,000 of 512 KB, for one RSA certificate. `openssl cms -encrypt -stream` only
encrypts the files; `burn` reads headers, makes the DICOMDIR, digests, encrypts, and writes the image of a
stick. Prints the table of `run.py`; memory below that of this process itself (35 MB) is not seen. The work
folder takes 6 GB.
"""

from __future__ import annotations

import argparse
import subprocess
from pathlib import Path

from run import _MEDIAKIT, HEADING, Command, _workload, compare  # type: ignore[import-not-found,unused-ignore]

_PROFILE = "STD-GEN-SEC-USB-JPEG"
_CT = Path(__file__).parents[1] / "samples/studies/mueller_joerg/20240312_CT/CT_AXIAL/IM-0002-0001.dcm"
_ROWS, _COLUMNS = 32_768, 16_384  # of two bytes: 1 GiB


def main() -> None:
    """Run all comparisons."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    work = given.work.resolve()
    _certificate(work)
    print(HEADING)
    for title, source in (
        ("one of 1 GiB", _large(work)),
        ("2,000 of 512 KB", _workload(work, "ct2000", "ct2000")),
    ):
        out = work / "secure.img"
        keys = ("--key", str(work / "one.key"), "--cert", str(work / "one.pem"))
        ours = [
            _burn("burn, `--no-proof`", source, out, "--no-proof"),
            _burn("burn, with proof", source, out),
            _burn("burn signed, with proof", source, out, "--sign-key", keys[1], "--sign-cert", keys[3]),
            Command("validate", (*_MEDIAKIT, "validate", str(out), "-p", _PROFILE, "-q", *keys), work),
        ]
        compare(title, ours, _openssl(source, work), given.rounds)


def _burn(name: str, source: Path, out: Path, *more: str) -> Command:
    words = (
        *_MEDIAKIT,
        "burn",
        "--all-patients",
        str(source),
        "-p",
        _PROFILE,
        "-o",
        str(out),
        "-q",
        "--viewer",
        "none",
    )
    return Command(name, (*words, "--force", "--recipient", str(out.parent / "one.pem"), *more), out.parent)


def _openssl(source: Path, work: Path) -> Command:
    one = ("openssl", "cms", "-encrypt", "-stream", "-binary", "-aes-256-cbc", "-outform", "DER")
    to = ("-in", "{}", "-out", str(work / "peer.der"), str(work / "one.pem"))
    words = ("find", str(source), "-type", "f", "-exec", *one, *to, ";")
    return Command("openssl cms -encrypt -stream", words, work, work / "peer.der")


def _certificate(work: Path) -> None:
    words = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=benchmark -keyout one.key -out one.pem"
    subprocess.run(["openssl", *words.split()], cwd=work, check=True, capture_output=True)


def _large(work: Path) -> Path:
    """Return a folder with one instance of 1 GiB; its pixels are zeros."""
    folder = work / "large"
    path = folder / "IM1"
    if not path.exists():
        folder.mkdir(exist_ok=True)
        import pydicom  # noqa: PLC0415 - its memory would be counted as that of the commands

        dataset = pydicom.dcmread(_CT)
        dataset.Rows, dataset.Columns = _ROWS, _COLUMNS
        dataset.PixelData = b"\0\0"
        dataset.save_as(path)
        with path.open("r+b") as stream:
            stream.seek(-6, 2)
            stream.write((_ROWS * _COLUMNS * 2).to_bytes(4, "little"))
            stream.truncate(stream.tell() + _ROWS * _COLUMNS * 2)
    return folder


if __name__ == "__main__":
    main()
