"""A burn or an update as text for a person: its plan, its media, its summary. Pure: the caller prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mediakit.fileset.for_people import VIEWER
from mediakit.fileset.plan import FileSetPlan
from mediakit.findings import printable
from mediakit.outcome import Result
from mediakit.report.next_step import after_burn, outcome_line, step_after, step_line
from mediakit.report.text import LISTED, listed, many, size_text

if TYPE_CHECKING:  # what is shown is made by the journey
    from mediakit.journeys.burn_order import Burnt, BurntMedium
    from mediakit.journeys.update_order import Updated


def burn_text(burnt: Burnt | Updated, *, everything: bool = False) -> str:
    """Return the summary of a burn: what became of the files, the figures, what to do, and the outcome."""
    result = burnt.result
    figures = result.figures
    lines = [printable(f"{figures.get('profile', '')}  {figures.get('target', '')}".strip())]
    lines += listed(result, everything=everything)
    if "patients" in figures:
        lines.append(f"  patients   {figures['patients']:,}")
    if "needs_bytes" in figures:
        lines.append(_capacity_line(result))
    if viewer := viewer_text(result):
        lines.append(f"  viewer     {viewer}")
    lines += [f"  medium     {medium_line(one)}" for one in burnt.media]
    lines += _missing_lines(figures)
    if proof := figures.get("proof"):
        lines.append(f"  proof      {proof}")
    lines.append(step_line(step_after(result, is_rehearsal=burnt.is_rehearsal)))
    lines.append(outcome_line(result))
    return "\n".join(lines) + "\n"


def _missing_lines(figures: Mapping[str, str | int | float]) -> list[str]:
    """Return what was wrong with an updated medium before, and what still is; nothing when it was whole."""
    before, unlisted = figures.get("missing_before", 0), figures.get("unlisted", 0)
    lines = [f"  missing    {before:,} before, {figures['missing_after']:,} after"] if before else []
    return [*lines, f"  unlisted   {unlisted:,}, not named by the directory"] if unlisted else lines


def image_text(result: Result) -> str:
    """Return the summary of an image that was put on a medium."""
    figures = result.figures
    lines = [printable(f"{figures['source']} -> {figures['target']}")]
    lines += [f"  {name:<10} {figures[name]}" for name in ("profile", "copies", "proof") if figures.get(name)]
    lines += [step_line(after_burn(result, is_rehearsal=False)), outcome_line(result)]
    return "\n".join(lines) + "\n"


def _capacity_line(result: Result) -> str:
    needs = int(result.figures["needs_bytes"])
    holds = int(result.figures.get("capacity_bytes", 0))
    medium = result.figures.get("medium", "")
    media = int(result.figures.get("media", 1))
    if media > 1:
        return f"  size       {size_text(needs)} on {media} times {medium} of {size_text(holds)}"
    limit = f" of {size_text(holds)}" if holds else ""
    return f"  size       {size_text(needs)}{limit} on {medium}"


def viewer_text(result: Result) -> str:
    """Return which images for browsers were chosen, and what either form takes; "" when none were wanted."""
    figures = result.figures
    if "viewer" not in figures:
        return ""
    sizes = {name: figures.get(f"viewer_{name}_bytes") for name in ("full", "preview")}
    about = ", ".join(
        f"{name} about {size_text(int(size))}" for name, size in sizes.items() if size is not None
    )
    chosen = str(figures["viewer"])
    if why := figures.get("viewer_left_out"):
        return printable(f"{chosen}: {why}" + (f" ({about})" if about else ""))
    taken = figures["viewer_bytes"]
    is_estimate = taken in sizes.values() or chosen == "none"
    head = chosen if is_estimate else f"{chosen}, {size_text(int(taken))}"
    return f"{head} ({about})" if about else head


def update_plan_text(plan: FileSetPlan, removed: Sequence[str], *, everything: bool) -> str:
    """Return what an update is going to do: a line for each file that comes or goes, and how many stay."""
    lines = [f"+ {file.file_id}  {size_text(file.size)}  {file.instance.sop_instance}" for file in plan.files]
    lines += [f"- {printable(path)}" for path in removed]
    left_out = 0 if everything else max(0, len(lines) - LISTED)
    shown = lines[: len(lines) - left_out]
    if left_out:
        shown.append(f"  ... and {left_out:,} more (`-v` lists all)")
    stay = sum(one.is_stored for one in plan.extra)
    counts = f"{len(plan.files):,} to add, {len(removed):,} to remove, {stay:,} stay as they are"
    counts += ", viewer, pages or manifest made again" if stay < len(plan.extra) else ""
    return "\n".join([f"plan: {counts}", *shown, ""])


def medium_line(medium: BurntMedium) -> str:
    """Return what one of several media holds: "disc-1of3.iso  640.1 MB, 2 patients, 812 instances"."""
    holds = f"{size_text(medium.needs_bytes)}, {many(medium.patients, 'patient', 'patients')}"
    return f"{printable(medium.target)}  {holds}, {many(medium.instances, 'instance', 'instances')}"


def plan_text(planned: FileSetPlan) -> str:
    """Return the plan of a medium: one line per file with File ID, size and source."""
    lines = [f"DICOMDIR  {size_text(len(planned.dicomdir))}  {planned.directory.file_set_id}".rstrip()]
    lines += [
        f"{file.file_id}  {size_text(file.size)}  {file.instance.sop_instance}" for file in planned.files
    ]
    # the files of the viewer are many, and not told one by one
    viewer = [extra.size for extra in planned.extra if extra.path.startswith(VIEWER)]
    others = [extra for extra in planned.extra if not extra.path.startswith(VIEWER)]
    lines += [f"{printable(extra.path)}  {size_text(extra.size)}" for extra in others]
    lines += [f"{VIEWER}  {size_text(sum(viewer))} for browsers"] if viewer else []
    return "\n".join([*lines, ""])
