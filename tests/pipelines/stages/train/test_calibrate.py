"""From scores to probabilities: fitted as others fit, and used only where that helps."""

import dataclasses

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from pipelines.shared.metrics.probabilities import log_losses
from pipelines.stages.train.calibrate import chosen_calibration, isotonic, platt
from pipelines.stages.train.held_out_rows import HeldOutRows

ROWS = 4000


def drawn(seed=0, *, sharper=1.0, rows=ROWS, curve=None, weighted=False):
    """Rows whose true log odds are known; the score is ``sharper`` times as sure, or what a curve makes of it."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 7]))
    logit = draw.normal(-2.0, 1.5, rows)
    chance = 1 / (1 + np.exp(-logit))
    score = 1 / (1 + np.exp(-sharper * logit)) if curve is None else curve(chance)
    happened = draw.random(len(logit)) < chance
    return HeldOutRows(
        score=score.astype(np.float32),
        happened=happened,
        weight=draw.uniform(0.2, 3.0, len(logit)) if weighted else np.ones(len(logit)),
        entity=np.arange(rows),
        day=np.repeat(np.arange(5), len(logit) // 5),
    )


def brier(rows, score):
    return float(np.average((score - rows.happened) ** 2, weights=rows.weight))


@pytest.mark.parametrize("weighted", [False, True])
def test_platt_is_the_logistic_regression_of_scikit_learn(weighted):
    rows = drawn(sharper=2.0, weighted=weighted)
    logit = np.log(rows.score / (1.0 - rows.score.astype(float)))[:, None]
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, rows.happened, rows.weight)
    ours = platt(rows.score, rows.happened, rows.weight)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], rel=1e-4)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], rel=1e-4)
    expected = theirs.predict_proba(logit)[:, 1]
    assert ours.probability(rows.score) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
def test_isotonic_has_the_steps_of_scikit_learn_in_their_middles(weighted):
    rows = drawn(sharper=2.0, weighted=weighted)
    x = rows.score.astype(float)
    fit = IsotonicRegression().fit(x, rows.happened.astype(float), rows.weight)
    theirs = fit.predict(x)
    ours = isotonic(rows.score, rows.happened, rows.weight)
    steps = np.unique(theirs)
    inside = steps[1:-1]  # the first and the last are kept away from 0 and from 1
    assert ours.y[1:-1] == pytest.approx(inside)
    for level, at in zip(ours.y[1:-1], ours.x[1:-1], strict=True):
        here = np.isclose(theirs, level)
        assert at == pytest.approx(np.average(x[here], weights=rows.weight[here]))
    found = ours.probability(np.linspace(0, 1, 5001).astype(np.float32))
    assert (found > 0).all()
    assert (found < 1).all()
    # As good on the whole, and no two scores between the ends share a probability.
    probability = ours.probability(rows.score)
    between = np.unique(rows.score[(x > ours.x[0]) & (x < ours.x[-1])])
    assert (np.diff(ours.probability(between).astype(float)) >= 0).all()
    assert brier(rows, probability) == pytest.approx(brier(rows, theirs), abs=2e-3)


def test_rows_without_weight_change_nothing():
    rows = drawn(sharper=2.0)
    weight = (np.arange(ROWS) % 3 > 0).astype(float)
    here = weight > 0
    for fit in (platt, isotonic):
        alone = fit(rows.score[here], rows.happened[here], weight[here])
        found = fit(rows.score, rows.happened, weight).probability(rows.score)
        assert found == pytest.approx(alone.probability(rows.score), abs=1e-6)


def test_no_line_is_steeper_than_single_precision_can_follow():
    score = np.repeat(np.float32([0.5, 1 - 1.2e-7, 1 - 6e-8]), 400)
    happened = np.arange(1200) % 400 < np.repeat([40, 120, 320], 400)
    fitted = isotonic(score, happened, np.ones(1200))
    slopes = np.diff(fitted.y) / np.diff(fitted.x)
    assert (slopes <= 1000).all()
    assert fitted.y == pytest.approx((0.1, 0.55))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_that_are_probabilities_stay_as_they_are(seed, weighted):
    chosen = chosen_calibration(drawn(seed, weighted=weighted), "auto")
    assert chosen.calibration.kind == "none"
    assert "platt does not help" in chosen.reason


@pytest.mark.parametrize(
    ("rows", "kind"),
    [
        ({"sharper": 2.5}, "platt"),
        ({"sharper": 2.5, "weighted": True}, "platt"),
        ({"sharper": 0.4}, "platt"),
        ({"curve": lambda chance: 0.05 + 0.9 * (chance > 0.1) * chance**0.1}, "isotonic"),
    ],
    ids=["too sure", "too sure, weighted", "too moderate", "not a line"],
)
def test_what_the_rows_show_to_help_is_taken_and_improves_other_rows(rows, kind):
    chosen = chosen_calibration(drawn(1, **rows), "auto")
    assert chosen.calibration.kind == kind
    other = drawn(2, **rows)
    probability = chosen.calibration.probability(other.score)
    assert brier(other, probability) < brier(other, other.score)
    ours, theirs = (log_losses(other.happened, p).mean() for p in (probability, other.score))
    assert ours < theirs


def test_copies_of_an_entity_s_rows_show_no_more_than_one_of_each():
    once = drawn(3, sharper=1.4, rows=400)
    copies = {
        f.name: np.tile(getattr(once, f.name), 20) for f in dataclasses.fields(HeldOutRows)
    }
    alike = HeldOutRows(**copies)
    apart = dataclasses.replace(alike, entity=np.arange(len(alike.score)))
    assert chosen_calibration(once, "auto").calibration.kind == "none"
    assert chosen_calibration(alike, "auto").calibration.kind == "none"
    assert chosen_calibration(apart, "auto").calibration.kind != "none"


def test_too_few_events_calibrate_nothing_and_the_reason_says_how_many():
    rows = drawn(sharper=3.0)
    rows = dataclasses.replace(rows, happened=np.arange(ROWS) < 19)
    for asked in ("auto", "platt", "isotonic"):
        chosen = chosen_calibration(rows, asked)
        assert chosen.calibration.kind == "none"
        assert "19 of the 4,000 validation rows" in chosen.reason
        assert "Raise split.validation_days" in chosen.reason


@pytest.mark.parametrize("asked", ["platt", "isotonic"])
def test_what_is_asked_for_is_fitted_whether_it_helps_or_not(asked):
    assert chosen_calibration(drawn(), asked).calibration.kind == asked
    assert chosen_calibration(drawn(sharper=9.0), "none").calibration.kind == "none"


@pytest.mark.parametrize("asked", ["auto", "platt", "isotonic"])
def test_scores_that_rank_the_wrong_way_round_are_not_turned(asked):
    rows = drawn(5)
    rows = dataclasses.replace(rows, score=1 - rows.score)
    chosen = chosen_calibration(rows, asked)
    assert chosen.calibration.kind == "none"
    assert "cannot be fitted" in chosen.reason


def test_the_same_rows_give_the_same_calibration_in_any_try():
    first, again = (chosen_calibration(drawn(1, sharper=2.5), "auto") for _ in range(2))
    assert first == again
