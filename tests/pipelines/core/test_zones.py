"""Tables of time zones against Python's own, and names that are none."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.zones import zone_mistake, zone_table
from pipelines.operators.local_time import instants, local_seconds
from tests.pipelines.time_zones import EPOCH, ZONES, near_a_change

FIRST, LAST = datetime(2, 1, 1), datetime(9998, 1, 1)  # noqa: DTZ001
YEARS = st.datetimes(FIRST, LAST, timezones=st.just(UTC))


def seconds_of(naive):
    return (naive - EPOCH.replace(tzinfo=None)) // timedelta(seconds=1)


@given(st.sampled_from(ZONES), st.lists(YEARS | near_a_change(), min_size=1, max_size=40))
@settings(max_examples=60)
def test_local_seconds_are_those_of_python_in_any_year(zone, moments):
    wanted = [seconds_of(m.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for m in moments]
    utc_s = np.array([seconds_of(m.replace(tzinfo=None)) for m in moments], np.float64)
    assert local_seconds(np, utc_s, zone_table(zone)).tolist() == wanted


def meanings(naive, zone):
    """The instants of a local time, in order: none, one or two."""
    found = []
    for fold in (0, 1):
        instant = naive.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)
        if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == naive:
            found.append(seconds_of(instant.replace(tzinfo=None)))
    return sorted(set(found))


@given(st.sampled_from(ZONES), st.lists(YEARS | near_a_change(), min_size=1, max_size=40))
@settings(max_examples=60)
def test_a_local_time_means_the_instants_that_python_gives(zone, moments):
    naive = [moment.replace(tzinfo=None, microsecond=0) for moment in moments]
    wanted = [meanings(each, zone) for each in naive]
    local_s = np.array([seconds_of(each) for each in naive], np.int64)
    found = instants(np, local_s, zone_table(zone))
    assert found.occurs.tolist() == [len(each) for each in wanted]
    for nth, each in enumerate(wanted):
        if each:
            assert (found.first_s[nth], found.second_s[nth]) == (each[0], each[-1])


def test_a_table_says_which_offsets_it_has():
    assert zone_table("UTC").digest() == zone_table("Etc/UTC").digest() == ""
    berlin, paris = zone_table("Europe/Berlin"), zone_table("Europe/Paris")
    assert len({berlin.digest(), paris.digest()}) == 2
    assert zone_table("Asia/Calcutta").digest() == zone_table("Asia/Kolkata").digest()


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        ("Europe/Berlyn", "Did you mean 'Europe/Berlin'"),
        ("europe/berlin", "Did you mean 'Europe/Berlin'"),
        ("America/New York", "Did you mean 'America/New_York'"),
        ("Europe", "such as 'Europe/Berlin'"),
        ("+02:00", "not a time zone"),
        ("../../etc/passwd", "not a time zone"),
        ("", "not a time zone"),
        (None, "not a time zone"),
        (2, "not a time zone"),
    ],
)
def test_a_name_that_is_no_time_zone_is_refused_with_the_nearest(name, reported):
    assert reported in zone_mistake(name)
    assert not zone_mistake("Europe/Berlin")
