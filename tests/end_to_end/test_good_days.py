"""A DAG of another team under a real scheduler: one run for each accepted day and each correction, no other."""

import shutil
import urllib.parse

import pytest

from pipelines.drivers.local.rest_client import FINISHED
from pipelines.spec import load
from tests.end_to_end.conftest import ROOT, airflow, eventually
from tests.pipelines.made_models import publish, work_on

pytestmark = pytest.mark.slow

QUOTED = urllib.parse.quote
GOOD, BAD = "2026-01-05", "2026-01-06"


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    root = tmp_path_factory.mktemp("teams")
    dags = root / "dags"
    dags.mkdir()
    shutil.copy(ROOT / "tests/dags/bundle/toy.py", dags)
    shutil.copy(ROOT / "docs/examples/dags/on_good_days.py", dags)
    with airflow(root, dags) as running:
        for dag_id in ("toy_data", "sales_by_day"):
            running.api.wait_for_dag(dag_id, 60)
            running.api.unpause(dag_id)
        yield running


def publish_day(stack, day, verdict, bad_rows):
    """What the toy stages would have published of a day of eight rows."""
    _, work = work_on("validate", stack.home.store, pipeline=load("fraud_detection"))
    rows = 8 - bad_rows if verdict == "accepted" else 0
    metrics = {"rows_in": 8.0, "rows_quarantined": float(bad_rows)}
    outcome = {"rows": rows, "verdict": verdict, "metrics": metrics, "reason": "As delivered."}
    return publish(
        stack.home.store,
        "validate",
        work.on(day),
        lambda out: (out / "part-0.parquet").write_bytes(b"rows"),
        outcome=outcome,
        inputs={"bad": str(bad_rows)},
    )


def take_in(stack, day, *, refused=False):
    """Run the day's DAG to its end, its stages failing as those of a refused day."""
    body = {"key": "toy_raise", "value": "PartitionRefusedError" if refused else ""}
    if stack.api.get("/variables", variable_key_pattern="toy_raise")["variables"]:
        stack.api.patch("/variables/toy_raise", body)
    else:
        stack.api.post("/variables", body)
    run_id = stack.api.trigger("toy_data", {"partition": day})
    path = f"/dags/toy_data/dagRuns/{QUOTED(run_id)}"

    def ended():
        state = stack.api.get(path)["state"]
        return state in FINISHED and state

    assert eventually(ended, 300, f"{day} is taken in") == ("failed" if refused else "success")


def events(stack, name):
    found = stack.api.get("/assets", name_pattern=name)["assets"]
    (asset,) = (each for each in found if each["name"] == name)
    listed = stack.api.get("/assets/events", asset_id=asset["id"], order_by="timestamp")
    return [(each["partition_key"], each["extra"]) for each in listed["asset_events"]]


def test_another_teams_dag_runs_for_good_days_and_corrections_alone(stack):
    first = publish_day(stack, GOOD, "accepted", 1)
    publish_day(stack, BAD, "refused", 6)
    take_in(stack, GOOD)
    take_in(stack, BAD, refused=True)
    take_in(stack, GOOD)  # nothing changed
    corrected = publish_day(stack, BAD, "accepted", 0)
    take_in(stack, BAD)

    def runs():
        found = list(stack.api.runs("sales_by_day"))
        return len(found) == 2 and all(r["state"] in FINISHED for r in found) and found

    found = {run["partition_key"]: run for run in eventually(runs, 300, "both days were used")}
    assert set(found) == {GOOD, BAD}
    for day, made, rows, share in ((GOOD, first, 7, 1 / 8), (BAD, corrected, 8, 0.0)):
        path = f"/dags/sales_by_day/dagRuns/{QUOTED(found[day]['dag_run_id'])}"
        entry = stack.api.get(f"{path}/taskInstances/take_over/xcomEntries/return_value")
        assert entry["value"] == {
            "day": day,
            "rows": rows,
            "quarantined_share": share,
            "digest": made.digest,
            "files": ["part-0.parquet"],
        }
    verdicts = [(k, e["verdict"]) for k, e in events(stack, "fraud_detection_validated")]
    assert verdicts == [(GOOD, "accepted"), (BAD, "refused"), (BAD, "accepted")]
    good = [key for key, _ in events(stack, "fraud_detection_good_partitions")]
    assert good == [GOOD, BAD]
