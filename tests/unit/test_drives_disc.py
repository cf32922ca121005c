"""What a drive says, in the words of xorriso, and what follows from it."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from mediakit.drives.disc import (
    Disc,
    DiscStatus,
    Packet,
    check_disc,
    check_room,
    disc_of,
    drives_of,
    kind_error,
    packet_of,
    reason_of,
    written_mb,
)
from mediakit.errors import MediakitError
from mediakit.profile.load import load_catalogue

_HEAD = "Drive current: -outdev '/dev/sr0'|Drive type   : vendor 'ACME    ' product 'DVD  RW' revision '1'"
_BLANK_CD = (
    _HEAD + "|Media current: CD-R, sequential|Media status : is blank"
    "|Media blocks : 0 readable , 359845 writable , 359845 overall"
    "|Media summary: 0 sessions, 0 data blocks, 0 data, 703m free"
)
_OPEN_DVD = (
    _HEAD + "|Media current: DVD-R sequential recording, sequential"
    "|Media status : is written , is appendable"
    "|Media blocks : 1600 readable , 2200000 writable , 2201600 overall"
    "|Media summary: 2 sessions, 1587 data blocks, 3174k data, 4.2g free|Media nwa    : 1600s"
)
_FULL_RW = (
    _HEAD + "|Media current: CD-RW, sequential|Media status : is written , is closed"
    "|Media blocks : 1600 readable , 0 writable , 359845 overall|Media summary: 1 session, 1600 data blocks"
)
_FULL_RE = (
    _HEAD + "|Media current: BD-RE, overwriteable|Media status : is written , is closed"
    "|Media blocks : 2016 readable , 0 writable , 2016 overall|Media summary: 1 session, 2016 data blocks"
)
_EMPTY = _HEAD + "|Media current: is not recognizable|Media status : is not present"
_BROKEN = _HEAD + "|Media current: CD-R, sequential|Media status : is blank , but next track is damaged"


def said(text: str) -> list[Packet]:
    packets = [packet_of(f"R:1: {line}") for line in text.split("|")]
    return [packet for packet in packets if packet is not None]


def test_a_drive_is_understood_whatever_is_in_it() -> None:
    expected = {
        _BLANK_CD: ("CD-R", DiscStatus.BLANK, 359845 * 2048, 359845 * 2048, 0),
        _OPEN_DVD: ("DVD-R", DiscStatus.APPENDABLE, 2201600 * 2048, 2200000 * 2048, 2),
        _FULL_RW: ("CD-RW", DiscStatus.CLOSED, 359845 * 2048, 0, 1),
        _FULL_RE: ("BD-RE", DiscStatus.CLOSED, 2016 * 2048, 0, 1),
        _EMPTY: ("", DiscStatus.ABSENT, 0, 0, 0),
        _BROKEN: ("CD-R", DiscStatus.UNUSABLE, 0, 0, 0),
    }
    for text, facts in expected.items():
        disc = disc_of("/dev/sr0", said(text))
        assert disc is not None
        assert disc.drive == "ACME DVD RW"
        assert (disc.kind, disc.status, disc.capacity_bytes, disc.free_bytes, disc.sessions) == facts
    assert disc_of("/dev/sr0", said("Drive current: x")) is None


def refusal(disc: Disc, *, may_erase: bool = False) -> str:
    try:
        check_disc(disc, may_erase=may_erase)
    except MediakitError as exc:
        return f"{exc.what} / {exc.hint}"
    return ""


def test_only_a_blank_disc_is_taken_or_a_rewritable_one_that_may_be_erased() -> None:
    expected = {
        _BLANK_CD: ("", ""),
        _OPEN_DVD: ("`mediakit update /dev/sr0 --session", "not blank / insert a blank disc"),
        _FULL_RW: ("--yes-erase", ""),
        _FULL_RE: ("--yes-erase", ""),
        _EMPTY: ("there is no disc", "there is no disc"),
        _BROKEN: ("cannot use this disc", "cannot use this disc"),
    }
    for text, (asked, allowed) in expected.items():
        disc = disc_of("/dev/sr0", said(text))
        assert disc is not None
        for words, found in ((asked, refusal(disc)), (allowed, refusal(disc, may_erase=True))):
            assert (words in found) if words else not found, (disc, found)


def test_an_image_must_fit_the_medium_that_is_in_the_drive() -> None:
    limits = {_BLANK_CD: 359845 * 2048, _OPEN_DVD: 2200000 * 2048, _FULL_RW: 359845 * 2048}
    for text, limit in limits.items():
        disc = disc_of("/dev/sr0", said(text))
        assert disc is not None
        check_room(disc, limit)
        try:
            check_room(disc, limit + 1)
        except MediakitError as exc:
            assert exc.exit_code == 4
            assert f"{limit:,} are there" in exc.why
        else:
            raise AssertionError(disc)
    unknown = disc_of("/dev/sr0", said(_FULL_RE))
    assert unknown is not None
    check_room(unknown, 25 << 30)  # it shows what is written, not what it holds


def test_the_disc_must_be_of_the_kind_that_the_profile_is_for() -> None:
    profiles = load_catalogue(()).profiles
    for name, good, bad in (
        ("STD-GEN-CD", ("CD-R",), ("CD-RW", "DVD-R", "BD-R")),
        ("STD-GEN-DVD-JPEG", ("DVD-R", "DVD+R", "DVD-RW", "DVD+RW"), ("DVD-RAM", "CD-R", "BD-RE")),
        ("STD-GEN-BD-JPEG", ("BD-R", "BD-RE"), ("DVD-R",)),
    ):
        medium = profiles[name].medium
        for kind in (*good, *bad):
            error = kind_error(Disc(device="/dev/sr0", kind=kind), medium.title, tuple(medium.discs))
            assert (error is None) == (kind in good), (name, kind)
    assert profiles["STD-GEN-BD-JPEG"].medium.discs["BD-RE"] == "udf-2.50"


def test_the_first_failure_is_the_reason() -> None:
    lines = (
        "I:1: libburn : FAILURE : File object '/dev/sr9' not found",
        "I:1: xorriso : FAILURE : Cannot acquire drive '/dev/sr9'",
        "I:1: xorriso : aborting : -abort_on 'FAILURE' encountered 'FAILURE'",
    )
    packets = [packet for packet in map(packet_of, lines) if packet is not None]
    assert reason_of(packets) == "File object '/dev/sr9' not found"
    assert reason_of(packets[2:]) == ""


def test_progress_is_read_from_the_lines_that_tell_it() -> None:
    line = "I:1: xorriso : UPDATE :  111 of  300 MB written (fifo 99%) [buf  50%]  56.3x."
    packet = packet_of(line)
    assert packet is not None
    assert written_mb(packet) == 111
    assert written_mb(Packet("I", "Thank you for being patient since 5 seconds.")) is None


def test_the_drives_of_a_machine_are_listed() -> None:
    text = "0  -dev '/dev/sr0' rwrw-- :  'TSSTcorp' 'CDDVDW SH-S223B'|1  -dev '/dev/cdrom1' rwrw-- :  'A' 'B'"
    assert drives_of(said(text)) == (("/dev/sr0", "TSSTcorp CDDVDW SH-S223B"), ("/dev/cdrom1", "A B"))


@given(st.lists(st.text(max_size=60), max_size=12))
@example([","])
def test_any_text_is_understood_or_passed_over(lines: list[str]) -> None:
    for head in ("", "R:1: ", "R:1: Media current: ", "R:1: Media blocks : ", "I:1: x : FAILURE : "):
        packets = [packet for packet in (packet_of(head + line) for line in lines) if packet is not None]
        found = disc_of("x", packets)
        assert found is None or found.device == "x"
        assert "\n" not in reason_of(packets)
        drives_of(packets)
