"""The training loop: from a cursor to the end, with checkpoints, validation and reports.

Why: ``model.fit`` cannot stop and resume in the middle of an epoch.
Promise: the run can stop after any step and resume there; grouping steps into calls changes no bit;
    the time spent waiting for input is measured.
Not here: a step (``steps.py``), its rows (``batches.py``), the checkpoints (``checkpoints.py``).
"""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from pipelines.core.errors import StageStoppedError
from pipelines.core.events import Reporter
from pipelines.stages.train.batches import Feed, StepBlock, prefetched
from pipelines.stages.train.checkpoints import Checkpoints
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.network import Network
from pipelines.stages.train.non_finite import require_finite, require_finite_weights
from pipelines.stages.train.steps import LossScale, Recipe, Stepper
from pipelines.stages.train.validation import EpochValidation, is_better

# Time between two checks of the stop flag: far below the 4 seconds that a stop may take.
CALL_S = 0.5
# Epochs after the first in which the training loss must fall, and by which fraction of it.
IMPROVES_WITHIN, LEAST_FALL = 2, 1e-3
ERROR = "_error"  # suffix of the error bound of a metric from histograms
OVER, NO_BETTER, TIME_IS_UP = "every epoch", "no better epoch", "time limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopSettings:
    """Settings of the loop: how long to train and how often to save.

    Attributes:
        epochs: Passes over the rows.
        checkpoint_every_s: Seconds between checkpoints.
        checkpoint_every_steps: Steps between checkpoints; 0 goes by seconds alone.
        watch: Metric of the validation rows that selects the epoch.
        patience: Epochs without a better one before training ends; 0 never ends it.
        time_limit_s: Seconds of training after which it ends; 0 for no limit.
    """

    epochs: int
    checkpoint_every_s: float
    checkpoint_every_steps: int = 0
    watch: str = "loss"
    patience: int = 0
    time_limit_s: float = 0.0


