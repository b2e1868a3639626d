"""Hourly files of days that begin an hour before those of UTC."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.partitions import Partitions
from pipelines.core.store import Store

HOURS = Partitions("hour", "Europe/Berlin")
FIRST, LAST = "2026-03-27", "2026-03-28"
TURBINES, EACH = 6, 6


def write_hours(root):
    """A file for each hour of UTC that has a part of the two days; power is the wind's cube."""
    rng = np.random.default_rng(0)
    keys = HOURS.of_days(FIRST, LAST)
    for key in keys:
        start = datetime.fromisoformat(f"{key}:00").replace(tzinfo=UTC)
        at = [start + timedelta(minutes=10 * n) for n in range(EACH)] * TURBINES
        wind = rng.weibull(2, len(at)) * 8
        table = pa.table(
            {
                "Turbine No.": np.repeat([f"T-{n}" for n in range(TURBINES)], EACH),
                "read_at": pa.array(at, pa.timestamp("us", "UTC")),
                "wind": wind,
                "power": np.minimum(wind**3, 1500) + rng.normal(0, 20, len(at)),
            }
        )
        path = root / key[:10] / f"{key[11:]}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table, path)
    return keys


def test_hourly_files_end_in_a_verdict(run_pipeline, tmp_path):
    keys = write_hours(tmp_path / "source")
    assert keys[0] == "2026-03-26T23"
    summary = run_pipeline("turbine", tmp_path / "source", FIRST, LAST)
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert (summary["refused"], summary["quarantined"]) == ([], {})
    published = Store(str(tmp_path / "store")).keys("turbine", "features")
    assert published == [f"ds={key}" for key in keys]
