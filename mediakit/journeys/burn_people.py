"""What makes the content for people of a burn, if there is to be any."""

from __future__ import annotations

from mediakit.events import Listener
from mediakit.journeys.burn_order import BurnOrder, Depth
from mediakit.stages.judge.prepare import Store
from mediakit.stages.plan.people import People
from mediakit.stages.plan.target import capacity_of


def people_of(order: BurnOrder, store: Store, tell: Listener) -> tuple[People, ...]:
    """Return the producer of the viewer and the pages of IHE PDI, or none."""
    if not order.people.is_anything:
        return ()
    return (
        People(
            wish=order.people,
            made=f"{order.when:%Y%m%d}",
            store=store,
            capacity=capacity_of(order.profile.medium, order.capacity),
            stored_size=int if order.envelope is None else order.envelope.sealed_size,
            is_rehearsal=order.depth is Depth.PLAN,
            tell=tell,
        ),
    )
