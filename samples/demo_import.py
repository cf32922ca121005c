"""Import an image into our own Storage SCP, which is started before and stopped after: for `make demo`.

Usage: demo_import.py IMAGE FOLDER [OPTIONS OF mediakit import...]
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MEDIAKIT = [sys.executable, "-m", "mediakit"]
_LISTENS = re.compile(r"listening on (?P<host>.+):(?P<port>[0-9]+) as (?P<title>.+)\n")
_END_S = 30


@contextmanager
def storage_scp(folder: Path) -> Iterator[str]:
    """Run a Storage SCP on a free port of this computer; give its address, AET@host:port."""
    server = subprocess.Popen(
        [*MEDIAKIT, "serve", "scp", "--dir", str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    if server.stdout is None:
        raise SystemExit("the server has no output")
    try:
        found = _LISTENS.fullmatch(server.stdout.readline())
        if found is None:
            raise SystemExit("the server did not start")
        yield f"{found['title']}@{found['host']}:{found['port']}"
    finally:
        server.terminate()
        try:
            said, _ = server.communicate(timeout=_END_S)
            print(said, end="")
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()


def main() -> int:
    """Run the demonstration; return the exit code of the import."""
    image, folder, *options = sys.argv[1:]
    with storage_scp(Path(folder)) as address:
        print(f"$ mediakit import {image} {address} {' '.join(options)}", flush=True)
        return subprocess.run([*MEDIAKIT, "import", image, address, *options], check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
