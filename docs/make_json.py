"""Make docs/json.md from the structs that the documents are made of: `make docs`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from mediakit.report.conformance_doc import conformance_schema
from mediakit.report.imported import import_schema
from mediakit.report.inspection_doc import inspection_schema
from mediakit.report.jobs import job_schema, jobs_schema
from mediakit.report.json import error_schema, json_schema
from mediakit.report.migrated import migration_schema
from mediakit.report.reception import reception_schema
from mediakit.report.reconciled import reconciliation_schema
from mediakit.report.validation import validation_schema, validations_schema
from mediakit.report.watched import watched_schema

PAGE = Path(__file__).parent / "json.md"
FILES = Path(__file__).parents[1] / "mediakit" / "report" / "schemas"

_HEAD = """# The JSON documents

Every command with results has `--json`: exactly one document on standard output, whatever happens.
`--report FILE.json` writes the same to a file. Each names its shape and version:
`"schema": "mediakit/validation/1"`.
Fields may be added within a version; none changes its meaning.

| schema | from |
|---|---|
| `mediakit/report/1` | `burn`, `disc burn`, `repair`, `update`, `extract`, `fetch` |
| the same | `diff`, `verify`, `salvage` |
| `mediakit/validation/1` | `validate` |
| `mediakit/validations/1` | `validate` of several media; `errors` has those that cannot be opened |
| `mediakit/inspection/1` | `inspect` |
| `mediakit/import/1` | `import`, `job report`, `job retry` |
| `mediakit/jobs/1`, `mediakit/job/1` | `job list`, `job show` |
| `mediakit/reconciliation/1` | `reconcile` |
| `mediakit/reception/1` | `serve scp` |
| `mediakit/watched/1` | `watch --json`: one document on one line for each medium |
| `mediakit/migration/1` | `migrate`, `migrate status` |
| `mediakit/conformance/1` | `conformance` |
| `mediakit/error/1` | any command that could not go on at all |

