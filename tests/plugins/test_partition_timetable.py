"""The keys of scheduled runs, backfills and runs by hand, for each grain, over clock changes."""

from dataclasses import replace
from datetime import UTC, datetime

import pendulum
import pytest
from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk.timezone import coerce_datetime
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.timetables.base import TimeRestriction
from airflow.timetables.trigger import CronPartitionTimetable

from millrace.airflow.dags import as_of_tick
from millrace.airflow.partition_timetable import PartitionTimetable
from pipelines.core.partitions import EXAMPLES, GRAINS, HOUR, Partitions
from pipelines.spec import Schedule, load
from pipelines.spec.schedules import cron_of

# Zones with a time of day that their clocks skip: at two, at midnight (twice), and by half an hour.
ZONES = {
    "UTC": "",
    "Europe/Berlin": "45 2 * * *",
    "America/Santiago": "30 0 * * *",
    "America/Havana": "",
    "Australia/Lord_Howe": "15 2 * * *",
}
TICKS = {"hour": 48, "day": 370, "week": 60, "month": 26, "quarter": 9, "year": 4}


def ticks(timetable, first, count):
    info, catching_up = None, TimeRestriction(coerce_datetime(first), None, True)
    for _ in range(count):
        info = timetable.next_dagrun_info_v2(last_dagrun_info=info, restriction=catching_up)
        yield info


def backfilled(timetable, first, last):
    ends = {"earliest": pendulum.parse(first), "latest": pendulum.parse(last)}
    return list(timetable.iter_partition_dagrun_infos(**ends))


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("grain", GRAINS)
def test_the_ticks_of_a_year_name_each_partition_once_when_it_is_over(grain, zone):
    partitions = Partitions(grain, zone)
    first = partitions.of_day("2025-03-29" if grain == HOUR else "2025-01-01")
    timetable = PartitionTimetable(cron_of(grain, like=ZONES[zone]), partitions)
    found = list(ticks(timetable, partitions.end(first), TICKS[grain]))
    keys = [info.partition_key for info in found]
    assert keys == partitions.between(first, partitions.shift(first, TICKS[grain] - 1))
    assert all(partitions.end(info.partition_key) <= info.run_after for info in found)


def test_airflows_own_timetable_loses_a_day_where_this_one_does_not():
    zone, day = "America/Santiago", "2026-09-05"
    own = PartitionTimetable("0 0 * * *", Partitions("day", zone))
    theirs = CronPartitionTimetable(
        "0 0 * * *", timezone=zone, run_offset=-1, key_format="%Y-%m-%d"
    )
    begin = datetime(2026, 9, 3, 12, tzinfo=UTC)
    assert day in [info.partition_key for info in ticks(own, begin, 5)]
    assert day not in [info.partition_key for info in ticks(theirs, begin, 5)]


@pytest.mark.parametrize("zone", ZONES)
def test_the_as_of_days_of_a_daily_model_are_the_days_of_its_zone(zone):
    schedule = Schedule(start="2025-01-01", model_cron="0 0 * * *")
    declared = replace(load("fraud_detection"), schedule=schedule, time_zone=zone)
    timetable, days = coerce_to_core_timetable(as_of_tick(declared)), Partitions("day", zone)
    found = list(ticks(timetable, days.start("2025-01-01"), 366))
    assert [info.partition_key for info in found] == days.between("2025-01-01", "2026-01-01")
    assert all(days.start(info.partition_key) <= info.run_after for info in found)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("grain", GRAINS)
def test_a_backfill_has_a_run_for_each_partition_that_has_a_part_of_its_days(grain, zone):
    partitions = Partitions(grain, zone)
    timetable = PartitionTimetable(cron_of(grain, "45 2 * * *"), partitions)
    first, last = "2024-05-20", "2024-11-05"
    infos = backfilled(timetable, first, last)
    # A backfill's dates are on the clock of the keys, which for hours is that of UTC.
    days = Partitions("day", "UTC" if grain == HOUR else zone)
    begin, end = (partitions.of_time(days.start(day)) for day in (first, last))
    assert [info.partition_key for info in infos] == partitions.between(begin, end)
    assert [info.partition_date for info in infos] == [
        partitions.start(info.partition_key) for info in infos
    ]


def test_a_backfill_of_35_years_by_year_has_35_runs_and_of_three_hours_three():
    year = PartitionTimetable(cron_of("year"), Partitions("year", "Europe/Berlin"))
    keys = [info.partition_key for info in backfilled(year, "1990-01-01", "2024-12-31")]
    assert keys == [str(number) for number in range(1990, 2025)]
    hour = PartitionTimetable(cron_of("hour"), Partitions("hour", "Europe/Berlin"))
    hours = backfilled(hour, "2025-03-30T01:00", "2025-03-30T03:00")
    assert [info.partition_key[-2:] for info in hours] == ["01", "02", "03"]


@pytest.mark.parametrize("grain", GRAINS)
def test_a_backfill_up_to_today_ends_with_the_last_partition_that_is_over(grain):
    partitions = Partitions(grain, "Asia/Tokyo")
    timetable, now = PartitionTimetable(cron_of(grain), partitions), datetime.now(UTC)
    begin = partitions.start(partitions.shift(partitions.of_time(now), -2))
    infos = list(
        timetable.iter_partition_dagrun_infos(
            earliest=pendulum.instance(begin), latest=pendulum.instance(now)
        )
    )
    assert infos
    assert all(partitions.end(info.partition_key) <= datetime.now(UTC) for info in infos)


@pytest.mark.parametrize("grain", GRAINS)
def test_a_key_that_is_given_by_hand_is_read_back_and_another_form_is_refused(grain):
    partitions = Partitions(grain, "America/Santiago")
    timetable = PartitionTimetable(cron_of(grain), partitions)
    key = EXAMPLES[grain]
    assert timetable.resolve_partition_date(key) == partitions.start(key)
    wrong = EXAMPLES["month" if grain == "day" else "day"]
    with pytest.raises(InvalidPartitionKeyError, match=f"Write it as in '{key}'|YYYY-MM-DD"):
        timetable.resolve_partition_date(wrong)


@pytest.mark.parametrize("grain", GRAINS)
def test_the_scheduler_makes_the_same_timetable_from_what_is_stored(grain):
    timetable = PartitionTimetable(cron_of(grain), Partitions(grain, "Europe/Berlin"))
    again = PartitionTimetable.deserialize(timetable.serialize())
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    assert list(ticks(again, begin, 3)) == list(ticks(timetable, begin, 3))
