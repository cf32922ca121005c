"""Icons for the directory records of profiles that require them (PS3.3 F.7, PS3.11 A and B)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from mediakit.dicom.instance import Instance
from mediakit.errors import SourceError
from mediakit.events import Advanced, Listener, PhaseEnded, PhaseStarted, silence
from mediakit.fileset.record import Key
from mediakit.fileset.record_types import RECORD_TYPE_OF
from mediakit.findings import Finding, Rule, Severity
from mediakit.profile.model import IconRule
from mediakit.stages.judge.prepare import Store

NO_ICON = Rule(
    id="MK-ICN-101",
    severity=Severity.ERROR,
    title="no icon can be made for its directory record: {why}",
    ref="PS3.3 F.7",
    hint="the profile requires an icon; choose a profile without icons",
)


class Icons(Struct, frozen=True, kw_only=True):
    """Icons by SOP Instance UID, and by index the instances for which none can be made."""

    icons: Mapping[str, Key]
    refused: Mapping[int, Finding]


def make_icons(
    instances: Sequence[Instance], rule: IconRule | None, store: Store, tell: Listener = silence
) -> Icons:
    """Make an icon for every instance whose directory record must have one.

    Optional icons are not made: readers need not use them, and they cost a decode of every instance.
    """
    if rule is None or not rule.required:
        return Icons(icons={}, refused={})
    icons: dict[str, Key] = {}
    refused: dict[int, Finding] = {}
    tell(PhaseStarted("icons", total=len(instances)))
    for index, instance in enumerate(instances):
        if RECORD_TYPE_OF.get(instance.sop_class) in rule.records:
            icon = _icon(instance, rule, store)
            if isinstance(icon, Key):
                icons[instance.sop_instance] = icon
            else:
                refused[index] = NO_ICON.at(why=icon)
        tell(Advanced())
    tell(PhaseEnded("icons"))
    return Icons(icons=icons, refused=refused)


def _icon(instance: Instance, rule: IconRule, store: Store) -> Key | str:
    from mediakit.dicom.pixels import NoGrayFrame, gray_frame  # noqa: PLC0415 - few profiles have icons
    from mediakit.fileset.icon import icon_key  # noqa: PLC0415

    try:
        with store.open(instance) as stream:
            frame = gray_frame(stream)
    except (SourceError, OSError) as exc:
        return str(exc)
    return frame.why if isinstance(frame, NoGrayFrame) else icon_key(frame, rule)
