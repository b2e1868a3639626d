"""Studies without training: what is drawn, which trials are pruned, and what a kill leaves."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from optuna.trial import TrialState

from pipelines.drivers.tuning.space import draw
from pipelines.spec import Choice, DeepCross, Range, Search, load, with_settings
from pipelines.stages.tune.study import (
    JOURNAL,
    claimed,
    end_trial,
    open_study,
    trial_of,
    trial_records,
)

ROOT = Path(__file__).resolve().parents[4]
SPACE = (
    Range("model.cross_layers", 1, 3),
    Choice("model", ("dense", "deep_cross")),
    Choice("model.hidden", ((8,), (8, 4))),
    Range("training.learning_rate", 1e-4, 1e-2, log=True),
)
PIPELINE = dataclasses.replace(load("fraud_detection"), search=Search(SPACE, first_epochs=1))


def drawn(folder, number, value=None):
    study = open_study(folder, PIPELINE, number)
    with claimed(study, folder, number) as trial:
        settings = draw(trial, PIPELINE)
        if value is not None:
            end_trial(study, trial, TrialState.COMPLETE, value)
    return settings


def test_a_search_one_after_another_draws_the_same_again(tmp_path):
    runs = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        runs.append([drawn(tmp_path / name, n, value=1 / (n + 1)) for n in range(14)])
    assert runs[0] == runs[1]
    assert len(set(runs[0])) == 14


def test_drawn_settings_make_a_valid_pipeline_and_leave_out_what_the_kind_lacks(tmp_path):
    kinds = set()
    for number in range(8):
        settings = drawn(tmp_path, number)
        changed = with_settings(PIPELINE, settings)
        names = [setting.partition("=")[0] for setting in settings]
        kinds.add(type(changed.model))
        assert names[0] == "model"
        assert ("model.cross_layers" in names) == isinstance(changed.model, DeepCross)
        assert 1e-4 <= changed.training.learning_rate <= 1e-2
    assert len(kinds) == 2


def test_a_trial_that_was_started_resumes_with_the_settings_it_drew(tmp_path):
    first = drawn(tmp_path, 3)
    drawn(tmp_path, 4)
    assert drawn(tmp_path, 3) == first
    assert [each["number"] for each in trial_records(open_study(tmp_path, PIPELINE))] == [3, 4]


class Killed:
    """A trial whose process ends after so many draws."""

    def __init__(self, trial, draws):
        self.trial, self.left = trial, draws

    def __getattr__(self, name):
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return getattr(self.trial, name)


@pytest.mark.parametrize("before", [0, 12])  # random at first, then guided by earlier trials
@pytest.mark.parametrize("draws", [1, 2, 3])
def test_a_trial_killed_between_two_draws_resumes_with_what_it_would_have_drawn(
    tmp_path, before, draws
):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for number in range(before):
            drawn(tmp_path / name, number, value=1 / (number + 1))
    study = open_study(tmp_path / "two", PIPELINE, before)
    with (
        claimed(study, tmp_path / "two", before) as trial,
        pytest.raises(KeyboardInterrupt),
    ):
        draw(Killed(trial, draws), PIPELINE)
    assert len(trial_of(study, before).params) == draws
    assert drawn(tmp_path / "two", before) == drawn(tmp_path / "one", before)


def test_a_trial_that_has_ended_is_not_run_again(tmp_path):
    drawn(tmp_path, 0, value=0.5)
    study = open_study(tmp_path, PIPELINE)
    with claimed(study, tmp_path, 0) as trial:
        assert trial is None
    assert trial_records(study)[0]["value"] == 0.5


def test_of_three_trials_at_a_rung_the_weaker_ones_stop(tmp_path):
    stopped = []
    for number, value in enumerate((0.5, 0.3, 0.2, 0.6)):
        study = open_study(tmp_path, PIPELINE, number)
        with claimed(study, tmp_path, number) as trial:
            trial.report(value, 1)
            stopped.append(trial.should_prune())
    assert stopped == [False, True, True, False]


def test_a_line_that_a_kill_tore_is_dropped_and_the_study_continues(tmp_path):
    first = drawn(tmp_path, 0, value=0.5)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code": 4, "worker_id": "x", "tr')
    assert drawn(tmp_path, 1) != first
    assert [each["number"] for each in trial_records(open_study(tmp_path, PIPELINE))] == [0, 1]


def test_a_killed_trial_leaves_its_claim_to_the_next_process(tmp_path):
    code = (
        "import sys, os, signal; from pathlib import Path;"
        "from tests.pipelines.stages.tune.test_study import PIPELINE, claimed, draw, open_study;"
        "folder = Path(sys.argv[1]); study = open_study(folder, PIPELINE, 0);"
        "held = claimed(study, folder, 0); trial = held.__enter__();"
        "print(draw(trial, PIPELINE), flush=True); trial.report(0.4, 1);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    assert str(drawn(tmp_path, 0)) == ran.stdout.strip()
    stored = trial_of(open_study(tmp_path, PIPELINE), 0)
    assert stored.intermediate_values == {1: pytest.approx(0.4)}
