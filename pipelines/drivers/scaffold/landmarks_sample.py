"""Landmarks of the first rows of their events, as a sample like that of a source.

Why: a filter that leaves no example should be seen before decades of events are taken in.
Promise: derived as ingest does, from the sample's rows that are not quarantined. Rows before them, which a run
    would have, are missing: first days are later, and histories shorter, than in a run.
Not here: what the stages say of them (``sample_trial.py``).
"""

from dataclasses import replace
from datetime import UTC

import pyarrow.compute as pc

from pipelines.drivers.scaffold.sample_trial import SampleTrial
from pipelines.drivers.scaffold.source_sample import SourceSample
from pipelines.protocol import Work
from pipelines.stages.ingest.landmarks.derive import derived_rows, described


def landmarks_of_sample(
    work: Work, events: SourceSample, trial: SampleTrial
) -> tuple[SourceSample, str]:
    """The landmarks of the partition of the sample's last row, and how they came about.

    Args:
        work: The work of ingesting landmarks.
        events: The sample of what they are derived from, validated.
        trial: The trial that validated it.
    """
    last, key = pc.max(trial.good_rows(events)[events.table.time_column]).as_py(), work.day
    if last is not None:
        key = work.pipeline.partitions().of_time(last.replace(tzinfo=UTC))
    rows, flow = derived_rows(work.pipeline, events.table, [trial.good_file(events)], key)
    sample = SourceSample(
        work=replace(work, partition=key, history_from=events.work.history_from),
        rows=rows,
        files=(),
        is_whole=False,
        extra=(),
        problems=(),
    )
    return (
        sample,
        f"of {key}, derived from these rows of {events.table.name}: {described(flow)}",
    )
