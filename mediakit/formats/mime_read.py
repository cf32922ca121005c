"""A MIME message as a `Tree`: every part that is no multipart is a file, also those of foreign mail.

Source: PS3.12 Annex K, RFC 2046, RFC 3240. A path is the `id` of a part, else its Content-Location, its file
name, or "part-N". Parts of a mail that a person wrote (its text) are files as well: nothing is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from mediakit.errors import SourceError
from mediakit.findings import printable
from mediakit.formats.base import Node, NodeKind, TreeFacts
from mediakit.formats.distinct import DistinctPaths
from mediakit.formats.mime_coding import KNOWN, PLAIN, Measured, decoded_stream, measured
from mediakit.formats.mime_head import MAIL, PARTIAL, SMIME, Head
from mediakit.formats.mime_scan import Part, Scan, parts_of
from mediakit.formats.readable import Extent, Gaps, Image
from mediakit.formats.zipfmt import above
from mediakit.volume import MAX_EXAMPLES, Damage, MimeVolume

_DICOM: Final = "application/dicom"
_DIRECTORY = "DICOMDIR"
_MAX_DEPTH = 64
_ELSEWHERE = frozenset({PARTIAL, "message/external-body"})
_MAILS = frozenset({MAIL, "message/global"})
_EXTENSIONS = {"text/plain": ".txt", "text/html": ".htm", _DICOM: ".dcm", "application/pdf": ".pdf"}
_REFUSED = {
    PARTIAL: ("is one part of a message in several", "join the parts first: mail programs do so"),
    **dict.fromkeys(
        SMIME,
        (
            "is an encrypted or signed message (S/MIME)",
            "decrypt it first, with your mail program or `openssl cms`",
        ),
    ),
}


class MimeTree:
    """A message as a `Tree`. Names are kept as they stand and mean nothing to the file system."""

    def __init__(self, path: Path, gaps: Gaps | None = None) -> None:
        """Open the message and find its parts. Raises SourceError."""
        self._image = Image(path, gaps)
        self._files: dict[str, tuple[Node, Part]] = {}
        self._folders: dict[str, None] = {}
        odd = _Odd()
        scan = Scan()
        try:
            parts = tuple(parts_of(self._image, scan))
            if refused := _REFUSED.get(scan.kind):
                raise SourceError(refused[0], where=str(path), hint=refused[1])
            if scan.kind == "text/plain" and scan.damage and not any(part.head.path for part in parts):
                raise SourceError(
                    f"is a message of which nothing was found: {scan.damage[0].what}",
                    where=str(path),
                    hint="save the files of the message with a mail program",
                )
            if scan.kind == "text/plain" and not any(part.head.path for part in parts):
                raise SourceError("is not a message with files", where=str(path))
            self._nodes = tuple(self._index(parts, odd, scan))
        except BaseException:
            self._image.close()
            raise
        volume = MimeVolume(
            kind=scan.kind,
            depth=1 + max((folder.count("/") + 1 for folder in self._folders), default=0),
            is_truncated=scan.is_cut_off,
            other_types=tuple(odd.other_types),
            without_id=tuple(odd.without_id),
            misnamed=tuple(odd.misnamed),
            unsafe=tuple(odd.unsafe),
            doubled=tuple(odd.doubled),
            rooted=tuple(odd.rooted),
        )
        self.facts = TreeFacts(
            format="mime",
            size_bytes=self._image.size,
            damage=tuple(scan.damage),
            volume=volume,
            volumes=(volume,),
        )

    def walk(self) -> Iterator[Node]:
        """Yield the parts in their order."""
        return iter(self._nodes)

    def folders(self) -> Iterator[str]:
        """Yield every folder that is part of a name."""
        return iter(self._folders)

    def open(self, node: Node) -> BinaryIO:
        """Open a part. Raises SourceError."""
        known = self._files.get(node.path)
        if known is None or node.kind is not NodeKind.FILE:
            raise SourceError("no such file in the message", where=printable(node.path))
        found, part = known
        return decoded_stream(self._image, _extent(part), part.head.encoding, found.size)

    def find(self, path: str) -> Node | None:
        """Return the part of exactly this path, or None."""
        known = self._files.get(path)
        return None if known is None else known[0]

    def extents(self, node: Node) -> Sequence[Extent]:
        """Return where the text of a part lies; see `Tree`."""
        known = self._files.get(node.path)
        if known is None:
            raise SourceError("no such file in the message", where=printable(node.path))
        return (_extent(known[1]),)

    def close(self) -> None:
        """Close the message."""
        self._image.close()

    def _index(self, parts: tuple[Part, ...], odd: _Odd, scan: Scan) -> Iterator[Node]:
        names = [part.head.path or _made_up(part.head, number) for number, part in enumerate(parts, 1)]
        paths = DistinctPaths(names)
        seen: set[str] = set()
        for name, part in zip(names, parts, strict=True):
            slashed = name.replace("\\", "/")
            found, why = self._measured(part)
            is_deep = slashed.count("/") > _MAX_DEPTH
            if is_deep:
                why = why or "it lies too deep"
            else:
                self._folders.update(dict.fromkeys(above(slashed)))
            kind = NodeKind.UNREADABLE if why else NodeKind.FILE
            if part.head.encoding not in KNOWN:
                kind, why = NodeKind.PACKED, f"transfer encoding {part.head.encoding[:40]} is not known"
            also = () if slashed == name else (slashed,)
            node = paths.shown(Node(name, found.size, kind, why, also))
            lost = "" if why else _lost(part.head, found)
            scan.damage.extend(Damage(node.path, what) for what in (found.rest, lost) if what)
            odd.remember(name, part, found, is_second=name in seen)
            seen.add(name)
            if kind is NodeKind.FILE:
                self._files[node.path] = node, part
            yield node

    def _measured(self, part: Part) -> tuple[Measured, str]:
        """Return the size of a part, and why it cannot be read: what was sent is not all there."""
        if part.head.encoding not in KNOWN:
            return Measured(part.end - part.start), ""
        try:
            found = measured(self._image, _extent(part), part.head.encoding)
        except (OSError, SourceError) as exc:
            return Measured(0), getattr(exc, "strerror", "") or str(exc)
        if part.is_ended or found.is_complete:
            return found, found.why
        return found, found.why or "it is cut off: the message ends in it"


@dataclass(slots=True)
class _Odd:
    """What PS3.12 K does not allow, the first few of each kind."""

    other_types: list[str] = field(default_factory=list)
    without_id: list[str] = field(default_factory=list)
    misnamed: list[str] = field(default_factory=list)
    unsafe: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    rooted: list[str] = field(default_factory=list)

    def remember(self, path: str, part: Part, found: Measured, *, is_second: bool) -> None:
        """Note what is odd with a part."""
        head = part.head
        file_id = head.parameters.get("id", "")
        is_dicom = found.start[128:] == b"DICM"
        slashed = path.replace("\\", "/")
        for examples, is_odd in (
            (self.other_types, is_dicom and head.kind != _DICOM),
            (self.without_id, is_dicom and head.kind == _DICOM and not file_id),
            (self.misnamed, is_dicom and bool(file_id) and not _is_named(head, file_id)),
            (self.unsafe, is_dicom and head.encoding in PLAIN - {"binary"}),
            (self.doubled, is_second),
            (self.rooted, slashed[:1] == "/" or slashed[1:2] == ":" or ".." in slashed.split("/")),
        ):
            if is_odd and len(examples) < MAX_EXAMPLES:
                examples.append(path)


def _lost(head: Head, found: Measured) -> str:
    """Return why a part that can be read does not bring what its head says, "" when it does."""
    if head.kind in _ELSEWHERE:
        return "its content is not in this message"
    if head.kind in _MAILS:
        return "it is a mail that was not taken apart, files in it are missing; save it and read it alone"
    if head.kind == _DICOM and found.start[128:] != b"DICM":
        return "it is declared as DICOM and does not begin as DICOM; its transfer encoding may be wrong"
    return ""


def _is_named(head: Head, file_id: str) -> bool:
    """Return True when `name` is what K asks for; for the DICOMDIR it is left open."""
    if file_id == _DIRECTORY:
        return True
    return head.parameters.get("name", "") == f"{file_id.rpartition('/')[2]}.dcm"


def _made_up(head: Head, number: int) -> str:
    return f"part-{number}{_EXTENSIONS.get(head.kind, '')}"


def _extent(part: Part) -> Extent:
    return part.start, part.end - part.start
