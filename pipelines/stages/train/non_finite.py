"""Non-finite values: find the step and the rows in which they first occur.

Why: after "loss is NaN" a user would have to search days of rows; the step knows which ones.
Promise: inputs, loss, gradients and weights are each checked, because a kernel may hide a NaN from
    the next of them; an error names the step, the digest of its rows, the features with non-finite
    values, else the largest ones, and the newest checkpoint with finite values only.
"""

import hashlib
from typing import Any, Protocol

import numpy as np

from pipelines.core.errors import TrainingError, listed
from pipelines.core.events import Reporter
from pipelines.protocol import VALIDATED, stage_of
from pipelines.stages.train.batches import Feed, StepBlock
from pipelines.stages.train.checkpoints import Checkpoints
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.network import Network
from pipelines.stages.train.shards import Rows
from pipelines.stages.train.steps import STEP_VALUES

# Causes first: a non-finite value in one soon reaches the next.
FOUND = {
    "inputs": "The sum of the inputs of step {step} is {value:g}",
    "loss": "The loss of step {step} is {value:g}",
    "gradients": "The norm of the gradients of step {step} is {value:g}",
    "weights": "The sum of the squared weights after step {step} is {value:g}",
}
SLOWER = "Lower training.learning_rate, set training.clip_norm above 0, or fix those features."


def _fix_rows() -> str:
    validating = stage_of(VALIDATED).name
    return f"Fix those features: fill them (Fill), or have {validating} refuse such rows."


class CheckedRun(Protocol):
    """The attributes of a run (``loop.TrainingRun``) that are checked."""

    network: Network
    feed: Feed
    checkpoints: Checkpoints
    report: Reporter


def require_finite(
    run: CheckedRun, cursor: Cursor, values: Any, block: StepBlock, step: int, *, taken: bool
) -> None:
    """Require that all values of a step are finite.

    Args:
        run: The training run.
        cursor: Position of the run before the step.
        values: Values of the step (``STEP_VALUES``), ``(4,)``.
        block: Block with the rows of the step.
        step: Index of the step in the block.
        taken: False if float16 overflowed and the step was skipped; then only inputs are checked.

    Raises:
        TrainingError: A value is non-finite; the message describes the step.
    """
    named = dict(zip(STEP_VALUES, map(float, values), strict=True))
    bad = [n for n in FOUND if not np.isfinite(named[n]) and (taken or n == "inputs")]
    if not bad:
        return
    rows = block.step(step)
    what = FOUND[bad[0]].format(step=cursor.step + 1, value=named[bad[0]])
    raise TrainingError(
        f"{run.report.work}: {what} (epoch {cursor.epoch + 1}, rows' digest "
        f"{digest_of_rows(rows)}). {suspects(rows, run.feed.shards.features)} Last finite checkpoint: "
        f"{run.checkpoints.last_finite()}. {_fix_rows() if bad[0] == 'inputs' else SLOWER}"
    )


def require_finite_weights(run: CheckedRun, cursor: Cursor) -> None:
    """Require that all weights, tables and moving statistics of a network are finite.

    Raises:
        TrainingError: Some are not; the message names them.
    """
    weights = [(v.path, np.asarray(v.numpy())) for v in run.network.model.variables]
    bad = [
        f"{p} ({int((~np.isfinite(v)).sum()):,} of {v.size:,})"
        for p, v in weights
        if _has_non_finite(v)
    ]
    if bad:
        raise TrainingError(
            f"{run.report.work}: these weights are non-finite after step {cursor.step}: "
            f"{listed(bad)}. Last finite checkpoint: {run.checkpoints.last_finite()}. {SLOWER}"
        )


def require_finite_rows(work: str, block: StepBlock, features: tuple[str, ...]) -> None:
    """Require that all rows of the validation days are finite.

    Raises:
        TrainingError: Some are not; the message names the features.
    """
    if not any(map(_has_non_finite, (*block.inputs.values(), block.y))):
        return
    for step in range(len(block.rows)):
        rows = block.step(step)
        if any(map(_has_non_finite, rows.values())):
            raise TrainingError(
                f"{work}: rows of the validation days have non-finite values (rows' digest "
                f"{digest_of_rows(rows)}). {suspects(rows, features)} {_fix_rows()}"
            )


def _has_non_finite(values: Any) -> bool:
    return np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all()


def digest_of_rows(rows: Rows) -> str:
    """Sixteen digits that identify these rows, on any device."""
    digest = hashlib.sha256()
    for name in sorted(rows):
        digest.update(name.encode() + b"\0" + np.ascontiguousarray(rows[name]).tobytes())
    return digest.hexdigest()[:16]


def suspects(rows: Rows, features: tuple[str, ...]) -> str:
    """A sentence that names the inputs with non-finite values, else the largest values."""
    columns = _columns(rows, features)
    bad = [
        f"{n} ({int((~np.isfinite(v)).sum())})" for n, v in columns if not np.isfinite(v).all()
    ]
    if bad:
        return f"Non-finite values, by feature: {listed(bad)}."
    largest = sorted(((float(np.abs(v).max()), n) for n, v in columns if v.size), reverse=True)
    return f"Every feature is finite; the largest: {listed(f'{n} ({v:.3g})' for v, n in largest[:3])}."


def _columns(rows: Rows, features: tuple[str, ...]) -> list[tuple[str, np.ndarray]]:
    columns = []
    for name, values in rows.items():
        if name == "x":
            named = features or [f"feature {n}" for n in range(values.shape[1])]
            columns += [(each, values[:, n]) for n, each in enumerate(named)]
        elif np.issubdtype(values.dtype, np.floating):
            columns.append((name, values))
    return columns
