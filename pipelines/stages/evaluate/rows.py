"""The test rows, and those of them that count.

Why: an entity whose fraud is already known is blocked; finding it again would flatter any model.
Promise: what is known on a test day follows from labels old enough to be known then, on any
    earlier day of the window.
Source: the protocol of Le Borgne et al., "Reproducible Machine Learning for Credit Card Fraud
    Detection", 2022, chapter 5.2 (prequential split, known compromised cards removed).
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.days import parse_day
from pipelines.core.errors import TrainingError
from pipelines.operators.bfloat16 import widened
from pipelines.protocol import VALIDATED, stage_of
from pipelines.spec import PARTS

NEVER = np.iinfo(np.int64).max
Index = Mapping[str, Sequence[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class TestRows:
    """Rows of the test days.

    Attributes:
        inputs: What a model reads, by name: ``x (n_rows, n_features)`` and its like.
        labels: The label of each row, ``(n_rows,)``.
        day: Day of each row as a number, ``(n_rows,)``.
        entity: Alert entity of each row, ``(n_rows,)``.
        counted: Whether metrics are made from a row; false where its entity was known,
            ``(n_rows,)``.
        keys: Row id, event time and entity columns of each row.
        days: Test days that have rows, in order.
    """

    __test__ = False  # not a test, whatever pytest makes of its name

    inputs: Mapping[str, NDArray[Any]]
    labels: NDArray[np.float64]
    day: NDArray[np.int64]
    entity: NDArray[np.int64]
    counted: NDArray[np.bool_]
    keys: pa.Table
    days: tuple[str, ...]

    @property
    def events(self) -> NDArray[np.bool_]:
        """Whether the event happened, where the label is one of an event."""
        return self.labels > 0


def open_test_rows(
    training_set: Path, entity_column: str, known_after_days: int | None
) -> TestRows:
    """Read the test days and find the rows of entities known to be compromised.

    Args:
        training_set: A published training set.
        entity_column: Key column of the entity that alerts are raised on, or of single rows.
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
    tested = _read_days(training_set, index["test"], entity_column)
    counted = np.ones(sum(len(day.labels) for day in tested), bool)
    if known_after_days is not None:
        before = itertools.chain.from_iterable(map(index.__getitem__, PARTS[:-1]))
        known = first_events([*_read_days(training_set, before, entity_column), *tested])
        counted = ~np.concatenate([_known_on(day, known, known_after_days) for day in tested])
    return TestRows(
        inputs=read_inputs(training_set, index["test"]),
        labels=np.concatenate([day.labels for day in tested]),
        day=np.concatenate([np.full(len(day.labels), day.number) for day in tested]),
        entity=np.concatenate([day.entity for day in tested]),
        counted=counted,
        keys=pa.concat_tables([day.keys for day in tested]),
        days=tuple(entry["day"] for entry in index["test"]),
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
    """Keys and labels of a day's rows; ``number`` is the day's."""

    number: int
    labels: NDArray[np.float64]
    entity: NDArray[np.int64]
    keys: pa.Table

    @property
    def events(self) -> NDArray[np.bool_]:
        """Rows whose event happened."""
        return self.labels > 0


def _read_days(
    folder: Path, entries: Iterable[Mapping[str, Any]], entity_column: str
) -> list[LabeledDay]:
    return [_read_day(folder, entry, entity_column) for entry in entries]


def _read_day(folder: Path, entry: Mapping[str, Any], entity_column: str) -> LabeledDay:
    keys = pq.read_table(folder / entry["keys"], use_threads=False)
    labels = np.load(folder / entry["y"]).astype(np.float64)
    number = parse_day(entry["day"]).toordinal()
    return LabeledDay(number, labels, keys[entity_column].to_numpy(), keys)


def first_events(days: Sequence[LabeledDay]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entities with an event, sorted, and the number of each one's first day with one."""
    entity = np.concatenate([day.entity[day.events] for day in days])
    number = np.concatenate([np.full(int(day.events.sum()), day.number) for day in days])
    found, index = np.unique(entity, return_inverse=True)
    first = np.full(len(found), NEVER, np.int64)
    np.minimum.at(first, index, number)
    return found, first


def _known_on(
    day: LabeledDay, known: tuple[NDArray[np.int64], NDArray[np.int64]], known_after_days: int
) -> NDArray[np.bool_]:
    entities, first = known
    if len(entities) == 0:
        return np.zeros(len(day.entity), bool)
    index = np.minimum(np.searchsorted(entities, day.entity), len(entities) - 1)
    had = np.where(entities[index] == day.entity, first[index], NEVER)
    return had < day.number - known_after_days
