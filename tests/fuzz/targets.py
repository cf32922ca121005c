"""What is fuzzed: each reader of bytes that come from others, with good inputs to begin with.

The invariant, for every target: on any bytes the code returns, or raises the error that is documented for it,
within bounded time and memory. `udf-sound` makes the checksums of UDF right again, else nothing deep is
reached.
"""

from __future__ import annotations

import binascii
import io
import struct
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path

from mediakit.cli.config import profile_paths
from mediakit.cli.deidentify import Deidentifying
from mediakit.cli.named import named_destinations
from mediakit.cli.robots import robots
from mediakit.destinations.bounded_http import Reply
from mediakit.destinations.multipart import NotMultipart, boundary_of, parts_of
from mediakit.destinations.stow import answer_of, denies_service
from mediakit.dicom.commitment import CommitmentRequest, Reference, read_report, read_request, request_set
from mediakit.dicom.header import Scanner
from mediakit.dicom.identifier import Unintelligible, read_data_set, values_of, written_data_set
from mediakit.dicom.image import RLE
from mediakit.dicom.media_creation import Missing, read_creation, read_start
from mediakit.dicom.transcode import Transcoded, transcode
from mediakit.dicom.uids import EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN
from mediakit.errors import SourceError, UsageError
from mediakit.extras.paper.template import load_cover, load_label
from mediakit.fileset.contents import contents_of
from mediakit.fileset.decode import decode
from mediakit.formats.base import NodeKind, Tree
from mediakit.formats.registry import TREES, open_tree
from mediakit.formats.rescue_map import parse_map
from mediakit.formats.udf_tags import BLOCK, Tag
from mediakit.journeys.migrate_sources import discs_of, first_of
from mediakit.network.acceptor import Acceptor
from mediakit.network.association import Association
from mediakit.network.machine import State
from mediakit.network.pdu import encode
from mediakit.network.upper_layer import AssociationAsked
from mediakit.profile.load import check_file, load_profile
from mediakit.rules.check import RuleSet
from mediakit.rules.every import judge_medium
from mediakit.secure.opening import Opener, described
from mediakit.stages.look.media import look as survey
from mediakit.transfer.mapping import format_map
from mediakit.transfer.mapping import parse_map as parse_patients
from tests.properties.test_mime_properties import SEED as MAIL
from tests.support.fault_http import stow_response
from tests.support.media import a_small_medium, write
from tests.support.secure import BY_PASSPHRASE, by_certificate, sealed, sealer
from tests.support.studies import CR, CT_1, CT_2, SAMPLES, burnt_to
from tests.support.upper_layers import acceptance
from tests.unit.test_multipart import body_of
from tests.unit.test_network_acceptor import ANSWER, STORE
from tests.unit.test_network_acceptor import REQUEST as ASKED
from tests.unit.test_network_association import REQUEST, answer
from tests.unit.test_profile_load_faults import SOUND
from tests.unit.test_rescue_map import OF_DDRESCUE, SMALL

_PLACE = Path(tempfile.mkdtemp(prefix="mediakit-fuzz-")) / "image"
_READ_BYTES = 1 << 20
_FILES = 200
_PROFILE = load_profile("STD-GEN-CD")
_TAGS = frozenset(Tag)


def _decode(content: bytes) -> None:
    decoded = decode(content)
    assert sum(1 for _ in decoded.directory.walk()) <= len(content)
    for finding in decoded.findings:
        assert finding.text


def _header(content: bytes) -> None:
    Scanner().read(io.BytesIO(content), len(content), "", "x")


def _tree(kind: str) -> Callable[[bytes], None]:
    def run(content: bytes) -> None:
        _PLACE.write_bytes(content)
        module, _, name = TREES[kind].partition(":")
        try:
            tree: Tree = getattr(import_module(module), name)(_PLACE)
        except SourceError:
            return
        try:
            _read(tree)
        finally:
            tree.close()

    return run


def _udf_sound(content: bytes) -> None:
    held = bytearray(content)
    for block in range(0, len(held), BLOCK):
        at = block
        while at + 16 <= len(held) and held[at + 2] in {2, 3}:
            tag, size = struct.unpack_from("<H8xH", held, at)
            end = at + 16 + size
            if tag not in _TAGS or end > len(held):
                break
            struct.pack_into("<H", held, at + 8, binascii.crc_hqx(bytes(held[at + 16 : end]), 0))
            held[at + 4] = (sum(held[at : at + 16]) - held[at + 4]) & 0xFF
            if tag != Tag.FILE_IDENTIFIER:  # these follow one another without gaps
                break
            at = end + -end % 4
    _tree("udf")(bytes(held))


