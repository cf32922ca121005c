"""Icons for the directory records of profiles that require them (PS3.3 F.7, PS3.11 A and B)."""

from __future__ import annotations

from collections.abc import Mapping

from mediakit.dicom.instance import Instance
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.record import Key
from mediakit.fileset.record_types import RECORD_TYPE_OF
from mediakit.findings import Rule, Severity
from mediakit.journeys.fates import Fates
from mediakit.journeys.prepare import Ready, Store
from mediakit.profile.model import IconRule

NO_ICON = Rule(
    id="MK-ICN-101",
    severity=Severity.ERROR,
    title="no icon can be made for its directory record: {why}",
    ref="PS3.3 F.7",
    hint="the profile requires an icon; choose a profile without icons",
)


def make_icons(
    ready: Ready, rule: IconRule | None, store: Store, book: Fates, tell: Listener = silence
) -> Mapping[str, Key]:
    """Return an icon for every instance whose directory record must have one, by SOP Instance UID.

    An instance for which none can be made is refused in the book and leaves `ready`. Optional icons are
    not made: readers need not use them, and they cost a decode of every instance.
    """
    if rule is None or not rule.required:
        return {}
    icons: dict[str, Key] = {}
    tell(PhaseStarted("icons", total=len(ready.instances)))
    for instance in tuple(ready.instances):
        if RECORD_TYPE_OF.get(instance.sop_class) in rule.records:
            icon = _icon(instance, rule, store)
            if isinstance(icon, Key):
                icons[instance.sop_instance] = icon
            else:
                place = ready.places[instance.sop_instance]
                book.refuse(place, (NO_ICON.at(why=icon),), sop_instance=instance.sop_instance)
                ready.instances.remove(instance)
        tell(Advanced())
    tell(PhaseEnded("icons"))
    return icons


def _icon(instance: Instance, rule: IconRule, store: Store) -> Key | str:
    from mediakit.dicom.pixels import NoGrayFrame, gray_frame  # noqa: PLC0415 - few profiles have icons
    from mediakit.fileset.icon import icon_key  # noqa: PLC0415

    try:
        with store.open(instance) as stream:
            frame = gray_frame(stream)
    except (SourceError, OSError) as exc:
        return str(exc)
    return frame.why if isinstance(frame, NoGrayFrame) else icon_key(frame, rule)
