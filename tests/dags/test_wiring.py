"""The DAGs under Airflow's own ``dag.test()``, with toy stages in real processes."""

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.spec import load
from tests.pipelines.made_models import publish, work_on

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent

FORM_VARIABLES = {
    "AIRFLOW_VAR_MILLRACE_HISTORY_FROM": "2026-01-01",
    "AIRFLOW_VAR_TOY_RAISE": "",
}

REFUSED = {"AIRFLOW_VAR_TOY_RAISE": "PartitionRefusedError"}

# A form's values stay in the DAG object of one process: the run with a form comes last.
RUNS = {
    "by its date": ("toy_data", "2026-01-06", {}, {}),
    "repeated": ("toy_data", "2026-01-06T12:00:00Z", {}, {}),
    "refused": ("toy_data", "2026-01-07", {}, REFUSED),
    "no longer refused": (
        "toy_data",
        "2026-01-07T12:00:00Z",
        {},
        {"AIRFLOW_VAR_TOY_RAISE": ""},
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
    publish_partitions(home / "store")
    env = os.environ | {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(HERE / "bundle"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW_VAR_MILLRACE_STORE": str(home / "store"),
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
    found = dict(zip(RUNS, json.loads(done.stdout.splitlines()[-1]), strict=True))
    return {"store": str(home / "store")} | found


def publish_partitions(store):
    """What the toy stages would have published: a refused day among good ones."""
    _, days = work_on("featurize", store, pipeline=load("fraud_detection"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_PIPELINES", str(ROOT / "tests/plugins/projects"))
        _, clinic = work_on("featurize", store, pipeline=load("clinic"))
    metrics = {"rows_in": 8.0, "rows_good": 6.0, "rows_quarantined": 2.0}
    good = {"rows": 6, "verdict": "accepted", "metrics": metrics}
    bad = good | {"rows": 0, "verdict": "refused", "reason": "Two of eight rows break a rule."}
    tables = [clinic.of_table("patients", "all"), clinic.of_table("labs", "2024")]
    tables += [clinic.of_table("visits", "2025-03"), days.on("2026-01-05")]
    for work, outcome in [(days.on("2026-01-06"), good), (days.on("2026-01-07"), bad)]:
        publish(store, "validate", work, empty, outcome=outcome)
    for work in tables:
        publish(store, "validate", work, empty, outcome=good)
    for work in (*tables[2:], days.on("2026-01-06")):
        publish(store, "featurize", work, empty, outcome={"rows": 6})


def empty(out):
    (out / "part-0.parquet").write_bytes(b"")


def test_a_day_chosen_in_the_form_is_what_each_stage_works_on(runs):
    run = runs["by its form"]
    assert run["state"] == "success"
    assert run["results"]["ingest"]["argv"] == [
        *("stage", "ingest", "fraud_detection", "--store", runs["store"]),
        *("--history-from", "2026-01-01", "--partition", "2026-01-05"),
        *("--source", "/source/fraud"),
    ]


def test_without_a_form_the_runs_date_is_the_day_and_an_unset_variable_is_left_out(runs):
    argv = runs["by its date"]["results"]["featurize"]["argv"]
    assert argv[3:] == ["--store", runs["store"], "--partition", "2026-01-06"]


def test_each_table_is_taken_in_by_its_own_tasks_in_partitions_of_its_grain(runs):
    def asked(run, task):
        argv = runs[run]["results"][task]["argv"]
        return dict(pairwise(argv)).get("--table"), dict(pairwise(argv))["--partition"]

    assert asked("months", "ingest") == asked("months", "featurize") == (None, "2025-03")
    assert asked("months", "validate_patients") == ("patients", "all")
    # Half past midnight in Berlin.
    assert asked("a year by its date", "validate_labs") == ("labs", "2025")
    assert {asset: key for asset, _, key, _ in runs["months"]["events"]} == {
        "clinic_patients": "all",
        "clinic_patients_validated": "all",
        "clinic_validated": "2025-03",
        "clinic_good_partitions": "2025-03",
        "clinic_features": "2025-03",
    }
    assert {(asset, task) for asset, task, *_ in runs["a year by its date"]["events"]} == {
        ("clinic_labs", "validate_labs"),
        ("clinic_labs_validated", "validate_labs"),
    }


def test_a_refused_day_is_not_retried_and_fails_its_run_after_its_news_were_given(runs):
    run = runs["refused"]
    assert run["tasks"] == {
        "ingest": "success",
        "validate": "failed",
        "featurize": "failed",
        "announce_refusal": "success",
        "taken_in": "upstream_failed",
    }
    assert run["state"] == "failed"


def test_a_refused_day_has_an_event_that_says_so_and_is_no_good_partition(runs):
    ((asset, task, key, extra),) = runs["refused"]["events"]
    assert (asset, task, key) == (
        "fraud_detection_validated",
        "announce_refusal",
        "2026-01-07",
    )
    assert (extra["verdict"], extra["rows"], extra["quarantined_share"]) == ("refused", 0, 0.25)
    assert extra["reason"] == "Two of eight rows break a rule."


def test_a_good_day_has_an_event_of_its_verdict_of_the_good_partitions_and_of_its_features(
    runs,
):
    run = runs["by its date"]
    assert run["tasks"]["announce_refusal"] == "skipped"
    found = {asset: extra for asset, _, key, extra in run["events"] if key == "2026-01-06"}
    assert set(found) == {
        "fraud_detection_validated",
        "fraud_detection_good_partitions",
        "fraud_detection_features",
    }
    good, features = found["fraud_detection_good_partitions"], found["fraud_detection_features"]
    assert (good["verdict"], good["rows"], good["quarantined_share"]) == ("accepted", 6, 0.25)
    assert good["uri"].startswith(f"file://{runs['store']}/fraud_detection/validated/")
    assert good["content"] != features["content"]


def test_a_run_that_changes_nothing_has_no_event(runs):
    assert runs["repeated"]["state"] == "success"
    assert runs["repeated"]["events"] == []
    # The toy published nothing for the day that is no longer refused.
    assert runs["no longer refused"]["events"] == []


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


def test_a_model_that_was_not_promoted_has_an_event_of_its_evaluation_and_none_of_the_champion(
    runs,
):
    assert runs["model"]["results"]["promote"]["fate"] == "superseded"
    ((asset, task, _, extra),) = runs["model"]["events"]
    assert (asset, task) == ("fraud_detection_evaluated_model", "promote")
    assert (extra["verdict"], extra["fate"]) == ("BETTER", "superseded")


def test_each_stage_of_a_model_is_given_the_digests_of_what_its_own_run_made(runs):
    def given(stage):
        argv = runs["model"]["results"][stage]["argv"]
        return [after for word, after in pairwise(argv) if word == "--input"]

    assert given("validate_window") == []
    assert given("preprocess") == ["window_validation=of-validate_window"]
    assert given("train") == ["training_set=of-preprocess"]
    assert given("evaluate") == ["training_set=of-preprocess", "model=of-train"]
    assert given("promote") == ["model=of-train", "evaluation=of-evaluate"]