- `outcome` and `exit_code` say the same as the [exit code](commands.md#exit-codes) of the process.
- `findings` has what is true of the data: rule id, severity, sentence, clause, place, and what to do.
- A path whose name is not UTF-8 has its odd bytes written as backslash escapes.
- Patients are named by `inspect` and `reconcile`, and with `--with-names` in `studies` of the reports and in
  the values of `changes` of an import.
- `explain`, `profiles`, `dest`, `disc list` and `robot` print documents of their own (`mediakit/rules/1`,
  `mediakit/profiles/1`, ...), which have no schema yet.

The schemas are files of the package (`mediakit/report/schemas`), each with an `$id`; `mediakit schema NAME`
prints one.

This page is made by `make docs` from the code.
"""
_REPORT = """
## The report

`files` has every input file once, with the `state` it ended in. For a file on the medium it is the
manifest: `file_id`, `sop_instance_uid`, `source`, and `sha256` of the bytes on the medium.
"""
_VALIDATION = """
## The validation

`verdicts` has one answer for each rule set that was asked for. `profile` is what the medium was judged by,
and `profile_was_named` is false when it is the best fitting one. `files` has every file of the medium once.
In `figures`, `missing` counts instances that the directory names and no file holds, `unreferenced` those
that no record references.
"""
_INSPECTION = """
## The inspection

`patients` is the tree down to the series. `instances` has every instance once, also those whose file is
missing: its `source` is `directory` (a record names it, and its file is missing or cannot be read), `scan`
(a file that no record names) or `both`. `path` is where the file lies on the medium, "" when it is missing;
for the missing `file_id` is where the directory says that it should be. `others` are the files without an
instance, by `kind`: `dicomdir`, `executable`, `autorun`, `web`, `text`, `document`, `archive`, `encrypted`,
`damaged`, `unknown`. `findings` has what is damaged or missing.
"""
_IMPORT = """
## The import

`instances` has every instance that the medium holds or should hold, in physical order: its `state`, the
`status` that the destination answered last (PS3.7 C; of HTTP for DICOMweb, 0 for none), its `words`, the
transfer syntax it was `sent_as`, and how many `attempts` were made. `files` has every other file. `contexts`
is what a rehearsal learnt from the destination. `changes` are the values that went out changed: patient data.
"""
_JOBS = """
## The jobs

`ended_with` is the outcome of the import, "" while it is unfinished; `problem` says why a ledger cannot be
read.
"""
_JOB = """
## One job

`instances` are those that need attention, with `-v` all; `history` is that of `--instance UID`.
"""
_RECONCILIATION = """
## The reconciliation

`rows` are those of the review file, which `map` names, by its columns. `counts` tells for how many patients
(with `--match worklist`: studies) there is one good candidate (`matched`), several as good as each other
(`several`), a `weak` one, or `none`.
"""
_RECEPTION = """
## The reception

Printed when the server has ended. `received` has every C-STORE request that was answered: who sent it, its
`state` (`stored`; `already-there`: the same bytes; `conflict`: another instance of its UID; `refused`),
the `status` that the sender was given (PS3.4 B.2.3), and the `path` below the folder. `counts` has these
states, and `cut-off`: the association ended before all of the instance had come; nothing of it is kept.
`burn` is the report of the burn that followed, if one did.
"""
_WATCHED = """
## A watched medium

`conforms` is null when the medium could not be opened; `stored` counts the instances at the `destination`,
and is null where nothing was imported. `words` say what ended it, or why it was not imported.
"""
_MIGRATION = """
## The migration

`files_by_state` counts the files of all discs, each once, and what their directories name and no file holds.
`instances_by_state` counts each SOP Instance UID once: `stored`, `wanted` (no copy could be read; in `needed`
are the discs that should have it), `claimed` (under way), `refused` by the destination, `uncertain`, and
`unproven`. `conflicts` are files with other bytes than the instance of their UID that was taken. `imbalances`
is empty when all adds up. `discs` has every disc, with its files by state.
"""
_CONFORMANCE = """
## The conformance statement

`roles` are those that are claimed for a profile. In `sop_rows` "*storage" stands for every Storage
SOP Class of `sop_classes`, "*multiframe" for the multi-frame ones, "*" for every one of `transfer_syntaxes`.
"""
_ERROR = """
## The error

Printed in place of the other documents when a command could not go on: a wrong call, a source that cannot
be opened.
"""


SCHEMAS = {
    "report": json_schema,
    "validation": validation_schema,
    "validations": validations_schema,
    "inspection": inspection_schema,
    "import": import_schema,
    "jobs": jobs_schema,
    "job": job_schema,
    "reconciliation": reconciliation_schema,
    "reception": reception_schema,
    "watched": watched_schema,
    "migration": migration_schema,
    "conformance": conformance_schema,
    "error": error_schema,
}
_TEXTS = {
    "report": _REPORT,
    "validation": _VALIDATION,
    "inspection": _INSPECTION,
    "import": _IMPORT,
    "jobs": _JOBS,
    "job": _JOB,
    "reconciliation": _RECONCILIATION,
    "reception": _RECEPTION,
    "watched": _WATCHED,
    "migration": _MIGRATION,
    "conformance": _CONFORMANCE,
    "error": _ERROR,
}


def page() -> str:
    """Return the page as it must be now."""
    return "".join(_parts())


def _parts() -> Iterator[str]:
    yield _HEAD
    for name, text in _TEXTS.items():
        yield text
        yield f"\n```json\n{json.dumps(SCHEMAS[name](), indent=2)}\n```\n"


def schema_files() -> dict[str, str]:
    """Return the schemas that are shipped, by the names of their files."""
    return {
        f"{name}.json": json.dumps(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": f"urn:mediakit:schema:{name}:1",
                "title": f"mediakit/{name}/1",
                **schema(),
            },
            indent=2,
        )
        + "\n"
        for name, schema in SCHEMAS.items()
    }


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    FILES.mkdir(exist_ok=True)
    for name, text in schema_files().items():
        (FILES / name).write_text(text, encoding="utf-8")
