"""What a model's scores were worth, now that the labels are known: metrics, intervals, groups.

Promise: resamples are of entities, the same for every model, group and partition; scores are sorted once. About 150
    bytes a row that counts, beside the columns read.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.bootstrap import Measured, Sampled
from pipelines.shared.metrics.decisions import COUNTS, derived, row_sums
from pipelines.shared.metrics.entity_copies import entity_copies
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
from pipelines.shared.metrics.row_groups import (
    RARE,
    ROUNDED_TO,
    RowGroup,
    groups_of,
    is_small,
)
from pipelines.shared.metrics.row_terms import amount_terms, class_terms, grade_terms
from pipelines.spec import Binary, Evaluation, Head, MultiClass, Pipeline, Regression
from pipelines.stages.settle.given import DECISION, PROBABILITIES, PROBABILITY, SCORE
from pipelines.stages.settle.rows import PartitionRows

Predictions = Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class MeasuredDecisions:
    """Scores, probabilities and decisions over an event, arranged for every metric.

    Attributes:
        ranked: Rows by falling score.
        days: Entities by day and falling score.
        entity_index: Index of each row's entity among all, ``(n_rows,)``.
        sums: What each entity adds to the sums, ``(n_entities,)`` each.
        evaluation: As declared.
    """

    ranked: Ranking
    days: EntityDays
    entity_index: NDArray[np.int64]
    sums: Mapping[str, NDArray[np.float64]]
    evaluation: Evaluation

    def metrics(self, copies: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Every metric, for so many copies of each entity."""
        sums = {
            n: float(s.sum() if copies is None else s @ copies) for n, s in self.sums.items()
        }
        true, false = curve(self.ranked, None if copies is None else copies[self.entity_index])
        ranked = {
            "auc": roc_auc(true, false),
            "average_precision": average_precision(true, false),
            "alert_precision": alert_precision(
                self.days, self.evaluation.alerts_per_day, copies
            ),
        }
        return ranked | derived(sums, self.evaluation.costs)


@dataclass(frozen=True, slots=True)
class RealisedModel:
    """One model's predictions of the rows that count.

    Attributes:
        metrics: Those that are defined.
        intervals: Their 95 % intervals, those that are defined.
        each: The metrics in each resample.
        groups: Of the declared subgroups.
    """

    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    each: tuple[dict[str, float], ...]
    groups: list[dict[str, Any]] = field(default_factory=list)


def realised(
    pipeline: Pipeline,
    rows: PartitionRows,
    predictions: Predictions,
    columns: Mapping[str, NDArray[Any]],
) -> RealisedModel:
    """Measure a model on the rows that count, all of which have a label.

    Args:
        pipeline: What is declared.
        rows: The rows that count.
        predictions: Of them.
        columns: Their values of the columns that divide subgroups.
    """
    whole = _sampled(pipeline, rows, predictions)
    groups = [
        (group, *_of_group(pipeline, rows, predictions, group))
        for subgroup in pipeline.evaluation.subgroups
        for group in groups_of(subgroup, columns[subgroup.column])
    ]
    hidden = {group.column for group, sampled, _ in groups if sampled is None}
    return RealisedModel(
        whole.metrics,
        _defined(whole),
        whole.each,
        [_described(group, found, n, hidden) for group, found, n in groups],
    )


def _of_group(
    pipeline: Pipeline, rows: PartitionRows, predictions: Predictions, group: RowGroup
) -> tuple[Sampled | None, int]:
    """Metrics of a group, None where it is small; and its entities."""
    own = rows.of_rows(group.rows)
    entities = len(np.unique(own.entity))
    events = int((own.labels > 0).sum()) if isinstance(pipeline.head, Binary) else None
    if is_small(entities, events):
        return None, entities
    theirs = {name: values[group.rows] for name, values in predictions.items()}
    return _sampled(pipeline, own, theirs), entities


def _described(
    group: RowGroup, sampled: Sampled | None, entities: int, hidden: set[str]
) -> dict[str, Any]:
    """One group; rates alone, as sums could give single people away.

    Counts are rounded where the whole less the others would give a small one away.
    """
    named = {"column": group.column, "group": group.name}
    if sampled is None:
        return named | ({"group": RARE} if group.is_value else {}) | {"suppressed": True}
    unit = ROUNDED_TO if group.column in hidden else 1
    counts = {"rows": int(group.rows.sum()), "entities": entities}
    rates = {n: v for n, v in sampled.metrics.items() if n not in COUNTS}
    return named | {
        "suppressed": False,
        **{name: count // unit * unit for name, count in counts.items()},
        "metrics": rates,
        "intervals": {n: v for n, v in _defined(sampled).items() if n in rates},
    }


def _sampled(pipeline: Pipeline, rows: PartitionRows, predictions: Predictions) -> Sampled:
    _, first, index = np.unique(rows.entity, return_index=True, return_inverse=True)
    measured = _measured(pipeline, rows, predictions, index)
    evaluation, seed = pipeline.evaluation, pipeline.training.seed
    return Sampled.of(
        measured, entity_copies(rows.hashes[first], evaluation.bootstrap_samples, seed)
    )


def _measured(
    pipeline: Pipeline, rows: PartitionRows, predictions: Predictions, index: NDArray[np.int64]
) -> Measured:
    if isinstance(pipeline.head, Binary):
        return _decisions(pipeline.evaluation, rows, predictions, index)
    return _terms(pipeline.head, rows.labels, predictions, index)


def _decisions(
    evaluation: Evaluation,
    rows: PartitionRows,
    predictions: Predictions,
    index: NDArray[np.int64],
) -> MeasuredDecisions:
    event, score = rows.labels > 0, predictions[SCORE]
    probability = predictions[PROBABILITY].astype(np.float64)
    n_entities = int(index.max(initial=-1)) + 1
    sums = {
        name: np.asarray(np.bincount(index, each, n_entities), np.float64)
        for name, each in row_sums(event, probability, predictions.get(DECISION))
    }
    days = entity_days(rows.day, rows.entity, event, score)
    return MeasuredDecisions(ranking(event, score), days, index, sums, evaluation)


def _terms(
    head: Head, labels: NDArray[np.float64], predictions: Predictions, index: NDArray[np.int64]
) -> Measured:
    if isinstance(head, Regression):
        return amount_terms(labels, predictions[SCORE].astype(np.float64), index)
    chance = predictions[PROBABILITIES].astype(np.float64)
    return (class_terms if isinstance(head, MultiClass) else grade_terms)(labels, chance, index)


def _defined(sampled: Sampled) -> dict[str, tuple[float, float]]:
    return {n: ends for n, ends in sampled.intervals().items() if all(map(math.isfinite, ends))}


def resampled_rows(
    named: Mapping[str, Any], each: tuple[dict[str, float], ...]
) -> Iterator[dict[str, Any]]:
    """The metrics of each resample as rows of a table, null where one is not defined."""
    for number, metrics in enumerate(each):
        defined = {n: v if math.isfinite(v) else None for n, v in metrics.items()}
        yield {**named, "resample": number, **defined}
