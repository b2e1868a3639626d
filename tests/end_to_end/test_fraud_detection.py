"""Card fraud from source files to an evaluated model under a real Airflow, and by hand: the same."""

import json
import re
import subprocess
import sys
import threading
from urllib.parse import quote

import psutil
import pytest

from pipelines.core.store import Ref, Store
from pipelines.domains.fraud_detection.planting import Plant
from pipelines.domains.fraud_detection.simulator import Simulation, simulate
from pipelines.drivers.local.rest_client import FINISHED
from tests.end_to_end.conftest import ROOT, airflow, browser, eventually

pytestmark = pytest.mark.timeout(1500)

DAYS = ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"]
BAD, AS_OF = DAYS[2], "2026-01-09"
# Labels known at once, so that four days hold a whole window.
SETTINGS = [
    *("label.known_after_days=0", "split.gap_days=0", "split.test_days=2"),
    *("model.hidden=16", "evaluation.bootstrap_samples=20"),
]
FORM = {"as_of": AS_OF, "train_days": 2, "epochs": 1, "settings": SETTINGS}
BY_HAND = [*SETTINGS, "split.train_days=2", "training.epochs=1"]
DATASETS = ("ingested", "validated", "features", "training_set", "models", "evaluations")


def states(api, dag_id, run_id):
    return {task["task_id"]: task["state"] for task in api.tasks(dag_id, run_id)}


def tries(api, dag_id, run_id):
    return {task["task_id"]: task["try_number"] for task in api.tasks(dag_id, run_id)}


def wait_run(stack, dag_id, run_id, seconds):
    def ended():
        stack.require_alive()
        state = stack.api.get(f"/dags/{dag_id}/dagRuns/{quote(run_id)}")["state"]
        return state in FINISHED and state

    return eventually(ended, seconds, f"the run of {dag_id} has ended")


class Killer(threading.Thread):
    """Kills a stage's process with SIGKILL once, when it has grown: in the midst of its work."""

    grown_bytes = 300e6

    def __init__(self, store: str, stage: str) -> None:
        super().__init__(daemon=True)
        self.wanted, self.killed, self.over = (
            {"pipelines", stage, store},
            None,
            threading.Event(),
        )

    def run(self):
        while not self.over.wait(0.2):
            for process in psutil.process_iter(["cmdline", "memory_info"]):
                if not self.wanted <= set(process.info["cmdline"] or []):
                    continue
                if process.info["memory_info"].rss > self.grown_bytes:
                    process.kill()
                    self.killed = process.pid
                    return


@pytest.fixture(scope="module")
def airflow_run(tmp_path_factory):
    """Four days backfilled, one of them bad, while a model waits for them."""
    root = tmp_path_factory.mktemp("fraud")
    with airflow(root, ROOT / "dags", millrace_history_from=DAYS[0]) as stack:
        plant = Plant.parse(f"rows=5,mostly_bad={BAD}")
        simulate(
            Simulation(rows_per_day=2000, seed=3),
            DAYS[0],
            DAYS[-1],
            stack.home.source,
            plant=plant,
        )
        api = stack.api
        for pool in ("stages", "gpu"):
            api.set_pool(pool, 2, "for this test")
        for dag_id in ("fraud_detection_data", "fraud_detection_model"):
            api.wait_for_dag(dag_id, 60)
            api.unpause(dag_id)
        killer = Killer(str(stack.home.store), "train")
        killer.start()
        model_run = api.trigger("fraud_detection_model", FORM)
        eventually(
            lambda: (
                states(api, "fraud_detection_model", model_run)["await_partitions"]
                == "deferred"
            ),
            120,
            "the model waits for its days",
        )
        api.backfill("fraud_detection_data", DAYS[0], DAYS[-1], max_active_runs=2)

        def ended():
            runs = {
                run["partition_key"]: run
                for run in api.runs("fraud_detection_data", run_type="backfill")
            }
            over = len(runs) == len(DAYS) and all(
                run["state"] in {"success", "failed"} for run in runs.values()
            )
            return over and runs

        data_runs = eventually(ended, 420, "every day has its verdict")
        yield stack, model_run, data_runs
        killer.over.set()


