"""The position of a training run: all of its state that is not a variable of the network.

Why: a run that was killed resumes with the rows it had not seen, the metrics of its epochs and the
    best of them.
Promise: only finished steps count; a round trip through JSON changes nothing.
Not here: where it is stored (``checkpoints.py``).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Cursor:
    """The position of a training run.

    Attributes:
        step: Optimiser steps done.
        epoch: Epoch that the next step belongs to, from 0.
        position: Rows of that epoch already seen.
        loss_sum: Sum of those rows' losses.
        losses: Mean training loss of each finished epoch.
        validation: Metrics of the validation days after each epoch; empty where there are none.
        best_epoch: Epoch with the best of them, counted from 1; 0 before any.
        best: Its value of the metric that is watched.
        spent_s: Seconds trained, over all tries, without lost steps.
        ended: Why training is over; empty while it is not.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    loss_sum: float = 0.0
    losses: tuple[float, ...] = ()
    validation: tuple[Mapping[str, float], ...] = ()
    best_epoch: int = 0
    best: float = 0.0
    spent_s: float = 0.0
    ended: str = ""

    def after(self, loss: float, rows: int, rows_per_epoch: int) -> Self:
        """The position after one more step over ``rows`` rows."""
        loss_sum, position = self.loss_sum + loss * rows, self.position + rows
        if position < rows_per_epoch:
            return replace(self, step=self.step + 1, position=position, loss_sum=loss_sum)
        losses = (*self.losses, loss_sum / rows_per_epoch)
        started = replace(self, epoch=self.epoch + 1, position=0, loss_sum=0.0)
        return replace(started, step=self.step + 1, losses=losses)

    def last_loss(self) -> float:
        """Mean loss of the last finished epoch, or of the rows so far where none is finished."""
        return self.losses[-1] if self.losses else self.loss_sum / max(self.position, 1)

    def to_json(self) -> dict[str, Any]:
        """Convert to a JSON-serializable dict."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Restore from ``to_json``; lists become tuples again."""
        lists = {name: tuple(raw[name]) for name in ("losses", "validation")}
        return cls(**{**raw, **lists})
