"""Evaluation of models whose rows were drawn from a cohort: subsets of the feature tables, competing events, weights."""

import json

import numpy as np
import pytest

from pipelines.operators.state import read_program, write_program
from pipelines.spec import (
    Binary,
    CoxBaseline,
    Evaluation,
    Gates,
    Numeric,
    Standardise,
    Subgroup,
    Survival,
)
from pipelines.spec.heads import head_settings
from tests.pipelines.made_models import publish
from tests.pipelines.stages.cohort.ward import (
    AS_OF,
    BY_BOTH,
    BY_ENTITY,
    HORIZON,
    done,
    made,
    published,
    ward,
)
from tests.pipelines.stages.featurize.validated import work_on

SCALED = (Numeric("pressure") >> Standardise(),)
BESIDE = {"alert_entity": "patient", "bootstrap_samples": 10}
TIMES = ward(
    head=Survival(cuts_days=(30, HORIZON), competing=True),
    split=BY_BOTH,
    features=SCALED,
    evaluation=Evaluation(
        **BESIDE,
        subgroups=(Subgroup("pressure", cuts=(120.0,)),),
        baseline=CoxBaseline(inputs=("pressure",)),
    ),
)
FLAGS = ward(
    head=Binary(),
    split=BY_ENTITY,
    features=SCALED,
    evaluation=Evaluation(**BESIDE),
    gates=Gates(min_auc=0.0),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    published(TIMES, root, made(patients=200, visits=1500, events=300))
    return root


def evaluated(pipeline, root):
    """Draw, preprocess, publish a model of one layer, evaluate."""
    done("cohort", pipeline, root)
    _, folder = done("preprocess", pipeline, root)
    _model(pipeline, root, folder)
    _, out = done("evaluate", pipeline, root)
    return json.loads((out / "metrics.json").read_text()), folder


def _model(pipeline, root, folder):
    work = work_on(pipeline, root, "2020-01-01", as_of=AS_OF)
    training_set = work.find(work.window_ref("training_set"))
    outputs = pipeline.head.outputs()

    def write(out):
        (out / "weights").mkdir()
        np.save(out / "weights/00.npy", np.full((1, outputs), 0.01, np.float32))
        np.save(out / "weights/01.npy", np.full(outputs, -2.0, np.float32))
        index = [
            {"file": "00.npy", "name": "logit/kernel", "shape": [1, outputs]},
            {"file": "01.npy", "name": "logit/bias", "shape": [outputs]},
        ]
        (out / "weights/index.json").write_text(json.dumps(index))
        layer = {"class_name": "Dense", "config": {"name": "logit", "activation": "linear"}}
        (out / "model.json").write_text(json.dumps({"config": {"layers": [layer]}}))
        write_program(out, read_program(folder))
        (out / "history.json").write_text(json.dumps({"loss": [0.5], "steps": 1}))

    about = {"training_set": training_set.content}
    config = {"head": head_settings(pipeline.head), "training": {"seed": 0}}
    publish(root, "train", work, write, inputs=about, config=config)


def test_times_of_a_cohort_are_evaluated_beside_a_baseline_of_the_same_rows(store):
    found, folder = evaluated(TIMES, store)
    index = json.loads((folder / "index.json").read_text())
    assert found["rows"] == sum(each["rows"] for each in index["test"])
    cox = found["baselines"][-1]
    assert cox["facts"]["rows"] == sum(each["rows"] for each in index["train"])
    assert found["follow_up"]["competing"] > 0
    ends = (found["follow_up"][name] for name in ("events", "competing", "censored"))
    assert sum(ends) == found["rows"]
    flow = {each["step"]: each for each in found["report"]["flow"]}
    assert flow["in test"]["rows"] == found["rows"]
    assert flow["after the event"]["left_out"]
    items = {each["item"]: each["text"] for each in found["report"]["items"]}
    assert "code is diabetes or insulin in events within 90 days" in items["8 Outcome"]
    assert "no patient is on both sides" in items["16 Training versus evaluation"]


def test_flags_of_a_cohort_are_weighed_by_the_chance_to_be_followed(store):
    found, folder = evaluated(FLAGS, store)
    index = json.loads((folder / "index.json").read_text())
    weights = np.concatenate([np.load(folder / each["w"]) for each in index["test"]])
    labels = np.concatenate([np.load(folder / each["y"]) for each in index["test"]])
    assert weights.max() > 1.0
    share = (weights * labels).sum() / weights.sum()
    table = found["calibration"]
    assert sum(each["rows"] for each in table) == len(labels)
    assert share != pytest.approx(labels.mean())
    # One bin has all rows: its share is that of the weighed events.
    (row,) = (each for each in table if each["rows"] == len(labels))
    assert row["share"] == pytest.approx(share)
