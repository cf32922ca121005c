"""What media may ask of the machine: every limit that guards against hostile bytes, with its reason.

The promise: whatever a medium of up to 300 MB holds, each command ends within 60 seconds and 600 MB, or stops
at one of these limits, names the file and the limit, and goes on with the rest. `docs/limits.md` tells users.
Values only; a limit of a protocol or of a table of the standard stands where it is used.
"""

from __future__ import annotations

#: Data elements and items of one file. The largest real instances, sparse slides of some hundred thousand
#: frames, have about three million. Passing over so many takes about three seconds.
MAX_ELEMENTS = 5_000_000
