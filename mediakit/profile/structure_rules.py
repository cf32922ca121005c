"""How an instance is encoded: lengths, order, VRs, nesting, the size of its pixel data (PS3.5 7, 8, A.4).

The header scan finds the breaches; here is what each is called, and whether writing the file again mends it.
"""

from __future__ import annotations

from collections.abc import Mapping

from mediakit.dicom.instance import Breach, Fault
from mediakit.findings import Finding, Rule, Severity, Where, tag_text

_AGAIN = "`--convert lossless` rewrites the instance with the missing byte; the original is unchanged"
_SENDER = "ask the system that made the file for a correct copy"

ODD_LENGTH = Rule(
    id="MK-PRO-071",
    severity=Severity.ERROR,
    title="the length of {tag} is odd",
    ref="PS3.5 7.1.1",
    hint=_AGAIN,
)
PART_OF_VALUE = Rule(
    id="MK-PRO-072",
    severity=Severity.ERROR,
    title="the length of {tag} is not a multiple of the length that its VR gives one value",
    ref="PS3.5 6.2",
    hint=_SENDER,
)
ODD_FRAGMENT = Rule(
    id="MK-PRO-073",
    severity=Severity.ERROR,
    title="the length of a fragment of {tag} is odd",
    ref="PS3.5 A.4",
    hint=_AGAIN,
)
ORDER = Rule(
    id="MK-PRO-074",
    severity=Severity.ERROR,
    title="{tag} is not in ascending order: it stands behind an element with a higher tag",
    ref="PS3.5 7.1",
    hint="`--convert lossless` rewrites the instance with its elements in order; the original is unchanged",
)
TWICE = Rule(
    id="MK-PRO-075",
    severity=Severity.ERROR,
    title="{tag} stands twice in one data set or item",
    ref="PS3.5 7.1",
    hint="it is impossible to know which of the two is right: " + _SENDER,
)
UNKNOWN_VR = Rule(
    id="MK-PRO-076",
    severity=Severity.ERROR,
    title="the VR of {tag} is none of the standard",
    ref="PS3.5 6.2",
    hint="readers cannot tell how long its value is: " + _SENDER,
)
NO_VR = Rule(
    id="MK-PRO-077",
    severity=Severity.ERROR,
    title="{tag} has no VR, in a transfer syntax that asks for one",
    ref="PS3.5 7.1.2",
    hint="many readers lose their way here: " + _SENDER,
)
PIXEL_VR = Rule(
    id="MK-PRO-085",
    severity=Severity.ERROR,
    title="the VR of {tag} is none that pixel data can have",
    ref="PS3.5 8",
    hint="many readers cannot show the image, or not even read the file: " + _SENDER,
)
NESTING = Rule(
    id="MK-PRO-078",
    severity=Severity.ERROR,
    title="the items of sequence {tag} do not add up: a length is wrong, or a delimiter is out of place",
    ref="PS3.5 7.5",
    hint="the sequence cannot be read to its end: " + _SENDER,
)
SHORT_PIXELS = Rule(
    id="MK-PRO-079",
    severity=Severity.ERROR,
    title="{tag} has fewer bytes than rows, columns, samples, bits and frames of the image ask for",
    ref="PS3.3 C.7.6.3.1.4",
    hint="a part of the image is missing, or its description is wrong: " + _SENDER,
)
LONG_PIXELS = Rule(
    id="MK-PRO-080",
    severity=Severity.WARNING,
    title="{tag} has more bytes than rows, columns, samples, bits and frames of the image ask for",
    ref="PS3.5 8.1.1",
    hint="most readers leave the rest out; Number of Frames may be wrong: compare it with the original",
)
FEW_FRAGMENTS = Rule(
    id="MK-PRO-086",
    severity=Severity.ERROR,
    title="{tag} has fewer fragments that hold bytes than the image has frames",
    ref="PS3.5 A.4",
    hint="frames are missing, or Number of Frames is wrong: " + _SENDER,
)
SECOND_FILE = Rule(
    id="MK-PRO-081",
    severity=Severity.ERROR,
    title="another DICOM file stands behind the last element: the file holds more than one instance",
    ref="PS3.10 7",
    hint="readers find the first instance alone: separate them, or ask the sender for two files",
)

_RULES: Mapping[Breach, Rule] = {
    Breach.ODD_LENGTH: ODD_LENGTH,
    Breach.PART_OF_VALUE: PART_OF_VALUE,
    Breach.ODD_FRAGMENT: ODD_FRAGMENT,
    Breach.ORDER: ORDER,
    Breach.TWICE: TWICE,
    Breach.UNKNOWN_VR: UNKNOWN_VR,
    Breach.NO_VR: NO_VR,
    Breach.PIXEL_VR: PIXEL_VR,
    Breach.NESTING: NESTING,
    Breach.SHORT_PIXELS: SHORT_PIXELS,
    Breach.LONG_PIXELS: LONG_PIXELS,
    Breach.FEW_FRAGMENTS: FEW_FRAGMENTS,
    Breach.SECOND_FILE: SECOND_FILE,
}
#: What writing the file again mends.
MENDED = frozenset({Breach.ODD_LENGTH, Breach.ODD_FRAGMENT, Breach.ORDER})


def finding_of(fault: Fault, path: str) -> Finding:
    """Return the finding that a fault of the encoding is."""
    where = Where(path=path, tag=fault.tag or None)
    return _RULES[fault.breach].at(where, **({"tag": tag_text(fault.tag)} if fault.tag else {}))
