"""From raw files to an evaluated, registered model: a million simulated rows through ``run``.

Run: ``python tests/benchmarks/bench_chain.py [rows_per_day]``. Prints seconds, CPU-seconds and
peak memory of each stage and in all, and the ratio to what TFX 1.21 on Beam took for the same
work on this class of machine (351-373 s wall, 352-523 CPU-s; measured apart, not in this run).
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from pipelines.domains.fraud_detection.simulator import Simulation, simulate

FIRST, LAST = "2026-01-01", "2026-02-14"
DAYS = 45
TFX_WALL_S, TFX_CPU_S = 351.0, 352.0


def main(rows_per_day: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        simulate(Simulation(rows_per_day=rows_per_day, seed=0), FIRST, LAST, source)
        started = time.monotonic()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pipelines", "run", "fraud_detection", "--json"),
                *("--source", str(source), "--store", f"{folder}/store"),
                *("--from", FIRST, "--to", LAST),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        wall_s = time.monotonic() - started
    summary = json.loads(done.stdout.splitlines()[-1])
    for name, facts in summary["stages"].items():
        print(name, json.dumps(facts))
    cpu_s = sum(facts["cpu_seconds"] for facts in summary["stages"].values())
    peak = max(facts["peak_memory_bytes"] for facts in summary["stages"].values())
    print(f"{summary['stages']['ingest']['rows']:,} rows: {wall_s:.0f} s, {cpu_s:.0f} CPU-s")
    print(f"peak of one process {peak / 2**20:,.0f} MiB; auc {summary['metrics']['auc']:.3f}")
    print(
        f"TFX 1.21 needs {TFX_WALL_S / wall_s:.1f} x the wall, {TFX_CPU_S / cpu_s:.1f} x the CPU"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000 // DAYS)