@pytest.fixture(scope="module")
def model_states(airflow_run):
    """How each task of the model's run ended, its training having been killed once."""
    stack, run_id, _ = airflow_run
    wait_run(stack, "fraud_detection_model", run_id, 300)
    return states(stack.api, "fraud_detection_model", run_id)


@pytest.fixture(scope="module")
def by_hand(airflow_run, model_states, tmp_path_factory):
    """A store made from the same source by the command line."""
    stack, _, _ = airflow_run
    store = Store(str(tmp_path_factory.mktemp("by-hand")))
    argv = ["run", "fraud_detection", "--source", str(stack.home.source), "--store", store.uri]
    argv += ["--from", DAYS[0], "--to", DAYS[-1], "--as-of", AS_OF, "--json"]
    argv += [word for setting in BY_HAND for word in ("--set", setting)]
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", *argv],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 3, done.stderr[-3000:]  # a day was refused
    return store, json.loads(done.stdout.splitlines()[-1])


def test_a_bad_day_is_refused_without_retries_and_the_others_are_unharmed(airflow_run):
    stack, _, runs = airflow_run
    assert {day: run["state"] for day, run in runs.items()} == {
        day: "failed" if day == BAD else "success" for day in DAYS
    }
    refused = runs[BAD]["dag_run_id"]
    assert states(stack.api, "fraud_detection_data", refused) == {
        "ingest": "success",
        "validate": "failed",
        "featurize": "failed",
        "announce_refusal": "success",
        "taken_in": "upstream_failed",
    }
    assert set(tries(stack.api, "fraud_detection_data", refused).values()) <= {0, 1}


def test_every_good_day_has_features_and_the_bad_one_has_none(airflow_run):
    stack, _, _ = airflow_run
    keys = Store(str(stack.home.store)).keys("fraud_detection", "features")
    assert keys == [f"ds={day}" for day in DAYS if day != BAD]


def test_a_day_asked_for_again_is_found_and_not_made_again(airflow_run):
    api = airflow_run[0].api
    run_id = api.trigger("fraud_detection_data", {"partition": DAYS[0]})
    assert wait_run(airflow_run[0], "fraud_detection_data", run_id, 180) == "success"
    for stage in ("ingest", "validate", "featurize"):
        path = f"/dags/fraud_detection_data/dagRuns/{quote(run_id)}/taskInstances/{stage}"
        result = api.get(f"{path}/xcomEntries/return_value")["value"]
        assert result["cached"], f"{stage} was done again: {result}"


def test_a_model_waits_for_its_days_and_a_killed_training_is_tried_again(
    airflow_run, model_states
):
    stack, model_run, _ = airflow_run
    assert model_states == {
        **dict.fromkeys(
            ("await_partitions", "validate_window", "preprocess", "train", "evaluate"),
            "success",
        ),
        "approve": "skipped",
        "promote": "success",
    }
    assert tries(stack.api, "fraud_detection_model", model_run)["train"] == 2


def test_airflow_and_the_command_line_make_the_same_bytes(airflow_run, model_states, by_hand):
    stack, _, _ = airflow_run
    scheduled, (manual, _) = Store(str(stack.home.store)), by_hand
    for dataset in DATASETS:
        keys = manual.keys("fraud_detection", dataset)
        assert keys
        assert scheduled.keys("fraud_detection", dataset) == keys
        for key in keys:
            ref = Ref("fraud_detection", dataset, key)
            made = [store.find(ref) for store in (scheduled, manual)]
            assert made[0].digest == made[1].digest, f"{ref.path()} was asked for differently"
            assert made[0].content == made[1].content, f"{ref.path()} has other bytes"


def test_the_refused_days_report_and_the_model_card_are_shown_in_airflow(
    airflow_run, model_states
):
    stack, model_run, runs = airflow_run
    shown = {
        "fraud_detection_data": (runs[BAD]["dag_run_id"], "refused"),
        "fraud_detection_model": (model_run, "Card fraud"),
    }
    ask = browser(stack.api)
    for dag_id, (run_id, word) in shown.items():
        status, page, headers = ask(f"/millrace/runs/{dag_id}/{quote(run_id)}")
        assert status == 200
        assert word in page
        # The policy lets a page run no script and load nothing; it must need neither.
        assert "sandbox" in headers["Content-Security-Policy"]
        assert not re.search(r"<script|src=[\"']?https?:|<link[^>]+href", page)
