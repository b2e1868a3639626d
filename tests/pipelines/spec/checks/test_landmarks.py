"""Landmarks that cannot be derived: every mistake is said with what to write instead."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import Column, Entity, Label, Landmarks, Validation
from pipelines.spec.checks import require_valid
from tests.pipelines.stages.ingest.landmarks.visits_case import EVENTS, LANDMARKS, declared


def mistakes(table=None, events=None, **changed):
    made = declared()
    tables = (events or made.tables[0], table or made.tables[1])
    with pytest.raises(DeclarationError) as raised:
        require_valid(replace(made, **{"tables": tables} | changed))
    return raised.value.problems


def mistake(**given):
    (only,) = mistakes(**given)
    return only


def derived(**filters):
    return replace(
        LANDMARKS, source=Landmarks(**{"table": "events", "entity": "patient"} | filters)
    )


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"table": "event"}, "table 'event' is not declared. Did you mean 'events'"),
        ({"table": "landmarks"}, "table 'landmarks' is not declared. Known: events"),
        ({"entity": "patients"}, "entity 'patients' is not declared. Did you mean 'patient'"),
        ({"history_days": -1}, "history_days must be 0 to 36,525 days; got -1"),
        ({"every_days": 10**6}, "every_days must be 0 to 36,525 days; got 1000000"),
        ({"at_days": (-5,)}, "at_days: -5 must be 0 to 36,525 days; got -5"),
        ({"at_days": (30, 30)}, "at_days has 30 2 times. Name each day once"),
        (
            {"at_days": (30,), "where": ("code", "lab")},
            "where is for visits, and at_days are in place",
        ),
        (
            {"at_days": (30, 400), "history_days": 365},
            "at_days 30 are before history_days=365 are over",
        ),
        ({"where": ("cod", "lab")}, "where: column 'cod' is not declared. Did you mean 'code'"),
        ({"where": ("code", 1)}, "where: value 1 cannot occur in column 'code' of type 'text'"),
        ({"where": ("code", ("lab", None))}, "where: value None cannot occur in column 'code'"),
        ({"where": ("code", ())}, "where: () are no values. Name one or more"),
        ({"where": ("code", ["lab"])}, "of type 'text'. Write any of several as a tuple"),
        (
            {"where": ("level", 1.5)},
            "where: value 1.5 cannot occur in column 'level' of type 'integer'",
        ),
        ({"where": ("at", "2001-01-01")}, "where: column 'at' is a timestamp"),
        (
            {"free_of": (("code", "E11"), ("lvel", 1))},
            "free_of: column 'lvel' is not declared",
        ),
        ({"free_of": ("code", "E11")}, "source.free_of[0] must be a pair of a text and"),
        ({"where": "code"}, "source.where must be a pair of a text and"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(filters, said):
    assert any(said in text for text in mistakes(table=derived(**filters)))


def test_a_value_must_be_one_that_its_column_can_have():
    columns = {c.name: c for c in EVENTS.columns}
    columns["code"] = replace(columns["code"], values=("visit", "E11"))
    columns["level"] = replace(columns["level"], low=0, high=3)
    events = replace(EVENTS, columns=tuple(columns.values()))
    both = derived(where=("code", ("visit", "E12")), free_of=(("level", (3, 4)),))
    text, number = mistakes(table=both, events=events)
    assert "'E12' is not one of the values of column 'code'. Did you mean 'E11'" in text
    assert "free_of: value 4 is not between low and high of column 'level'" in number


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"known_time": "time"}, "Leave known_time out"),
        ({"unique_days": None}, "ids are unique over all days"),
        (
            {"grain": "hour"},
            "a landmark is at the end of a day. Declare grain='year', not 'hour'",
        ),
        ({"grain": "month"}, "events has partitions of a year, of which a month is not made"),
        (
            {"row_id": ("landmark", "time")},
            "row_id must be a text column, such as 'landmark_id'",
        ),
        (
            {"event_time": None},
            "the rows of a static table are of no day and cannot be the examples",
        ),
        ({"validation": Validation()}, "the gate of the examples' table is the pipeline's"),
    ],
)
def test_what_a_table_of_landmarks_cannot_be_is_refused(changes, said):
    assert any(said in text for text in mistakes(table=replace(LANDMARKS, **changes)))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"landmark": None}, "row_id 'landmark' is not declared"),
        ({"time": None}, "event_time 'time' is not declared"),
        ({"patient": None}, "entity patient: column 'patient' is not declared"),
        (
            {"patient": Column("patient", "text")},
            "'patient' is of type 'text' in landmarks and of type 'integer' in events",
        ),
        ({"landmark": Column("landmark", "integer")}, "ids are texts such as '17@2026-01-31'"),
        ({"level": Column("level", "integer")}, "and nothing else. Remove level"),
        (
            {"time": Column("time", "timestamp", time_format="epoch_s")},
            "column time: time_format say how a source writes",
        ),
        (
            {"patient": Column("patient", "integer", source_name="PATIENT")},
            "column patient: source_name say how",
        ),
    ],
)
def test_the_columns_are_an_id_a_time_and_those_of_the_entity(columns, said):
    own = {c.name: c for c in LANDMARKS.columns} | columns
    table = replace(LANDMARKS, columns=tuple(c for c in own.values() if c is not None))
    assert any(said in text for text in mistakes(table=table))


def test_landmarks_are_the_examples_and_have_no_label_of_their_own():
    made = declared()
    assert "landmarks are examples, and the examples are events" in "".join(
        mistakes(examples="events")
    )
    assert "landmarks have no column with a label" in "".join(
        mistakes(label=Label("patient", 0))
    )
    more = replace(LANDMARKS, name="more", source=Landmarks("landmarks", "patient"))
    said = "".join(mistakes(tables=(*made.tables, more), examples="more"))
    assert "the rows of landmarks are landmarks too" in said


def test_their_events_have_times_and_the_columns_of_the_entity():
    static = replace(EVENTS, event_time=None)
    assert any("table events is static, and visits" in text for text in mistakes(events=static))
    without = replace(EVENTS, columns=tuple(c for c in EVENTS.columns if c.name != "patient"))
    assert any(
        "table events has no column 'patient'" in text for text in mistakes(events=without)
    )


def test_a_partition_consists_of_whole_partitions_of_events():
    grains = ("hour", "day", "week", "month", "quarter", "year")
    fitting = set()
    for events in grains:
        for landmarks in grains:
            try:
                declared(events, landmarks)
            except DeclarationError:
                continue
            fitting.add((events, landmarks))
    longer = ("week", "month", "quarter", "year")
    assert fitting == {
        *(("hour", each) for each in ("day", *longer)),
        *(("day", each) for each in ("day", *longer)),
        ("week", "week"),
        *(("month", each) for each in longer[1:]),
        *(("quarter", each) for each in longer[2:]),
        ("year", "year"),
    }


def test_hours_of_utc_are_no_part_of_a_day_that_begins_at_half_past():
    assert declared("hour", "day", "Europe/Berlin")
    with pytest.raises(DeclarationError, match="in Asia/Kolkata a day begins within one"):
        declared("hour", "day", "Asia/Kolkata")


def test_an_entity_of_several_columns_has_all_of_them():
    made = declared()
    site = Column("site", "text")
    events, table = (replace(t, columns=(*t.columns, site)) for t in made.tables)
    both = replace(
        made, tables=(events, table), entities=(Entity("patient", ("site", "patient")),)
    )
    assert require_valid(both)
    assert "Remove site" in mistake(table=table, events=events)
