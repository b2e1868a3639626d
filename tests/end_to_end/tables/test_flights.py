"""Flights in local time over the end of summer time, with text tail numbers and cancelled rows."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from pipelines.core.days import days_between
from pipelines.core.store import Ref, Store

FIRST, LAST, BACK = "2026-10-29", "2026-11-04", "2026-11-01"
A_DAY, PLANES, CANCELLED = 430, 60, 0.03


def flown(day, seed):
    """A day's flights: late in the evening, by plane, and 25 hours long where clocks go back."""
    rng = np.random.default_rng(seed)
    minutes = np.sort(rng.choice(24 * 60, A_DAY, replace=False))
    plane = rng.integers(0, PLANES, A_DAY)
    evening = minutes >= 17 * 60
    delay = 30 * evening + 10 * (plane % 3) + rng.normal(0, 8, A_DAY)
    start = datetime.fromisoformat(day)
    departs = [start + timedelta(minutes=int(m)) for m in minutes]
    cancelled = rng.random(A_DAY) < CANCELLED
    return pa.table(
        {
            "Sched Dep": [at.strftime("%m/%d/%Y %H:%M") for at in departs],
            "Tail #": [f"N{100 + n}AA" for n in plane],
            "Carrier": rng.choice(["AA", "UA", "B6"], A_DAY),
            "Miles": rng.integers(100, 2500, A_DAY),
            "Delay": [
                None if gone else f"{d:.1f}" for gone, d in zip(cancelled, delay, strict=True)
            ],
        }
    )


def stored(store, dataset, day):
    manifest = store.find(Ref("flights", dataset, f"ds={day}"))
    return pq.read_table(store.open(manifest) / "part-0.parquet")


def test_flights_in_local_time_end_in_a_verdict(run_pipeline, tmp_path):
    source, days = tmp_path / "source", days_between(FIRST, LAST)
    source.mkdir()
    delivered = {day: flown(day, seed) for seed, day in enumerate(days)}
    for day, rows in delivered.items():
        arrow_csv.write_csv(rows, source / f"{day}.csv")
    summary = run_pipeline("flights", source, FIRST, LAST)
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert summary["refused"] == []
    assert summary["stages"]["validate"]["rows"] == A_DAY * len(days)
    assert summary["metrics"]["rmse"] < 25
    store = Store(str(tmp_path / "store"))
    for day in days:
        hours = [int(text[11:13]) for text in delivered[day]["Sched Dep"].to_pylist()]
        assert stored(store, "features", day)["hour"].to_pylist() == hours
    # Clocks go back at 06:00 UTC: the hour before is repeated, and a time in it means its first.
    times = stored(store, "validated", BACK)["departs"].to_pylist()
    assert times[0].hour == 4
    assert (times[-1] - times[0]) > timedelta(hours=24)
    assert {at.hour for at in times} == {*range(24)} - {6}
