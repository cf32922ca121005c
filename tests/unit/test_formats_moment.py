"""One moment in each format's spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from mediakit.errors import UsageError
from mediakit.formats import moment

KATHMANDU = timezone(timedelta(hours=5, minutes=45))
WEST = timezone(-timedelta(hours=9, minutes=30))


def test_iso_dates_carry_the_offset_in_quarters_of_an_hour() -> None:
    when = datetime(2024, 2, 29, 13, 14, 15, tzinfo=KATHMANDU)
    assert moment.iso_record(when) == bytes((124, 2, 29, 13, 14, 15, 23))
    assert moment.iso_volume(when) == b"2024022913141500\x17"
    assert moment.iso_record(when.replace(tzinfo=WEST))[-1:] == b"\xda"


def test_udf_dates_carry_the_offset_in_minutes_of_12_bits() -> None:
    when = datetime(2024, 2, 29, 13, 14, 15, tzinfo=KATHMANDU)
    assert moment.udf(when) == bytes.fromhex("5911 e807 02 1d 0d 0e 0f 00 00 00")
    assert moment.udf(when.replace(tzinfo=WEST))[:2] == bytes.fromhex("c61d")


def test_a_moment_without_zone_is_utc() -> None:
    naive = datetime(2024, 2, 29, 13, 14, 15)  # noqa: DTZ001 - this is the point
    for spell in (moment.iso_record, moment.iso_volume, moment.udf, moment.epoch_ns):
        assert spell(naive) == spell(naive.replace(tzinfo=UTC))


def test_zip_has_no_time_outside_1980_to_2107() -> None:
    assert moment.dos(datetime(1970, 1, 1, tzinfo=UTC)) == (1980, 1, 1, 0, 0, 0)
    assert moment.dos(datetime(2200, 1, 1, tzinfo=UTC)) == (2107, 12, 31, 23, 59, 58)
    assert moment.dos(datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC)) == (2024, 2, 29, 13, 14, 15)


def test_iso_has_no_year_before_1900() -> None:
    with pytest.raises(UsageError):
        moment.iso_record(datetime(1899, 1, 1, tzinfo=UTC))


def test_years_of_three_digits_keep_the_width_of_a_volume_date() -> None:
    assert len(moment.iso_volume(datetime(999, 1, 1, tzinfo=UTC))) == 17
