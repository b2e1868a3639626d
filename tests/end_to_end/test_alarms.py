"""An alarm under a real scheduler: it fails the day, calls a notifier, and starts the model DAG as of the day after."""

import dataclasses
import shutil
from pathlib import Path

import pytest

from pipelines.core.store import Ref, Store
from tests.end_to_end.conftest import airflow, eventually
from tests.pipelines.stages.watch import watched_days
from tests.pipelines.stages.watch.watched_days import DAY, made_store, put_features, shift

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
NAME = "asking_fraud"


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    root = tmp_path_factory.mktemp("asking")
    (root / "dags").mkdir()
    shutil.copy(ROOT / "tests/end_to_end/bundle/asking.py", root / "dags")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_PIPELINES", str(ROOT / "tests/end_to_end/declarations"))
        own = dataclasses.replace(watched_days.FRAUD, name=NAME)
        patch.setattr(watched_days, "FRAUD", own)
        with airflow(root, root / "dags", notes=str(root / "notes")) as stack:
            made_store(stack.home.store)
            put_features(stack.home.store, DAY, change={"tx_amount": lambda v: v * 4})
            stack.api.set_pool("stages", 2, "for this test")
            for ending in ("score", "retraining", "model"):
                stack.api.wait_for_dag(f"{NAME}_{ending}", 180)
                stack.api.unpause(f"{NAME}_{ending}")
            yield stack


def over(api, dag_id, run_id):
    states = {t["task_id"]: t["state"] for t in api.tasks(dag_id, run_id)}
    ended = {"success", "failed", "skipped", "upstream_failed"}
    return states if states and set(states.values()) <= ended else None


def watch(asking, day):
    """The states of the tasks of a run for a day."""
    api, dag_id = asking.api, f"{NAME}_score"
    run_id = api.trigger(dag_id, {"partition": day})
    return eventually(lambda: over(api, dag_id, run_id), 400, f"{day} is watched"), run_id


def test_an_alarm_fails_the_day_calls_a_notifier_and_starts_the_model_dag_once(asking):
    api = asking.api
    quiet, _ = watch(asking, shift(DAY, -1))
    assert (quiet["watch"], quiet["ask_for_model"]) == ("success", "skipped")
    states, run_id = watch(asking, DAY)
    assert (states["watch"], states["ask_for_model"]) == ("failed", "success")

    def ended():
        runs = {run["dag_run_id"]: run["state"] for run in api.runs(f"{NAME}_score")}
        return runs[run_id] if runs[run_id] != "running" else None

    assert eventually(ended, 120, "the run has ended") == "failed"
    noted = (asking.home.root / "notes").read_text()
    assert noted.startswith(f"{DAY}: ")
    assert "tx_amount is distributed otherwise" in noted
    found = Store(str(asking.home.store)).find(Ref(NAME, "monitoring", f"ds={DAY}"))
    assert found.outcome["verdict"] == "refused"
    wanted = f"retraining__{shift(DAY, 1)}"

    def started():
        found = {run["dag_run_id"]: run for run in api.runs(f"{NAME}_model")}
        return found if wanted in found and found[wanted]["state"] == "success" else None

    eventually(started, 300, "the model DAG is started")
    path = (
        f"/dags/{NAME}_model/dagRuns/{wanted}/taskInstances/asked_for/xcomEntries/return_value"
    )
    assert api.get(path)["value"] == shift(DAY, 1)
    watch(asking, DAY)

    def skipped():
        runs = list(api.runs(f"{NAME}_retraining"))
        return len(runs) == 2 and all(
            over(api, f"{NAME}_retraining", r["dag_run_id"]) for r in runs
        )

    eventually(skipped, 300, "it is asked for again")
    # The model DAG has the runs of its own schedule beside it.
    asked = [run["dag_run_id"] for run in api.runs(f"{NAME}_model")]
    assert [each for each in asked if each.startswith("retraining")] == [wanted]
