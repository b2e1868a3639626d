"""Days of a time zone: each instant in exactly one, also where clocks change."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.core.partitions import GRAINS, Partitions
from tests.pipelines.time_zones import ZONES, near_a_change


@given(st.sampled_from(ZONES), st.sampled_from(GRAINS), near_a_change())
@settings(max_examples=150)
def test_an_instant_is_within_its_partition_and_no_other(zone, grain, instant):
    partitions = Partitions(grain, zone)
    key = partitions.of_time(instant)
    assert partitions.start(key) <= instant < partitions.end(key)
    assert partitions.end(key) == partitions.start(partitions.shift(key, 1))
    assert partitions.parse(key) == key


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("America/Sao_Paulo", "2018-11-04", 23),
        ("Pacific/Apia", "2011-12-30", 0),
        ("Asia/Kolkata", "2026-03-29", 24),
    ],
)
def test_a_day_has_the_hours_of_its_clocks(zone, day, hours):
    partitions = Partitions("day", zone)
    assert partitions.end(day) - partitions.start(day) == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("zone", "day"), [("Asia/Kolkata", "0001-01-01"), ("UTC", "9999-12-31")]
)
def test_a_day_at_the_end_of_the_calendar_is_refused(zone, day):
    with pytest.raises(ConfigError, match=r"outside the calendar.*Choose"):
        Partitions("day", zone).bounds(day)


def test_a_table_without_times_has_its_days_in_any_zone():
    partitions = Partitions("all", "America/New_York")
    assert (partitions.first_day("all"), partitions.last_day("all")) == (
        "0001-01-01",
        "9999-12-30",
    )
    assert partitions.of_time(datetime(2026, 1, 1, tzinfo=UTC)) == "all"
