"""What an import finds on a medium before anything is sent."""

from __future__ import annotations

from mediakit.findings import Rule, Severity

MISSING = Rule(
    id="MK-IMP-001",
    severity=Severity.ERROR,
    title="the directory names {what}, which is not on the medium and cannot be imported",
    ref="PS3.3 F.2.1",
    hint="ask the sender for a new copy; `--resume` with it fills the gap",
)
UNREADABLE = Rule(
    id="MK-IMP-002",
    severity=Severity.ERROR,
    title="cannot be read as an instance ({why})",
    ref="PS3.10 7",
    hint="try another drive or ask the sender for a new copy; `--resume` with it fills the gap",
)
UNREFERENCED = Rule(
    id="MK-IMP-003",
    severity=Severity.WARNING,
    title="the directory does not list {count:instance|instances}, first {path}; they are imported anyway",
    ref="PS3.3 F.2.1",
    hint="`--only-directory` leaves them out",
)
NOT_ASKED_FOR = Rule(
    id="MK-IMP-004",
    severity=Severity.NOTE,
    title="no directory record references it, and `--only-directory` was given",
    ref="PS3.3 F.2.1",
    hint="without `--only-directory` it is imported too",
)
CONFLICT = Rule(
    id="MK-IMP-005",
    severity=Severity.ERROR,
    title="SOP Instance UID {uid} is also that of {other}, whose data set differs",
    ref="PS3.5 9",
    hint="find out which one is right: `mediakit diff` and `mediakit inspect --json` show them",
)
NO_DIRECTORY = Rule(
    id="MK-IMP-006",
    severity=Severity.WARNING,
    title="there is no readable DICOMDIR: it is impossible to know whether any images are missing",
    ref="PS3.10 8.6",
    hint="compare the number of images with the letter or the sender's word",
)
CONTRADICTION = Rule(
    id="MK-IMP-007",
    severity=Severity.WARNING,
    title="the directory contradicts {count:of its files|of its files}, first {path}; the files are trusted",
    ref="PS3.3 F.3.2.2",
    hint="`mediakit validate` says how they differ",
)
ARCHIVES = Rule(
    id="MK-IMP-008",
    severity=Severity.WARNING,
    title="{count:archive or image of a medium was|archives or images of media were} not opened, first "
    "{path}",
    ref="PS3.10 8.6",
    hint="they may hold instances: give a ZIP file or an image by itself; unpack other archives (7z, tar) "
    "first, and give the folder",
)
DAMAGED_DIRECTORY = Rule(
    id="MK-IMP-009",
    severity=Severity.WARNING,
    title="the directory could not be read whole ({why}): it is impossible to know "
    "whether any images are missing",
    ref="PS3.10 8.6",
    hint="compare the number of images with the letter or the sender's word",
)
FAULTY_DIRECTORY = Rule(
    id="MK-IMP-040",
    severity=Severity.WARNING,
    title="the directory has an error and was read anyway: {why}",
    ref="PS3.10 8.6",
    hint="`mediakit validate` lists everything that is wrong with it",
)
TWO_PATIENTS = Rule(
    id="MK-IMP-043",
    severity=Severity.WARNING,
    title="study {uid} belongs to {count:patient|patients} on this medium",
    ref="PS3.3 A.1.2",
    hint="find out whose study it is: the destination may show the images of one under the name of the other",
)
TWO_STUDIES = Rule(
    id="MK-IMP-044",
    severity=Severity.WARNING,
    title="series {uid} is in {count:study|studies} on this medium",
    ref="PS3.3 A.1.2",
    hint="the destination may keep it in one of them only: ask the sender which is right",
)
OTHER_THERE = Rule(
    id="MK-IMP-041",
    severity=Severity.ERROR,
    title="the directory names instance {uid} in {path}, but that file holds another instance: it is missing",
    ref="PS3.3 F.3.2.2",
    hint="ask the sender for a new copy; `--resume` with it fills the gap",
)
DIRECTORY = Rule(
    id="MK-IMP-030",
    severity=Severity.NOTE,
    title="the directory of a medium is not sent: it is not an instance that a destination could store",
    ref="PS3.10 8.6",
    hint="nothing needs to be done: the instances that it names are sent",
)
DUPLICATE_UNREADABLE = Rule(
    id="MK-IMP-032",
    severity=Severity.ERROR,
    title="cannot be read to its end ({why}); {other}, which has the same SOP Instance UID, was used",
    ref="PS3.10 7",
    hint="whether both are the same cannot be told: `--resume` with another copy of the medium compares them",
)
