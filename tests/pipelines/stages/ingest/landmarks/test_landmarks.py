"""Landmarks as they are ingested: against a plain definition, in any order, and only from what is over."""

from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import TableNotReadyError
from pipelines.core.store import Ref, Store
from pipelines.protocol import perform, stage_named
from pipelines.stages.ingest.landmarks.derive import derived_rows
from tests.pipelines.stages.featurize.validated import work_on
from tests.pipelines.stages.ingest.landmarks.visits_case import (
    declared,
    landmarks_of,
    made_events,
    publish_events,
    write_events,
)

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
        TableNotReadyError, match=r"1 partition of table events.*\(2002\).*--table events"
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
