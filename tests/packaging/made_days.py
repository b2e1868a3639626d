"""Days of the table that a new pipeline's declaration describes, small and with a signal."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.days import days_between, parse_day

ROWS = 300


def write_days(out: Path, first: str, last: str) -> None:
    """Write ``<out>/ds=<day>/part-0.parquet`` for each day; a large value makes a label likely."""
    rng = np.random.default_rng(0)
    for number, day in enumerate(days_between(first, last)):
        start = datetime.combine(parse_day(day), datetime.min.time())
        seconds = np.sort(rng.integers(0, 86_400, ROWS)).tolist()
        ids = np.arange(ROWS) + number * ROWS
        value = rng.gamma(2.0, 10.0, ROWS).round(3)
        times = [start + timedelta(seconds=second) for second in seconds]
        columns = {
            "event_id": ids,
            "event_time": pa.array(times, pa.timestamp("us")),
            "entity_id": ids,
            "value": value,
            "label": (value + rng.normal(0, 10, ROWS) > 35).astype(int),
        }
        file = out / f"ds={day}" / "part-0.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(pa.table(columns), file)
