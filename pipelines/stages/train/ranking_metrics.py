"""AUC and average precision of validation rows from histograms, with bounds of their error.

Why: the rows of the validation days may exceed memory; a histogram of their scores never does.
    Two hundred thresholds, as is common, were off by 0.026 where events are rare.
Promise: counts are integers, so that they do not depend on the order of rows or on replicas; each
    value comes with a bound of its distance from the exact one.
Not here: the exact ones, of the test days (``pipelines/stages/evaluate/``).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Of equal width in the logit, which spreads the small chances of rare events.
BINS = 1 << 16
LIMIT = 16.0


def _no_counts() -> NDArray[np.int64]:
    return np.zeros((2, BINS), np.int64)


@dataclass(slots=True)
class ScoreHistogram:
    """Number of rows of either class with a score in each bin, ``(2, BINS)``."""

    counts: NDArray[np.int64] = field(default_factory=_no_counts)

    def add(self, y: NDArray[np.float32], logits: NDArray[np.float32]) -> None:
        """Add rows to the counts."""
        share = (np.clip(logits.astype(np.float64), -LIMIT, LIMIT) + LIMIT) / (2 * LIMIT)
        bins = np.minimum((share * BINS).astype(np.int64), BINS - 1)
        for label in (0, 1):
            self.counts[label] += np.bincount(bins[y == label], minlength=BINS)

    def auc(self) -> tuple[float, float]:
        """Area under the ROC curve, and how far the exact one may be from it.

        Pairs in one bin count one half, and may in truth count 0 or 1; nan without both classes.
        """
        negative, positive = self.counts.astype(np.float64)
        pairs = negative.sum() * positive.sum()
        if not pairs:
            return float("nan"), float("nan")
        below = np.cumsum(negative) - negative
        together = float((negative * positive).sum() / pairs) / 2
        return float((below * positive).sum() / pairs) + together, together

    def average_precision(self) -> tuple[float, float]:
        """Average precision, and how far the exact one may be from it.

        The middle between the positives of each bin all coming last, one after another, and all
        coming first with the same score.
        """
        negative, positive = self.counts[:, ::-1]
        total = int(positive.sum())
        if not total:
            return float("nan"), float("nan")
        some = np.flatnonzero(positive)
        here = positive[some]
        found, false = np.cumsum(positive)[some], np.cumsum(negative)[some]
        best = float((here * found / (found + false - negative[some])).sum())
        nth = np.repeat(found - np.cumsum(here), here) + np.arange(1, total + 1)
        worst = float((nth / (nth + np.repeat(false, here))).sum())
        return (best + worst) / (2 * total), (best - worst) / (2 * total)
