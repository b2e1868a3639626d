"""Print the simulator's rows per second of one core: generated, and generated and written.

Run: ``python tests/benchmarks/bench_simulator.py [rows_per_day ...]`` from the repository root.
CPU seconds, best of three days. The population, made once for all days, is shown apart.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipelines.core.days import days_between
from pipelines.domains.fraud_detection.population import population_of
from pipelines.domains.fraud_detection.simulator import Simulation, day_columns, write_day

DAYS = days_between("2026-01-05", "2026-01-07")


def rows_per_cpu_second(rows_of: Callable[[str], int]) -> float:
    """Best of the days' rates."""
    rates = []
    for day in DAYS:
        start = time.process_time()
        rows = rows_of(day)
        rates.append(rows / (time.process_time() - start))
    return max(rates)


def main(sizes: list[int]) -> None:
    """Measure each size."""
    sys.stdout.write("rows per day  population s  generated rows/s  and written rows/s\n")
    for rows_per_day in sizes:
        simulation = Simulation(rows_per_day=rows_per_day, seed=1)
        start = time.process_time()
        population_of(rows_per_day, simulation.seed)
        population_s = time.process_time() - start
        made = rows_per_cpu_second(
            lambda day, s=simulation: day_columns(s, day)["tx_fraud"].size
        )
        with tempfile.TemporaryDirectory() as folder:
            written = rows_per_cpu_second(
                lambda day, s=simulation, out=folder: write_day(s, day, Path(out)).rows
            )
        line = (
            f"{rows_per_day:>12,}  {population_s:>12.3f}  {made:>16,.0f}  {written:>18,.0f}\n"
        )
        sys.stdout.write(line)


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [10_000, 100_000, 1_000_000, 5_000_000])
