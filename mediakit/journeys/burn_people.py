"""What makes the content for people of a burn, if there is to be any."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypedDict

from mediakit.events import Listener
from mediakit.fileset.for_people import INDEX, VIEWER, WEB
from mediakit.formats.envelope import stored_size_for
from mediakit.journeys.burn_order import BurnOrder, Depth
from mediakit.stages.judge.prepare import Store
from mediakit.stages.plan.people import Choice, People
from mediakit.stages.plan.target import capacity_of


def people_of(order: BurnOrder, store: Store, tell: Listener) -> tuple[People, ...]:
    """Return the producer of the viewer and the pages of IHE PDI, or none."""
    if not order.people.is_anything:
        return ()
    return (
        People(
            wish=order.people,
            made=f"{order.when:%Y%m%d}",
            has_manifest=order.has_manifest,
            store=store,
            capacity=capacity_of(order.profile.medium, order.capacity),
            stored_size=stored_size_for(order.envelope),
            is_rehearsal=order.depth is Depth.PLAN,
            tell=tell,
        ),
    )


class ViewerFigures(TypedDict, total=False):
    """The figures of a burn that tell of the viewer; see `BurnFigures`."""

    viewer: str
    viewer_bytes: int
    viewer_full_bytes: int | None
    viewer_preview_bytes: int | None
    viewer_left_out: str | None


def viewer_figures(choices: Sequence[Choice]) -> ViewerFigures:
    """Return what the figures of a burn say of its viewer, over all media."""
    if not choices:
        return {}
    return {
        "viewer": ", ".join(dict.fromkeys(one.viewer.value for one in choices)),
        "viewer_bytes": sum(one.size_bytes for one in choices),
        "viewer_full_bytes": _total([one.full_bytes for one in choices]),
        "viewer_preview_bytes": _total([one.preview_bytes for one in choices]),
        "viewer_left_out": next((one.why for one in choices if one.why), None),
    }


def _total(sizes: Sequence[int | None]) -> int | None:
    """Return the sum, None when one of them is not known."""
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def pages_among(paths: Iterable[str]) -> tuple[str, bool]:
    """Return what PDI has on the label of a medium with these files, and whether a viewer is among them.

    Source: IHE RAD TF-3 4.47, "DICOM ONLY" or "DICOM PLUS WEB".
    """
    folded = [path.upper() for path in paths]
    has_viewer = any(path.startswith(VIEWER) for path in folded)
    has_pages = has_viewer or any(path == INDEX or path.startswith(WEB) for path in folded)
    return "DICOM PLUS WEB" if has_pages else "DICOM ONLY", has_viewer
