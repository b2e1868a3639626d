"""Metrics against scikit-learn and slow oracles."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from pipelines.shared.metrics.bootstrap import Sampled, resamples
from pipelines.shared.metrics.calibration_line import calibration_line
from pipelines.shared.metrics.probabilities import MeasuredProbabilities
from pipelines.shared.metrics.ranking import (
    alert_precision,
    average_precision,
    calibration,
    curve,
    entity_days,
    ranking,
    roc_auc,
)
from pipelines.stages.evaluate.heads.binary import MeasuredScores


def drawn(seed, rows=300, days=4, entities=40, levels=25):
    """Rows with many tied scores."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 7]))
    y = draw.random(rows) < 0.15
    scores = (np.round((0.7 * draw.random(rows) + 0.3 * y) * levels) / levels).astype(
        np.float32
    )
    return draw.integers(0, days, rows), draw.integers(0, entities, rows) * 10, y, scores


def by_the_book(day, entity, y, scores, k):
    """The Handbook's own card precision: group, sort, take the first k, remove the detected."""
    table = pd.DataFrame({"day": day, "entity": entity, "y": y.astype(int), "score": scores})
    detected, shares = set(), []
    for _, rows in table.groupby("day"):
        left = rows[~rows.entity.isin(detected)].groupby("entity")[["y", "score"]].max()
        left = left.reset_index().sort_values(["score", "entity"], ascending=[False, True])
        hits = left.head(k).query("y == 1").entity
        detected |= set(hits)
        shares.append(len(hits) / k)
    return np.mean(shares)


@settings(max_examples=60)
@given(
    scores=st.lists(st.integers(0, 6), min_size=4, max_size=60),
    seed=st.integers(0, 1000),
    weighted=st.booleans(),
)
def test_auc_and_average_precision_are_scikit_learns_with_ties_and_weights(
    scores, seed, weighted
):
    draw = np.random.Generator(np.random.Philox(key=[seed, 1]))
    values = np.array(scores, np.float32) / 6
    y, weight = draw.random(len(values)) < 0.4, draw.integers(0, 4, len(values)).astype(float)
    counted = weight > 0 if weighted else np.ones(len(values), bool)
    assume(0 < y[counted].sum() < counted.sum())
    true, false = curve(ranking(y, values), weight if weighted else None)
    more = {"sample_weight": weight} if weighted else {}
    assert roc_auc(true, false) == pytest.approx(roc_auc_score(y, values, **more), abs=1e-12)
    theirs = average_precision_score(y, values, **more)
    assert average_precision(true, false) == pytest.approx(theirs, abs=1e-12)


def test_one_class_has_no_auc():
    true, false = curve(ranking(np.ones(3, bool), np.zeros(3, np.float32)))
    assert np.isnan(roc_auc(true, false))
    true, false = curve(ranking(np.zeros(3, bool), np.zeros(3, np.float32)))
    assert np.isnan(average_precision(true, false))


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("k", [1, 5, 12, 100])
def test_alert_precision_is_the_books(seed, k):
    rows = drawn(seed)
    assert alert_precision(entity_days(*rows), k) == pytest.approx(by_the_book(*rows, k))


@pytest.mark.parametrize("seed", range(8))
def test_copies_of_an_entity_are_entities_of_their_own(seed):
    day, entity, y, scores = rows = drawn(seed, rows=120, entities=15)
    names = np.unique(entity)
    copies = np.random.Generator(np.random.Philox(key=[seed, 2])).integers(0, 4, len(names))
    many = [
        (day[here], name * 100 + copy + np.zeros(here.sum(), int), y[here], scores[here])
        for name, count in zip(names, copies, strict=True)
        for here in [entity == name]
        for copy in range(count)
    ]
    expanded = [np.concatenate(column) for column in zip(*many, strict=True)]
    own = alert_precision(entity_days(*rows), 6, copies.astype(float))
    assert own == pytest.approx(by_the_book(*expanded, 6))


def arranged(y, scores, days, index, k):
    line = calibration_line(y, scores.astype(float), np.ones(len(y)))
    probabilities = MeasuredProbabilities.of(y, scores)
    return MeasuredScores(ranking(y, scores), days, index, k, line, probabilities)


def test_intervals_follow_from_the_seed_and_hold_the_value():
    day, entity, y, scores = drawn(1, rows=600)
    _, index = np.unique(entity, return_inverse=True)
    measured = arranged(y, scores, entity_days(day, entity, y, scores), index, 20)
    found = [Sampled.of(measured, resamples(40, 100, seed)).intervals() for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]
    for name, value in measured.metrics().items():
        low, high = found[0][name]
        assert low < value < high


def test_a_resample_weighs_as_its_copied_rows_would():
    day, entity, y, scores = drawn(3)
    names, index = np.unique(entity, return_inverse=True)
    measured = arranged(y, scores, entity_days(day, entity, y, scores), index, 5)
    copies = resamples(len(names), 1, 4)[0]
    again = np.repeat(np.arange(len(y)), copies[index].astype(int))
    assert copies.sum() == len(names)
    assert measured.metrics(copies)["auc"] == pytest.approx(
        roc_auc_score(y[again], scores[again])
    )


def test_calibration_counts_every_row_once_and_means_its_bins():
    _, _, y, scores = drawn(5, levels=1000)
    table = calibration(y, scores, np.ones(len(y)))
    assert sum(row["rows"] for row in table) == len(y)
    for row in table:
        top = row["high"] if row["high"] < 1 else 2
        here = (scores.astype(float) >= row["low"]) & (scores.astype(float) < top)
        assert row["share"] == pytest.approx(y[here].mean())
        assert row["low"] <= row["mean_score"] <= row["high"]
