"""Partitions of every grain and time zone, against the calendar of Python."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.core.partitions import ALL, EXAMPLES, GRAINS, HOUR, Partitions

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
)
MADE = st.builds(Partitions, st.sampled_from(GRAINS), st.sampled_from(ZONES))
INSTANTS = st.integers(-20 * 365 * 86_400, 120 * 365 * 86_400).map(
    lambda seconds: datetime.fromtimestamp(seconds, UTC)
)


@given(MADE, INSTANTS)
def test_the_partition_of_a_time_contains_it_and_the_next_begins_where_it_ends(made, instant):
    key = made.of_time(instant)
    assert made.start(key) <= instant < made.end(key)
    assert made.start(made.shift(key, 1)) == made.end(key)
    assert made.parse(key) == key


@given(MADE, INSTANTS, INSTANTS)
def test_keys_sort_by_time(made, one, other):
    first, last = sorted((one, other))
    assert made.of_time(first) <= made.of_time(last)


@given(MADE, INSTANTS, st.integers(-500, 500))
def test_shifting_there_and_back_returns_the_same_partition(made, instant, by):
    key = made.of_time(instant)
    other = made.shift(key, by)
    assert made.shift(other, -by) == key
    ends = sorted((key, other))
    assert len(made.between(*ends)) == abs(by) + 1


@given(MADE, st.dates(date(1950, 1, 1), date(2090, 1, 1)), st.integers(0, 40))
def test_the_partitions_of_days_are_those_that_overlap_them(made, first, days):
    last = first + timedelta(days=days)
    zone = ZoneInfo(made.zone)
    begin = datetime(first.year, first.month, first.day, tzinfo=zone)
    after = last + timedelta(days=1)
    end = datetime(after.year, after.month, after.day, tzinfo=zone)
    found = made.of_days(first.isoformat(), last.isoformat())
    assert made.start(found[0]) <= begin < made.end(found[0])
    assert made.start(found[-1]) < end <= made.end(found[-1])


@given(MADE, INSTANTS)
def test_the_last_closed_partition_is_over_and_the_next_is_not(made, instant):
    key = made.closed_by(instant)
    assert made.end(key) <= instant < made.end(made.shift(key, 1))


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_a_day_has_the_hours_that_its_clocks_have(day, hours):
    made = Partitions("day", "Europe/Berlin")
    assert (made.end(day) - made.start(day)) == timedelta(hours=hours)
    assert len(Partitions(HOUR, "Europe/Berlin").of_days(day, day)) == hours


@pytest.mark.parametrize("grain", [*GRAINS, ALL])
def test_a_key_of_another_form_is_refused_with_an_example(grain):
    for key in ("yesterday", "2026-13", "2026-1-1", "2026-W60", "2026-Q5", "", "2026-02-30"):
        with pytest.raises(ConfigError, match="partition"):
            Partitions(grain).parse(key)
    assert Partitions(grain).parse(EXAMPLES[grain]) == EXAMPLES[grain]


def test_a_table_without_times_has_one_partition():
    made = Partitions(ALL)
    assert made.of_days("2026-01-01", "2026-12-31") == [ALL]
    assert made.between(ALL, ALL) == [ALL]
    assert made.closed_by(datetime.now(UTC)) == ALL
