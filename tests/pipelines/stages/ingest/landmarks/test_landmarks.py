"""Landmarks as they are ingested: against a plain definition, in any order, and only from what is over."""

import json
import re
import runpy
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import EventsNotReadyError
from pipelines.core.store import Ref, Store
from pipelines.protocol import perform, stage_named
from pipelines.spec import Column, Entity, require_valid
from pipelines.stages.ingest.landmarks.derive import derived_rows
from tests.pipelines.stages.featurize.validated import work_on
from tests.pipelines.stages.ingest.landmarks.visits_case import (
    declared,
    known_late,
    landmarks_of,
    made_events,
    publish_events,
    write_events,
)

ROOT = Path(__file__).resolve().parents[5]
INGEST, VALIDATE = stage_named("ingest"), stage_named("validate")
SPAN = datetime(2001, 1, 1, tzinfo=UTC), datetime(2004, 1, 1, tzinfo=UTC)


def taken_in(pipeline, root, key, stage=INGEST, **given):
    """The result of a stage of a partition of landmarks."""
    return perform(
        stage, work_on(pipeline, root, pipeline.schedule.start, partition=key), **given
    )


def listed(rows):
    """Rows as dictionaries, with times in UTC."""
    return [row | {"time": row["time"].replace(tzinfo=UTC)} for row in rows.to_pylist()]


def rows_of(pipeline, root, key):
    """The ingested rows of a partition, without their numbers."""
    store = Store(str(root))
    manifest = store.find(Ref(pipeline.name, "ingested", f"ds={key}"))
    return listed(pq.read_table(store.open(manifest) / "part-0.parquet").drop_columns(["_row"]))


def contents(root, pipeline):
    """Digest of each ingested partition of landmarks."""
    store = Store(str(root))
    keys = [key for key in store.keys(pipeline.name, "ingested") if key.startswith("ds=")]
    return {key: store.find(Ref(pipeline.name, "ingested", key)).content for key in keys}


conditions = st.sampled_from([("code", "visit"), ("code", ("visit", "lab")), ("level", (0, 1))])
filters = st.fixed_dictionaries(
    {
        "since": st.sampled_from([None, ("code", ("lab", "E11")), ("level", 2)]),
        "history_days": st.sampled_from([0, 1, 200, 365]),
        "free_of": st.sampled_from(
            [(), (("code", "E11"),), (("code", ("E11", "death")), ("level", -1))]
        ),
        "every_days": st.sampled_from([0, 1, 30, 365, 500]),
    }
)
visits = st.one_of(
    st.fixed_dictionaries({"where": st.none() | conditions}),
    st.fixed_dictionaries({"at_days": st.sampled_from([(365,), (400, 365, 800)])}),
)


@given(
    seed=st.integers(0, 2**32 - 1),
    given_filters=filters,
    of_visits=visits,
    zone=st.sampled_from(["UTC", "Europe/Berlin", "Pacific/Apia", "America/St_Johns"]),
    grains=st.sampled_from(
        [("year", "year"), ("month", "year"), ("month", "quarter"), ("week", "week")]
    ),
    key=st.sampled_from(["integer", "text"]),
)
@settings(max_examples=12)
def test_landmarks_are_those_of_their_definition(
    tmp_path_factory, seed, given_filters, of_visits, zone, grains, key
):
    pipeline = declared(*grains, zone, key, start="2000-12-01", **given_filters, **of_visits)
    rows = made_events(seed, 200, *SPAN, key=key)
    files = write_events(pipeline, tmp_path_factory.mktemp("events"), rows)
    for each in pipeline.partitions().of_days("2002-11-20", "2002-12-10"):
        events, end = pipeline.of_table("events").table, pipeline.partitions().end(each)
        over = [path for closed, path in files if closed <= end]
        made, flow = derived_rows(pipeline, events, over, each)
        assert listed(made) == landmarks_of(pipeline, rows, each)
        assert flow[-1].examples == made.num_rows


