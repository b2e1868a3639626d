"""One big CSV for all time, taken in day by day."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv

from pipelines.core.store import Ref, Store

DAYS, ROWS = 15, 3000


def hires(seed=0):
    """Hires of two weeks in no order; long ones from the station at the lake come back late."""
    rng = np.random.default_rng(seed)
    seconds = np.sort(rng.integers(0, DAYS * 86_400, ROWS))
    minutes = rng.gamma(2, 20, ROWS).round(1)
    station = rng.choice(["lake", "market", "school"], ROWS, p=[0.3, 0.4, 0.3])
    odds = np.exp((minutes - 50) / 20 + 1.5 * (station == "lake"))
    table = pa.table(
        {
            "Hire_Id": np.arange(ROWS),
            "Started": pa.array(
                np.datetime64("2026-03-01", "us") + seconds.astype("timedelta64[s]")
            ),
            "Bike_Id": rng.integers(0, 80, ROWS),
            "Station": station,
            "Minutes": minutes,
            "Late": (rng.random(ROWS) < odds / (1 + odds)).astype(int),
        }
    )
    return table.take(pa.array(rng.permutation(ROWS)))


def test_one_csv_for_all_time_is_read_once_and_ends_in_a_verdict(run_pipeline, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    table = hires()
    arrow_csv.write_csv(table, source / "hires.csv")
    summary = run_pipeline("bike_hire", source, "2026-03-01", "2026-03-15")
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert summary["refused"] == []
    assert summary["stages"]["validate"]["rows"] == ROWS
    assert summary["metrics"]["auc"] > 0.6
    store = Store(str(tmp_path / "store"))
    (split,) = store.versions(Ref("bike_hire", "splits", "table=hires"))
    assert len(split.outcome["partition_rows"]) == DAYS
