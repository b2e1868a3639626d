"""Asking for cases of the loop, and what every one of them must have told."""

from pathlib import Path

import numpy as np

from tests.pipelines.stages.train.children import told_by

ROOT = Path(__file__).resolve().parents[4]
LIMIT = 1e-6
# One step of low precision differs by the rounding of its products; 7 steps by a few of them.
LOW_LIMIT = 2e-2
TAIL = 64 * 5 + 37
# Clipped gradients alone move weights by less than a check of having moved asks for.
RATES = {"sgd": {"learning_rate": 0.1}}


def cases(*asked, timeout=1700, onednn=None):
    """What each case told, all of them in one call."""
    told = told_by("strategy_case", asked, timeout, onednn)
    for case, result in zip(asked, told, strict=True):
        assert "error" not in result, (case, result["error"])
    return told


def case(**asked):
    return asked


def assert_equal_to_the_plain_loop(asked, told, limit=LIMIT):
    assert told["difference"] < limit, (asked, told)
    assert told["moved"] > 1e-3, (asked, told)
    assert told["copies_agree"], asked


def apart(folder, one, other):
    """The largest difference between the weights that two cases kept."""
    both = (np.load(folder / f"{name}.npz") for name in (one, other))
    first, second = ([kept[name] for name in kept.files] for kept in both)
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
