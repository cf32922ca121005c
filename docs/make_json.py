"""Make docs/json.md from the structs that the reports are made of: `make docs`."""

from __future__ import annotations

import json
from pathlib import Path

from mediakit.report.json import json_schema

PAGE = Path(__file__).parent / "json.md"

_TEXT = """# The JSON report

`mediakit burn --json` prints one document on standard output, `--report FILE.json` writes the same to a
file. Its shape is versioned: `"schema": "mediakit/report/1"`. Fields may be added within a version; none
changes its meaning.

- `outcome` and `exit_code` say the same as the exit code of the process (see README).
- `files` has every input file once, with the `state` it ended in. For a file on the medium it is the
  manifest: `file_id`, `sop_instance_uid`, `source`, and `sha256` of the bytes on the medium.
- `findings` has what is true of the data: rule id, severity, sentence, clause, place, and what to do.
- A path whose name is not UTF-8 has its odd bytes written as backslash escapes.

When a journey cannot go on at all, the document is an error instead: `"schema": "mediakit/error/1"` with
`journey`, `outcome`, `exit_code`, `error`, `where`, `why`, `hint` and `findings`.

This page is made by `make docs` from the code.

## JSON Schema of the report

```json
{schema}
```
"""


def page() -> str:
    """Return the page as it must be now."""
    return _TEXT.replace("{schema}", json.dumps(json_schema(), indent=2))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
