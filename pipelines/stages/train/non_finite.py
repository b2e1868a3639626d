"""Numbers that are not finite: what is in the step where they came up.

Why: "loss is NaN" sends a person looking through days of rows; the step knows which ones.
Promise: inputs, loss, gradients and weights are each looked at, whatever a kernel makes of NaN on the
    way from one to the next; an error names the step, its rows' digest, the features with values that
    are no numbers, else the largest ones, and the newest checkpoint that holds numbers only.
"""

import hashlib
from typing import Any, Protocol

import numpy as np

from pipelines.core.errors import TrainingError, listed
from pipelines.core.events import Reporter
from pipelines.protocol import VALIDATED, stage_of
from pipelines.stages.train.batches import Block, Feed
from pipelines.stages.train.checkpoints import Checkpoints
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.network import Network
from pipelines.stages.train.shards import Rows
from pipelines.stages.train.steps import TOLD

# Causes first: what is wrong in one of them soon is in the next.
FOUND = {
    "inputs": "The sum of the inputs of step {step} is {value:g}",
    "loss": "The loss of step {step} is {value:g}",
    "gradients": "The norm of the gradients of step {step} is {value:g}",
    "weights": "The sum of the squared weights after step {step} is {value:g}",
}
SLOWER = "Lower training.learning_rate, set training.clip_norm above 0, or mend those features."


def _mend_rows() -> str:
    validating = stage_of(VALIDATED).name
    return f"Mend those features: fill them (Fill), or have {validating} refuse such rows."


class CheckedRun(Protocol):
    """What is looked at of a run (``loop.Run``)."""

    network: Network
    feed: Feed
    checkpoints: Checkpoints
    report: Reporter


def require_finite(
    run: CheckedRun, cursor: Cursor, told: Any, block: Block, step: int, *, taken: bool
) -> None:
    """Let a step pass whose numbers are all finite.

    Args:
        run: Whose step.
        cursor: Where the run was before it.
        told: What the step told, ``(4,)``.
        block: Its rows are in it.
        step: Its place in the block.
        taken: Whether it was; float16 skips a step that overflows, whose inputs must be finite.

    Raises:
        TrainingError: One is not; says what is in the step.
    """
    values = dict(zip(TOLD, map(float, told), strict=True))
    bad = [n for n in FOUND if not np.isfinite(values[n]) and (taken or n == "inputs")]
    if not bad:
        return
    rows = block.step(step)
    what = FOUND[bad[0]].format(step=cursor.step + 1, value=values[bad[0]])
    raise TrainingError(
        f"{run.report.work}: {what} (epoch {cursor.epoch + 1}, rows' digest "
        f"{digest_of_rows(rows)}). {suspects(rows, run.feed.shards.features)} Last finite checkpoint: "
        f"{run.checkpoints.last_finite()}. {_mend_rows() if bad[0] == 'inputs' else SLOWER}"
    )


def require_finite_weights(run: CheckedRun, cursor: Cursor) -> None:
    """Let a network pass whose weights, tables and moving statistics are all finite.

    Raises:
        TrainingError: Some are not; names them.
    """
    held = [(v.path, np.asarray(v.numpy())) for v in run.network.model.variables]
    bad = [
        f"{p} ({int((~np.isfinite(v)).sum()):,} of {v.size:,})" for p, v in held if _spoilt(v)
    ]
    if bad:
        raise TrainingError(
            f"{run.report.work}: these weights are no finite numbers after step {cursor.step}: "
            f"{listed(bad)}. Last finite checkpoint: {run.checkpoints.last_finite()}. {SLOWER}"
        )


def require_finite_rows(work: str, block: Block, features: tuple[str, ...]) -> None:
    """Let rows pass that judge an epoch and are numbers all.

    Raises:
        TrainingError: Some are not; names the features.
    """
    if not any(map(_spoilt, (*block.inputs.values(), block.y))):
        return
    for step in range(len(block.rows)):
        rows = block.step(step)
        if any(map(_spoilt, rows.values())):
            raise TrainingError(
                f"{work}: rows of the validation days hold values that are no numbers (rows' digest "
                f"{digest_of_rows(rows)}). {suspects(rows, features)} {_mend_rows()}"
            )


def _spoilt(values: Any) -> bool:
    return np.issubdtype(values.dtype, np.floating) and not np.isfinite(values).all()


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