def test_partitions_in_any_order_end_with_the_same_landmarks(tmp_path):
    pipeline = declared(history_days=200, free_of=(("code", "death"),), every_days=365)
    rows = made_events(1, 300, *SPAN)
    publish_events(pipeline, tmp_path / "in order", rows)
    for key in ("2001", "2002", "2003"):
        taken_in(pipeline, tmp_path / "in order", key)
    root = tmp_path / "in any order"
    publish_events(pipeline, root, rows, ["2003", "2001"])
    with pytest.raises(
        EventsNotReadyError, match=r"1 partition of table events.*\(2002\).*--table events"
    ):
        taken_in(pipeline, root, "2003")
    taken_in(pipeline, root, "2001")
    publish_events(pipeline, root, rows, ["2002"])
    for key in ("2003", "2002"):
        taken_in(pipeline, root, key)
    assert contents(root, pipeline) == contents(tmp_path / "in order", pipeline)
    assert [taken_in(pipeline, root, key)["cached"] for key in ("2001", "2002")] == [True, True]
    for key in ("2001", "2002", "2003"):
        assert rows_of(pipeline, root, key) == landmarks_of(pipeline, rows, key)
        result = taken_in(pipeline, root, key, VALIDATE)
        assert (result["verdict"], result["quarantined"]) == (
            "accepted",
            {},
        )


def test_events_that_are_published_again_make_later_landmarks_due_and_no_earlier_ones(tmp_path):
    pipeline, rows = declared(), made_events(2, 200, *SPAN)
    publish_events(pipeline, tmp_path, rows)
    for key in ("2001", "2002", "2003"):
        taken_in(pipeline, tmp_path, key)
        taken_in(pipeline, tmp_path, key, VALIDATE)
    before = contents(tmp_path, pipeline)
    fewer = [row for row in rows if row["at"].year != 2002 or row["patient"] != 3]
    publish_events(pipeline, tmp_path, fewer, ["2002"])
    assert taken_in(pipeline, tmp_path, "2001")["also"] == ["2002", "2003"]
    after = contents(tmp_path, pipeline)
    assert {key for key in before if before[key] != after[key]} == {"ds=2002"}
    assert rows_of(pipeline, tmp_path, "2002") == landmarks_of(pipeline, fewer, "2002")
    assert taken_in(pipeline, tmp_path, "2001", VALIDATE)["also"] == ["2002"]
    assert "also" not in taken_in(pipeline, tmp_path, "2001", VALIDATE)


def test_a_refused_partition_of_events_has_no_rows_and_nothing_waits_for_it(tmp_path):
    pipeline, rows = declared(history_days=30), made_events(3, 200, *SPAN)
    publish_events(pipeline, tmp_path, rows, refused=["2002"])
    accepted = [row for row in rows if row["at"].year != 2002]
    for key in ("2002", "2003"):
        taken_in(pipeline, tmp_path, key)
        assert rows_of(pipeline, tmp_path, key) == landmarks_of(pipeline, accepted, key)
    assert rows_of(pipeline, tmp_path, "2002") == []
    result = taken_in(pipeline, tmp_path, "2002", VALIDATE)
    assert (result["verdict"], result["rows"]) == ("accepted", 0)


def test_future_events_and_other_entities_change_nothing(tmp_path):
    pipeline = declared(history_days=30, free_of=(("code", "E11"),), every_days=90, at_days=())
    rows = made_events(4, 200, *SPAN)
    publish_events(pipeline, tmp_path, rows)
    taken_in(pipeline, tmp_path, "2002")
    before = rows_of(pipeline, tmp_path, "2002")
    *_, last = (row for row in before if row["patient"] == 1)
    later = [
        {
            "event": 900 + n,
            "patient": n,
            "at": last["time"] + timedelta(seconds=1),
            "code": "E11",
            "level": 0,
        }
        for n in range(9)
    ]
    publish_events(pipeline, tmp_path, [*rows, *later], ["2002", "2003"])
    assert taken_in(pipeline, tmp_path, "2002")["cached"] is False
    after = rows_of(pipeline, tmp_path, "2002")

    def until(found):
        return [row for row in found if row["time"] <= last["time"]]

    assert until(after) == until(before)
    # A new row of an entity that had the event is no visit of anybody who is free of it.
    assert [row for row in after if row["time"] > last["time"]] == []


