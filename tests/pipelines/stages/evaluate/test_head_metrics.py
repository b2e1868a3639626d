"""Metrics of heads other than Binary, against loops written from their definitions."""

import math

import numpy as np
import pytest

from pipelines.spec import MultiClass, Ordinal, Regression, Survival
from pipelines.stages.evaluate import head_metrics
from pipelines.stages.evaluate.head_metrics import judgeable

CUTS = (2.0, 5.0, 9.0)
DRAW = np.random.Generator(np.random.Philox(key=[8, 1]))
N = 60
ENTITY = DRAW.integers(0, 15, N)


def chances(classes):
    raw = DRAW.random((N, classes)).astype(np.float32)
    return raw / raw.sum(axis=1, keepdims=True)


def times():
    time = np.round(DRAW.exponential(5, N) + 0.5)  # whole days, so that many are tied
    return np.where(DRAW.random(N) < 0.6, time, -time)


def test_multi_class_metrics_are_their_formulas():
    y, chance = DRAW.integers(0, 3, N).astype(float), chances(3)
    found = judgeable(MultiClass(3), y, {"probabilities": chance}, ENTITY).metrics()
    loss = -sum(math.log(row[int(label)]) for row, label in zip(chance, y, strict=True)) / N
    right = sum(
        max(range(3), key=row.__getitem__) == label
        for row, label in zip(chance, y, strict=True)
    )
    assert found == pytest.approx({"log_loss": loss, "accuracy": right / N}, rel=1e-6)


def test_regression_metrics_are_their_formulas():
    y, told = DRAW.normal(size=N), DRAW.normal(size=N)
    found = judgeable(Regression(), y, {"score": told}, ENTITY).metrics()
    errors = [a - b for a, b in zip(told, y, strict=True)]
    assert found["rmse"] == pytest.approx(math.sqrt(sum(e * e for e in errors) / N))
    assert found["mae"] == pytest.approx(sum(map(abs, errors)) / N)


def test_the_told_grade_is_the_number_of_thresholds_passed_by_a_half():
    y = np.array([0.0, 2.0, 3.0])
    chance = np.array([[0.6, 0.3, 0.1, 0.0], [0.2, 0.2, 0.3, 0.3], [0.1, 0.1, 0.2, 0.6]])
    found = judgeable(Ordinal(4), y, {"probabilities": chance}, np.arange(3)).metrics()
    assert found["rank_mae"] == 0.0
    assert found["accuracy"] == 1.0


def concordance(y, risk):
    good = pairs = 0.0
    for i in range(N):
        for j in range(N):
            later = abs(y[j]) > abs(y[i]) or (abs(y[j]) == abs(y[i]) and y[j] < 0)
            if y[i] > 0 and later:
                pairs += 1
                good += 1.0 if risk[i] > risk[j] else 0.5 * (risk[i] == risk[j])
    return good / pairs


def in_sight(y, t, *, before):
    chance = 1.0
    for u in sorted({-v for v in y if v < 0}):
        if u < t or (u == t and not before):
            chance *= 1 - sum(-v == u for v in y) / sum(abs(v) >= u for v in y)
    return chance


def brier(y, survival):
    total = 0.0
    for k, cut in enumerate(CUTS):
        for value, alive in zip(y, survival[:, k], strict=True):
            if 0 < value <= cut:
                total += alive**2 / in_sight(y, value, before=True)
            elif abs(value) > cut:
                total += (1 - alive) ** 2 / in_sight(y, cut, before=False)
    return total / N / len(CUTS)


def told_of_survival():
    survival = np.cumprod(DRAW.uniform(0.5, 1, (N, 3)), axis=1)
    return {"survival": survival, "score": np.round(1 - survival[:, -1], 1)}


def test_concordance_and_brier_are_their_definitions_with_ties_and_censoring():
    y, told = times(), told_of_survival()
    found = judgeable(Survival(CUTS), y, told, ENTITY).metrics()
    assert found["concordance"] == pytest.approx(concordance(y, told["score"]), rel=1e-9)
    assert found["brier"] == pytest.approx(brier(y, told["survival"]), rel=1e-9)


def test_pairs_drawn_from_too_many_give_nearly_the_same_concordance(monkeypatch):
    y, told = times(), told_of_survival()
    monkeypatch.setattr(head_metrics, "MAX_PAIRS", 200)
    found = judgeable(Survival(CUTS), y, told, ENTITY).metrics()["concordance"]
    assert found == pytest.approx(concordance(y, told["score"]), abs=4 * 0.5 / 200**0.5)


def test_copies_of_an_entity_count_as_rows_of_their_own():
    y, told = DRAW.normal(size=N), DRAW.normal(size=N)
    copies = DRAW.integers(0, 3, len(np.unique(ENTITY)))
    rows = np.repeat(np.arange(N), copies[np.unique(ENTITY, return_inverse=True)[1]])
    weighed = judgeable(Regression(), y, {"score": told}, ENTITY).metrics(copies.astype(float))
    again = judgeable(Regression(), y[rows], {"score": told[rows]}, ENTITY[rows]).metrics()
    assert weighed == pytest.approx(again)
