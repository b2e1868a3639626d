"""The test rows, and those of them that count.

Why: an entity whose event is already known needs no alert; finding it again would flatter any model.
Promise: what is known on a test day follows from labels old enough to be known then, on any
    earlier day of the window.
Source: the protocol of Le Borgne et al., "Reproducible Machine Learning for Credit Card Fraud
    Detection", 2022, chapter 5.2 (prequential split, entities known by then removed).
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import TrainingError
from pipelines.operators.bfloat16 import widened
from pipelines.protocol import VALIDATED, stage_of
from pipelines.shared.metrics.known_entities import first_events
from pipelines.shared.tables.cohort_names import VALIDATION
from pipelines.shared.tables.day_numbers import day_numbers
from pipelines.shared.tables.entity_numbers import Numbers, numbered
from pipelines.spec import PARTS, Pipeline

Index = Mapping[str, Sequence[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class AlertColumns:
    """Key columns that alerts are counted by.

    Attributes:
        entity: What an alert is raised on, or the row id, where no entity is alerted.
        time: When the example happened.
        zone: Time zone of the days.
    """

    entity: str
    time: str
    zone: str = "UTC"


def alert_columns(pipeline: Pipeline) -> AlertColumns:
    """The key columns of a pipeline's alerts."""
    return AlertColumns(
        pipeline.resampled_column(), pipeline.table.time_column, pipeline.time_zone
    )