def test_rows_that_became_known_later_do_not_change_what_was_derived(tmp_path):
    pipeline = known_late(declared(free_of=(("code", "E11"),)))
    at = datetime(2001, 5, 5, 12, tzinfo=UTC)
    visit = {"event": 1, "patient": 7, "at": at, "code": "visit", "level": 0, "known": None}
    again = [visit | {"event": n, "at": at.replace(year=2000 + n)} for n in (2, 3)]
    late = visit | {"event": 4, "code": "E11", "known": at.replace(year=2002, month=12)}
    corrected = visit | {"patient": 8, "known": at.replace(year=2003)}
    publish_events(pipeline, tmp_path, [visit, *again])
    for key in ("2001", "2002"):
        taken_in(pipeline, tmp_path, key)
    publish_events(pipeline, tmp_path, [visit, late, corrected, *again])
    assert taken_in(pipeline, tmp_path, "2001")["also"] == ["2002"]
    assert taken_in(pipeline, tmp_path, "2001")["cached"] is True
    taken_in(pipeline, tmp_path, "2003")
    found = {
        key: [row["landmark"] for row in rows_of(pipeline, tmp_path, key)]
        for key in ("2001", "2002", "2003")
    }
    assert found == {"2001": ["7@2001-05-05"], "2002": [], "2003": []}


@pytest.mark.parametrize(
    ("zone", "at", "day", "end"),
    [
        ("UTC", "2001-05-05T23:59:59.999999", "2001-05-05", "2001-05-05T23:59:59"),
        ("Europe/Berlin", "2001-05-05T22:00:00", "2001-05-06", "2001-05-06T21:59:59"),
        # Clocks go back from midnight to 23:00: the day ends an hour later.
        ("America/Sao_Paulo", "2001-02-18T02:30:00", "2001-02-17", "2001-02-18T02:59:59"),
        # They go back from a minute past midnight: the evening that comes again is of the next day.
        ("America/St_Johns", "2001-10-28T02:45:00", "2001-10-28", "2001-10-29T03:29:59"),
        # They go forward at midnight: the day ends where they do.
        ("America/Sao_Paulo", "2001-10-14T02:30:00", "2001-10-13", "2001-10-14T02:59:59"),
    ],
)
def test_a_landmark_is_at_the_last_second_of_the_local_day(tmp_path, zone, at, day, end):
    pipeline = declared("day", "day", zone, start="2001-01-01")
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    row = {"event": 1, "patient": 7, "at": moment, "code": "visit", "level": 0}
    partitions = pipeline.partitions()
    assert partitions.of_time(moment) == day
    files = [path for _, path in write_events(pipeline, tmp_path, [row])]
    made, _ = derived_rows(pipeline, pipeline.of_table("events").table, files, day)
    at_end = datetime.fromisoformat(end).replace(tzinfo=UTC)
    assert listed(made) == [{"landmark": f"7@{day}", "time": at_end, "patient": 7}]
    assert partitions.of_time(at_end) == day


def test_a_day_that_a_zone_left_out_is_no_landmark(tmp_path):
    pipeline = declared("year", "year", "Pacific/Apia", at_days=(1, 2))
    moment = datetime(
        2011, 12, 29, 20, tzinfo=UTC
    )  # the 29th there, the last day before the 31st
    row = {"event": 1, "patient": 7, "at": moment, "code": "visit", "level": 0}
    files = [path for _, path in write_events(pipeline, tmp_path, [row])]
    made, _ = derived_rows(pipeline, pipeline.of_table("events").table, files, "2011")
    assert made["landmark"].to_pylist() == ["7@2011-12-31"]


def test_the_flow_says_what_each_filter_left(tmp_path):
    pipeline = declared(
        where=("code", ("visit", "lab")),
        history_days=10,
        free_of=(("code", "E11"), ("code", "death")),
        every_days=365,
    )
    start = datetime(2001, 1, 1, 12, tzinfo=UTC)
    rows = [
        {
            "event": n,
            "patient": patient,
            "at": start + timedelta(days=day),
            "code": code,
            "level": 0,
        }
        for n, (patient, day, code) in enumerate(
            [
                *(
                    (1, 0, "visit"),
                    (1, 5, "lab"),
                    (1, 20, "lab"),
                    (1, 20, "visit"),
                    (1, 30, "visit"),
                ),
                *(
                    (2, 0, "E11"),
                    (2, 40, "visit"),
                    (3, 0, "other"),
                    (3, 50, "death"),
                    (3, 50, "lab"),
                ),
                *((4, 0, "visit"), (None, 60, "visit")),
            ]
        )
    ]
    publish_events(pipeline, tmp_path, rows)
    result = taken_in(pipeline, tmp_path, "2001")
    store = Store(str(tmp_path))
    folder = store.open(store.find(Ref("registry", "ingested", "ds=2001")))
    steps = json.loads((folder / "flow.json").read_text())
    assert [(s["step"], s["setting"], s["examples"], s["entities"]) for s in steps] == [
        ("visits", "code: visit, lab", 7, 4),
        ("history_days", "10", 4, 3),
        ("free_of_1", "code: E11", 3, 2),
        ("free_of_2", "code: death", 2, 1),
        ("every_days", "365", 1, 1),
    ]
    assert result["metrics"]["visits_examples"] == 7
    assert result["metrics"]["every_days_entities"] == 1
    assert [row["landmark"] for row in rows_of(pipeline, tmp_path, "2001")] == ["1@2001-01-21"]


