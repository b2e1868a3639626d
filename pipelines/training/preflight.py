"""Looking at the training rows before anything is spent on them.

Why: one class, too few rows or a feature that gives the answer away are found in a second here,
    and after hours otherwise.
Promise: a bounded sample of rows is read; nothing heavy is imported.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipelines.errors import LeakageError, TrainingError, listed
from pipelines.operators.bfloat16 import widened
from pipelines.spec import Binary, Head, MultiClass, Ordinal, Survival, Training
from pipelines.training.shards import LABEL, Shards

SAMPLE_ROWS = 200_000
FEW_OF_A_CLASS = 20
BINARY = Binary()


def look_over(
    work: str, shards: Shards, training: Training, head: Head = BINARY
) -> Iterator[str]:
    """Warnings about the training rows, one sentence each.

    Raises:
        TrainingError: Too few rows, one class only, or labels that the head cannot read.
        LeakageError: A single feature nearly tells the label.
    """
    rows, positives = shards.rows, shards.positives()
    if not isinstance(head, Binary):
        _require_labels(work, shards, head)
        return
    if rows == 0 or positives in {0, rows}:
        raise TrainingError(
            f"{work}: {positives} of {rows} training rows have label 1. Both classes are needed: "
            f"widen split.train_days, or check the label column."
        )
    if rows < training.min_rows:
        raise TrainingError(
            f"{work}: {rows} training rows, and training.min_rows={training.min_rows} are asked "
            f"for. Widen split.train_days, or lower that setting."
        )
    if rows < training.global_batch_rows:
        yield (
            f"{work}: all {rows} training rows fit one step of training.global_batch_rows="
            f"{training.global_batch_rows}; a smaller batch takes more steps an epoch"
        )
    if min(positives, rows - positives) < FEW_OF_A_CLASS:
        yield f"{work}: only {min(positives, rows - positives)} training rows are of the rarer class"
    _require_no_leak(work, shards, training.leakage_auc)


def _require_labels(work: str, shards: Shards, head: Head) -> None:
    """Refuse labels that are none of the head's."""
    y = np.concatenate([day[LABEL] for day in shards.days])
    if isinstance(head, MultiClass | Ordinal):
        bad, wanted = (
            (y != np.floor(y)) | (y < 0) | (y >= head.classes),
            f"0 to {head.classes - 1}",
        )
    elif isinstance(head, Survival):
        bad, wanted = (
            ~np.isfinite(y) | (y == 0),
            "days, above 0 for an event, below 0 for none yet",
        )
    else:
        bad, wanted = ~np.isfinite(y), "finite numbers"
    if bad.any():
        raise TrainingError(
            f"{work}: {int(bad.sum()):,} of {len(y):,} training labels are not {wanted} "
            f"({listed(np.unique(y[bad]).tolist())}). Correct the label column, or the head."
        )


def _require_no_leak(work: str, shards: Shards, limit: float) -> None:
    if "x" not in shards.days[0]:
        return
    x, y = sample(shards)
    if limit >= 1.0 or y.all() or not y.any():
        return
    names = shards.features or [f"feature {n}" for n in range(x.shape[1])]
    found = [(name, single_auc(x[:, n], y)) for n, name in enumerate(names)]
    leaks = [f"{name} (AUC {auc:.4f})" for name, auc in found if max(auc, 1 - auc) > limit]
    if leaks:
        raise LeakageError(
            f"{work}: the label can be read off single features, by {len(y):,} rows looked at: "
            f"{listed(leaks)}; above training.leakage_auc={limit} that means the answer leaked into "
            f"them. Take them out of the features, or set training.leakage_auc=1 if they are right."
        )


def sample(shards: Shards) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Rows evenly spread over the days, at most ``SAMPLE_ROWS``: ``x`` and whether label 1."""
    every = -(-shards.rows // SAMPLE_ROWS)
    x = np.concatenate([widened(np, day["x"][::every]) for day in shards.days])
    return x, np.concatenate([day[LABEL][::every] for day in shards.days]) == 1


def single_auc(values: NDArray[np.float32], y: NDArray[np.bool_]) -> float:
    """Area under the ROC curve of one feature as a score, ties counting one half.

    Source:
        The rank sum of Mann and Whitney, 1947.
    """
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[place]
    positives = int(y.sum())
    area = rank[y].sum() - positives * (positives + 1) / 2
    return float(area / (positives * (len(y) - positives)))
