"""Permutation importance on rows whose rule is known, and samples of rows with their weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.inspection import permutation_importance as by_scikit
from sklearn.metrics import average_precision_score

from pipelines.shared.scoring.dense import sigmoid
from pipelines.shared.scoring.sampled_attribution import InputColumn
from pipelines.spec import Binary, Evaluation, Regression
from pipelines.stages.evaluate.heads import evaluation_of
from pipelines.stages.evaluate.heads.protocol import Yardstick
from pipelines.stages.evaluate.importance import permutation_importance
from pipelines.stages.evaluate.primary import primary_of
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.sampled_rows import sampled_rows

EVENT = Binary()
WEIGHTS = np.array([2.0, 1.0, 0.0, 0.5])
FEATURES = {
    "much": [InputColumn("x", 0)],
    "some": [InputColumn("x", 1), InputColumn("x", 3)],
    "none": [InputColumn("x", 2)],
}
YARDSTICK = Yardstick(Evaluation(alert_entity="card", bootstrap_samples=40), Path("unused"))


def made_rows(count=3000, share=0.05, seed=1, head=None):
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 4)).astype(np.float32)
    signal = x @ WEIGHTS + draw.normal(size=count)
    labels = signal if head else (signal > np.quantile(signal, 1 - share)).astype(np.float64)
    return TestRows(
        inputs={"x": x},
        labels=labels,
        competing=np.zeros(count, bool),
        day=np.arange(count) % 7,
        entity=draw.integers(0, count // 5, count),
        counted=np.ones(count, bool),
        keys=pa.table({"row": np.arange(count)}),
        days=("2026-01-01",),
        weight=np.ones(count),
    )


def predict(inputs):
    return {"score": sigmoid(inputs["x"] @ WEIGHTS - 3).astype(np.float32)}


def importance(rows, head=EVENT, predicted=predict):
    return permutation_importance(
        evaluation_of(head), predicted, rows, YARDSTICK, FEATURES, seed=4
    )


def test_what_the_model_uses_more_is_more_important_and_what_it_ignores_is_not():
    much, some, none = importance(made_rows())
    assert [much.name, some.name, none.name] == ["much", "some", "none"]
    assert much.between[0] > some.between[1] > some.between[0] > 0
    assert (none.decline, none.between) == (0.0, (0.0, 0.0))
    assert much == importance(made_rows())[0]


def test_declines_are_near_those_of_scikit_learn():
    rows = made_rows()

    class Model:
        def fit(self, x, y):
            return self

        def predict(self, x):
            return x @ WEIGHTS

    def score(model, x, y):
        return average_precision_score(y, model.predict(x))

    theirs = by_scikit(Model(), rows.inputs["x"], rows.labels, scoring=score, n_repeats=5)
    ours = {each.name: each.decline for each in importance(rows)}
    assert ours["much"] == pytest.approx(theirs.importances_mean[0], abs=0.05)
    # Both inputs of the feature are permuted together, so it declines by more than for either.
    assert ours["some"] > max(theirs.importances_mean[[1, 3]]) - 0.02


def test_an_error_that_grows_is_a_decline_too():
    rows = made_rows(head=Regression())
    found = importance(rows, Regression(), lambda inputs: {"score": inputs["x"] @ WEIGHTS})
    assert [each.name for each in found] == ["much", "some", "none"]
    assert found[0].between[0] > 0


def test_a_weighted_sample_estimates_the_metric_and_declines_of_all_rows():
    rows, head = made_rows(count=40_000, share=0.01), evaluation_of(Binary())
    sample = sampled_rows(rows, 1_000, Binary(), seed=3)
    assert len(sample.labels) == 1_000
    assert sample.events.sum() == rows.events.sum() == 400
    assert sample.weight.sum() == pytest.approx(40_000)
    every, some = (
        primary_of(head, each, predict(each.inputs), YARDSTICK)(None) for each in (rows, sample)
    )
    assert some == pytest.approx(every, abs=0.08)
    whole, few = ({e.name: e.decline for e in importance(r)} for r in (rows, sample))
    assert few["much"] == pytest.approx(whole["much"], abs=0.12)


def test_fewer_rows_than_asked_for_are_all_of_those_that_count():
    rows = replace(made_rows(200), counted=np.arange(200) % 2 == 0)
    sample = sampled_rows(rows, 1_000, Binary(), seed=3)
    assert sample.keys["row"].to_pylist() == list(range(0, 200, 2))
    assert (sample.weight == 1).all()
    assert sample.counted.all()
