"""Trials as processes: killed, resumed, not run again once ended, and their winner used."""

import json
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.core.errors import ConfigError
from pipelines.drivers.tuning.trial import evaluation_rows, run_trial
from pipelines.shared.registry.client import open_client
from pipelines.spec import load, model_days, search_day
from pipelines.stages.tune.stage import plan
from tests.pipelines.made_models import AS_OF, FRAUD, publish_training_set, work_on
from tests.pipelines.shared.tracking.made_runs import runs_of, uri_of

ROOT = Path(__file__).resolve().parents[4]
SETTINGS = ("training.epochs=4", "training.global_batch_rows=64", "search.first_epochs=4")


def command(root, *words, settings=SETTINGS, trials=1, options=("track=false",)):
    sets = [w for s in (*settings, f"search.trials={trials}") for w in ("--set", s)]
    return [
        *(sys.executable, "-m", "pipelines", *words, "--as-of", AS_OF, "--store", str(root)),
        *(word for option in options for word in ("--option", option)),
        *sets,
    ]


def finished(argv):
    ran = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def journal(root):
    found = list(Path(root).glob("fraud_detection/tunings/*/.scratch-*/study.jsonl"))
    return found[0].read_text() if found else ""


@pytest.mark.slow
def test_a_trial_killed_after_an_epoch_ends_as_the_unbroken_one_and_its_winner_is_used(
    tmp_path,
):
    trial = ("trial", "fraud_detection", "--number", "0", "--json")
    results = {}
    for name in ("unbroken", "killed"):
        root = tmp_path / name
        publish_training_set(root, as_of=search_day(load("fraud_detection"), AS_OF))
        if name == "killed":
            child = subprocess.Popen(command(root, *trial), cwd=ROOT, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 300
            while '"intermediate_value":' not in journal(root):
                assert child.poll() is None, "the trial ended before it was to be killed"
                assert time.monotonic() < deadline
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
            child.wait()
        results[name] = finished(command(root, *trial))
    assert results["killed"]["by_epoch"] == results["unbroken"]["by_epoch"]
    assert results["killed"]["settings"] == results["unbroken"]["settings"]
    assert len(results["killed"]["by_epoch"]) == 4
    root = tmp_path / "killed"
    assert finished(command(root, *trial))["cached"] is True
    winner = finished(command(root, "stage", "tune", "fraud_detection", "--json"))
    assert winner["metrics"]["complete"] == 1.0
    publish_training_set(root)
    model = finished(
        command(
            root, "stage", "train", "fraud_detection", "--json", "--option", f"tuned={AS_OF}"
        )
    )
    manifest = json.loads(
        (Path(model["uri"].removeprefix("file://")) / "manifest.json").read_text()
    )
    drawn = dict(s.split("=") for s in results["killed"]["settings"])
    assert manifest["config"]["model"]["kind"] == drawn["model"]
    assert manifest["config"]["training"]["learning_rate"] == float(
        drawn["training.learning_rate"]
    )


# Every trial but those that did best so far ends after its first epoch.
HALVING = ("training.epochs=2", "training.global_batch_rows=64", "search.first_epochs=1")
AWAY = "mlflow_uri=sqlite:////proc/nowhere/mlflow.db"


@pytest.mark.slow
def test_each_trial_is_a_run_with_what_it_drew_its_curve_and_its_end(tmp_path):
    root, trials = tmp_path / "store", 4
    publish_training_set(root, as_of=search_day(load("fraud_detection"), AS_OF))

    def on_store(*words, **more):
        argv = command(root, *words, "--json", settings=HALVING, trials=trials, **more)
        return finished(argv)

    results = []
    for number in range(trials):
        options = (AWAY,) if number == trials - 1 else ()
        trial = ("trial", "fraud_detection", "--number", str(number))
        results.append(on_store(*trial, options=options))
    assert {each["state"] for each in results} == {"complete", "pruned"}
    winner = on_store("stage", "tune", "fraud_detection", options=())
    assert_runs(root, results[:-1])
    # The last trial could not be sent: its events are published beside the winner, and can still be sent.
    folder = Path(winner["uri"].removeprefix("file://"))
    kept = folder / f"tracking/trial-{trials - 1}.jsonl"
    sender = [sys.executable, "-m", "pipelines.shared.tracking.sender", uri_of(root), str(kept)]
    subprocess.run(sender, cwd=ROOT, check=True, capture_output=True, timeout=120)
    assert_runs(root, results)


def test_a_trial_that_its_rows_refuse_is_a_failed_run_of_the_search(tmp_path):
    def spoil(_day, _x, y):
        y[:] = 0

    day = search_day(load("fraud_detection"), AS_OF)
    publish_training_set(tmp_path, as_of=day, rows=50, spoil=spoil)
    _, work = work_on("tune", tmp_path, pipeline=load("fraud_detection"))
    result = run_trial(work, 0)
    assert result["state"] == "fail"
    assert_runs(tmp_path, [result])
    (run,) = runs_of(tmp_path)
    assert run.data.tags["search"] == plan(work).digest()
    assert run.data.tags["error"] == f"TrainingError: {result['error']}"


def test_a_trial_whose_days_have_no_event_fails_before_it_trains(tmp_path):
    pipeline = load("fraud_detection")
    as_of = search_day(pipeline, AS_OF)

    def spoil(day, _x, y):
        y[:] = y if day < model_days(pipeline, as_of).test[0] else 0

    publish_training_set(tmp_path, as_of=as_of, rows=50, spoil=spoil)
    _, work = work_on("tune", tmp_path, pipeline=pipeline, options={"track": False})
    result = run_trial(work, 0)
    assert result["state"] == "fail"
    assert re.search(
        "0 of the .* rows that evaluate an epoch .* average_precision", result["error"]
    )


def test_a_trial_that_the_search_has_not_is_refused(tmp_path):
    pipeline = load("fraud_detection")
    publish_training_set(tmp_path, as_of=search_day(pipeline, AS_OF), rows=50)
    _, work = work_on("tune", tmp_path, pipeline=pipeline)
    with pytest.raises(ConfigError, match="has trials 0 to 11, received number 12"):
        run_trial(work, 12)


STATUS = {
    "complete": ("FINISHED", "complete"),
    "pruned": ("KILLED", "pruned"),
    "fail": ("FAILED", "failed"),
}


def assert_runs(root, results):
    client = open_client(uri_of(root))
    runs = {int(run.data.tags["trial"]): run for run in runs_of(root, client)}
    assert sorted(runs) == [each["number"] for each in results]
    assert len({run.data.tags["search"] for run in runs.values()}) == 1
    for each in results:
        run = runs[each["number"]]
        assert (run.info.status, run.data.tags["ended"]) == STATUS[each["state"]]
        drawn = {n: v for n, v in run.data.params.items() if n.startswith("drawn.")}
        words = {f"{n.removeprefix('drawn.')}={v}" for n, v in drawn.items()}
        assert words == set(each["settings"])
        curve = client.get_metric_history(run.info.run_id, "validation_average_precision")
        assert [m.value for m in sorted(curve, key=lambda m: m.step)] == each["by_epoch"]


def test_a_trial_is_evaluated_on_rows_that_have_a_label(tmp_path):
    def spoil(_day, _x, y):
        y[::4] = float("nan")

    pipeline = replace(FRAUD, evaluation=replace(FRAUD.evaluation, exclude_known=False))
    manifest = publish_training_set(tmp_path, pipeline=pipeline, rows=40, spoil=spoil)
    _, work = work_on("train", tmp_path, pipeline=pipeline)
    rows = evaluation_rows(work, work.store.open(manifest))
    assert rows.rows == 30 * len(model_days(work.pipeline, AS_OF).test)
    assert rows.positives() + int((rows.days[0]["y"] == 0).sum()) == rows.rows
