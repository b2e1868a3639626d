"""Rows of published scores: the same however they are divided, what evaluating gives them, reasons, other heads."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from pipelines.core.store import Ref, Store
from pipelines.operators.state import read_program
from pipelines.shared.scoring.reasons import open_explainer, reason_codes
from pipelines.shared.scoring.survival import survival_of
from pipelines.spec import MultiClass, Scoring, Survival
from pipelines.stages.evaluate.heads import evaluation_of
from pipelines.stages.score import score_rows
from tests.pipelines.made_models import FRAUD, done, publish_training_set
from tests.pipelines.stages.score.scored_days import (
    ALERTING,
    DAY,
    EARLY,
    NAMES,
    features,
    folder_of,
    publish_day,
    publish_dense,
    register,
    rows_of,
    scored,
    summary_of,
)

ROWS = 300


@pytest.fixture
def store(tmp_path):
    publish_day(tmp_path, DAY, rows=ROWS)
    register(tmp_path, publish_dense(tmp_path, decision=ALERTING))
    return tmp_path


@pytest.fixture
def model(store):
    """Folder of the champion."""
    opened = Store(str(store))
    return opened.open(opened.find(Ref(FRAUD.name, "models", f"as_of={EARLY}/seed=0")))


@pytest.mark.parametrize("size", [1 << 19, 301, 300, 299, 64, 7])
def test_ranges_of_any_size_and_workers_give_the_same_rows_and_sums(store, monkeypatch, size):
    whole = scored(store)
    expected, sums = rows_of(store, whole), summary_of(store, whole)
    monkeypatch.setattr(score_rows, "group_rows", lambda _bytes: size)
    found = scored(store, version="1", workers="3")
    parts = sorted(p.name for p in folder_of(store, found).glob("part-*"))
    assert parts == [f"part-{n:05d}.parquet" for n in range(-(-ROWS // size))]
    assert rows_of(store, found).to_pylist() == expected.to_pylist()
    summary = summary_of(store, found)
    assert summary["histogram"] == sums["histogram"]
    assert summary["expected"] == pytest.approx(sums["expected"], rel=1e-13)


def test_the_scores_are_those_that_evaluating_gives_the_same_rows(store, model):
    columns = {name: features(DAY, ROWS)[name].to_numpy() for name in NAMES}
    inputs = read_program(model).transform(np, columns)
    evaluated = evaluation_of(FRAUD.head).predict(model, {"x": inputs["x"]})
    rows = rows_of(store, scored(store))
    for name in ("score", "probability"):
        np.testing.assert_array_equal(rows[name].to_numpy(), evaluated[name])
    np.testing.assert_array_equal(
        rows["decision"].to_numpy(zero_copy_only=False), evaluated["alert"] > 0
    )


def test_rows_with_a_positive_decision_have_the_reasons_of_the_explainer(store, model):
    rows = rows_of(store, scored(store))
    positive = rows["decision"].to_numpy(zero_copy_only=False)
    assert 0 < positive.sum() < ROWS
    columns = {name: features(DAY, ROWS)[name].to_numpy()[positive] for name in NAMES}
    explainer = open_explainer(model)
    codes = reason_codes(explainer.contributions(columns), explainer.names, 3)
    assert rows["reasons"].filter(pa.array(positive)).to_pylist() == codes.to_pylist()
    assert rows["reasons"].null_count == ROWS - positive.sum()


def test_without_declared_reasons_there_are_none(store):
    pipeline = dataclasses.replace(FRAUD, scoring=Scoring(reasons=0))
    rows = rows_of(store, scored(store, pipeline=pipeline))
    assert rows["reasons"].null_count == ROWS
    assert rows.schema == rows_of(store, scored(store)).schema


def test_a_time_has_its_survival_in_place_of_probability_and_decision(tmp_path):
    head = Survival((1.0, 2.0, 5.0))
    publish_day(tmp_path, DAY, rows=ROWS)
    publish_day(tmp_path, "2026-03-02", rows=0)
    register(tmp_path, publish_dense(tmp_path, head=head))
    rows = rows_of(tmp_path, scored(tmp_path))
    assert rows.column_names[4:6] == ["survival", "score"]
    assert "decision" not in rows.column_names
    survival = np.array(rows["survival"].to_pylist())
    assert survival.shape == (ROWS, 3)
    assert (np.diff(survival, axis=1) <= 0).all()
    np.testing.assert_allclose(rows["score"].to_numpy(), 1 - survival[:, -1], atol=1e-6)
    empty = scored(tmp_path, "2026-03-02")
    assert rows_of(tmp_path, empty).schema == rows.schema
    assert summary_of(tmp_path, empty)["rows"] == 0
    assert survival_of(np.zeros((1, 3)), head)["survival"].tolist() == [[0.5, 0.25, 0.125]]


@pytest.mark.slow
def test_a_network_that_is_not_dense_is_scored_by_its_graph(tmp_path):
    pipeline = dataclasses.replace(FRAUD, head=MultiClass(3))
    classes = iter(range(10**9))

    def three(_day, _x, y):
        return ((np.arange(len(y)) + next(classes)) % 3).astype(np.float32)

    publish_training_set(tmp_path, as_of=EARLY, rows=60, pipeline=pipeline, spoil=three)
    trained = done("train", tmp_path, as_of=EARLY, pipeline=pipeline, options={"track": False})
    publish_day(tmp_path, DAY, rows=ROWS)
    register(tmp_path, Store(str(tmp_path)).find(Ref(FRAUD.name, "models", trained["key"])))
    rows = rows_of(tmp_path, scored(tmp_path, pipeline=pipeline))
    probabilities = np.array(rows["probabilities"].to_pylist())
    assert probabilities.shape == (ROWS, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
