"""What is in a step whose loss is no number.

Why: "loss is NaN" sends a person looking through days of rows; the step knows which ones.
Promise: names the step, its rows' digest, the features with values that are no numbers, else the
    largest ones, and the newest checkpoint that holds numbers only.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from pipelines.errors import TrainingError, listed
from pipelines.training.batches import Block
from pipelines.training.cursor import Cursor
from pipelines.training.shards import Rows

if TYPE_CHECKING:
    from pipelines.training.loop import Run


def require_finite(run: "Run", cursor: Cursor, loss: float, block: Block, step: int) -> None:
    """Let a finite loss pass.

    Raises:
        TrainingError: It is not; says what is in the step.
    """
    if np.isfinite(loss):
        return
    rows = block.step(step)
    raise TrainingError(
        f"The loss of step {cursor.step + 1} is {loss} (epoch {cursor.epoch + 1}, rows' digest "
        f"{digest_of_rows(rows)}). {suspects(rows, run.feed.shards.features)} Last finite checkpoint: "
        f"{run.checkpoints.last_finite()}. Lower training.learning_rate, or mend those features."
    )


def digest_of_rows(rows: Rows) -> str:
    """Sixteen digits that name these rows, whatever device they were on."""
    digest = hashlib.sha256()
    for name in sorted(rows):
        digest.update(name.encode() + b"\0" + np.ascontiguousarray(rows[name]).tobytes())
    return digest.hexdigest()[:16]


def suspects(rows: Rows, features: tuple[str, ...]) -> str:
    """A sentence that names the inputs with values that are no numbers, else the largest."""
    columns = _columns(rows, features)
    bad = [
        f"{n} ({int((~np.isfinite(v)).sum())})" for n, v in columns if not np.isfinite(v).all()
    ]
    if bad:
        return f"Values that are no numbers, by feature: {listed(bad)}."
    largest = sorted(((float(np.abs(v).max()), n) for n, v in columns if v.size), reverse=True)
    return f"Every feature is a number; the largest: {listed(f'{n} ({v:.3g})' for v, n in largest[:3])}."


def _columns(rows: Rows, features: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    columns = []
    for name, values in rows.items():
        if name == "x":
            named = features or [f"feature {n}" for n in range(values.shape[1])]
            columns += [(each, values[:, n]) for n, each in enumerate(named)]
        elif np.issubdtype(values.dtype, np.floating):
            columns.append((name, values))
    return columns
