"""Which partitions of which tables follow from the days that a run is asked for."""

from dataclasses import replace

import pytest

from pipelines.drivers.taking_in import partitions_taken_in, stages_again, tables_in_order
from pipelines.spec import Column, Outcome, Table, load
from tests.pipelines.stages.ingest.landmarks.visits_case import declared

PATIENTS = Table("patients", (Column("patient_id", "integer"),), "patient_id", event_time=None)


def pipeline_of(*others, grain="day", zone="UTC"):
    made = load("fraud_detection")
    examples = replace(made.table, grain=grain, unique_days=1)
    return replace(made, tables=(examples, *others), time_zone=zone)


def labs(grain, start=""):
    columns = (Column("lab_id", "integer"), Column("at", "timestamp"))
    return Table("labs", columns, "lab_id", "at", grain=grain, start=start)


def test_static_tables_come_first_and_the_examples_last():
    made = pipeline_of(labs("month"), PATIENTS)
    assert [t.name for t in tables_in_order(made)] == ["patients", "labs", "transactions"]


@pytest.mark.parametrize(
    ("grain", "start", "first", "last", "number"),
    [
        ("day", "", "2026-02-10", "2026-03-15", 34),
        ("month", "", "2026-02", "2026-02", 1),
        ("month", "2025-11-20", "2025-11", "2026-02", 4),
        ("month", "2026-02-20", "2026-02", "2026-02", 1),
        ("week", "2026-02-20", "2026-W08", "2026-W11", 4),
        ("week", "", "2026-W07", "2026-W11", 5),
        ("year", "1991-01-01", "1991", "2025", 35),
        ("hour", "", "2026-02-10T00", "2026-03-15T23", 34 * 24),
    ],
)
def test_of_another_table_the_partitions_that_are_over_by_the_last_day(
    grain, start, first, last, number
):
    other = labs(grain, start)
    keys = partitions_taken_in(pipeline_of(other), other, "2026-02-10", "2026-03-15")
    assert (keys[0], keys[-1], len(keys)) == (first, last, number)


def test_a_table_without_times_has_its_one_partition():
    assert partitions_taken_in(pipeline_of(PATIENTS), PATIENTS, "2026-02-10", "2026-03-15") == (
        "all",
    )


def test_the_examples_are_taken_in_whole_where_days_end_within_a_partition():
    made = pipeline_of(grain="month")
    assert partitions_taken_in(made, made.table, "2026-02-10", "2026-03-15") == (
        "2026-02",
        "2026-03",
    )


def test_no_partition_of_a_coarser_table_may_be_over_yet():
    yearly = labs("year")
    assert partitions_taken_in(pipeline_of(yearly), yearly, "2026-02-10", "2026-03-15") == ()


def test_landmarks_come_after_their_events_and_are_derived_again_with_them():
    made = declared()
    made = replace(made, tables=made.tables[::-1])
    assert [table.name for table in tables_in_order(made)] == ["events", "landmarks"]
    assert partitions_taken_in(made, made.table, "2001-01-01", "2003-05-05") == (
        "2001",
        "2002",
        "2003",
    )
    again = [stage.name for stage in stages_again(made, "events")]
    assert again == ["ingest", "validate", "featurize"]
    assert [stage.name for stage in stages_again(made, "patients")] == ["featurize"]


@pytest.mark.parametrize(
    ("grain", "as_of", "last"),
    [
        ("day", "2026-05-01", "2026-04-30"),
        ("month", "2026-05-15", "2026-04"),
        ("year", "2026-05-15", "2025"),
        # Features need rows by the end of the examples whatever the as-of day.
        ("day", "2026-03-01", "2026-03-15"),
    ],
)
def test_what_labels_follow_from_is_taken_in_up_to_the_as_of_day(grain, as_of, last):
    other = labs(grain, start="2025-01-01")
    made = pipeline_of(other, PATIENTS)
    label = Outcome("labs", "customer", ("lab_id", 1), horizon_days=30)
    made = replace(made, label=label)
    keys = partitions_taken_in(made, other, "2026-02-10", "2026-03-15", as_of)
    assert keys[-1] == last
    assert keys[0].startswith("2025")
    assert list(keys) == sorted(set(keys))
    examples = partitions_taken_in(made, made.table, "2026-02-10", "2026-03-15", as_of)
    assert (examples[0], examples[-1]) == ("2026-02-10", "2026-03-15")
