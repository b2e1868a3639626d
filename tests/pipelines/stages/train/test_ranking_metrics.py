"""AUC and average precision from histograms, beside oracles that look at all rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.stages.train.ranking_metrics import ScoreHistogram


def exact(y, scores):
    """By all pairs, and by walking down the distinct scores."""
    scores = scores.astype(np.float64)
    wins = np.sign(scores[y][:, None] - scores[~y][None, :])
    found, precision = 0, 0.0
    for score in sorted(set(scores.tolist()), reverse=True):
        above = scores >= score
        new = int(y[above].sum()) - found
        found += new
        precision += new * found / above.sum()
    return (wins.mean() + 1) / 2, precision / y.sum()


def made(seed, rows, step):
    """Scores of a rare event; a step above 0 makes ties, also beyond a bin's edges."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 1]))
    y = draw.random(rows) < 0.1
    y[:2] = True, False
    scores = draw.normal(size=rows) * 2 - 4 + 2 * y
    return y, (np.round(scores / step) * step if step else scores).astype(np.float32)


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(4, 300),
    step=st.sampled_from([0.0, 1e-4, 0.5, 3.0]),
)
def test_the_exact_values_lie_within_the_stated_bounds(seed, rows, step):
    y, scores = made(seed, rows, step)
    ranked = ScoreHistogram()
    for part in np.array_split(np.arange(rows), 3):
        ranked.add(y[part].astype(np.float32), scores[part])
    for (value, bound), true in zip(
        (ranked.auc(), ranked.average_precision()), exact(y, scores), strict=True
    ):
        assert abs(value - true) <= bound + 1e-12


def test_the_bounds_are_narrow_on_rows_like_those_of_fraud():
    y, scores = made(1, 3000, 0.0)
    ranked = ScoreHistogram()
    ranked.add(y.astype(np.float32), scores)
    assert ranked.auc()[1] < 1e-3
    assert ranked.average_precision()[1] < 1e-2


def test_scores_beyond_the_histogram_keep_the_bound_honest():
    ranked = ScoreHistogram()
    y = np.array([0, 1, 1, 0], np.float32)
    ranked.add(y, np.array([40, 30, 50, -90], np.float32))
    value, bound = ranked.auc()
    assert abs(value - 0.75) <= bound
    assert bound == pytest.approx(0.25)


def test_one_class_alone_has_no_rank():
    ranked = ScoreHistogram()
    ranked.add(np.zeros(3, np.float32), np.zeros(3, np.float32))
    assert np.isnan([*ranked.auc(), *ranked.average_precision()]).all()
