"""Rows whose times are beyond what a static table says of their entity."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import InputMissingError
from pipelines.protocol import perform, stage_named
from pipelines.spec import Column, Entity, Source, Table, load, require_valid
from tests.pipelines.shared.tables.made import DAY, work_on, write_source

NOON = datetime.fromisoformat(f"{DAY}T12:00:00")


def followed(key=("customer_id",), kind="integer"):
    """Card fraud whose customers have a first and a last time."""
    fraud = load("fraud_detection")
    own = [Column(name, kind) for name in key]
    rest = [c for c in fraud.table.columns if c.name not in {*key, "tx_datetime"}]
    time = Column(
        "tx_datetime", "timestamp", not_before="people.since", not_after="people.until"
    )
    limits = [Column(n, "timestamp", nullable=True) for n in ("since", "until")]
    people = Table(
        "people",
        (*own, *limits),
        row_id=key[0] if len(key) == 1 else key,
        event_time=None,
        source=Source(path="people.parquet"),
    )
    entity = Entity("customer", key[0] if len(key) == 1 else key)
    gate = replace(fraud.validation, max_quarantined_share=1.0)
    return require_valid(
        replace(
            fraud,
            tables=(replace(fraud.table, columns=(*own, *rest, time)), people),
            entities=(entity, *(e for e in fraud.entities if e.name == "terminal")),
            validation=gate,
            evaluation=replace(fraud.evaluation, alert_entity="customer"),
        )
    )


def write(source, customers, people):
    """A row at noon for each customer, and the people with their limits."""
    n = len(customers)
    rows = {
        "transaction_id": np.arange(n),
        "tx_datetime": [NOON] * n,
        "customer_id": customers,
        "terminal_id": np.arange(n),
        "tx_amount": np.ones(n),
        "tx_fraud": np.zeros(n, np.int64),
    }
    write_source(source, pa.table(rows))
    names, since, until = zip(*people, strict=True)
    time = pa.timestamp("us")
    table = {
        "customer_id": names,
        "since": pa.array(since, time),
        "until": pa.array(until, time),
    }
    pq.write_table(pa.table(table), source / "people.parquet")


def quarantined(root, source, pipeline):
    """Stage ``validate`` of the day; the rule that each row broke, by row id."""
    for stage in ("ingest", "validate"):
        perform(
            stage_named(stage), work_on(stage, root, source, pipeline).of_table("people", "all")
        )
    for stage in ("ingest", "validate"):
        work = work_on(stage, root, source, pipeline)
        perform(stage_named(stage), work)
    lines = pq.read_table(
        work.store.open(work.find(work.partition_ref("validated"))) / "quarantine.parquet"
    )
    return dict(
        zip(lines["transaction_id"].to_pylist(), lines["_rule"].to_pylist(), strict=True)
    )


def at(hour):
    return NOON.replace(hour=hour)


PEOPLE = [
    (1, at(8), at(16)),
    (2, at(12), at(12)),  # both ends belong to it
    (3, at(13), None),
    (4, None, at(11)),
    (5, None, None),
]
BROKEN = {2: "tx_datetime.not_before", 3: "tx_datetime.not_after"}


@pytest.mark.parametrize("kind", ["integer", "text"])
def test_rows_before_or_after_their_entitys_limits_are_quarantined(tmp_path, kind):
    named = str if kind == "text" else int
    people = [(named(one), *limits) for one, *limits in PEOPLE]
    # 9 is not among the people, and breaks no bound.
    write(tmp_path / "source", [named(n) for n in (1, 2, 3, 4, 5, 9)], people)
    pipeline = followed(kind=kind)
    assert quarantined(tmp_path / "store", tmp_path / "source", pipeline) == BROKEN


def test_a_changed_limit_makes_the_partition_due_again(tmp_path):
    source, root, pipeline = tmp_path / "source", tmp_path / "store", followed()
    write(source, [1, 2, 3, 4, 5], PEOPLE)
    assert quarantined(root, source, pipeline) == BROKEN
    write(source, [1, 2, 3, 4, 5], [*PEOPLE[:3], (4, None, at(12)), PEOPLE[4]])
    assert quarantined(root, source, pipeline) == {2: "tx_datetime.not_before"}


def test_without_the_static_table_it_is_named_with_the_command(tmp_path):
    source, root, pipeline = tmp_path / "source", tmp_path / "store", followed()
    write(source, [1], PEOPLE)
    perform(stage_named("ingest"), work_on("ingest", root, source, pipeline))
    with pytest.raises(
        InputMissingError, match=r"needs people .bounds of its times.*--table people"
    ):
        perform(stage_named("validate"), work_on("validate", root, source, pipeline))


def test_an_entity_of_several_columns_has_limits_too(tmp_path):
    pipeline = followed(key=("customer_id", "terminal_id"))
    write(tmp_path / "source", [1, 2, 3], PEOPLE[:3])
    people = tmp_path / "source" / "people.parquet"
    rows = pq.read_table(people)
    pq.write_table(rows.append_column("terminal_id", pa.array([0, 1, 2])), people)
    assert quarantined(tmp_path / "store", tmp_path / "source", pipeline) == {
        2: "tx_datetime.not_before"
    }
