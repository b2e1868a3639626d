"""How far a run is: everything about it that is not a variable of the network.

Why: a run that was killed goes on with the rows it had not seen, the epochs it had judged and the
    best of them.
Promise: only finished steps count; it goes through JSON and back unchanged.
Not here: where it is kept (``checkpoints.py``).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a run is.

    Attributes:
        step: Optimiser steps done.
        epoch: Epoch that the next step belongs to, from 0.
        position: Rows of that epoch already seen.
        loss_sum: Sum of those rows' losses.
        losses: Mean training loss of each finished epoch.
        judged: Metrics of the validation days after each judged epoch; empty where there are none.
        best_epoch: Epoch with the best of them, counted from 1; 0 before any.
        best: Its value of the metric that is watched.
        spent_s: Seconds trained, over all tries, the lost steps left out.
        ended: Why training is over; empty while it is not.
    """

    step: int = 0
    epoch: int = 0
    position: int = 0
    loss_sum: float = 0.0
    losses: tuple[float, ...] = ()
    judged: tuple[Mapping[str, float], ...] = ()
    best_epoch: int = 0
    best: float = 0.0
    spent_s: float = 0.0
    ended: str = ""

    def after(self, loss: float, rows: int, rows_per_epoch: int) -> Self:
        """Where the run is after one more step over ``rows`` rows."""
        loss_sum, position = self.loss_sum + loss * rows, self.position + rows
        if position < rows_per_epoch:
            return replace(self, step=self.step + 1, position=position, loss_sum=loss_sum)
        losses = (*self.losses, loss_sum / rows_per_epoch)
        begun = replace(self, epoch=self.epoch + 1, position=0, loss_sum=0.0)
        return replace(begun, step=self.step + 1, losses=losses)

    def last_loss(self) -> float:
        """Mean loss of the last finished epoch, or of the rows so far where none is finished."""
        return self.losses[-1] if self.losses else self.loss_sum / max(self.position, 1)

    def to_json(self) -> dict[str, Any]:
        """Its fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """From those fields; lists become tuples again."""
        lists = {name: tuple(raw[name]) for name in ("losses", "judged")}
        return cls(**{**raw, **lists})
