"""Scoring under a real scheduler: by the event that features are published, by hand, and several days by a form."""

import shutil
from pathlib import Path

import pytest

from pipelines.core.store import Ref, Store
from tests.end_to_end.conftest import airflow, eventually
from tests.pipelines.stages.score.scored_days import (
    ALERTING,
    DAY,
    EARLY,
    NEXT,
    publish_day,
    publish_dense,
    register,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

HERE = Path(__file__).parent
BEFORE = "2026-01-15"
PIPELINE, DAG, DAYS = "fraud_detection", "fraud_detection_score", "fraud_detection_score_days"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """Airflow with three days that have features, and a champion from the second on."""
    root = tmp_path_factory.mktemp("scoring")
    (root / "dags").mkdir()
    shutil.copy(HERE / "bundle/scores.py", root / "dags")
    with airflow(root, root / "dags", millrace_history_from=BEFORE) as stack:
        store = stack.home.store
        for seed, day in enumerate((BEFORE, DAY, NEXT)):
            publish_day(store, day, rows=60, seed=seed)
        models = [publish_dense(store, as_of=EARLY, seed=n, decision=ALERTING) for n in (0, 1)]
        register(store, *models)
        stack.api.set_pool("stages", 2, "Stages at a time.")
        for dag_id in (DAG, DAYS):
            stack.api.wait_for_dag(dag_id, 120)
            stack.api.unpause(dag_id)
        yield stack


def scores(stack, key):
    return Store(str(stack.home.store)).find(Ref(PIPELINE, "scores", key))


def states(stack, dag_id, run_id):
    """State of each task, once it has ended."""

    def ended():
        found = {
            (t["task_id"], t["map_index"]): t["state"] for t in stack.api.tasks(dag_id, run_id)
        }
        first = [state for (name, _), state in found.items() if name.endswith("score")]
        return first and all(s in ("success", "skipped", "failed") for s in first) and found

    return eventually(ended, 240, f"{dag_id} {run_id} has scored")


def test_the_event_that_features_are_published_scores_that_day(stack):
    asset = stack.api.get("/assets", name_pattern=f"{PIPELINE}_features")["assets"][0]
    event = {"asset_id": asset["id"], "partition_key": DAY, "extra": {}}
    stack.api.post("/assets/events", event)
    run = eventually(
        lambda: next((r for r in stack.api.runs(DAG) if r["partition_key"] == DAY), None),
        120,
        "a run of the day",
    )
    found = states(stack, DAG, run["dag_run_id"])
    assert found["score", -1] == "success"
    manifest = scores(stack, f"ds={DAY}")
    assert (manifest.outcome["rows"], manifest.outcome["metrics"]["version"]) == (60, 1)
    events = stack.api.get("/assets/events", source_dag_id=DAG)["asset_events"]
    assert DAY in {each["partition_key"] for each in events}


def test_a_day_without_a_champion_is_skipped_with_all_that_follows(stack):
    run_id = stack.api.trigger(DAG, {"partition": BEFORE})
    assert states(stack, DAG, run_id)["score", -1] == "skipped"
    state = eventually(
        lambda: (
            (s := stack.api.get(f"/dags/{DAG}/dagRuns/{run_id}")["state"]) != "running" and s
        ),
        120,
        "the run has ended",
    )
    assert state in ("success", "skipped")
    assert scores(stack, f"ds={BEFORE}") is None


def test_a_form_scores_several_days_with_a_chosen_version(stack):
    form = {"first": BEFORE, "last": BEFORE, "version": "2"}
    run_id = stack.api.trigger(DAYS, form)
    found = states(stack, DAYS, run_id)
    assert found["partitions", -1] == "success"
    assert found["day.score", 0] == "success"
    manifest = scores(stack, f"version=2/ds={BEFORE}")
    assert manifest.outcome["metrics"]["version"] == 2
    assert scores(stack, f"ds={BEFORE}") is None
