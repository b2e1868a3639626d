"""How often broken days are found, and good ones accused, by comparing days.

Run: ``python tests/benchmarks/bench_day_faults.py [rows a day ...]``. Prints a JSON line for each
source of days (the Handbook's, where its data lie beside the checkout, and simulated ones) and
fault: of how many days, and the shares that ``validate`` warns of, and that ``validate_window``
warns of or refuses. The fault "none" is the share of good days.
"""

import json
import sys
from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.days import shift
from pipelines.domains.fraud_detection.simulator import Simulation, day_columns
from pipelines.shared.expectations.day_compare import compare_day
from pipelines.spec import load
from pipelines.stages.validate.day_profile import merged, profile_rows
from tests.pipelines.shared.tables.made import HANDBOOK
from tests.pipelines.stages.validate.day_faults import FAULTS

FRAUD = load("fraud_detection")
GATE = FRAUD.validation.days
# As far as a window of three weeks and its look-back reach beside a day in its middle.
BACK, AHEAD = 47, 10
ROWS = (30, 100, 300, 1_000, 5_000)


def handbook():
    tables = {}
    for file in sorted(HANDBOOK.glob("ds=*/part-0.parquet")):
        table = pq.ParquetFile(file).read()
        names = [name.lower() for name in table.column_names]
        tables[file.parent.name.removeprefix("ds=")] = table.rename_columns(names)
    return tables


def simulated(rows, seed, days=120):
    names = [(date(2026, 1, 1) + timedelta(days=n)).isoformat() for n in range(days)]
    simulation = Simulation(rows_per_day=rows, seed=seed)
    return {day: pa.table(day_columns(simulation, day)) for day in names}


def profile(table):
    return merged([profile_rows(table, FRAUD)])


def shares(tables, profiles, broken, days):
    found = {"validate_warns": 0, "window_warns": 0, "window_refuses": 0}
    for day in days:
        own = profile(broken(tables[day], tables[shift(day, -1)]))
        before = {d: p for d, p in profiles.items() if shift(day, -GATE.days_back) <= d < day}
        first, last = shift(day, -min(BACK, GATE.days_back)), shift(day, AHEAD)
        around = {d: p for d, p in profiles.items() if first <= d <= last and d != day}
        compared = compare_day(day, own, around, GATE)
        found["validate_warns"] += bool(
            compare_day(day, own, before, GATE).odd("warn", "refuse")
        )
        found["window_warns"] += bool(compared.odd("warn", "refuse"))
        found["window_refuses"] += bool(compared.odd("refuse"))
    return {name: round(count / len(days), 3) for name, count in found.items()}


def measure(source, tables):
    profiles = {day: profile(table) for day, table in tables.items()}
    days = list(tables)[30:-AHEAD]
    good = {"none": lambda table, _: table}
    for fault, broken in {**good, **{name: fault[0] for name, fault in FAULTS.items()}}.items():
        chosen = days if fault == "none" else days[::5]
        found_shares = shares(tables, profiles, broken, chosen)
        sys.stdout.write(
            json.dumps({"days": source, "fault": fault, "of": len(chosen), **found_shares})
            + "\n"
        )
        sys.stdout.flush()


def main(rows):
    if HANDBOOK.exists():
        measure("Handbook", handbook())
    for each in rows:
        measure(f"simulated, {each:,} rows a day", simulated(each, seed=1))


if __name__ == "__main__":
    main([int(each) for each in sys.argv[1:]] or list(ROWS))
