"""A program that takes the place of xorriso and answers as a test wants it."""

from __future__ import annotations

from pathlib import Path

import pytest

BLANK = """\
R:1: Drive type   : vendor 'ACME' product 'BD-RE' revision '1.0'
R:1: Media current: {kind}, sequential
R:1: Media status : is blank
R:1: Media blocks : 0 readable , {blocks} writable , {blocks} overall
"""
OPEN = """\
R:1: Drive type   : vendor 'ACME' product 'BD-RE' revision '1.0'
R:1: Media current: CD-R, sequential
R:1: Media status : is written , is appendable
R:1: Media blocks : 160 readable , 340000 writable , 359845 overall
R:1: Media summary: 1 session, 160 data blocks,  320k data,  664m free
R:1: Media nwa    : 12010s
"""


def answer(text: str) -> str:
    """Return the line of a shell script that prints these lines."""
    return "cat <<'END'\n" + text + "END\n"


def put_fake(
    folder: Path, monkeypatch: pytest.MonkeyPatch, burn: str, state: str = "", blocks: int = 360_000
) -> Path:
    """Put a script called `xorriso` first on the path, and return the file in which it leaves its number.

    `state` is what it does when it is asked for the state of a drive, by default a blank CD-R; `burn` what it
    does when it is to burn `$image` on `$target`. Both are shell.
    """
    bin_folder, pid = folder / "bin", folder / "pid"
    bin_folder.mkdir(exist_ok=True)
    script = bin_folder / "xorriso"
    state = state or answer(BLANK.format(kind="CD-R", blocks=blocks))
    script.write_text(
        "#!/bin/sh\n"
        f"echo $$ > {pid}\n"
        'for word in "$@"; do case "$word" in dev=*) target=${word#dev=};; esac; image=$word; done\n'
        "target=${target#stdio:}\n"
        f'case "$*" in *-toc*)\n{state};;\n*cdrecord*)\n{burn}\n;;\nesac\n'
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_folder}:/usr/bin:/bin")
    return pid