@dataclass(slots=True)
class TrainingRun:
    """One try of a training.

    Attributes:
        network: Network to train.
        recipe: How a step is computed.
        feed: Training rows.
        settings: How long to train, and how often to save.
        checkpoints: Store of the state.
        report: Receives progress, metrics and log lines.
        stopping: Returns whether a stop was requested.
        validation: Evaluates each epoch; None without validation days.
        loss_scale: Of float16; None for other precisions.
        on_epoch: Called with each epoch's number, training loss and metrics; may raise to end the run.
        waited_s: Seconds spent waiting for input so far.
        loop_s: Seconds since the loop began, by its last call.
    """

    network: Network
    recipe: Recipe
    feed: Feed
    settings: LoopSettings
    checkpoints: Checkpoints
    report: Reporter
    stopping: Callable[[], bool]
    validation: EpochValidation | None = None
    loss_scale: LossScale | None = None
    on_epoch: Callable[[int, float, dict[str, float]], None] | None = None
    waited_s: float = 0.0
    loop_s: float = 0.0
    _saved_at: float = field(default_factory=time.monotonic)
    _saved_step: int = 0
    _per_call: int = 1
    _started: bool = False

    def train(self, start: Cursor) -> Cursor:
        """Train from the cursor to the end of the run.

        Raises:
            TrainingError: A value of a step is non-finite; the message describes the step.
            StageStoppedError: A stop was requested; a checkpoint was written first.
        """
        stepper = Stepper(self.network, self.recipe, self.loss_scale)
        began, self._saved_step = time.monotonic(), start.step
        cursor = self._epoch_ended(start, 0.0)
        if cursor.ended:
            return cursor
        blocks = (
            (b, self._distributed(b)) for b in self.feed.blocks(cursor, self.settings.epochs)
        )
        with closing(prefetched(blocks)) as upcoming:
            waiting = time.monotonic()
            for block, distributed in upcoming:
                self.waited_s += time.monotonic() - waiting
                cursor = self._through(stepper, block, distributed, cursor, began, start)
                if cursor.ended:
                    break
                waiting = time.monotonic()
        require_finite_weights(
            self, cursor
        )  # a time limit may end the run in the middle of an epoch
        self.checkpoints.save(cursor)
        self.checkpoints.wait()
        self.loop_s = time.monotonic() - began
        self.report.metrics(cursor.step, {"input_stall": self.stall()})
        return cursor

    def compiles_gradients_only(self) -> bool:
        """Whether ``jit`` compiles the gradients only; see ``Recipe``."""
        return self.recipe.jit and self.network.strategy.num_replicas_in_sync > 1

    def stall(self) -> float:
        """Fraction of the loop's time spent waiting for input."""
        return self.waited_s / self.loop_s if self.loop_s else 0.0

    def _through(
        self,
        stepper: Stepper,
        block: StepBlock,
        distributed: Any,
        cursor: Cursor,
        began: float,
        start: Cursor,
    ) -> Cursor:
        """Run the steps of one block, several in a call, until training ends."""
        first = 0
        while first < len(block.rows) and not cursor.ended:
            count, called = min(self._per_call, len(block.rows) - first), time.monotonic()
            values, taken = stepper.steps(*distributed, tf.constant(first), tf.constant(count))
            values, taken = values.numpy(), taken.numpy()
            cursor = self._advanced(cursor, values, taken, block, first)
            now, first = time.monotonic(), first + count
            self.loop_s = now - began
            self.checkpoints.mark(cursor.step)
            self._per_call = _next_count(self._per_call, count, now - called)
            cursor = self._epoch_ended(cursor, start.spent_s + now - began)
            self._report_progress(cursor, float(values[-1, 0]), start)
            self._maybe_save(cursor)
        return cursor

    def _advanced(
        self, cursor: Cursor, values: Any, taken: Any, block: StepBlock, first: int
    ) -> Cursor:
        """The cursor after these steps.

        Losses are added step by step, so their sum does not depend on how steps were grouped.
        """
        finite = np.isfinite(values).all(axis=1)
        for n, (loss, good) in enumerate(zip(values[:, 0], taken, strict=True)):
            if not finite[n]:
                require_finite(self, cursor, values[n], block, first + n, taken=bool(good))
            # A step skipped for a float16 overflow counts with the mean loss of those before.
            counted = (
                float(loss) if np.isfinite(loss) else cursor.loss_sum / max(cursor.position, 1)
            )
            cursor = cursor.after(counted, block.rows[first + n], self.feed.shards.rows)
        return cursor

    def _epoch_ended(self, cursor: Cursor, spent_s: float) -> Cursor:
        """Evaluate an epoch that has just ended, and set whether training has ended."""
        cursor = replace(cursor, spent_s=max(spent_s, cursor.spent_s))
        if len(cursor.validation) < cursor.epoch:
            require_finite_weights(self, cursor)
            cursor = self._evaluated(cursor)
            self._report_epoch(cursor)
            if (
                self.on_epoch is not None
            ):  # last: it may end the run, whose metrics are reported before
                self.on_epoch(cursor.epoch, cursor.last_loss(), dict(cursor.validation[-1]))
        limit = self.settings.time_limit_s
        if cursor.epoch >= self.settings.epochs:
            return replace(cursor, ended=OVER)
        since = cursor.epoch - cursor.best_epoch
        if self.settings.patience and cursor.best_epoch and since >= self.settings.patience:
            return replace(cursor, ended=NO_BETTER)
        return replace(cursor, ended=TIME_IS_UP) if 0 < limit <= cursor.spent_s else cursor

    def _evaluated(self, cursor: Cursor) -> Cursor:
        found: dict[str, float] = {}
        if self.validation is not None:
            found = self.validation.evaluate(
                self._distributed, lambda: self._stop_if_asked(cursor)
            )
            self.report.log(_epoch_summary(cursor, found))
        if not found:
            return replace(cursor, validation=(*cursor.validation, {}))
        value, history = found[self.settings.watch], (*cursor.validation, found)
        if cursor.best_epoch and not is_better(self.settings.watch, value, cursor.best):
            return replace(cursor, validation=history)
        if not np.isfinite(value):
            return replace(cursor, validation=history)
        self.checkpoints.keep_best(cursor.epoch)
        return replace(cursor, validation=history, best_epoch=cursor.epoch, best=value)

    def _report_epoch(self, cursor: Cursor) -> None:
        values = {f"validation_{name}": value for name, value in cursor.validation[-1].items()}
        self.report.metrics(cursor.step, {"loss": cursor.last_loss(), **values})
        first, *later = cursor.losses
        if len(later) == IMPROVES_WITHIN and min(later) > first * (1 - LEAST_FALL):
            self.report.log(
                f"no improvement: the training loss was {first:.4f} after one epoch and is "
                f"{cursor.last_loss():.4f} after {cursor.epoch}. Check training.learning_rate "
                f"and the label before training longer"
            )

    def _maybe_save(self, cursor: Cursor) -> None:
        self._stop_if_asked(cursor)
        steps, now = cursor.step - self._saved_step, time.monotonic()
        due = 0 < self.settings.checkpoint_every_steps <= steps
        if due or now - self._saved_at >= self.settings.checkpoint_every_s:
            self.checkpoints.save(cursor)
            self._saved_at, self._saved_step = time.monotonic(), cursor.step

    def _stop_if_asked(self, cursor: Cursor) -> None:
        if not self.stopping():
            return
        self.checkpoints.save(cursor)
        self.checkpoints.wait()
        raise StageStoppedError(
            f"{self.report.work}: stopped after step {cursor.step}; a checkpoint is kept and the "
            f"next try resumes from it"
        )

    def _distributed(self, block: StepBlock) -> Any:
        """A block's rows, each part on its replica."""

        def on_replicas(values: Any) -> Any:
            return self.network.strategy.experimental_distribute_values_from_function(
                lambda context: tf.constant(values[context.replica_id_in_sync_group])
            )

        parts = on_replicas(block.y), on_replicas(block.weight), tf.constant(block.total)
        return ({n: on_replicas(v) for n, v in block.inputs.items()}, *parts)

    def _report_progress(self, cursor: Cursor, loss: float, start: Cursor) -> None:
        rows, epochs = self.feed.shards.rows, self.settings.epochs
        done = (cursor.epoch - start.epoch) * rows + cursor.position - start.position
        # A run that ends before its last epoch is done with the rows that it has seen.
        total = done if cursor.ended else (epochs - start.epoch) * rows - start.position
        if not self._started:
            # The first call includes tracing and compilation: its rate does not hold for later calls.
            self.report.begin(done)
            self._started = True
        self.report.progress(done, total, "rows", values=self._values(cursor, loss))

    def _values(self, cursor: Cursor, loss: float) -> dict[str, float]:
        """Metrics shown with the progress."""
        watch, epochs = self.settings.watch, self.settings.epochs
        values: dict[str, float] = {"epoch": min(cursor.epoch + 1, epochs), "epochs": epochs}
        values |= {"step": cursor.step, "loss": loss}
        found = cursor.validation[-1] if cursor.validation else {}
        values |= {f"validation_{n}": v for n, v in found.items() if not n.endswith(ERROR)}
        if cursor.best_epoch:
            values |= {f"best_{watch}": cursor.best, "best_epoch": cursor.best_epoch}
        return values | {"input_stall": self.stall()}


def _epoch_summary(cursor: Cursor, found: dict[str, float]) -> str:
    values = ", ".join(f"{n} {v:.4f}" for n, v in found.items() if not n.endswith(ERROR))
    return f"epoch {cursor.epoch}: training loss {cursor.last_loss():.4f}; validation {values}"


def _next_count(per_call: int, count: int, seconds: float) -> int:
    """Steps of the next call: doubled while a call is short, fewer when it is long."""
    if seconds > CALL_S:
        return max(int(count * CALL_S / seconds), 1)
    return min(per_call * 2, 1 << 16)
