"""Permutation importance: how much worse the model is where a feature has the values of other rows.

Why: weights of a network say nothing of what it uses; a metric that falls does.
Promise: seeded; every feature is permuted on the same sample of rows, and the model's decline is on the same
    resamples of entities as the model itself. Features are permuted as the model reads them: all inputs that are made
    of one together, and a ratio by itself, so that two features that say the same hide each other.
Source: L. Breiman, "Random forests", Machine Learning 45, 2001; on any model: A. Fisher, C. Rudin, F. Dominici, "All
    models are wrong, but many are useful", JMLR 20, 2019.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.bootstrap import interval, resamples
from pipelines.shared.scoring.sampled_attribution import InputColumn
from pipelines.stages.evaluate.heads.protocol import (
    Arrays,
    HeadEvaluation,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.primary import Primary, more_is_better, primary_of
from pipelines.stages.evaluate.rows import TestRows

REPEATS, MOST_RESAMPLES = 2, 50
# Numbers of permuted inputs in memory at once.
MOST_VALUES = 1 << 24


@dataclass(frozen=True, slots=True)
class FeatureImportance:
    """How much the primary metric declines without a feature, above 0 where the model is worse; and its interval."""

    name: str
    decline: float
    between: tuple[float, float]


def permutation_importance(
    head: HeadEvaluation,
    predict: Callable[[Arrays], Predictions],
    rows: TestRows,
    yardstick: Yardstick,
    features: Mapping[str, Sequence[InputColumn]],
    seed: int,
) -> list[FeatureImportance]:
    """The importance of each feature, the largest first.

    Args:
        head: How the model is evaluated.
        predict: The model's predictions of inputs.
        rows: A sample of rows, all of which count.
        yardstick: What they are measured by.
        features: The inputs of each feature.
        seed: Of permutations and resamples.
    """
    samples = min(yardstick.evaluation.bootstrap_samples, MOST_RESAMPLES)
    copies = [None, *resamples(len(np.unique(rows.entity)), samples, seed)]
    sign = 1.0 if more_is_better(head) else -1.0

    def measured(predictions: Predictions) -> NDArray[np.float64]:
        primary: Primary = primary_of(head, rows, predictions, yardstick)
        return np.array([primary(each) for each in copies])

    own, found = measured(predict(rows.inputs)), []
    for name, predictions in _permuted(predict, rows, features, seed):
        declines = sign * (own - np.mean([measured(each) for each in predictions], axis=0))
        found.append(
            FeatureImportance(name, float(declines[0]), interval(declines[1:].tolist()))
        )
    return sorted(found, key=lambda each: (-np.nan_to_num(each.decline), each.name))


def _permuted(
    predict: Callable[[Arrays], Predictions],
    rows: TestRows,
    features: Mapping[str, Sequence[InputColumn]],
    seed: int,
) -> Iterator[tuple[str, list[Predictions]]]:
    """Predictions with each feature permuted, of each repeat; of several features at once, to call the model seldom."""
    names, count = list(features), len(rows.labels)
    size = sum(values.size for values in rows.inputs.values()) * REPEATS
    at_once = max(MOST_VALUES // max(size, 1), 1)
    donors = [_donors(rows.weight, seed, repeat) for repeat in range(REPEATS)]
    for first in range(0, len(names), at_once):
        some = names[first : first + at_once]
        pairs = itertools.product(some, donors)
        variants = [_with_donors(rows.inputs, features[name], donor) for name, donor in pairs]
        together = {n: np.concatenate([each[n] for each in variants]) for n in rows.inputs}
        parts = _split(predict(together), count)
        for nth, name in enumerate(some):
            yield name, parts[nth * REPEATS : (nth + 1) * REPEATS]


def _split(predicted: Predictions, count: int) -> list[Predictions]:
    """Predictions of so many rows each."""
    total = len(next(iter(predicted.values())))
    return [
        {name: values[first : first + count] for name, values in predicted.items()}
        for first in range(0, total, count)
    ]


def _donors(weight: NDArray[np.float64], seed: int, repeat: int) -> NDArray[np.int64]:
    """The row whose value each row gets: a permutation, or a draw by weight where rows are weighted."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 2 + repeat]))
    if (weight == weight[0]).all():
        return draw.permutation(len(weight))
    return draw.choice(len(weight), len(weight), p=weight / weight.sum())


def _with_donors(
    inputs: Arrays, parts: Sequence[InputColumn], donors: NDArray[np.int64]
) -> dict[str, NDArray[Any]]:
    changed = dict(inputs)
    for part in parts:
        values = changed[part.array]
        if part.nth is None:
            changed[part.array] = values[donors]
        else:
            values = values.copy() if values is inputs[part.array] else values
            values[:, part.nth] = values[donors, part.nth]
            changed[part.array] = values
    return changed
