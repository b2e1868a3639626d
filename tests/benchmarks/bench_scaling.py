"""One worker beside two: the same tasks on threads and on worker processes.

Run: ``python tests/benchmarks/bench_scaling.py [files] [rows a file]``. A task reads a day's Parquet file
on one thread, sorts it by entity and time, and takes trailing counts and sums: what featurize
does. Prints one JSON line a backend and number of workers (seconds, CPU-seconds of the process tree,
rows/s) and the ratios of two workers to one; and, from pure arithmetic in two processes at once,
what two of this machine's cores give at that moment, which no program can exceed.
"""

import json
import multiprocessing
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from pipelines.shared.compute import ComputeSettings, Machine, open_compute, this_machine
from tests.pipelines.shared.tables.made import transactions

SPANS_S = (86_400, 7 * 86_400)
REPEATS = 3


def windows(path):
    """Count and sum of each customer's rows within each span."""
    table = pq.read_table(path, use_threads=False)
    entity = table["CUSTOMER_ID"].to_numpy()
    time_s = table["TX_DATETIME"].to_numpy().astype("datetime64[s]").astype(np.int64)
    cents = np.rint(table["TX_AMOUNT"].to_numpy() * 100).astype(np.int64)
    order = np.lexsort((time_s, entity))
    stride = int(time_s.max() - time_s.min()) + max(SPANS_S) + 1
    key = entity[order] * stride + time_s[order] - time_s.min()
    running = np.concatenate([[0], np.cumsum(cents[order])])
    end, total = np.searchsorted(key, key, side="right"), 0
    for span in SPANS_S:
        start = np.searchsorted(key, key - span, side="right")
        total += int((end - start).sum()) + int((running[end] - running[start]).sum())
    return total


def spin(_):
    started = time.perf_counter()
    sum(n * n for n in range(10_000_000))
    return time.perf_counter() - started


def ceiling():
    """How much more two processes get done than one, right now."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(spin, range(2))
        alone = min(pool.map(spin, [0])[0] for _ in range(REPEATS))
        both = min(max(pool.map(spin, range(2), chunksize=1)) for _ in range(REPEATS))
    return 2 * alone / both


def cpu_seconds():
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def measured(backend, workers, paths, rows):
    """Best of a few runs; a cluster is started beforehand, and its CPU is counted at its end."""
    below = 1 << 62 if backend == "threads" else 0
    settings = ComputeSettings(workers=workers, in_process_below_rows=below)
    machine = Machine(cores=workers, memory_bytes=this_machine().memory_bytes // 4, gpus=0)
    before, walls = cpu_seconds(), []
    with open_compute(1, settings, machine) as compute:
        compute.map(windows, paths[:workers])
        for _ in range(REPEATS):
            started = time.perf_counter()
            found = compute.map(windows, paths)
            walls.append(time.perf_counter() - started)
    line = {"backend": backend, "workers": workers, "seconds": round(min(walls), 2)}
    line |= {"rows_per_s": round(rows / min(walls)), "cpu_s": round(cpu_seconds() - before, 1)}
    print(json.dumps(line), flush=True)
    return min(walls), found


def main(files=16, rows=500_000):
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in range(files):
            paths.append(str(Path(folder) / f"{number}.parquet"))
            pq.write_table(transactions(rows, seed=number), paths[-1])
        ratios, results = {}, []
        for backend in ("threads", "processes"):
            one, two = (measured(backend, n, paths, files * rows) for n in (1, 2))
            ratios[backend] = round(one[0] / two[0], 2)
            results += [one[1], two[1]]
    assert all(found == results[0] for found in results)
    print(json.dumps({"two_workers_to_one": ratios, "two_cores_to_one": round(ceiling(), 2)}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
