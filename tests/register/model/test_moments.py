from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.model.moments import moment_at, parse_moment

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=offsets)


@given(moments, moments)
def test_instants_are_equal_and_sort_whatever_their_offset(one: datetime, other: datetime) -> None:
    one, other = one.replace(microsecond=0), other.replace(microsecond=0)
    first, second = parse_moment(one.isoformat()), parse_moment(other.isoformat())
    assert first is not None
    assert second is not None
    assert (first < second) == (one < other)
    assert datetime.fromisoformat(first) == one
    assert first.endswith("Z")


@pytest.mark.parametrize(
    "text", ["", "gisteren", "2026-03-01", "12:00", "0001-01-01T00:00:00+14:00", "2026-13-01T00:00Z"]
)
def test_what_is_no_instant(text: str) -> None:
    assert parse_moment(text) is None


def test_without_an_offset_it_is_utc() -> None:
    assert parse_moment("2026-03-01T12:00:00") == "2026-03-01T12:00:00Z"
    assert parse_moment("2026-03-01 12:00:00.5+01:00") == "2026-03-01T11:00:00.500000Z"


def test_a_clock_in_milliseconds() -> None:
    now = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)
    assert moment_at(int(now.timestamp() * 1000)) == "2026-03-01T12:00:00.250000Z"
