"""Metrics of times beside scikit-survival's, with and without ties.

Its convention where an event and a censoring are at one time is ours where censored rows are a little later.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sksurv.metrics import (
    brier_score,
    concordance_index_censored,
    concordance_index_ipcw,
    cumulative_dynamic_auc,
    integrated_brier_score,
)
from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator
from sksurv.util import Surv

from pipelines.stages.evaluate.times import concordance as concordance_module
from pipelines.stages.evaluate.times.follow_up import FollowUp, follow_up, in_sight
from pipelines.stages.evaluate.times.horizons import horizons
from pipelines.stages.evaluate.times.incidence import incidence, naive_incidence
from pipelines.stages.evaluate.times.measured import measured_times

CUTS = (3.0, 6.0, 9.0)
LATER = 0.25
SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed, *, tied, rows, competing=False):
    """Follow-up of so many rows, some of which end at one time, at a cut, or after the last cut."""
    draw = np.random.default_rng(seed)
    days = draw.exponential(7.0, rows) + 0.1
    days = np.clip(np.ceil(days), 1, 40) if tied else days % 50 + 0.1
    kind = draw.choice(
        3 if competing else 2, size=rows, p=(0.5, 0.3, 0.2) if competing else None
    )
    # Each kind is there, within the cuts; the longest follow-up is censored, beyond all others.
    days[:3], kind[:3] = (1.5, 2.5, 60.0), (1, 0, 0)
    return FollowUp(days, kind == 1, kind == 2), draw


def theirs(rows, *, tied):
    return Surv.from_arrays(rows.event, rows.days + LATER * (~rows.event & tied))


def predicted(draw, rows, *, tied):
    survival = np.cumprod(draw.uniform(0.4, 1, (rows, len(CUTS))), axis=1)
    survival = np.round(survival, 1) if tied else survival
    return survival, np.round(draw.normal(size=rows), 0 if tied else 6)


def metrics(training, tested, survival, score, copies=None):
    found = horizons(CUTS, CUTS, training, tested)
    index = np.arange(len(tested.days))
    return measured_times(tested, survival, score, found, index).metrics(copies)


@pytest.mark.parametrize("tied", [True, False])
@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_every_metric_is_that_of_scikit_survival(seed, tied):
    training, _ = drawn(seed, tied=tied, rows=90)
    tested, draw = drawn(seed + 1, tied=tied, rows=70)
    survival, score = predicted(draw, 70, tied=tied)
    found = metrics(training, tested, survival, score)
    train, test = theirs(training, tied=tied), theirs(tested, tied=tied)
    harrell = concordance_index_censored(test["event"], test["time"], score)[0]
    uno = concordance_index_ipcw(train, test, score, tau=np.nextafter(CUTS[-1], 99))[0]
    auc, _ = cumulative_dynamic_auc(train, test, 1 - survival, CUTS)
    _, brier = brier_score(train, test, survival, CUTS)
    ibs = integrated_brier_score(train, test, survival, CUTS)
    expected = {"concordance": harrell, "uno_c": uno, "ibs": ibs}
    for cut, *each in zip(CUTS, auc, brier, strict=True):
        expected |= {f"auc_{cut:g}d": each[0], f"brier_{cut:g}d": each[1]}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=SEEDS)
def test_incidence_is_that_of_scikit_survival_with_and_without_competing_events(seed):
    rows, _ = drawn(seed, tied=True, rows=60, competing=True)
    rows.competing[3], rows.event[3] = True, False
    kind = rows.event + 2 * rows.competing
    at, expected = cumulative_incidence_competing_risks(kind, rows.days)
    assert incidence(rows, at) == pytest.approx(expected[1], abs=1e-12)
    at, alive = kaplan_meier_estimator(rows.event, rows.days)
    naive = naive_incidence(rows, at)
    assert naive == pytest.approx(1 - alive, abs=1e-12)
    assert (incidence(rows, at) <= naive + 1e-12).all()


def in_sight_before(training, days):
    """Chance to be in sight just before a time, by its definition."""
    chance = 1.0
    for t in np.unique(training.days[training.censored & (training.days < days)]):
        lost = np.sum(training.censored & (training.days == t))
        at_risk = np.sum(training.days > t) + lost
        chance *= 1 - lost / at_risk
    return chance


def by_loops(training, rows, survival, score):
    """Each metric with competing events, row by row and pair by pair, from its definition."""
    n, found = len(rows.days), {}
    good = pairs = weighed_good = weighed = 0.0
    for i in np.flatnonzero(rows.event):
        for j in range(n):
            never = rows.competing[j]
            later = rows.days[j] > rows.days[i] or (
                rows.days[j] == rows.days[i] and not rows.event[j]
            )
            if j == i or not (never or later):
                continue
            term = 1.0 if score[i] > score[j] else 0.5 * (score[i] == score[j])
            seen = min(rows.days[i], rows.days[j]) if never else rows.days[i]
            weight = (rows.days[i] <= CUTS[-1]) / (
                in_sight_before(training, rows.days[i]) * in_sight_before(training, seen)
            )
            good, pairs = good + term, pairs + 1
            weighed_good, weighed = weighed_good + weight * term, weighed + weight
    found |= {"concordance": good / pairs, "uno_c": weighed_good / weighed}
    for k, cut in enumerate(CUTS):
        risk, weight, case = 1 - survival[:, k], np.zeros(n), np.zeros(n, bool)
        for i in range(n):
            ended = rows.event[i] or rows.competing[i]
            case[i] = rows.event[i] and rows.days[i] <= cut
            if (ended and rows.days[i] <= cut) or rows.days[i] >= cut:
                weight[i] = 1 / in_sight_before(training, min(rows.days[i], cut))
        found[f"brier_{cut:g}d"] = np.mean(weight * (case - risk) ** 2)
        above = np.sign(risk[case][:, None] - risk[~case][None, :]) / 2 + 0.5
        both = weight[case][:, None] * weight[~case][None, :]
        found[f"auc_{cut:g}d"] = (above * both).sum() / both.sum()
    return found


@pytest.mark.parametrize("seed", range(3))
def test_with_competing_events_every_metric_is_its_definition(seed):
    training, _ = drawn(seed, tied=True, rows=60, competing=True)
    tested, draw = drawn(seed + 100, tied=True, rows=40, competing=True)
    survival, score = predicted(draw, 40, tied=True)
    found = metrics(training, tested, survival, score)
    expected = by_loops(training, tested, survival, score)
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-9)


def test_copies_of_a_row_count_as_rows_of_their_own():
    training, _ = drawn(1, tied=True, rows=90, competing=True)
    tested, draw = drawn(2, tied=True, rows=70, competing=True)
    survival, score = predicted(draw, 70, tied=True)
    copies = draw.integers(0, 3, 70)
    copies[2] = 1  # the row that is followed longest
    rows = np.repeat(np.arange(70), copies)
    again = metrics(training, tested.of_rows(rows), survival[rows], score[rows])
    found = metrics(training, tested, survival, score, copies.astype(float))
    exact = {n: v for n, v in again.items() if "calibration" not in n}
    assert {n: found[n] for n in exact} == pytest.approx(exact)


def test_where_pairs_are_drawn_the_value_is_of_all_and_a_resample_is_nearly_that_of_all(
    monkeypatch,
):
    training, _ = drawn(3, tied=True, rows=90, competing=True)
    tested, draw = drawn(4, tied=True, rows=90, competing=True)
    survival, score = predicted(draw, 90, tied=True)
    copies = draw.multinomial(90, np.full(90, 1 / 90)).astype(float)
    given = (training, tested, survival, score)
    every, again = metrics(*given), metrics(*given, copies)
    monkeypatch.setattr(concordance_module, "MAX_PAIRS", 1_000)
    some, resampled = metrics(*given), metrics(*given, copies)
    for name in ("concordance", "uno_c"):
        assert some[name] == pytest.approx(every[name], rel=1e-9)
        assert resampled[name] == pytest.approx(again[name], abs=0.06)
        assert resampled[name] != again[name]


def test_rows_that_were_last_seen_at_the_horizon_are_known_to_be_without_the_event_by_then():
    labels = np.array([2.0, -3.0, -9.0, -9.0, 9.0, -1.0])
    rows = follow_up(labels)
    found = horizons(CUTS, (), rows, rows)
    assert (found.own, found.beyond) == (((2, 9.0),), ())
    assert found.chance.before(np.array([9.0]))[0] > 0


def test_cuts_beyond_the_follow_up_of_training_or_test_rows_are_left_out():
    short, long = follow_up(np.array([2.0, -7.0])), follow_up(np.array([2.0, -20.0]))
    for training, tested in ((short, long), (long, short)):
        found = horizons(CUTS, (), training, tested)
        assert [cut for _, cut in found.cuts] == [3.0, 6.0]
        assert (found.beyond, found.own, found.followed_days) == ((9.0,), (), 7.0)


def test_censoring_weights_come_from_the_training_rows_alone():
    tested, draw = drawn(6, tied=True, rows=70)
    survival, score = predicted(draw, 70, tied=True)
    whole = FollowUp(np.full(50, 30.0), np.ones(50, bool), np.zeros(50, bool))
    found = metrics(whole, tested, survival, score)
    assert in_sight(whole).before(np.array(CUTS)) == pytest.approx([1, 1, 1])
    # Nobody of the training rows was censored: each test row that is known counts once.
    known = tested.event & (tested.days <= 3.0)
    without = (tested.days >= 3.0) & ~known
    errors = np.where(known, survival[:, 0] ** 2, (1 - survival[:, 0]) ** 2) * (known | without)
    assert found["brier_3d"] == pytest.approx(errors.mean())
