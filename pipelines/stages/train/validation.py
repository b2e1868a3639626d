"""Evaluate an epoch on the validation days.

Why: the epoch to keep must be chosen by rows that no gradient has seen, and never by the days that
    test the model.
Promise: metrics are sums over rows in their own order, so replicas change them by rounding of the
    forward pass alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.stages.train.batches import Feed, StepBlock, prefetched
from pipelines.stages.train.network import Network
from pipelines.stages.train.non_finite import require_finite_rows
from pipelines.stages.train.ranking_metrics import ScoreHistogram
from pipelines.stages.train.shards import LABEL, WEIGHT
from pipelines.stages.train.steps import compiled_rows

BATCH_ROWS = 8192


class EpochValidation:
    """The validation rows and the compiled function that evaluates them."""

    def __init__(self, work: str, network: Network, feed: Feed) -> None:
        """Evaluate this network on these rows, for this work."""
        self._work, self._network, self._feed = work, network, feed
        self._rows = compiled_rows(network)

    def evaluate(
        self, distribute: Callable[[StepBlock], Any], between: Callable[[], None]
    ) -> dict[str, float]:
        """Mean loss, by the rows' weights, and for a head that ranks an event its AUC and average precision.

        Args:
            distribute: Puts a block on the replicas.
            between: Called after each batch; may raise to stop.

        Raises:
            TrainingError: Rows have non-finite values; the message names the features.
        """
        losses, ranked, weights = 0.0, ScoreHistogram(), 0.0
        for block, distributed in prefetched((b, distribute(b)) for b in self._feed.in_order()):
            require_finite_rows(self._work, block, self._feed.shards.features)
            for step, size in enumerate(block.rows):
                each, score = self._step(distributed, step, size)
                if WEIGHT in self._feed.shards.days[0]:
                    weight = block.weights(step)
                    losses += float((each * weight).sum())
                    weights += float(weight.sum())
                else:
                    losses += float(each.sum(dtype=np.float64))
                    weights += size
                if self._network.head.score:
                    ranked.add(block.step(step)[LABEL], score)
                between()
        return {
            "loss": losses / weights,
            **(_ranks(ranked) if self._network.head.score else {}),
        }

    def _step(self, distributed: Any, step: int, size: int) -> tuple[Any, Any]:
        inputs, y, *_ = distributed
        both = self._rows(inputs, y, tf.constant(step))
        local = self._network.strategy.experimental_local_results
        each, score = (np.concatenate([v.numpy() for v in local(one)])[:size] for one in both)
        return each, score


def _ranks(ranked: ScoreHistogram) -> dict[str, float]:
    (auc, auc_error), (precision, error) = ranked.auc(), ranked.average_precision()
    return {
        "auc": auc,
        "auc_error": auc_error,
        "average_precision": precision,
        "average_precision_error": error,
    }


def is_better(metric: str, value: float, best: float) -> bool:
    """Whether a value of the watched metric is better than the best so far; nan never is."""
    return value < best if metric == "loss" else value > best
