"""Run cases of the loop, and check the results that every one of them must have."""

from pathlib import Path

import numpy as np

from tests.pipelines.stages.train.train_process import results_of

ROOT = Path(__file__).resolve().parents[4]
LIMIT = 1e-6
# One step of low precision differs by the rounding of its products; 7 steps by a few of them.
LOW_LIMIT = 2e-2
TAIL = 64 * 5 + 37
# Clipped gradients alone move weights by less than a check of having moved asks for.
RATES = {"sgd": {"learning_rate": 0.1}}


def cases(*asked, timeout=1700, onednn=None):
    """The result of each case, all of them in one call."""
    results = results_of("strategy_case", asked, timeout, onednn)
    for case, result in zip(asked, results, strict=True):
        assert "error" not in result, (case, result["error"])
    return results


def case(**asked):
    return asked


def assert_equal_to_the_plain_loop(asked, result, limit=LIMIT):
    assert result["difference"] < limit, (asked, result)
    assert result["moved"] > 1e-3, (asked, result)
    assert result["copies_agree"], asked


def apart(folder, one, other):
    """The largest difference between the weights that two cases kept."""
    both = (np.load(folder / f"{name}.npz") for name in (one, other))
    first, second = ([kept[name] for name in kept.files] for kept in both)
    return max(float(np.abs(a - b).max()) for a, b in zip(first, second, strict=True))
