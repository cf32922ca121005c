r"""`mediakit robot list | status | cancel`, and the robots of the configuration.

[robot.ward]
kind = "primera-jrq"            # or "epson-jdf"
folder = "/mnt/ptburn"          # the folder that the robot watches
images = "/mnt/images"          # where images wait
seen-as = 'D:\images'            # what the robot calls that place
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import typer

from mediakit.cli.config import settings
from mediakit.cli.guard import guarded
from mediakit.cli.helping import Group
from mediakit.cli.options import Config, Json
from mediakit.errors import UsageError

if TYPE_CHECKING:  # robots are loaded when a command uses one
    from mediakit.drives.robot import Robot

app = typer.Typer(
    cls=Group,
    help="Show and cancel jobs of the disc robots of the configuration.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_Text = Annotated[str, msgspec.Meta(min_length=1, pattern=r"^[^\x00-\x1f]*$", description="text on one line")]
_Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of a robot, as `robot list` shows it.")]


class RobotRow(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """The keys of `[robot.NAME]`; see `Robot` for what they mean."""

    kind: Literal["epson-jdf", "primera-jrq"]
    folder: _Text
    images: _Text
    seen_as: _Text | None = None
    status: _Text | None = None
    label: _Text = ""
    publisher: _Text = ""
    wait_minutes: Annotated[float, msgspec.Meta(gt=0, le=10080, description="minutes, at most a week")] = 60.0


def robots(config: Path | None) -> Mapping[str, Robot]:
    """Return the robots of the configuration by name. Raises UsageError for one that is wrong."""
    found: dict[str, Robot] = {}
    for file, values in settings(config):
        tables = values.get("robot", {})
        if not isinstance(tables, dict):
            raise UsageError("`robot` must be a table of tables", where=str(file), hint="[robot.ward]")
        for name, raw in tables.items():
            if name in found:
                raise UsageError(f"the robot `{name}` is defined twice", where=str(file))
            found[name] = _robot(name, raw, file)
    return dict(sorted(found.items()))


def robot_named(name: str, config: Path | None) -> Robot:
    """Return a robot of the configuration. Raises UsageError."""
    known = robots(config)
    if name not in known:
        hint = f"there are {', '.join(known)}" if known else "`[robot.NAME]` in the configuration defines one"
        raise UsageError(f"there is no robot `{name}`", hint=hint)
    return known[name]


@app.command("list")
def list_(config: Config = None, as_json: Json = False) -> None:
    """List the robots of the configuration, and how many of our jobs each of them has."""
    with guarded("robot list", as_json=as_json):
        from mediakit.drives.robot_folder import jobs_of
        from mediakit.report.discs import robots_doc, robots_text
        from mediakit.report.json import to_json

        known = [(robot, len(jobs_of(robot))) for robot in robots(config).values()]
        sys.stdout.write(to_json(robots_doc(known)) if as_json else robots_text(known))


@app.command("status")
def status(
    name: _Name,
    job: Annotated[str, typer.Argument(metavar="[JOB]", help="The id of a job. Without it: all.")] = "",
    config: Config = None,
    as_json: Json = False,
) -> None:
    """Show how jobs of a robot stand: state, good and bad discs, and what the robot says of an error."""
    with guarded("robot status", as_json=as_json):
        from mediakit.drives.robot_folder import check_robot, jobs_of, status_of
        from mediakit.report.discs import jobs_doc, jobs_text
        from mediakit.report.json import to_json

        robot = robot_named(name, config)
        check_robot(robot)
        found = [(one, status_of(robot, one)) for one in ((job,) if job else jobs_of(robot))]
        sys.stdout.write(to_json(jobs_doc(robot, found)) if as_json else jobs_text(found))


@app.command("cancel")
def cancel(
    name: _Name,
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")],
    config: Config = None,
) -> None:
    """Ask a robot to stop a job; `robot status` shows whether it did."""
    with guarded("robot cancel"):
        from mediakit.drives.robot_folder import cancel as cancel_job

        cancel_job(robot_named(name, config), job)
        sys.stdout.write(f"asked the robot {name} to stop {job}\n")


def _robot(name: str, raw: object, file: Path) -> Robot:
    from mediakit.drives.robot import Robot, RobotKind
    from mediakit.profile.shape import shape_faults

    where = f"{file}, [robot.{name}]"
    try:
        row = msgspec.convert(raw, RobotRow)
    except msgspec.ValidationError as exc:
        faults = [fault.removeprefix("$: ").removeprefix("$.") for fault in shape_faults(raw, RobotRow)]
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(RobotRow))
        why = "; ".join(faults) or str(exc)
        raise UsageError("the robot is wrong", where=where, why=why, hint=f"known keys: {known}") from exc
    kind = RobotKind(row.kind)
    folder, images = (file.parent / Path(one).expanduser() for one in (row.folder, row.images))
    usual = folder / ("Status" if kind is RobotKind.PRIMERA else "TDBStatus.txt")
    return Robot(
        name=name,
        kind=kind,
        folder=folder,
        images=images,
        seen_as=row.seen_as or str(images),
        status=usual if row.status is None else file.parent / Path(row.status).expanduser(),
        label=row.label,
        publisher=row.publisher,
        wait_minutes=row.wait_minutes,
    )
