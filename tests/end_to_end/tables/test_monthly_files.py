"""Daily examples whose features come from a table with a file a month."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from pipelines.core.days import days_between
from pipelines.core.store import Ref, Store

CUSTOMERS, CALLS = 150, 150
FIRST, LAST = "2026-03-01", "2026-03-15"


def times(rng, month, n_rows):
    """Seconds within 28 days of a month, ascending."""
    seconds = np.sort(rng.integers(0, 28 * 86_400, n_rows))
    return np.datetime64(f"{month}-01", "s") + seconds.astype("timedelta64[s]")


def write_sources(root):
    """Bills of three months, and calls whose outcome depends on the newest bill before March."""
    rng = np.random.default_rng(0)
    (root / "bills").mkdir(parents=True)
    (root / "calls").mkdir()
    names = np.array([f"c-{n:03}" for n in range(CUSTOMERS)])
    amounts = {}
    for month in ("2026-01", "2026-02", "2026-03"):
        amounts[month] = rng.gamma(3, 20, CUSTOMERS).round(2)
        billed = times(rng, month, CUSTOMERS)
        late = rng.integers(0, 2, CUSTOMERS)
        bills = {"customer": names, "billed": billed, "amount": amounts[month], "late": late}
        arrow_csv.write_csv(pa.table(bills), root / "bills" / f"{month}.csv")
    for nth, day in enumerate(days_between(FIRST, LAST)):
        who = rng.integers(0, CUSTOMERS, CALLS)
        odds = np.exp((amounts["2026-02"][who] - 60) / 10)
        calls = {
            "call_id": nth * CALLS + np.arange(CALLS),
            "called": np.datetime64(day, "s") + np.sort(rng.integers(0, 86_400, CALLS)),
            "customer": names[who],
            "minutes": rng.gamma(2, 5, CALLS).round(1),
            "cancelled": (rng.random(CALLS) < odds / (1 + odds)).astype(int),
        }
        arrow_csv.write_csv(pa.table(calls), root / "calls" / f"{day}.csv")
    return amounts


def test_monthly_bills_feed_daily_calls(run_pipeline, tmp_path):
    amounts = write_sources(tmp_path / "source")
    summary = run_pipeline("support_calls", tmp_path / "source", FIRST, LAST)
    assert summary["verdict"] in ("BETTER", "NOT_BETTER", "REJECTED")
    assert (summary["refused"], summary["quarantined"]) == ([], {})
    assert summary["metrics"]["auc"] > 0.8, "what was billed decides"

    store = Store(str(tmp_path / "store"))
    months = [k for k in store.keys("support_calls", "validated") if k.startswith("table=")]
    assert months == ["table=bills/ds=2026-01", "table=bills/ds=2026-02"], "March is not over"
    features = store.find(Ref("support_calls", "features", f"ds={LAST}"))
    rows = pq.read_table(store.open(features) / "part-0.parquet").to_pylist()
    for row in rows:
        assert (
            row["customer_bills_last_amount_92d"]
            == amounts["2026-02"][int(row["customer"][2:])]
        )
