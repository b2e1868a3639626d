"""The DAGs under Airflow's own ``dag.test()``, with toy stages in real processes."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent

FORM_VARIABLES = {
    "AIRFLOW_VAR_MILLRACE_HISTORY_FROM": "2026-01-01",
    "AIRFLOW_VAR_TOY_RAISE": "",
}

# A form's values stay in the DAG object of one process: the run with a form comes last.
RUNS = {
    "by its date": ("toy_data", "2026-01-06", {}, {}),
    "refused": (
        "toy_data",
        "2026-01-07",
        {},
        {"AIRFLOW_VAR_TOY_RAISE": "PartitionRefusedError"},
    ),
    "months": ("clinic_data", None, {"partition": "2025-03-17"}, {}),
    "a year by its date": ("clinic_labs_data", "2024-12-31T23:30:00Z", {}, {}),
    "by its form": ("toy_data", None, {"partition": "2026-01-05"}, FORM_VARIABLES),
    "model": (
        "toy_model",
        "2026-02-02",
        {"as_of": "2026-02-01", "epochs": 2, "settings": ["model.hidden=8,4", "buckets=2"]},
        {"AIRFLOW_VAR_TOY_FATE": "superseded"},
    ),
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("airflow")
    env = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "bundle"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_VAR_MILLRACE_STORE": "/store",
        "AIRFLOW_VAR_MILLRACE_SOURCE": "/source",
        "AIRFLOW_VAR_MILLRACE_SOURCE_FRAUD_DETECTION": "/source/fraud",
        "MILLRACE_PIPELINES": str(ROOT / "tests/plugins/projects"),
        "PYTHONPATH": str(ROOT),
    }
    subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=env,
        check=True,
        capture_output=True,
    )
    done = subprocess.run(
        [sys.executable, str(HERE / "run_dags.py"), json.dumps(list(RUNS.values()))],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return dict(zip(RUNS, json.loads(done.stdout.splitlines()[-1]), strict=True))


def test_a_day_chosen_in_the_form_is_what_each_stage_works_on(runs):
    run = runs["by its form"]
    assert set(run["tasks"].values()) == {"success"}
    assert run["results"]["ingest"]["argv"] == [
        *("stage", "ingest", "fraud_detection", "--store", "/store"),
        *("--history-from", "2026-01-01", "--partition", "2026-01-05"),
        *("--source", "/source/fraud"),
    ]


def test_without_a_form_the_runs_date_is_the_day_and_an_unset_variable_is_left_out(runs):
    argv = runs["by its date"]["results"]["featurize"]["argv"]
    assert argv[3:] == ["--store", "/store", "--partition", "2026-01-06"]


def test_each_table_is_taken_in_by_its_own_tasks_in_partitions_of_its_grain(runs):
    def asked(run, task):
        argv = runs[run]["results"][task]["argv"]
        return dict(pairwise(argv)).get("--table"), dict(pairwise(argv))["--partition"]

    assert asked("months", "ingest") == asked("months", "featurize") == (None, "2025-03")
    assert asked("months", "validate_patients") == ("patients", "all")
    # Half past midnight in Berlin.
    assert asked("a year by its date", "validate_labs") == ("labs", "2025")
    by_task = {task: extra["rows"] for task, extra in runs["months"]["events"]}
    assert set(by_task) == {"validate_patients", "featurize"}
    assert [task for task, _ in runs["a year by its date"]["events"]] == ["validate_labs"]


def test_a_refused_day_is_not_retried_and_still_releases_featurize(runs):
    run = runs["refused"]
    assert run["tasks"] == {"ingest": "success", "validate": "failed", "featurize": "success"}


def test_an_approval_nobody_asked_for_is_skipped_and_the_promotion_goes_on(runs):
    run = runs["model"]
    assert run["state"] == "success"
    assert run["tasks"]["approve"] == "skipped"
    assert run["tasks"]["promote"] == "success"


def test_the_form_reaches_every_stage_of_the_model_as_settings(runs):
    for stage in ("preprocess", "evaluate", "promote"):
        argv = runs["model"]["results"][stage]["argv"]
        assert argv[argv.index("--as-of") + 1] == "2026-02-01"
        assert [after for word, after in pairwise(argv) if word == "--set"] == [
            *("split.train_days=7", "training.epochs=2", "training.seed=0"),
            *("model.hidden=8,4", "buckets=2"),
        ]
    assert "promote_older=false" in runs["model"]["results"]["promote"]["argv"]


def test_the_asset_has_an_event_of_a_day_and_none_of_a_model_that_was_not_promoted(runs):
    ((task, extra),) = runs["by its date"]["events"]
    assert (task, extra["rows"]) == ("featurize", 7)
    assert runs["model"]["tasks"]["promote"] == "success"
    assert runs["model"]["results"]["promote"]["fate"] == "superseded"
    assert runs["model"]["events"] == []


def test_each_stage_of_a_model_is_given_the_digests_of_what_its_own_run_made(runs):
    def given(stage):
        argv = runs["model"]["results"][stage]["argv"]
        return [after for word, after in pairwise(argv) if word == "--input"]

    assert given("validate_window") == []
    assert given("preprocess") == ["window_validation=of-validate_window"]
    assert given("train") == ["training_set=of-preprocess"]
    assert given("evaluate") == ["training_set=of-preprocess", "model=of-train"]
    assert given("promote") == ["model=of-train", "evaluation=of-evaluate"]
