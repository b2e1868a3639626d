"""Models that are trained and evaluated on a cohort: weighted flags by patient, times with a competing event."""

import json
from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InputMismatchError
from pipelines.spec import Binary, Survival
from tests.pipelines.stages.cohort.ward import BY_ENTITY, HORIZON, done, made, published, ward

FLAGS = ward(head=Binary(), split=BY_ENTITY)
TIMES = replace(FLAGS, head=Survival(cuts_days=(30, 60, HORIZON), competing=True))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("ward")
    published(FLAGS, root, made(patients=90, visits=700, events=120))
    return root


@pytest.mark.parametrize("pipeline", [FLAGS, TIMES], ids=["flags", "times"])
def test_a_model_is_trained_evaluated_and_found_again(pipeline, store):
    stages = ("cohort", "preprocess", "train", "evaluate")
    made_now = [done(stage, pipeline, store, options={"track": False}) for stage in stages]
    training_set, model = made_now[1][1], made_now[2][1]
    index = json.loads((training_set / "index.json").read_text())
    history = json.loads((model / "history.json").read_text())
    assert history["rows"] == sum(day["rows"] for day in index["train"])
    assert len(history["validation"]) == pipeline.training.epochs
    assert np.isfinite(history["loss"]).all()
    metrics = json.loads((made_now[3][1] / "metrics.json").read_text())
    assert metrics["rows"] == sum(day["rows"] for day in index["test"])
    again = [done(stage, pipeline, store, options={"track": False})[0] for stage in stages]
    assert all(result["cached"] for result in again)


def test_a_training_set_of_another_fold_is_refused(store):
    done("cohort", FLAGS, store)
    done("preprocess", FLAGS, store)
    other = replace(FLAGS, split=replace(BY_ENTITY, fold=1))
    with pytest.raises(InputMismatchError, match=r"split.fold|drawn"):
        done("train", other, store)
