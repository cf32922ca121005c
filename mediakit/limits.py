"""What media may ask of the machine: every limit that guards against hostile bytes, with its reason.

The promise: whatever a medium of up to 300 MB holds, each command ends within 60 seconds and 600 MB, or stops
at one of these limits, names the file and the limit, and goes on with the rest. `docs/limits.md` tells users.
Values only; a limit of a protocol or of a table of the standard stands where it is used.
"""

from __future__ import annotations

#: Data elements and items of one file. The largest real instances, sparse slides of some hundred thousand
#: frames, have about three million. Passing over so many takes about three seconds.
MAX_ELEMENTS = 5_000_000

#: Elements of one file that are in no sequence: they are held one by one when it is converted. The dictionary
#: has some five thousand.
MAX_TOP_LEVEL = 100_000

#: Directory records of one DICOMDIR. The largest media have some hundred thousand; so many take some 450 MB.
MAX_RECORDS = 500_000

#: Members of an archive that are compressed more than REAL_RATIO to 1 may unpack to MAX_CLAIMED_BYTES in all;
#: so may the deflated data sets of a medium. Images come down to a tenth, empty masks to a thousandth: a
#: gigabyte of these is more than any medium had, and takes some ten seconds to unpack.
REAL_RATIO = 100
MAX_CLAIMED_BYTES = 1 << 30

#: Files of an image may share their bytes: writers let equal files lie in one place. What is shared is read
#: again for each of them: up to so many times the size of the image, which no honest one comes near.
MAX_SHARED = 3

#: Parts of a MIME message, and parts that have parts themselves; the head of a part. Mail
#: that passed many servers has heads of some 50 KB.
MAX_PARTS = 500_000
MAX_MULTIPARTS = 1000
MAX_HEAD_BYTES = 256 << 10

#: What a member compressed by LZMA may ask for as memory: the most that common archivers write.
MAX_DICTIONARY_BYTES = 64 << 20

#: One deflated data set. It is in memory, twice, while it is converted.
MAX_INFLATED_BYTES = 256 << 20

#: Bytes of one file that a scan reads. Pixel data are passed over, and what is nested is read in pieces.
MAX_SCANNED_BYTES = 64 << 20

#: A file that is converted is in memory as it lies there.
MAX_CONVERTED_BYTES = 4 << 30

#: One decoded frame. A codec holds it two to four times; the largest real ones, panoramas, have some 100 MB.
MAX_FRAME_BYTES = 128 << 20

#: All decoded frames of an image: what Pixel Data can hold. They are kept in a temporary file.
MAX_DECODED_BYTES = (4 << 30) - 2

#: Above FREE_DECODED_BYTES, frames may be this many times as large as their codestreams. Lossy images reach
#: some 50, lossless ones 10; only images without a picture reach more.
FREE_DECODED_BYTES = 64 << 20
MAX_DECODED_RATIO = 300

#: An image or document of another kind that becomes an instance: its file, and its decoded pixels; its pages.
MAX_WRAPPED_BYTES = 128 << 20
MAX_WRAPPED_PAGES = 2000

#: A manifest that is read: some 600,000 files. So many lines of it that are none, and it is not read further.
MAX_MANIFEST_BYTES = 64 << 20
MAX_BAD_LINES = 1000

#: A page, or the index of a viewer, that is looked at to know whether mediakit made it. The index of 5,000
#: series with thumbnails has some 25 MB.
MAX_PAGE_BYTES = 64 << 20

#: Memory of the process that decodes frames, in bytes of data.
MAX_CODEC_BYTES = 512 << 20

#: How long a codec may take for one frame; the largest real ones take some five seconds. The time is halved
#: with each frame that exceeds it, so that a medium full of them does not take hours.
FRAME_TIMEOUT_S = 30.0
LEAST_FRAME_TIMEOUT_S = 2.0

#: Frames of a medium that its viewer has a row for. A row takes about a kilobyte; a medium full of CT has
#: some ten thousand, slides have some hundred thousand tiles.
MAX_VIEWER_ROWS = 300_000

#: Numbers (lengths of runs, coordinates) of one overlay in the viewer, some 10 MB. A segmentation of 1,000
#: slices has some 500,000, a structure set of a whole body some 1,000,000.
MAX_OVERLAY_NUMBERS = 2_000_000

#: Comparisons with images that one overlay may take: some seconds.
MAX_OVERLAY_STEPS = 2_000_000

#: Associations that `--jobs auto` may have at once. Few archives take more from one sender.
MAX_AUTO_ASSOCIATIONS = 16

#: What these may hold in memory beside what one would hold: each has an instance under way, and the next.
MAX_LOADED_BYTES = 256 << 20
