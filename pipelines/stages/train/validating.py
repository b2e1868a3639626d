"""Judging an epoch on the validation days.

Why: which epoch to keep must be decided on rows that no gradient has seen, and never on the days
    that judge the model.
Promise: metrics are sums over rows in their own order, so replicas change them by rounding of the
    forward pass alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.stages.train.batches import Block, Feed, read_ahead
from pipelines.stages.train.network import Network
from pipelines.stages.train.non_finite import require_finite_rows
from pipelines.stages.train.ranking import Ranked
from pipelines.stages.train.steps import compiled_rows

BATCH_ROWS = 8192


class Validation:
    """The validation rows and the compiled function that judges them."""

    def __init__(self, work: str, network: Network, feed: Feed) -> None:
        """Judge this network on these rows, for this work."""
        self._work, self._network, self._feed = work, network, feed
        self._rows = compiled_rows(network)

    def judge(
        self, place: Callable[[Block], Any], between: Callable[[], None]
    ) -> dict[str, float]:
        """Loss of a row, and for a head that ranks an event its AUC and average precision.

        Args:
            place: Puts a block on the replicas.
            between: Called after each batch; may raise to give up.

        Raises:
            TrainingError: Rows hold values that are no numbers; says in which features.
        """
        losses, ranked, rows = 0.0, Ranked(), 0
        for block, placed in read_ahead((b, place(b)) for b in self._feed.in_order()):
            require_finite_rows(self._work, block, self._feed.shards.features)
            for step, size in enumerate(block.rows):
                each, score = self._step(placed, step, size)
                losses += float(each.sum(dtype=np.float64))
                rows += size
                if self._network.head.score:
                    ranked.add(block.step(step)["y"], score)
                between()
        return {"loss": losses / rows, **(_ranks(ranked) if self._network.head.score else {})}

    def _step(self, placed: Any, step: int, size: int) -> tuple[Any, Any]:
        inputs, y, *_ = placed
        both = self._rows(inputs, y, tf.constant(step))
        local = self._network.strategy.experimental_local_results
        each, score = (np.concatenate([v.numpy() for v in local(one)])[:size] for one in both)
        return each, score


def _ranks(ranked: Ranked) -> dict[str, float]:
    (auc, auc_error), (precision, error) = ranked.auc(), ranked.average_precision()
    return {
        "auc": auc,
        "auc_error": auc_error,
        "average_precision": precision,
        "average_precision_error": error,
    }


def is_better(metric: str, value: float, best: float) -> bool:
    """Whether a value of a watched metric beats the best one so far; nan beats nothing."""
    return value < best if metric == "loss" else value > best
