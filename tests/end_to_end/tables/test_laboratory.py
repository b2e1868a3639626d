"""Laboratory values of 35 years, a year a partition, that feed monthly visits."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest

from pipelines.core.partitions import Partitions
from pipelines.core.store import Ref, Store

PATIENTS, LABS, VISITS = 200, 2500, 180
MONTHS = Partitions("month")


def seconds(rng, first, last, n_rows):
    start, end = np.datetime64(first, "s"), np.datetime64(last, "s")
    return np.sort(start + rng.integers(0, int((end - start).astype(int)), n_rows))


def write_sources(root):
    """Values on as many days as there are; those of a low last one return."""
    rng = np.random.default_rng(0)
    (root / "visits").mkdir(parents=True)
    labs = {
        "lab": np.arange(LABS),
        "taken": seconds(rng, "1990-01-01", "2025-01-01", LABS),
        "patient": rng.integers(0, PATIENTS, LABS),
        "test": rng.choice(["hdl", "ldl"], LABS, p=[0.8, 0.2]),
        "value": rng.normal(50, 15, LABS).round(1),
    }
    arrow_csv.write_csv(pa.table(labs), root / "labs.csv")
    last = np.full(PATIENTS, 50.0)
    for row in range(LABS):
        if labs["test"][row] == "hdl" and labs["taken"][row] < np.datetime64("2024-01-01"):
            last[labs["patient"][row]] = labs["value"][row]
    for nth, month in enumerate(MONTHS.of_days("2024-01-01", "2024-12-31")):
        who = rng.integers(0, PATIENTS, VISITS)
        came = seconds(
            rng, MONTHS.first_day(month), MONTHS.first_day(MONTHS.shift(month, 1)), VISITS
        )
        odds = np.exp((45 - last[who]) / 6)
        visits = {
            "visit": nth * VISITS + np.arange(VISITS),
            "came": came,
            "patient": who,
            "returned": (rng.random(VISITS) < odds / (1 + odds)).astype(int),
        }
        arrow_csv.write_csv(pa.table(visits), root / "visits" / f"{month}.csv")
    return labs


@pytest.mark.slow
def test_values_of_35_years_are_35_partitions_and_feed_monthly_visits(run_pipeline, tmp_path):
    labs = write_sources(tmp_path / "source")
    summary = run_pipeline("laboratory", tmp_path / "source", "2024-01-01", "2024-12-31")
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert (summary["refused"], summary["quarantined"]) == ([], {})
    assert summary["metrics"]["auc"] > 0.7, "the last value decides"
    store = Store(str(tmp_path / "store"))
    keys = store.keys("laboratory", "validated")
    assert keys[12:] == [f"table=labs/ds={year}" for year in range(1990, 2025)]
    features = store.find(Ref("laboratory", "features", "ds=2024-11"))
    for row in pq.read_table(store.open(features) / "part-0.parquet").to_pylist():
        mine = (labs["patient"] == row["patient"]) & (
            labs["taken"] < np.datetime64("2024-01-01")
        )
        assert row["patient_labs_count_12784d"] == mine.sum(), "2024 is not over in November"
