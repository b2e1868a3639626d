"""Derive a partition of landmarks from validated rows, and write it as any other partition.

Promise: the same events give the same bytes, whatever order their partitions came in; rows are in the
    order of their days, and of their entities within a day. Of the events a few columns of a row group
    are in memory, and a few numbers for each entity.
Not here: which partitions are read (``events_behind.py``).
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.core.text import counted
from pipelines.protocol import StageOutcome
from pipelines.shared.tables.schema import canonical_type
from pipelines.shared.tables.versions import (
    SECOND_US,
    day_number,
    version_columns,
    versions_of,
)
from pipelines.spec import Landmarks, Pipeline, Table
from pipelines.spec.reach import known_by
from pipelines.stages.ingest.day import DayWriter
from pipelines.stages.ingest.landmarks.filters import (
    Chosen,
    FlowStep,
    chosen_of,
    first_needed,
)
from pipelines.stages.ingest.landmarks.local_days import last_seconds
from pipelines.stages.ingest.landmarks.visits import CandidateVisits, VisitsFound

FLOW = "flow.json"


def derived_rows(
    pipeline: Pipeline, events: Table, files: Iterator[Path] | Sequence[Path], key: str
) -> tuple[pa.Table, tuple[FlowStep, ...]]:
    """The landmarks of a partition in the declared columns, and how they came about.

    Args:
        pipeline: Declares the landmarks as its examples.
        events: The table that they are derived from.
        files: Its validated rows by the end of the partition.
        key: The partition.
    """
    landmarks, zone = pipeline.table.source, pipeline.time_zone
    assert isinstance(landmarks, Landmarks)
    partitions, entity = pipeline.partitions(), pipeline.entity(landmarks.entity)
    between = day_number(partitions.first_day(key)), day_number(partitions.last_day(key))
    needed = first_needed(landmarks, between[0]), between[1]
    found = VisitsFound(landmarks, entity, events, zone, needed)
    known = day_number(known_by(pipeline, key))
    for file in files:
        for rows in _blocks(file, found.columns(), events, zone, known):
            found.add(rows)
    visits = found.found()
    chosen = chosen_of(visits, landmarks, between, zone)
    return _table(pipeline, visits, chosen), chosen.flow


def write_landmarks(
    pipeline: Pipeline, rows: pa.Table, flow: Sequence[FlowStep], key: str, out: Path
) -> StageOutcome:
    """Write the rows of a partition, and the flow beside them."""
    writer = DayWriter(pipeline, key, out)
    if rows.num_rows:
        writer.add(rows)
    writer.close()
    (out / FLOW).write_text(json.dumps([asdict(step) for step in flow], indent=1) + "\n")
    return StageOutcome(rows=rows.num_rows, metrics=_metrics(flow))


def described(flow: Sequence[FlowStep]) -> str:
    """The flow in a sentence."""
    first, *filters = flow
    left = [
        f"{step.step} ({step.setting}) leaves {step.examples:,} of {_entities(step)}"
        for step in filters
    ]
    begin = f"{first.examples:,} {first.step} of {_entities(first)}"
    return "; ".join([begin, *left])


def _entities(step: FlowStep) -> str:
    return counted(step.entities, "entity", "entities")


def _metrics(flow: Sequence[FlowStep]) -> dict[str, float]:
    """Examples and entities after each step, by its name."""
    found: dict[str, float] = {}
    for step in flow:
        found[f"{step.step}_examples"] = float(step.examples)
        found[f"{step.step}_entities"] = float(step.entities)
    return found


def _blocks(
    path: Path, columns: list[str], events: Table, zone: str, known: int
) -> Iterator[pa.Table]:
    """The rows of a file that were known by the end of a day, in blocks."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        if events.known_time is None:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, columns=columns)
            return
        rows = file.read(columns=list(dict.fromkeys([*columns, *version_columns(events)])))
        versions = versions_of(rows, events, zone)
        assert versions is not None
        yield rows.filter(pa.array(versions.visible(known)))


def _table(pipeline: Pipeline, visits: CandidateVisits, chosen: Chosen) -> pa.Table:
    """The landmarks in the declared columns."""
    table, landmarks = pipeline.table, pipeline.table.source
    assert isinstance(landmarks, Landmarks)
    of_entity = visits.entities.take(pa.array(chosen.entity))
    days = pa.array(chosen.day.astype(np.int32)).cast(pa.date32()).cast(pa.string())
    keys = of_entity[pipeline.entity(landmarks.entity).key].cast(pa.string())
    time_us = last_seconds(chosen.day, pipeline.time_zone) * SECOND_US
    made = {
        table.id_column: pc.binary_join_element_wise(keys, days, "@"),
        table.time_column: pa.array(time_us).cast(pa.timestamp("us")),
    }
    return pa.table(
        {
            c.name: made.get(
                c.name, of_entity[c.name] if c.name in of_entity.column_names else None
            )
            for c in table.columns
        },
        schema=pa.schema([(c.name, canonical_type(c)) for c in table.columns]),
    )
