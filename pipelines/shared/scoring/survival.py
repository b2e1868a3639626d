"""Predictions of a time from a network's outputs, in NumPy.

Promise: what the served graph gives, computed in float64 and rounded once to float32.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.scoring.dense import sigmoid
from pipelines.spec import Survival


def survival_of_members(
    outputs: NDArray[np.float64], head: Survival
) -> dict[str, NDArray[np.float32]]:
    """The members' mean predictions, from their outputs ``(members, n_rows, n_outputs)``."""
    of_members = [survival_of(each, head) for each in outputs]
    return {n: np.mean([one[n] for one in of_members], axis=0) for n in of_members[0]}


def survival_of(outputs: NDArray[np.float64], head: Survival) -> dict[str, NDArray[np.float32]]:
    """Predictions from a network's outputs ``(n_rows, n_outputs)``, as its graph makes them."""
    cuts = len(head.cuts_days)
    if outputs.shape[1] != head.outputs():
        raise KeyError("head.cuts_days")
    if not head.competing:
        survival = np.cumprod(sigmoid(-outputs), axis=1)
        return _single({"survival": survival, "score": 1.0 - survival[:, -1]})
    event, other = outputs[:, :cuts], outputs[:, cuts:]
    highest = np.maximum(np.maximum(event, other), 0.0)
    kinds = np.exp(np.stack([np.zeros_like(event), event, other]) - highest)
    neither, event, other = kinds / kinds.sum(axis=0)
    at_risk = np.cumprod(neither, axis=1)
    before = np.column_stack([np.ones(len(event)), at_risk[:, :-1]])
    incidence = np.cumsum(before * event, axis=1)
    return _single(
        {
            "survival": 1.0 - incidence,
            "competing": np.cumsum(before * other, axis=1),
            "score": incidence[:, -1],
        }
    )


def _single(values: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
    return {name: each.astype(np.float32) for name, each in values.items()}
