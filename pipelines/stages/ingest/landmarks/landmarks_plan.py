"""Landmarks as a partition that is ingested: what it depends on, when it is due, and making it.

Promise: nothing heavy is imported until the rows are derived; work is done again if an events partition by
    its end was published with other content, and for no other reason than its declaration.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.zones import zone_table
from pipelines.protocol import Plan, StageOutcome, Work, code_of
from pipelines.spec import Landmarks, Pipeline, Table
from pipelines.spec.reach import known_by
from pipelines.stages.ingest.landmarks.events_behind import EventsBehind

if TYPE_CHECKING:
    from collections.abc import Iterator

PART = "part-0.parquet"


def plan_landmarks(work: Work) -> Plan:
    """Plan by the validated events by the partition's end, and the declaration.

    Raises:
        EventsNotReadyError: Some of them have no verdict yet.
    """
    behind = EventsBehind(work)
    behind.require_ready(work.day)
    return Plan(
        inputs=behind.inputs(work.day),
        config=_settings(work.pipeline, behind.table, work.day),
        code=code_of(f"{__name__}.{take_landmarks.__name__}"),
        made_from=behind.accepted(work.day),
    )


def outdated_landmarks(work: Work) -> list[str]:
    """Later partitions that must be derived again."""
    return EventsBehind(work).outdated()


def take_landmarks(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Derive the partition's rows from the events that were planned."""
    from pipelines.stages.ingest.landmarks.derive import (
        derived_rows,
        described,
        write_landmarks,
    )

    def files() -> "Iterator[Path]":
        total = len(plan.made_from)
        for number, manifest in enumerate(plan.made_from.values()):
            work.report.progress(number, total, "partitions", manifest.key)
            yield work.store.open(manifest) / PART
        work.report.progress(total, total, "partitions")

    events = EventsBehind(work).table
    rows, flow = derived_rows(work.pipeline, events, files(), work.day)
    work.report.log(described(flow))
    return write_landmarks(work.pipeline, rows, flow, work.day, out)


def _settings(pipeline: Pipeline, events: Table, day: str) -> dict[str, Any]:
    """What the rows depend on beside the events."""
    table, landmarks = pipeline.table, pipeline.table.source
    assert isinstance(landmarks, Landmarks)
    return {
        "table": table.name,
        "landmarks": asdict(landmarks),
        "entity": asdict(pipeline.entity(landmarks.entity)),
        "columns": [[column.name, column.type] for column in table.columns],
        "row_id": table.row_id,
        "event_time": table.event_time,
        "events": {"event_time": events.event_time, "known_time": events.known_time},
        "known_by": known_by(pipeline, day),
        "time_zone": {
            "name": pipeline.time_zone,
            "offsets": zone_table(pipeline.time_zone).digest(),
        },
    }