def _read(tree: Tree) -> None:
    sum(1 for _ in tree.folders())
    for number, node in enumerate(tree.walk()):
        if number >= _FILES or node.kind is not NodeKind.FILE:
            continue
        assert tree.find(node.path) is not None
        try:
            with tree.open(node) as stream:
                assert len(stream.read(_READ_BYTES)) <= _READ_BYTES
        except (SourceError, OSError):
            continue


def _medium(content: bytes) -> None:
    _PLACE.write_bytes(content)
    try:
        tree = open_tree(_PLACE)
    except SourceError:
        return
    try:
        seen = survey(tree, "medium", Scanner())
    finally:
        tree.close()
    contents_of(seen)
    for _, finding in judge_medium(seen, _PROFILE, frozenset(RuleSet)):
        assert finding.text


def _pdus(*, takes_requests: bool) -> Callable[[bytes], None]:
    def run(content: bytes) -> None:
        association = Association(REQUEST, takes_requests=takes_requests)
        association.connected()
        association.to_send()
        association.receive(content)
        association.to_send()

    return run


def _acceptor(content: bytes) -> None:
    acceptor = Acceptor()
    end = len(encode(ASKED))
    for part in (content[:end], content[end:]):
        for indication in acceptor.receive(part):
            if isinstance(indication, AssociationAsked) and acceptor.state is State.STA3:
                with suppress(ValueError):  # it is no answer to what was made of the request
                    acceptor.accept(ANSWER)
    acceptor.to_send()


def _multipart(content: bytes) -> None:
    head, _, body = content.partition(b"\n")
    try:
        boundary = boundary_of(head.decode("latin-1"))
        got = sum(1 for _ in parts_of(iter([body[:100], body[100:]]), boundary))
    except NotMultipart:
        return
    assert got <= len(content) + 1


def _cms(content: bytes) -> None:
    for keys in (by_certificate(), BY_PASSPHRASE):
        opener = Opener(keys)
        try:
            described(io.BytesIO(content), len(content))
            opener.look(io.BytesIO(content), len(content))
            with opener.unseal(io.BytesIO(content), len(content)) as stream:
                assert len(stream.read()) <= len(content)
        except (SourceError, OSError):
            continue


def _profile(content: bytes) -> None:
    for fault in check_file(_file(content, ".toml")):
        assert fault


def _map(content: bytes) -> None:
    try:
        parse_map(content)
    except SourceError:
        return


def _settings(*read: Callable[[Path], object]) -> Callable[[bytes], None]:
    """Return a target of a file that the user writes: whatever is wrong there is a UsageError with words."""

    def run(content: bytes) -> None:
        path = _file(content, ".toml")
        for one in read:
            try:
                one(path)
            except UsageError as exc:
                assert exc.what

    return run


def _file(content: bytes, suffix: str) -> Path:
    path = _PLACE.with_suffix(suffix)
    path.write_bytes(content)
    return path


def _data_set(content: bytes) -> None:
    """Read what a peer asks or answers: keys, a request or report of commitment, a creation, its start."""
    for syntax in (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN):
        try:
            found = read_data_set(content, syntax)
        except Unintelligible:
            continue
        for read in (values_of, read_request, read_report, read_creation, read_start):
            with suppress(Unintelligible, Missing):
                read(found)


def _web_answer(content: bytes) -> None:
    for status in (200, 409):
        reply = Reply(status=status, media_type="application/dicom+json", body=content)
        answer_of(reply, "1.2.3")
        denies_service(reply, "1.2.3")


def _patient_map(content: bytes) -> None:
    with suppress(UsageError):
        rows = parse_patients(content, "x")
        again = parse_patients(format_map(rows).encode(), "x")
        assert [replace(row, line=0) for row in again] == [replace(row, line=0) for row in rows]


def _disc_list(content: bytes) -> None:
    path = _file(content, ".csv")
    for read in (lambda: discs_of([path]), lambda: first_of(path)):
        with suppress(UsageError):
            read()