@dataclass(frozen=True, slots=True)
class TestRows:
    """Rows of the test days.

    Attributes:
        inputs: What a model reads, by name: ``x (n_rows, n_features)`` and its like.
        labels: The label of each row, NaN where it has none, ``(n_rows,)``.
        competing: Whether a competing event ended the row of a label that is a time, ``(n_rows,)``.
        day: Day of each row's event as a number, ``(n_rows,)``.
        entity: Number of each row's alert entity, ``(n_rows,)``.
        counted: Whether metrics are made from a row; false where its entity was known, or where it
            has no label, ``(n_rows,)``.
        keys: Row id, event time and entity columns of each row.
        days: Test partitions that have rows, in order.
        weight: Weight of each row, 1 where rows are not weighted, ``(n_rows,)``.
    """

    __test__ = False  # not a test, whatever pytest makes of its name

    inputs: Mapping[str, NDArray[Any]]
    labels: NDArray[np.float64]
    competing: NDArray[np.bool_]
    day: NDArray[np.int64]
    entity: NDArray[np.int64]
    counted: NDArray[np.bool_]
    keys: pa.Table
    days: tuple[str, ...]
    weight: NDArray[np.float64]

    @property
    def labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label."""
        return ~np.isnan(self.labels)

    @property
    def events(self) -> NDArray[np.bool_]:
        """Whether the event happened, where the label is one of an event."""
        return self.labels > 0


def open_test_rows(
    training_set: Path, columns: AlertColumns, known_after_days: int | None
) -> TestRows:
    """Read the test days and find the rows of entities known to have had the event.

    Args:
        training_set: A published training set.
        columns: Key columns of the entity that alerts are raised on and of the event time.
        known_after_days: Days until a label is known. A label of day d counts as known on the
            days after ``d + known_after_days``; None counts every row.

    Raises:
        TrainingError: The training set has no test rows.
    """
    index: Index = json.loads((training_set / "index.json").read_text())
    if not index["test"]:
        raise TrainingError(
            f"The training set has no test rows: its test days are empty or were refused. Widen "
            f"split.test_days, or look at what {stage_of(VALIDATED).name} refused."
        )
    tested = [_read_day(training_set, entry, columns) for entry in index["test"]]
    before = [] if known_after_days is None else _events_before(training_set, index, columns)
    entities = numbered([day.keys[columns.entity] for day in (*before, *tested)])
    labels, competing, numbers = (_joined(tested, n) for n in ("labels", "competing", "day"))
    counted = ~np.isnan(labels)
    if known_after_days is not None:
        days = [*zip((*before, *tested), entities, strict=True)]
        counted &= ~_known(days, len(before), known_after_days)
    return TestRows(
        inputs=read_inputs(training_set, index["test"]),
        labels=labels,
        competing=competing,
        day=numbers,
        entity=np.concatenate(entities[len(before) :]),
        counted=counted,
        keys=pa.concat_tables([day.keys for day in tested]),
        days=tuple(entry["day"] for entry in index["test"]),
        weight=_weights(training_set, index["test"]),
    )


def _joined(days: Sequence["LabeledDay"], name: str) -> NDArray[Any]:
    return np.concatenate([getattr(day, name) for day in days])


def _weights(folder: Path, entries: Sequence[Mapping[str, Any]]) -> NDArray[np.float64]:
    if "w" not in entries[0]:
        return np.ones(sum(int(entry["rows"]) for entry in entries))
    return np.concatenate([np.load(folder / entry["w"]) for entry in entries]).astype(
        np.float64
    )


def read_inputs(
    training_set: Path, entries: Sequence[Mapping[str, Any]]
) -> dict[str, NDArray[Any]]:
    """The arrays of some days that a model reads, by name, one day after another."""
    names = [n for n in entries[0] if n in {"x", "ids"} or n.startswith(("seq_", "len_"))]
    return {
        name: np.concatenate(
            [widened(np, np.load(training_set / e[name], mmap_mode="r")) for e in entries]
        )
        for name in names
    }


@dataclass(frozen=True, slots=True)
class LabeledDay:
    """Keys and labels of a partition's rows, NaN for none; ``day`` is the number of each row's day."""

    day: NDArray[np.int64]
    labels: NDArray[np.float64]
    competing: NDArray[np.bool_]
    keys: pa.Table

    @property
    def events(self) -> NDArray[np.bool_]:
        """Rows whose event happened."""
        return self.labels > 0


def _read_day(folder: Path, entry: Mapping[str, Any], columns: AlertColumns) -> LabeledDay:
    keys = pq.read_table(folder / entry["keys"], use_threads=False)
    labels, competing = _labels(folder, entry)
    return LabeledDay(day_numbers(keys[columns.time], columns.zone), labels, competing, keys)


def _labels(
    folder: Path, entry: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Labels, and whether a competing event ended each row: their second column where they have one."""
    labels = np.load(folder / entry["y"]).astype(np.float64)
    if labels.ndim == 1:
        return labels, np.zeros(len(labels), bool)
    return labels[:, 0], labels[:, 1] > 0


def _events_before(folder: Path, index: Index, columns: AlertColumns) -> list[LabeledDay]:
    before = (part for part in (*PARTS[:-1], VALIDATION) if part in index)
    entries = itertools.chain.from_iterable(index[part] for part in before)
    return [_read_events(folder, entry, columns) for entry in entries]


def _read_events(folder: Path, entry: Mapping[str, Any], columns: AlertColumns) -> LabeledDay:
    """The rows of a partition whose event happened; of their keys those that alerts are counted by."""
    names = [columns.entity, columns.time]
    keys = pq.read_table(folder / entry["keys"], columns=names, use_threads=False)
    labels, competing = _labels(folder, entry)
    here = labels > 0
    keys = keys.filter(pa.array(here))
    days = day_numbers(keys[columns.time], columns.zone)
    return LabeledDay(days, labels[here], competing[here], keys)


def _known(
    days: Sequence[tuple[LabeledDay, Numbers]], before: int, known_after_days: int
) -> NDArray[np.bool_]:
    """Which rows of the days after the first ``before`` are of entities known to have had the event."""
    known = first_events((entity[day.events], day.day[day.events]) for day, entity in days)
    after = (known.by(entity, day.day - known_after_days) for day, entity in days[before:])
    return np.concatenate(list(after))
