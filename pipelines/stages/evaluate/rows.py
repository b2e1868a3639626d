"""The test rows that count: those of entities not yet known to be compromised.

Why: an entity whose fraud is already known is blocked; finding it again would flatter any model.
Promise: what is known on a test day follows from labels old enough to be known then, on any
    earlier day of the window.
Source: the protocol of Le Borgne et al., "Reproducible Machine Learning for Credit Card Fraud
    Detection", 2022, chapter 5.2 (prequential split, known compromised cards removed).
"""

import json
from collections.abc import Mapping, Sequence
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


@dataclass(frozen=True, slots=True)
class TestRows:
    """Rows of the test days.

    Attributes:
        inputs: What a model reads, by name: ``x (n_rows, n_features)`` and its like.
        y: Whether the event happened, ``(n_rows,)``.
        day: Day of each row as a number, ``(n_rows,)``.
        entity: Alert entity of each row, ``(n_rows,)``.
        counted: Whether a row is judged on; false where its entity was known, ``(n_rows,)``.
        keys: Row id, event time and entity columns of each row.
        days: Test days that have rows, in order.
    """

    __test__ = False  # not a test, whatever pytest makes of its name

    inputs: Mapping[str, NDArray[Any]]
    y: NDArray[np.bool_]
    day: NDArray[np.int64]
    entity: NDArray[np.int64]
    counted: NDArray[np.bool_]
    keys: pa.Table
    days: tuple[str, ...]


def open_test_rows(training_set: Path, entity_column: str, known_after_days: int) -> TestRows:
    """Read the test days and find the rows of entities known to be compromised.

    Args:
        training_set: A published training set.
        entity_column: Key column of the entity that alerts are raised on.
        known_after_days: Days until a label is known. A label of day d counts as known on the
            days after ``d + known_after_days``.

    Raises:
        TrainingError: The training set has no test rows.
    """
    index = json.loads((training_set / "index.json").read_text())
    if not index["test"]:
        raise TrainingError(
            f"The training set has no test rows: its test days are empty or were refused. Widen "
            f"split.test_days, or look at what {stage_of(VALIDATED).name} refused."
        )
    entries = [entry for part in PARTS for entry in index[part]]
    days = [_Day.read(training_set, entry, entity_column) for entry in entries]
    known, tested = first_events(days), days[len(days) - len(index["test"]) :]
    return TestRows(
        inputs=read_inputs(training_set, index["test"]),
        y=np.concatenate([day.y for day in tested]),
        day=np.concatenate([np.full(len(day.y), day.number) for day in tested]),
        entity=np.concatenate([day.entity for day in tested]),
        counted=np.concatenate([~_known_on(day, known, known_after_days) for day in tested]),
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
class _Day:
    number: int
    y: NDArray[np.bool_]
    entity: NDArray[np.int64]
    keys: pa.Table

    @classmethod
    def read(cls, folder: Path, entry: dict[str, Any], entity_column: str) -> "_Day":
        keys = pq.read_table(folder / entry["keys"], use_threads=False)
        y = np.load(folder / entry["y"]) > 0
        return cls(parse_day(entry["day"]).toordinal(), y, keys[entity_column].to_numpy(), keys)


def first_events(days: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entities with an event, sorted, and the number of each one's first day with one."""
    entity = np.concatenate([day.entity[day.y] for day in days])
    number = np.concatenate([np.full(int(day.y.sum()), day.number) for day in days])
    found, place = np.unique(entity, return_inverse=True)
    first = np.full(len(found), NEVER, np.int64)
    np.minimum.at(first, place, number)
    return found, first


def _known_on(
    day: _Day, known: tuple[NDArray[np.int64], NDArray[np.int64]], known_after_days: int
) -> NDArray[np.bool_]:
    entities, first = known
    if len(entities) == 0:
        return np.zeros(len(day.entity), bool)
    place = np.minimum(np.searchsorted(entities, day.entity), len(entities) - 1)
    had = np.where(entities[place] == day.entity, first[place], NEVER)
    return had < day.number - known_after_days
