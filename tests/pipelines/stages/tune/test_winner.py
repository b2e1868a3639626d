"""A winner is published once, and used by models whose test days it was not evaluated on."""

import dataclasses
import json

import pytest

from pipelines.core.errors import ConfigError, InputMissingError, TrainingError
from pipelines.core.store import Store
from pipelines.spec import Range, Search, load, search_day
from pipelines.stages.tune.stage import plan
from pipelines.stages.tune.winner import EVALUATED_ON, tuned_settings
from tests.pipelines.made_models import AS_OF, done, publish_training_set, work_on

SPACE = (Range("training.learning_rate", 1e-4, 1e-2, log=True),)
PIPELINE = dataclasses.replace(
    load("fraud_detection"), search=Search(SPACE, trials=2, first_epochs=1)
)


def ended(root, number, value=None, error=""):
    from optuna.trial import TrialState

    from pipelines.stages.tune.stage import folder_of
    from pipelines.stages.tune.study import ERROR, SETTINGS, claimed, end_trial, open_study

    _, work = work_on("tune", root, pipeline=PIPELINE)
    folder = folder_of(work, plan(work))
    study = open_study(folder, PIPELINE, number)
    with claimed(study, folder, number) as trial:
        trial.set_user_attr(SETTINGS, [f"training.learning_rate=0.00{number + 1}"])
        if value is None:
            trial.set_user_attr(ERROR, error)
            end_trial(study, trial, TrialState.FAIL)
        else:
            trial.report(value, 1)
            end_trial(study, trial, TrialState.COMPLETE, value)


@pytest.fixture
def root(tmp_path):
    publish_training_set(tmp_path, rows=50, as_of=search_day(PIPELINE, AS_OF))
    return tmp_path


def test_the_best_last_epoch_wins_and_its_settings_reach_a_model_of_that_day(root):
    ended(root, 0, value=0.4)
    ended(root, 1, value=0.6)
    result = done("tune", root, pipeline=PIPELINE)
    assert result["metrics"]["average_precision"] == 0.6
    found = tuned_settings(Store(str(root)), "fraud_detection", AS_OF, AS_OF)
    assert found == ["training.learning_rate=0.002"]
    manifest = Store(str(root)).find(work_on("tune", root)[1].window_ref("tunings"))
    folder = Store(str(root)).open(manifest)
    winner = json.loads((folder / "winner.json").read_text())
    assert max(winner[EVALUATED_ON]) < min(work_on("tune", root)[1].days().test)
    assert "0.6000" in (folder / "tuning.html").read_text()


def test_trials_that_have_not_ended_are_named(root):
    ended(root, 0, value=0.4)
    with pytest.raises(
        InputMissingError, match=r"1 of 2 trials have not ended \(1\). Run trial"
    ):
        done("tune", root, pipeline=PIPELINE)


def test_a_search_whose_trials_all_fail_says_why(root):
    ended(root, 0, error="The loss of step 3 is nan.")
    ended(root, 1, error="The loss of step 5 is nan.")
    with pytest.raises(TrainingError, match=r"none of 2 trials .*step 3 is nan"):
        done("tune", root, pipeline=PIPELINE)


def test_a_pipeline_without_a_search_is_refused_with_what_to_declare(root):
    plain = dataclasses.replace(PIPELINE, search=Search())
    with pytest.raises(ConfigError, match=r"declares no search. Add search=Search"):
        done("tune", root, pipeline=plain)


def test_a_model_cannot_use_a_search_that_was_evaluated_on_its_test_days(root):
    store = Store(str(root))
    with pytest.raises(ConfigError, match="a later day, so it was evaluated on days that test"):
        tuned_settings(store, "fraud_detection", "2026-03-02", AS_OF)
    with pytest.raises(InputMissingError, match="no published search as of 2026-02-01"):
        tuned_settings(store, "fraud_detection", "2026-02-01", AS_OF)
