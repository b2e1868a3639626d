"""Metrics of main's model and of a branch's of the same as-of day, on the same rows.

Why: two evaluations may rest on other rows, and a difference without an interval says nothing.
Promise: rows are joined by their id, and counted where both evaluations count them; resamples are of
    entities and the same for both models, so that their difference has an interval of its own.
Not here: the metrics (``pipelines/shared/metrics/``).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.store import Store
from pipelines.drivers.branches.differences import BranchedArtifact
from pipelines.shared.metrics.bootstrap import Sampled, resamples
from pipelines.shared.metrics.ranking import (
    EntityDays,
    Ranking,
    alert_precision,
    average_precision,
    curve,
    entity_days,
    ranking,
    roc_auc,
)
from pipelines.spec import Binary, Pipeline

EVALUATIONS, SCORES = "evaluations", "scores.parquet"


@dataclass(frozen=True, slots=True)
class RankedScores:
    """One model's scores of the rows of both.

    Attributes:
        ranked: Rows by falling score.
        days: Entities by day and falling score.
        entity_index: Index of each row's entity, ``(n_rows,)``.
        alerts_per_day: Entities looked at in a day.
    """

    ranked: Ranking
    days: EntityDays
    entity_index: NDArray[np.int64]
    alerts_per_day: int

    def metrics(self, copies: NDArray[np.float64] | None = None) -> dict[str, float]:
        """The ranking metrics, for so many copies of each entity."""
        true, false = curve(self.ranked, None if copies is None else copies[self.entity_index])
        return {
            "auc": roc_auc(true, false),
            "average_precision": average_precision(true, false),
            "alert_precision": alert_precision(self.days, self.alerts_per_day, copies),
        }


def compared_models(
    store: Store, own: Iterable[BranchedArtifact], pipeline: Pipeline
) -> Iterator[dict[str, Any]]:
    """The models whose evaluation is published on main and another one on the branch.

    Yields:
        ``key``, ``verdicts`` and ``metrics``: of each ``main``, ``branch``, and for a Binary head
        ``difference`` (the branch's less main's) with its ``interval``, ``rows`` and ``entities``.
    """
    for each in own:
        if each.ref.dataset != EVALUATIONS or each.published is None:
            continue
        sides = {"main": each.published, "branch": each.own}
        facts = {
            "key": each.ref.key,
            "verdicts": {side: m.outcome.get("verdict", "") for side, m in sides.items()},
        }
        if isinstance(pipeline.head, Binary):
            folders = store.open(each.published), store.open(each.own)
            yield facts | paired(folders[0] / SCORES, folders[1] / SCORES, pipeline)
        else:
            metrics = {side: m.outcome.get("metrics", {}) for side, m in sides.items()}
            yield facts | {"metrics": _beside(metrics["main"], metrics["branch"])}


def _beside(main: dict[str, float], branch: dict[str, float]) -> dict[str, dict[str, float]]:
    both = sorted(main.keys() & branch.keys())
    return {name: {"main": main[name], "branch": branch[name]} for name in both}


def paired(main: Path, branch: Path, pipeline: Pipeline) -> dict[str, Any]:
    """The metrics of two files of scores on the rows that both count, with paired intervals."""
    tables = [_counted(pq.read_table(path, use_threads=False)) for path in (main, branch)]
    id_column = pipeline.table.id_column
    at = pc.index_in(tables[1][id_column], value_set=tables[0][id_column].combine_chunks())
    both = pc.is_valid(at)
    rows = tables[0].take(pc.filter(at, both)), tables[1].filter(both)
    if not rows[0].num_rows:
        return {"rows": 0, "entities": 0, "metrics": {}}
    measured = [_ranked(rows[0], _values(table, "score"), pipeline) for table in rows]
    n_entities = int(measured[0].entity_index.max()) + 1
    samples, seed = pipeline.evaluation.bootstrap_samples, pipeline.training.seed
    copies = resamples(n_entities, samples, seed)
    of_main, of_branch = (Sampled.of(each, copies) for each in measured)
    between = of_branch.less(of_main)
    metrics = {
        name: {
            "main": of_main.metrics[name],
            "branch": value,
            "difference": value - of_main.metrics[name],
            "interval": list(between[name]),
        }
        for name, value in of_branch.metrics.items()
        if name in of_main.metrics
    }
    return {"rows": rows[0].num_rows, "entities": n_entities, "metrics": metrics}


def _ranked(rows: pa.Table, scores: NDArray[Any], pipeline: Pipeline) -> RankedScores:
    """Labels, days and entities are the rows' own and the same for both models."""
    y = _values(rows, "label") > 0
    days = np.unique(_values(rows, "day"), return_inverse=True)[1]
    named = {entity.name: entity.key for entity in pipeline.entities}
    alerted = named.get(pipeline.evaluation.alert_entity or "", pipeline.table.id_column)
    column = alerted if alerted in rows.column_names else pipeline.table.id_column
    entity = _numbered(rows[column])
    return RankedScores(
        ranking(y, scores),
        entity_days(days, entity, y, scores),
        entity,
        pipeline.evaluation.alerts_per_day,
    )


def _numbered(column: pa.ChunkedArray) -> NDArray[np.int64]:
    """Index of each row's entity; a row without one is an entity of its own."""
    codes = column.combine_chunks().dictionary_encode().indices
    numbers = np.array(pc.fill_null(codes, -1).to_numpy(), np.int64)
    alone = np.flatnonzero(numbers < 0)
    numbers[alone] = numbers.max() + 1 + np.arange(len(alone))
    return numbers


def _counted(table: pa.Table) -> pa.Table:
    return table.filter(table[_stored(table, "counted")])


def _values(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[_stored(table, name)].to_numpy()
    return values


def _stored(table: pa.Table, name: str) -> str:
    """A column of the evaluation's own, where the table has one of that name."""
    return f"_{name}" if f"_{name}" in table.column_names else name
