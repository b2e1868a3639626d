"""Metrics of heads other than Binary, against loops written from their definitions."""

import json
import math

import numpy as np
import pytest

from pipelines.spec import (
    Head,
    MultiClass,
    Ordinal,
    Regression,
    Survival,
    head_settings,
    metrics_of,
)
from pipelines.stages.evaluate.heads import EVALUATIONS, evaluation_of, head_in, survival
from tests.pipelines.stages.train.labels import HEADS

CUTS = (2.0, 5.0, 9.0)
DRAW = np.random.Generator(np.random.Philox(key=[8, 1]))
N = 60
ENTITY = DRAW.integers(0, 15, N)


def metrics(head, labels, predictions, entity, copies=None):
    _, index = np.unique(entity, return_inverse=True)
    return evaluation_of(head).terms(labels, predictions, index).metrics(copies)


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_every_head_is_evaluated_by_its_own_metrics_and_read_back_from_a_models_settings(head):
    settings = json.loads(json.dumps(head_settings(head)))
    assert head_in(settings) == head
    evaluated = {"metrics": metrics_of(head), "alerts_per_day": 5, "alert_entity": "customer"}
    texts = evaluation_of(head_in(settings)).texts(evaluated)
    assert tuple(texts) == tuple(metrics_of(head))
    assert all(text.title and text.meaning for text in texts.values())


def test_no_declared_head_is_without_an_evaluation():
    assert set(EVALUATIONS) == set(Head.__subclasses__())


def chances(classes):
    raw = DRAW.random((N, classes)).astype(np.float32)
    return raw / raw.sum(axis=1, keepdims=True)


def times():
    time = np.round(DRAW.exponential(5, N) + 0.5)  # whole days, so that many are tied
    return np.where(DRAW.random(N) < 0.6, time, -time)


def test_multi_class_metrics_are_their_formulas():
    y, chance = DRAW.integers(0, 3, N).astype(float), chances(3)
    found = metrics(MultiClass(3), y, {"probabilities": chance}, ENTITY)
    loss = -sum(math.log(row[int(label)]) for row, label in zip(chance, y, strict=True)) / N
    right = sum(
        max(range(3), key=row.__getitem__) == label
        for row, label in zip(chance, y, strict=True)
    )
    assert found == pytest.approx({"log_loss": loss, "accuracy": right / N}, rel=1e-6)


def test_regression_metrics_are_their_formulas():
    y, predicted = DRAW.normal(size=N), DRAW.normal(size=N)
    found = metrics(Regression(), y, {"score": predicted}, ENTITY)
    errors = [a - b for a, b in zip(predicted, y, strict=True)]
    assert found["rmse"] == pytest.approx(math.sqrt(sum(e * e for e in errors) / N))
    assert found["mae"] == pytest.approx(sum(map(abs, errors)) / N)


def test_the_predicted_grade_is_the_number_of_thresholds_passed_by_a_half():
    y = np.array([0.0, 2.0, 3.0])
    chance = np.array([[0.6, 0.3, 0.1, 0.0], [0.2, 0.2, 0.3, 0.3], [0.1, 0.1, 0.2, 0.6]])
    found = metrics(Ordinal(4), y, {"probabilities": chance}, np.arange(3))
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


def brier(y, survival_curve):
    total = 0.0
    for k, cut in enumerate(CUTS):
        for value, alive in zip(y, survival_curve[:, k], strict=True):
            if 0 < value <= cut:
                total += alive**2 / in_sight(y, value, before=True)
            elif abs(value) > cut:
                total += (1 - alive) ** 2 / in_sight(y, cut, before=False)
    return total / N / len(CUTS)


def survival_predictions():
    alive = np.cumprod(DRAW.uniform(0.5, 1, (N, 3)), axis=1)
    return {"survival": alive, "score": np.round(1 - alive[:, -1], 1)}


def test_concordance_and_brier_are_their_definitions_with_ties_and_censoring():
    y, predicted = times(), survival_predictions()
    found = metrics(Survival(CUTS), y, predicted, ENTITY)
    assert found["concordance"] == pytest.approx(concordance(y, predicted["score"]), rel=1e-9)
    assert found["brier"] == pytest.approx(brier(y, predicted["survival"]), rel=1e-9)


def test_pairs_drawn_from_too_many_give_nearly_the_same_concordance(monkeypatch):
    y, predicted = times(), survival_predictions()
    monkeypatch.setattr(survival, "MAX_PAIRS", 200)
    found = metrics(Survival(CUTS), y, predicted, ENTITY)["concordance"]
    assert found == pytest.approx(concordance(y, predicted["score"]), abs=4 * 0.5 / 200**0.5)


def test_copies_of_an_entity_count_as_rows_of_their_own():
    y, predicted = DRAW.normal(size=N), DRAW.normal(size=N)
    copies = DRAW.integers(0, 3, len(np.unique(ENTITY)))
    rows = np.repeat(np.arange(N), copies[np.unique(ENTITY, return_inverse=True)[1]])
    weighed = metrics(Regression(), y, {"score": predicted}, ENTITY, copies.astype(float))
    again = metrics(Regression(), y[rows], {"score": predicted[rows]}, ENTITY[rows])
    assert weighed == pytest.approx(again)
