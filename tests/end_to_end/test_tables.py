"""Monthly visits, static patients and yearly laboratory values through a real scheduler."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.partitions import Partitions
from pipelines.core.store import Ref, Store
from pipelines.drivers.local.rest_client import FINISHED, RestError
from tests.end_to_end.conftest import ROOT, airflow, browser, eventually

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

MONTHS, YEARS = Partitions("month", "Europe/Berlin"), Partitions("year", "Europe/Berlin")
N_PATIENTS = 40


def times(partitions, key, rng, rows):
    """Instants within a partition, its first and its last among them."""
    begin, end = partitions.start(key), partitions.end(key)
    seconds = rng.integers(0, int((end - begin).total_seconds()), rows)
    found = sorted(begin + timedelta(seconds=int(each)) for each in seconds)
    found[0], found[-1] = begin, end - timedelta(microseconds=1)
    return pa.array(found, pa.timestamp("us", "UTC"))


def write_visits(folder: Path, month: str, rng) -> None:
    rows, start = 300, int(month.replace("-", "")) * 1000
    table = {
        "visit_id": np.arange(rows) + start,
        "patient_id": rng.integers(0, N_PATIENTS, rows),
        "visited_at": times(MONTHS, month, rng, rows),
        "pain": rng.uniform(0, 10, rows),
        "returned": rng.integers(0, 2, rows),
    }
    pq.write_table(pa.table(table), folder / f"visits/{month}.parquet")


def write_labs(folder: Path, year: str, rng) -> None:
    rows = 200
    table = {
        "lab_id": np.arange(rows) + int(year) * 1000,
        "patient_id": rng.integers(0, N_PATIENTS, rows),
        "measured_at": times(YEARS, year, rng, rows),
        "value": rng.normal(size=rows),
    }
    pq.write_table(pa.table(table), folder / f"labs/{year}.parquet")


def write_source(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("visits", "labs"):
        (folder / name).mkdir(parents=True)
    for month in MONTHS.between("2025-01", "2025-04"):
        write_visits(folder, month, rng)
    for year in ("2023", "2024"):
        write_labs(folder, year, rng)
    patients = {"patient_id": np.arange(N_PATIENTS), "born": 1950 + np.arange(N_PATIENTS)}
    pq.write_table(pa.table(patients), folder / "patients.parquet")


def runs(api, dag_id, run_type, count):
    """The runs of a DAG by partition key, once there are so many and all have ended."""

    def ended():
        found = {run["partition_key"]: run for run in api.runs(dag_id, run_type=run_type)}
        over = {run["state"] for run in found.values()} <= set(FINISHED)
        return found if over and len(found) == count else None

    return eventually(ended, 420, f"{count} runs of {dag_id}")


@pytest.fixture(scope="module")
def clinic(tmp_path_factory):
    root = tmp_path_factory.mktemp("clinic")
    (root / "dags").mkdir()
    shutil.copy(ROOT / "tests/end_to_end/bundle/clinic.py", root / "dags")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLRACE_PIPELINES", str(ROOT / "tests/plugins/projects"))
        with airflow(root, root / "dags") as stack:
            write_source(stack.home.source)
            for pool in ("stages", "gpu"):
                stack.api.set_pool(pool, 2, "for this test")
            for dag_id in ("clinic_data", "clinic_labs_data", "clinic_model"):
                stack.api.wait_for_dag(dag_id, 60)
            yield stack


@pytest.fixture(scope="module")
def backfilled(clinic):
    """Two years of laboratory values, then a quarter of visits; a scheduled run of neither."""
    made = {}
    for dag_id, first, last, count in (
        ("clinic_labs_data", "2023-03-01", "2024-12-31", 2),
        ("clinic_data", "2025-01-01", "2025-03-31", 3),
    ):
        clinic.api.backfill(dag_id, first, last, max_active_runs=2)
        clinic.api.unpause(dag_id)
        made[dag_id] = runs(clinic.api, dag_id, "backfill", count)
    return made


def test_a_backfill_makes_one_run_for_each_partition_of_its_table(backfilled):
    assert sorted(backfilled["clinic_labs_data"]) == ["2023", "2024"]
    assert sorted(backfilled["clinic_data"]) == ["2025-01", "2025-02", "2025-03"]
    for found in backfilled.values():
        assert {run["state"] for run in found.values()} == {"success"}


def test_each_table_is_published_by_itself_with_the_rows_of_its_partition(clinic, backfilled):
    store = Store(str(clinic.home.store))
    assert store.keys("clinic", "validated") == [
        *("ds=2025-01", "ds=2025-02", "ds=2025-03"),
        *("table=labs/ds=2023", "table=labs/ds=2024", "table=patients/ds=all"),
    ]
    rows = {"ds=2025-03": 300, "table=labs/ds=2024": 200, "table=patients/ds=all": N_PATIENTS}
    for key, expected in rows.items():
        assert store.find(Ref("clinic", "validated", key)).outcome["rows"] == expected


def test_a_static_table_is_found_done_by_each_later_run(clinic, backfilled):
    cached = []
    for run in backfilled["clinic_data"].values():
        path = f"/dags/clinic_data/dagRuns/{quote(run['dag_run_id'])}/taskInstances"
        result = clinic.api.get(f"{path}/ingest_patients/xcomEntries/return_value")["value"]
        cached.append(result["cached"])
    assert cached.count(False) == 1


def test_the_asset_of_a_table_has_an_event_for_each_partition(clinic, backfilled):
    events = clinic.api.get("/assets/events", source_dag_id="clinic_labs_data")["asset_events"]
    assert {event["partition_key"] for event in events} >= {"2023", "2024"}
    assert {event["source_task_id"] for event in events} == {"validate_labs"}


def test_the_scheduler_made_the_run_of_the_last_partition_that_is_over(clinic, backfilled):
    now = datetime.now(UTC)
    (run,) = clinic.api.runs("clinic_labs_data", run_type="scheduled")
    assert run["partition_key"] == YEARS.closed_by(now)
    months = [
        run["partition_key"] for run in clinic.api.runs("clinic_data", run_type="scheduled")
    ]
    assert set(months) <= {MONTHS.closed_by(now), MONTHS.shift(MONTHS.closed_by(now), -1)}


def test_a_run_by_hand_takes_a_key_or_a_day_in_the_form_and_refuses_another_grains_key(
    clinic, backfilled
):
    api = clinic.api
    run_id = api.trigger("clinic_data", {"partition": "2025-04-17"})
    path = f"/dags/clinic_data/dagRuns/{quote(run_id)}"
    eventually(lambda: api.get(path)["state"] in FINISHED, 240, "the run by hand")
    result = api.get(f"{path}/taskInstances/validate/xcomEntries/return_value")["value"]
    assert result["key"] == "ds=2025-04"
    for body in ({"partition_key": "2025-04-17"}, {"conf": {"partition": "April"}}):
        with pytest.raises(RestError) as refused:
            api.post("/dags/clinic_data/dagRuns", {"logical_date": None} | body)
        assert refused.value.status == 400


def test_a_model_is_made_of_the_months_and_evaluated(clinic, backfilled):
    settings = ["split.test_days=30", "evaluation.bootstrap_samples=20", "training.threads=1"]
    form = {"as_of": "2025-05-01", "train_days": 30, "epochs": 1, "settings": settings}
    clinic.api.unpause("clinic_model")
    run_id = clinic.api.trigger("clinic_model", form)
    path = f"/dags/clinic_model/dagRuns/{quote(run_id)}"
    eventually(
        lambda: clinic.api.get(path)["state"] in FINISHED, 420, "the model's run has ended"
    )
    states = {
        each["task_id"]: each["state"] for each in clinic.api.tasks("clinic_model", run_id)
    }
    assert states.pop("approve") == "skipped"
    assert set(states.values()) == {"success"}
    waited = clinic.api.get(f"{path}/taskInstances/await_partitions/xcomEntries/return_value")
    assert waited["value"] == {"partitions": 3, "first": "2025-01", "last": "2025-03"}
    result = clinic.api.get(f"{path}/taskInstances/evaluate/xcomEntries/return_value")["value"]
    assert 0 < result["metrics"]["auc"] < 1


def test_the_report_of_a_tables_partition_is_shown_in_airflow(clinic, backfilled):
    ask = browser(clinic.api)
    for key in ("table=labs/ds=2024", "table=patients/ds=all", "ds=2025-02"):
        status, page, _ = ask(f"/millrace/reports/clinic/validated/{key}")
        assert status == 200
        assert key.rpartition("=")[2] in page
    assert ask("/millrace/reports/clinic/validated/table=labs/ds=2024", login=False)[0] == 401
    run = backfilled["clinic_labs_data"]["2024"]["dag_run_id"]
    status, page, _ = ask(f"/millrace/runs/clinic_labs_data/{quote(run)}")
    assert status == 200
