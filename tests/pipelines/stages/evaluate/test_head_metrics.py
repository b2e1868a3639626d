"""Metrics of heads other than Binary, against loops written from their definitions."""

import dataclasses
import json
import math

import numpy as np
import pyarrow as pa
import pytest

from pipelines.spec import (
    Head,
    MultiClass,
    Ordinal,
    Regression,
    Survival,
    head_in,
    head_settings,
    load,
    metrics_of,
)
from pipelines.stages.evaluate.heads import EVALUATIONS, evaluation_of
from pipelines.stages.evaluate.rows import TestRows
from tests.pipelines.stages.train.labels import HEADS

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


def test_copies_of_an_entity_count_as_rows_of_their_own():
    y, predicted = DRAW.normal(size=N), DRAW.normal(size=N)
    copies = DRAW.integers(0, 3, len(np.unique(ENTITY)))
    rows = np.repeat(np.arange(N), copies[np.unique(ENTITY, return_inverse=True)[1]])
    weighed = metrics(Regression(), y, {"score": predicted}, ENTITY, copies.astype(float))
    again = metrics(Regression(), y[rows], {"score": predicted[rows]}, ENTITY[rows])
    assert weighed == pytest.approx(again)


@pytest.mark.parametrize("competing", [True, False])
def test_scores_say_which_rows_a_competing_event_ended_where_it_is_modelled(competing):
    head = Survival((10.0,), competing=competing)
    rows = TestRows(
        inputs={},
        labels=np.array([3.0, -4.0, -10.0]),
        competing=np.array([False, True, False]),
        day=np.zeros(3, np.int64),
        entity=np.arange(3),
        counted=np.ones(3, bool),
        keys=pa.table({"id": [1, 2, 3]}),
        days=("2026",),
        weight=np.ones(3),
    )
    pipeline = dataclasses.replace(load("fraud_detection"), head=head)
    predictions = {"score": np.array([0.5, 0.2, 0.1])}
    found = evaluation_of(head).scores(rows, predictions, None, pipeline)
    names = ["id", "label", *(["competing_event"] if competing else []), "score"]
    assert found.column_names == names
    if competing:
        assert found["competing_event"].to_pylist() == [False, True, False]
