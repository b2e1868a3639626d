"""What the stage does to learn and to write, and the cost of its bytes alone."""

import importlib
import importlib.util
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tests.benchmarks.preprocess_data import FLOATS, GPUS, IDS, THREADS, parts, program

KIND_BYTES = {"number": 8, "integer": 8, "text": 4}
# An engine's seconds from when its workers are up, where it reports them.
WORK_S = "work_s"
COPIED_AT_ONCE = 1 << 27


def missing_for(gpus):
    """Why so many GPUs cannot be used here, and what to do; empty where they can."""
    from pipelines.shared.compute.backend import CUDA_PACKAGES
    from pipelines.shared.compute.machine import visible_gpu_count

    there = visible_gpu_count()
    if there < gpus:
        return (
            f"NVML counts {there} GPUs that this process may use, and --gpus {gpus} asks for "
            f"{gpus}. Run it where nvidia-smi lists them and CUDA_VISIBLE_DEVICES does not hide "
            "them, or leave --gpus away: then the cores are measured."
        )
    absent = [name for name in CUDA_PACKAGES if importlib.util.find_spec(name) is None]
    if gpus and absent:
        return f"{', '.join(absent)} not installed. Run: make setup GPU=1"
    return ""


def learning(whole):
    """The lines that learn: the stage reads their columns alone for the fit."""
    return whole.only(whole.statistics())


def floor(data, out):
    """Read every row range's columns twice, and write labels, keys and matrices once, as ours does."""
    import pyarrow.parquet as pq

    from pipelines.shared.tables.schema import write_table
    from pipelines.shared.tables.values import read_rows, table_rows
    from pipelines.stages.preprocess.row_ranges import row_ranges_of

    kinds = program().kinds
    learnt = learning(program()).kinds

    def one(row_range):
        rows = row_range.first, row_range.rows
        read_rows(np, Path(row_range.path), *rows, learnt)
        read_rows(np, Path(row_range.path), *rows, kinds)
        with pq.ParquetFile(row_range.path) as file:
            beside = table_rows(file, *rows, ["event", "label"])
        name = f"{row_range.day}-{row_range.first}"
        write_table(beside.select(["event"]), out / f"{name}-keys.parquet")
        beside["label"].to_numpy().astype(np.float32).tofile(out / f"{name}.y")
        np.zeros((row_range.rows, 7), np.int32).tofile(out / f"{name}.ids")
        np.zeros((row_range.rows, 3), np.float32).tofile(out / f"{name}.x")

    row_ranges = [p for part in parts(data) for p in row_ranges_of(part.parent.name, part)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, row_ranges))


def memory_floor(data, out):
    """Move the bytes of every value that is read and written, and do nothing else.

    In the memory of the GPU that ``--gpus`` asks for, else in that of the cores; a copy moves
    each byte twice, in and out.
    """
    import pyarrow.parquet as pq

    kinds = [*program().kinds.values(), *learning(program()).kinds.values()]
    a_row = sum(KIND_BYTES[kind] for kind in kinds) + 4 * (len(FLOATS) + len(IDS) + 1)
    rows = sum(pq.read_metadata(part).num_rows for part in parts(data))
    on_gpu = int(os.environ.get(GPUS, "0")) > 0
    xp = importlib.import_module("cupy") if on_gpu else np
    hands = 1 if on_gpu else THREADS
    wanted, at_once = rows * a_row, 2 * COPIED_AT_ONCE * hands
    times = -(-wanted // at_once)

    def copy(pair):
        for _ in range(times):
            xp.copyto(*pair)

    pairs = [[xp.ones(COPIED_AT_ONCE, xp.uint8) for _ in range(2)] for _ in range(hands)]
    started = time.perf_counter()
    with ThreadPoolExecutor(hands) as pool:
        list(pool.map(copy, pairs))
    if on_gpu:
        xp.cuda.Device().synchronize()
    seconds = time.perf_counter() - started
    (out / WORK_S).write_text(str(seconds * wanted / (times * at_once)))


def ours(data, out, *, processes=False, gpus=0, write=None):
    from pipelines.operators.state import write_program
    from pipelines.shared.compute import ComputeSettings, Machine, open_compute
    from pipelines.stages.preprocess.row_ranges import (
        StatisticsTask,
        merged,
        row_ranges_of,
        summarize,
    )
    from pipelines.stages.preprocess.shards import ShardTask, make_files, write_rows

    whole = program()
    machine = Machine(cores=THREADS, memory_bytes=THREADS << 30, gpus=gpus)
    settings = ComputeSettings(in_process_below_rows=0 if processes else 1 << 60)
    days = {p.parent.name: row_ranges_of(p.parent.name, p) for p in parts(data)}
    row_ranges = [row_range for day in days.values() for row_range in day]
    (out / "train").mkdir()
    with open_compute(1, settings, machine) as compute:
        started, module = time.perf_counter(), compute.array_module
        if gpus and module != "cupy":
            raise SystemExit(f"{compute.describe()} compute with {module}, not with cupy.")
        found = compute.map(
            summarize, [StatisticsTask(p, learning(whole), module) for p in row_ranges]
        )
        states = merged([each.states for each in found], whole.statistics())
        write_program(out, whole.fitted(states))
        shapes = {"x": ((3,), "float32"), "ids": ((7,), "int32"), "y": ((), "float32")}
        for day, own in days.items():
            rows = sum(p.rows for p in own)
            whole = {n: ((rows, *shape), kind) for n, (shape, kind) in shapes.items()}
            if write is None:
                make_files(out / "train", day, whole)
        tasks = [
            ShardTask(
                row_range=p,
                day_rows=sum(each.rows for each in days[p.day]),
                out=str(out / "train"),
                program=str(out),
                keys=("event",),
                label=("label",),
                array_module=module,
            )
            for p in row_ranges
        ]
        compute.map(write or write_rows, tasks)
        (out / WORK_S).write_text(str(time.perf_counter() - started))


def ours_processes(data, out):
    ours(data, out, processes=True)


def ours_gpus(data, out):
    ours(data, out, processes=True, gpus=int(os.environ[GPUS]))


def write_parquet(task):
    """A row range's inputs, label and key as a Parquet file, as the other engines write them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.shared.tables.values import read_rows, table_rows
    from pipelines.stages.preprocess import shards

    row_range, fitted = task.row_range, shards._program(task.program)
    rows = Path(row_range.path), row_range.first, row_range.rows
    found = fitted.transform(np, read_rows(np, *rows, fitted.program.kinds))
    columns = {n: found["x"][:, i] for i, n in enumerate(FLOATS)}
    columns |= {n: found["ids"][:, i] for i, n in enumerate(IDS)}
    columns["label"] = read_rows(np, *rows, {"label": "number"})["label"].astype(np.float32)
    with pq.ParquetFile(task.row_range.path) as file:
        columns["event"] = table_rows(file, *rows[1:], ["event"])["event"]
    name = f"{row_range.day}-{row_range.first}.parquet"
    pq.write_table(pa.table(columns), Path(task.out) / name, compression="snappy")


def ours_parquet(data, out):
    ours(data, out, write=write_parquet)
