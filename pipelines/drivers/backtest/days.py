"""The days that a backtest scores: their rows, and what a model says of them.

Why: a policy is measured by rows that its model of then would have scored, as it serves.
Promise: a day's features are read as they were known when the day was over; a day without features is left out and
    said; two policies that use one model on one day read its scores once.
Not here: what alerts they lead to (``alerts.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.store import Manifest
from pipelines.protocol import REFUSED, Work, stage_of
from pipelines.protocol.settings import label_column
from pipelines.shared.tables.known_days import FIRST_PART, FIRST_STATISTICS
from pipelines.shared.tables.values import read_served
from pipelines.stages.evaluate.heads import evaluation_of

FEATURES = "features"
Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ScoredDay:
    """Rows of a day that have a label.

    Attributes:
        day: The day.
        events: Whether each row had the event, ``(n_rows,)``.
        entities: Alert entity of each row, ``(n_rows,)``.
        scores: Of each row, ``(n_rows,)``.
    """

    day: str
    events: NDArray[np.bool_]
    entities: NDArray[Any]
    scores: Scores


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """What is known of a day's rows, whatever the model.

    Attributes:
        known: Whether each row has a label, ``(n_rows,)``.
        events: Whether each labelled row had the event.
        entities: Alert entity of each labelled row.
    """

    known: NDArray[np.bool_]
    events: NDArray[np.bool_]
    entities: NDArray[Any]


@dataclass(slots=True)
class PastDays:
    """The days of a store, and scores of models on them.

    Attributes:
        work: Work on the store's days.
        scored: Scores by digest of the model and day.
        rows: Labels and entities by day; None for a day without any.
    """

    work: Work
    scored: dict[tuple[str, str], Scores] = field(default_factory=dict)
    rows: dict[str, LabelledRows | None] = field(default_factory=dict)

    def statistics(self, day: str) -> Path | None:
        """The file of a day's statistics; None for a day without features."""
        made = self._features(day)
        return None if made is None else self.work.store.open(made) / FIRST_STATISTICS

    def of(self, day: str, model: Manifest) -> ScoredDay | None:
        """A day as a model scores it; None for one without rows that have a label."""
        if day not in self.rows:
            self.rows[day] = self._labels(day)
        rows = self.rows[day]
        if rows is None:
            return None
        key = model.digest, day
        if key not in self.scored:
            self.scored[key] = self._scores(day, self.work.store.open(model))[rows.known]
        return ScoredDay(day, rows.events, rows.entities, self.scored[key])

    def _features(self, day: str) -> Manifest | None:
        made = self.work.store.find(self.work.partition_ref(FEATURES, day))
        return None if made is None or made.outcome.get("verdict") == REFUSED else made

    def _part(self, day: str) -> Path | None:
        made = self._features(day)
        part = None if made is None else self.work.store.open(made) / FIRST_PART
        return part if part is not None and part.exists() else None

    def _labels(self, day: str) -> LabelledRows | None:
        part = self._part(day)
        if part is None:
            self.work.report.log(
                f"{day} has no {FEATURES}, and counts for no policy. Run {stage_of(FEATURES).name} for it."
            )
            return None
        label, entity = label_column(self.work.pipeline), self.work.pipeline.resampled_column()
        table = pq.read_table(part, columns=[str(label), entity], use_threads=False)
        known = table[str(label)].is_valid().combine_chunks().to_numpy(zero_copy_only=False)
        if not known.any():
            return None
        labels = table[str(label)].fill_null(0).to_numpy().astype(np.float64)
        return LabelledRows(known, labels[known] > 0, _values(table[entity])[known])

    def _scores(self, day: str, model: Path) -> Scores:
        part = self._part(day)
        assert part is not None, "a day without rows is not scored"
        head = evaluation_of(self.work.pipeline.head)
        return head.predict_served(model, partial(_columns, part))["score"].astype(np.float64)


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """An entity's values; texts as they are, so that they are the same on every day."""
    if pa.types.is_integer(column.type) and not column.null_count:
        return column.to_numpy()
    return np.array(column.to_pylist(), dtype=object)


def _columns(part: Path, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    with pq.ParquetFile(part) as file:
        groups = [read_served(part, group, kinds) for group in range(file.num_row_groups)]
    return {name: np.concatenate([each[name] for each in groups]) for name in kinds}