def _transcode(content: bytes) -> None:
    for syntax in (EXPLICIT_VR_LITTLE_ENDIAN, RLE):
        made = transcode(io.BytesIO(content), syntax)
        if isinstance(made, Transcoded):
            assert made.data[128:132] == b"DICM"
        else:
            assert made.finding.text


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "decode": _decode,
    "header": _header,
    **{kind: _tree(kind) for kind in ("iso9660", "udf", "fat", "zip", "mime")},
    "udf-sound": _udf_sound,
    "medium": _medium,
    "pdu": _pdus(takes_requests=False),
    "pdu-requests": _pdus(takes_requests=True),
    "acceptor": _acceptor,
    "data-set": _data_set,
    "multipart": _multipart,
    "web-answer": _web_answer,
    "transcode": _transcode,
    "patient-map": _patient_map,
    "disc-list": _disc_list,
    "cms": _cms,
    "profile": _profile,
    "config": _settings(named_destinations, robots, lambda path: profile_paths([], path)),
    "rescue-map": _map,
    "deidentify-table": _settings(
        lambda path: Deidentifying(deidentify="basic", deidentify_table=path).wanted(),
    ),
    "label": _settings(lambda path: load_label(path, None), load_cover),
}

_CONFIG = b"""profiles = ["own"]
[destinations.pacs]
address = "PACS@127.0.0.1:104"
[robot.ward]
kind = "epson-jdf"
folder = "/jobs"
images = "/images"
[watch]
reports = "reports"
"""
_TABLE = b"""safe_private = ["ACME 1.1:0009xx01"]
[keep]
[patients]
"4711" = "A1"
"""


_PATIENTS = b"""from_patient_id,from_name,to_patient_id,to_birth_date,confidence,approved
4711,A^B,L-1,19700101,90,yes
4712,,L-2,,,no
"""


def _size(path: Path) -> int:
    return path.stat().st_size


@cache
def seeds(target: str) -> tuple[bytes, ...]:
    """Return good inputs of a target."""
    if target in _OF_MEDIA:
        return tuple(_made(target))
    paper = Path(load_label.__code__.co_filename).parent / "templates"
    accepted = encode(acceptance()) + encode(answer()) * 2
    known: Mapping[str, tuple[bytes, ...]] = {
        "pdu": (accepted,),
        "pdu-requests": (accepted,),
        "acceptor": (encode(ASKED) + encode(STORE) * 2,),
        "multipart": (b"multipart/related; type=a; boundary=b0undary\n" + body_of([b"DICM" * 20, b""]),),
        "profile": (SOUND.encode(),),
        "config": (_CONFIG,),
        "rescue-map": (OF_DDRESCUE, SMALL),
        "deidentify-table": (_TABLE,),
        "web-answer": (stow_response("1.2.3"), stow_response("1.2.3", failure=272)),
        "patient-map": (_PATIENTS,),
        "disc-list": (b"disc,patient_id,study_uid\n17,4711,1.2.3\n203,,\n",),
        "label": tuple(path.read_bytes() for path in sorted(paper.glob("*.toml"))),
    }
    if target == "data-set":
        asked = request_set(
            CommitmentRequest(transaction="1.2.9", references=(Reference("1.2", "1.2.3"),) * 2)
        )
        return tuple(
            written_data_set(asked, syntax)
            for syntax in (IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN)
        )
    if target == "transcode":
        return tuple(path.read_bytes() for path in sorted(SAMPLES.rglob("*.dcm"), key=_size)[:3])
    if target == "cms":
        content = bytes(128) + b"DICM" + bytes(200)
        return tuple(sealed(content, sealer(is_signed=is_signed)) for is_signed in (False, True))
    if target == "header":
        return tuple(path.read_bytes()[:9000] for path in (CT_1, CR, *sorted(SAMPLES.rglob("*.dcm"))[:3]))
    return known[target]


_OF_MEDIA = {
    "decode": "STD-GEN-CD",
    "iso9660": "STD-GEN-CD",
    "medium": "STD-GEN-CD",
    "zip": "STD-GEN-ZIP-MAIL",
    "mime": "STD-GEN-MIME",
    "udf": "",
    "udf-sound": "",
    "fat": "STD-GEN-USB-JPEG",
}


def _made(target: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / {"fat": "m.img", "zip": "m.zip", "mime": "m.eml"}.get(target, "m.iso")
        if target == "decode":
            burnt_to(out.with_suffix(""), CT_1, CT_2, CR)
            return [(out.with_suffix("") / "DICOMDIR").read_bytes()]
        if target.startswith("udf"):
            write("udf-2.60", a_small_medium(), out)
        else:
            burnt_to(out, CT_1, CT_2, profile=_OF_MEDIA[target])
        return [out.read_bytes(), MAIL] if target == "mime" else [out.read_bytes()]
