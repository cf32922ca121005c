"""What can be added to a medium: what no record of it has, and of patients whom it is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mediakit.dicom.instance import Instance
from mediakit.errors import SourceError
from mediakit.fileset.charset import place_of
from mediakit.fileset.survey import RecordLink
from mediakit.findings import Finding, Rule, Severity
from mediakit.outcome import State
from mediakit.stages.judge.prepare import Prepared
from mediakit.stages.look.closed import finding_on_failure
from mediakit.stages.look.fates import Fates
from mediakit.stages.look.media import Opener, data_set_digest
from mediakit.transfer.patient_identity import identities_of, shown_ids, two_people

ALREADY = Rule(
    id="MK-UPD-005",
    severity=Severity.NOTE,
    title="the medium has this SOP Instance already, with the same data set, as {file}",
    ref="PS3.5 9",
    hint="nothing needs to be done",
)
OTHER_ON_MEDIUM = Rule(
    id="MK-UPD-006",
    severity=Severity.ERROR,
    title="SOP Instance UID {uid} is also that of {file} on the medium, whose data set differs",
    ref="PS3.5 9",
    hint="find out which one is right; to replace that of the medium, say `--remove UID` too",
)
NAMED_WITHOUT_FILE = Rule(
    id="MK-UPD-007",
    severity=Severity.ERROR,
    title="the directory of the medium has a record of SOP Instance UID {uid} already, whose file is missing",
    ref="PS3.3 F.2.1",
    hint="say `--remove UID` too, which takes the old record away",
)
OTHER_PATIENT = Rule(
    id="MK-UPD-015",
    severity=Severity.ERROR,
    title="patients {ids} would be added to a medium of {held}",
    ref="PS3.3 C.7.1.1",
    hint="leave out what is not of the patients of the medium; or say `--all-patients` when it belongs there",
)


class Known:
    """The records that stay on a medium, with their files, and whether they hold what is to be added."""

    def __init__(self, kept: Sequence[RecordLink], opener: Opener) -> None:
        """Take what opens instances of the medium, of the sources, and converted ones."""
        self._opener = opener
        self._links = {link.reference.sop_instance: link for link in kept}
        held = [(link.file.instance, link) for link in kept if link.file and link.file.instance]
        self._links |= {instance.sop_instance: link for instance, link in held}

    def instances(self) -> list[Instance]:
        """Return the instances that stay."""
        return [link.file.instance for link in self._links.values() if link.file and link.file.instance]

    def new_of(self, instances: Sequence[Instance], fates: Fates) -> list[Instance]:
        """Return the instances that no record has; all others are settled in `fates`.

        One in another transfer syntax than that of the medium goes on too: it may be converted to the same.
        """
        new: list[Instance] = []
        for instance in instances:
            link = self._links.get(instance.sop_instance)
            held = None if link is None or link.file is None else link.file.instance
            if link is None or (held is not None and held.transfer_syntax != instance.transfer_syntax):
                new.append(instance)
            else:
                self._settle(instance, held, place_of(instance), fates)
        return new

    def without_known(self, prepared: Prepared, fates: Fates) -> Prepared:
        """Return what is left of prepared instances without those of the medium, which are settled."""
        known: dict[int, None] = {}
        for index, instance in enumerate(prepared.instances):
            link = self._links.get(instance.sop_instance)
            if link is not None:
                held = None if link.file is None else link.file.instance
                self._settle(instance, held, prepared.place_of(instance), fates)
                known[index] = None
        return prepared.without(known)

    def _settle(self, instance: Instance, held: Instance | None, place: str, fates: Fates) -> None:
        uid = instance.sop_instance
        if held is None:
            fates.settle(place, State.REFUSED, NAMED_WITHOUT_FILE.at(uid=uid), sop_instance=uid)
            return
        try:
            is_same = data_set_digest(self._opener, held) == data_set_digest(self._opener, instance)
        except (SourceError, OSError) as exc:
            fates.settle(place, State.UNREADABLE, finding_on_failure(exc), sop_instance=uid)
            return
        if is_same:
            fates.settle(place, State.ALREADY_THERE, ALREADY.at(file=held.path), sop_instance=uid)
        else:
            fates.settle(place, State.REFUSED, OTHER_ON_MEDIUM.at(uid=uid, file=held.path), sop_instance=uid)


def mixed_up(new: Sequence[Instance], held: Sequence[Instance]) -> Iterator[Finding]:
    """Yield what speaks against putting these instances beside those that the medium holds.

    A patient who is not on it yet, when it has one; and different people below one Patient ID.
    """
    old, both = identities_of(held), identities_of([*held, *new])
    known_ids = {identity.patient_id for identity, _ in old}
    strangers = [each for each in both if each[0].patient_id not in known_ids]
    if strangers and len({identity.patient_id for identity, _ in both}) > 1:
        yield OTHER_PATIENT.at(ids=shown_ids(strangers), held=shown_ids(old) if old else "nobody")
    told = {(finding.rule, finding.detail) for finding in two_people(old)}
    for finding in two_people(both):
        if (finding.rule, finding.detail) not in told:
            yield finding