def test_landmarks_of_an_entity_of_several_columns_have_each_of_them(tmp_path):
    made = declared()
    site = Column("site", "text")
    events, table = (replace(each, columns=(*each.columns, site)) for each in made.tables)
    entity = Entity("patient", ("site", "patient"))
    pipeline = require_valid(replace(made, tables=(events, table), entities=(entity,)))
    rows = [
        row | {"site": "a|b" if row["event"] % 2 else "c"} for row in made_events(5, 60, *SPAN)
    ]
    files = [path for _, path in write_events(pipeline, tmp_path, rows)]
    found, _ = derived_rows(pipeline, events, files, "2003")
    days = {
        (row["site"], row["patient"], row["at"].date())
        for row in rows
        if row["at"].year == 2003 and row["patient"] is not None
    }
    assert {(r["site"], r["patient"], r["time"].date()) for r in found.to_pylist()} == days
    assert f"a\\|b|{found['patient'][0]}@" in "".join(found["landmark"].to_pylist())


KILLED = """
import os, signal, sys
from pipelines.protocol import perform, stage_named
from pipelines.stages.ingest.landmarks import derive
from tests.pipelines.stages.featurize.validated import work_on
from tests.pipelines.stages.ingest.landmarks.visits_case import declared

def killed(*given):
    written(*given)
    os.kill(os.getpid(), signal.SIGKILL)

written, derive.write_landmarks = derive.write_landmarks, killed
perform(stage_named("ingest"), work_on(declared(), sys.argv[1], "2001-01-01", partition="2002"))
"""


def test_a_killed_ingest_leaves_nothing_half_and_the_next_one_ends_alike(tmp_path):
    pipeline, rows = declared(), made_events(6, 100, *SPAN)
    for name in ("killed", "unbroken"):
        publish_events(pipeline, tmp_path / name, rows)
    root = tmp_path / "killed"
    child = subprocess.run([sys.executable, "-c", KILLED, str(root)], check=False)
    assert child.returncode == -signal.SIGKILL
    folder = root / "registry/ingested/ds=2002"
    assert list(folder.glob(".staging-*/part-0.parquet"))
    assert contents(root, pipeline) == {}
    for each in ("killed", "unbroken"):
        taken_in(pipeline, tmp_path / each, "2002")
    assert contents(root, pipeline) == contents(tmp_path / "unbroken", pipeline)
    assert not list(folder.glob(".staging-*"))


def test_the_worked_example_of_the_documentation_is_right(tmp_path):
    pipeline = runpy.run_path(str(ROOT / "docs/examples/incident_diabetes.py"))["PIPELINE"]
    text = (ROOT / "docs/tables.md").read_text()
    table = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| (`.+?`) \| (.+) \|$", text, re.MULTILINE)
    assert len(table) == 6
    rows = [
        {
            "event_id": nth * 10 + n,
            "patient_id": 17,
            "at": datetime.fromisoformat(f"{day}T{8 + n:02}:00:00").replace(tzinfo=UTC),
            "code": code,
            "value": None,
        }
        for nth, (day, codes, _) in enumerate(table)
        for n, code in enumerate(re.findall(r"`(\w+)`", codes))
    ]
    files = [path for _, path in write_events(pipeline, tmp_path, rows)]
    events, found = pipeline.of_table("events").table, []
    for year in ("2001", "2002", "2003", "2004"):
        over = [path for path in files if path.stem <= year]
        found += derived_rows(pipeline, events, over, year)[0]["visit_id"].to_pylist()
    said = [id_ for _, _, example in table for id_ in re.findall(r"`(17@[\d-]+)`", example)]
    assert found == said == ["17@2002-05-02", "17@2003-06-30"]
