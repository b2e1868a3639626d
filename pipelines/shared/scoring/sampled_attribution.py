"""What each feature adds to a row's log-odds in any network: Shapley values by sampled orders.

Why: ids and sequences have no gradient, and a recurrent network no forward pass of ours.
Promise: features take the row's values one after another, in some orders and each one's reverse, so that the
    contributions of a row add up to its log-odds less the reference's, exactly; the orders follow from a constant,
    and a row costs ``ORDERS`` times one more than its features predictions.
Source: E. Strumbelj, I. Kononenko, "Explaining prediction models and individual predictions with feature
    contributions", Knowledge and Information Systems 41, 2014; an order with its reverse: R. Mitchell et al.,
    "Sampling permutations for Shapley value estimation", JMLR 23, 2022.
Not here: dense networks (``path_attribution.py``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Arrays = Mapping[str, NDArray[Any]]

ORDERS = 8
"""Orders of each row's features, half of them the reverse of the others."""
AT_ONCE = 8192
LEAST, MOST = 2.0**-126, 1.0 - 2.0**-24
"""Below and above them a float32 score has no more digits."""


@dataclass(frozen=True, slots=True)
class InputColumn:
    """Part of a model's inputs: a whole array, or one of its columns.

    Attributes:
        array: Name of the array.
        nth: The column; None for the whole.
    """

    array: str
    nth: int | None = None


def log_odds_of(score: NDArray[Any]) -> Floats:
    """Log-odds of float32 scores, those of 0 and 1 being of the nearest other one."""
    chance = np.clip(score.astype(np.float64), LEAST, MOST)
    return np.log(chance) - np.log1p(-chance)


def sampled(
    predict: Callable[[Arrays], Floats],
    arrays: Arrays,
    reference: Arrays,
    features: Sequence[Sequence[InputColumn]],
) -> Floats:
    """What each feature adds to each row's log-odds, ``(n_rows, n_features)``.

    Args:
        predict: Log-odds ``(n_rows,)`` of model inputs.
        arrays: Inputs of the rows.
        reference: Those of the reference, one row.
        features: The inputs of each feature.
    """
    rows = len(next(iter(arrays.values())))
    chunk = max(AT_ONCE // len(features), 1)
    found = np.zeros((rows, len(features)))
    for first in range(0, rows, chunk):
        some = {name: values[first : first + chunk] for name, values in arrays.items()}
        for order in orders(len(features)):
            found[first : first + chunk] += _of_order(predict, some, reference, features, order)
    return found / ORDERS


def orders(features: int) -> list[NDArray[np.int64]]:
    """The orders that features take their values in."""
    draw = np.random.Generator(np.random.Philox(key=[features, 0]))
    half = [draw.permutation(features) for _ in range(ORDERS // 2)]
    return [order for each in half for order in (each, each[::-1])]


def _of_order(
    predict: Callable[[Arrays], Floats],
    arrays: Arrays,
    reference: Arrays,
    features: Sequence[Sequence[InputColumn]],
    order: NDArray[np.int64],
) -> Floats:
    """Change of the log-odds as each feature takes its value, in this order."""
    rows = len(next(iter(arrays.values())))
    state = {name: np.repeat(reference[name], rows, axis=0) for name in arrays}
    states = [state]
    for feature in order:
        state = {name: values.copy() for name, values in state.items()}
        for part in features[feature]:
            where = ... if part.nth is None else (slice(None), part.nth)
            state[part.array][where] = arrays[part.array][where]
        states.append(state)
    together = {name: np.concatenate([each[name] for each in states]) for name in arrays}
    steps = np.diff(predict(together).reshape(len(states), rows), axis=0)
    found = np.empty((rows, len(features)))
    found[:, order] = steps.T
    return found
