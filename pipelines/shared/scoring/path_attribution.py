"""What each input of a dense network adds to a row's log-odds: integrated gradients, in plain NumPy.

Why: whoever acts on a score asks what raised it; the gradient at the row alone says nothing of a saturated unit.
Promise: contributions sum to the row's log-odds less the reference's, whatever the number of steps: along a step
    each unit's slope is that of its secant, not of its tangent. A network with one hidden layer, or none, needs
    one step and is exact; any other takes twice as many steps until a row's contributions no longer move.
Source: M. Sundararajan, A. Taly, Q. Yan, "Axiomatic attribution for deep networks", ICML 2017 (integrated
    gradients and completeness); secants are the rescale rule of A. Shrikumar, P. Greenside, A. Kundaje, "Learning
    important features through propagating activation differences", ICML 2017.
Not here: raw features and reference (``reasons.py``), networks that are not dense (``sampled_attribution.py``).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.scoring.dense import ACTIVATIONS, Layer

Floats = NDArray[np.float64]
Passed = list[tuple[Floats, Floats]]
"""Input and output of each layer's activation, first to last."""

# Larger chunks of a wide layer leave the processor's cache: half the rows a second.
CHUNK_ROWS = 256
FIRST_STEPS, MOST_STEPS = 8, 128
SETTLED = 0.01
"""Largest change, relative to a row's largest contribution, of a row that needs no more steps."""
# Below it a difference is mostly rounding, and a slope is that of a short step around its middle.
APART, SHORT = 1e-6, 1e-4


def log_odds(layers: Sequence[Layer], x: NDArray[np.float32]) -> Floats:
    """Log-odds of the score of each row, ``(n_rows,)``; of several networks those of their mean score."""
    starts = range(0, max(len(x), 1), CHUNK_ROWS)
    parts = [_forward(layers, x[n : n + CHUNK_ROWS].astype(np.float64)) for n in starts]
    return np.concatenate([_mean_log_odds(_logits(part)) for part in parts])


def attributed(
    layers: Sequence[Layer], x: NDArray[np.float32], reference: NDArray[np.float32]
) -> Floats:
    """What each input adds to each row's log-odds, ``(n_rows, n_inputs)``.

    Args:
        layers: Of the network; its first output is a logit.
        x: Rows ``(n_rows, n_inputs)``.
        reference: The row that they are compared with, ``(n_inputs,)``.
    """
    found = np.empty(x.shape, np.float64)
    start = reference.astype(np.float64)
    for first in range(0, len(x), CHUNK_ROWS):
        rows = slice(first, first + CHUNK_ROWS)
        found[rows] = _settled(layers, x[rows].astype(np.float64), start)
    return found


def _settled(layers: Sequence[Layer], x: Floats, start: Floats) -> Floats:
    """Contributions of some rows, each with as many steps as it needs."""
    if _is_exact(layers):
        return _summed(layers, x, start, 1)
    steps, left = FIRST_STEPS, np.arange(len(x))
    found = _summed(layers, x, start, steps)
    while len(left) and steps < MOST_STEPS:
        steps *= 2
        finer = _summed(layers, x[left], start, steps)
        change = np.abs(finer - found[left]).max(axis=1)
        moved = change > SETTLED * np.abs(finer).max(axis=1)
        found[left] = finer
        left = left[moved]
    return found


def _is_exact(layers: Sequence[Layer]) -> bool:
    """Whether one step is exact: one network, and one layer of units that bend."""
    bent = sum(layer.activation != "linear" for layer in layers)
    return bent <= 1 and all(layer.kernel.ndim == 2 for layer in layers)  # noqa: PLR2004


def _summed(layers: Sequence[Layer], x: Floats, start: Floats, steps: int) -> Floats:
    """The slopes along the way from the reference to each row, each times its part of the way."""
    way = x - start
    low = _forward(layers, start[None])
    total = np.zeros_like(x)
    for step in range(1, steps + 1):
        high = _forward(layers, x if step == steps else start + way * (step / steps))
        total += _slopes(layers, low, high)
        low = high
    return total * way / steps


def _forward(layers: Sequence[Layer], x: Floats) -> Passed:
    found: Passed = []
    values: Floats = x
    for layer in layers:
        given = values @ layer.kernel + layer.bias
        values = ACTIVATIONS[layer.activation](given)
        found.append((given, values))
    return found


def _logits(passed: Passed) -> Floats:
    """The first output of each network, ``(members, n_rows)``."""
    outputs = passed[-1][1][..., 0]
    return outputs if outputs.ndim > 1 else outputs[None]


def _slopes(layers: Sequence[Layer], low: Passed, high: Passed) -> Floats:
    """Slope of the log-odds by each input along a step, ``(n_rows, n_inputs)``."""
    of_members = _member_slopes(_logits(low), _logits(high))
    slope = np.zeros_like(high[-1][0])
    slope[..., 0] = of_members if slope.ndim > 2 else of_members[0]  # noqa: PLR2004
    for layer, before, after in zip(layers[::-1], low[::-1], high[::-1], strict=True):
        if layer.activation != "linear":
            slope = slope * _secant(layer.activation, before, after)
        slope = slope @ np.swapaxes(layer.kernel, -1, -2)
    return slope.sum(axis=0) if slope.ndim > 2 else slope  # noqa: PLR2004


def _secant(
    activation: str, before: tuple[Floats, Floats], after: tuple[Floats, Floats]
) -> Floats:
    """Slope of the activation between two inputs; where they are too close to divide by, of a short step there."""
    change = after[0] - before[0]
    close = np.abs(change) < APART * np.maximum(np.abs(after[0]), 1.0)
    change[close] = 1.0
    slope: Floats = (after[1] - before[1]) / change
    if close.any():
        bend, around = ACTIVATIONS[activation], after[0][close]
        step = SHORT * np.maximum(np.abs(around), 1.0)
        slope[close] = (bend(around + step) - bend(around - step)) / (2.0 * step)
    return slope


def _apart(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Both ends; where they are too close to divide by, those of a short step around them."""
    scale = np.maximum(np.abs(low), 1.0)
    close = np.abs(high - low) < APART * scale
    return np.where(close, low - SHORT * scale, low), np.where(close, low + SHORT * scale, high)


def _member_slopes(low: Floats, high: Floats) -> Floats:
    """Slope of the mean score's log-odds by each network's logit, ``(members, n_rows)``.

    Networks change one after another, in order and in reverse: the mean of both adds up.
    """
    if len(low) == 1:
        return np.ones_like(high)
    low = np.broadcast_to(low, high.shape)
    near, far = _apart(low, high)
    slope = np.zeros_like(low)
    for order in (range(len(low)), range(len(low) - 1, -1, -1)):
        state = low.copy()
        for member in order:
            state[member] = near[member]
            before = _mean_log_odds(state)
            state[member] = far[member]
            slope[member] += 0.5 * (_mean_log_odds(state) - before)
            state[member] = high[member]
    return slope / (far - near)


def _mean_log_odds(logits: Floats) -> Floats:
    """Log-odds of the mean score, exact where a score is within rounding of 0 or 1."""
    if len(logits) == 1:
        return logits[0]
    happens, not_happens = (
        np.logaddexp.reduce(-np.logaddexp(0.0, sign * logits), axis=0) for sign in (-1.0, 1.0)
    )
    return happens - not_happens
