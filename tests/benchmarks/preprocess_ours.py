"""What the stage does to learn and to write, and the cost of its bytes alone."""

from pathlib import Path

import numpy as np

from tests.benchmarks.preprocess_data import FLOATS, IDS, THREADS, parts, program


def learning(whole):
    """The lines that learn: the stage reads their columns alone for the fit."""
    return whole.only(whole.asked())


def floor(data, out):
    """Read every piece's columns twice, and write labels, keys and matrices once, as ours does."""
    from concurrent.futures import ThreadPoolExecutor

    import pyarrow.parquet as pq

    from pipelines.preprocessing.pieces import pieces_of
    from pipelines.tables.schema import write_table
    from pipelines.tables.values import read_rows, table_rows

    kinds = program().kinds
    learnt = learning(program()).kinds

    def one(piece):
        rows = piece.first, piece.rows
        read_rows(np, Path(piece.path), *rows, learnt)
        read_rows(np, Path(piece.path), *rows, kinds)
        with pq.ParquetFile(piece.path) as file:
            beside = table_rows(file, *rows, ["event", "label"])
        name = f"{piece.day}-{piece.first}"
        write_table(beside.select(["event"]), out / f"{name}-keys.parquet")
        beside["label"].to_numpy().astype(np.float32).tofile(out / f"{name}.y")
        np.zeros((piece.rows, 7), np.int32).tofile(out / f"{name}.ids")
        np.zeros((piece.rows, 3), np.float32).tofile(out / f"{name}.x")

    pieces = [p for part in parts(data) for p in pieces_of(part.parent.name, part)]
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(one, pieces))


def ours(data, out, *, processes=False, write=None):
    from pipelines.compute import ComputeSettings, Machine, open_compute
    from pipelines.operators.state import write_program
    from pipelines.preprocessing.pieces import LearnTask, learn, merged, pieces_of
    from pipelines.preprocessing.shards import ShardTask, make_files, write_piece

    whole = program()
    machine = Machine(cores=THREADS, memory_bytes=THREADS << 30, gpus=0)
    settings = ComputeSettings(in_process_below_rows=0 if processes else 1 << 60)
    days = {p.parent.name: pieces_of(p.parent.name, p) for p in parts(data)}
    pieces = [piece for day in days.values() for piece in day]
    (out / "train").mkdir()
    with open_compute(1, settings, machine) as compute:
        found = compute.map(learn, [LearnTask(p, learning(whole), "numpy") for p in pieces])
        states = merged([each.states for each in found], whole.asked())
        write_program(out, whole.fitted(states))
        shapes = {"x": ((3,), "float32"), "ids": ((7,), "int32"), "y": ((), "float32")}
        for day, own in days.items():
            rows = sum(p.rows for p in own)
            whole = {n: ((rows, *shape), kind) for n, (shape, kind) in shapes.items()}
            if write is None:
                make_files(out / "train", day, whole)
        tasks = [
            ShardTask(
                piece=p,
                day_rows=sum(each.rows for each in days[p.day]),
                out=str(out / "train"),
                program=str(out),
                keys=("event",),
                label="label",
                array_module="numpy",
            )
            for p in pieces
        ]
        compute.map(write or write_piece, tasks)


def ours_processes(data, out):
    ours(data, out, processes=True)


def write_parquet(task):
    """A piece's inputs, label and key as a Parquet file, as the other engines write them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.preprocessing import shards
    from pipelines.tables.values import read_rows, table_rows

    piece, fitted = task.piece, shards._program(task.program)
    rows = Path(piece.path), piece.first, piece.rows
    found = fitted.transform(np, read_rows(np, *rows, fitted.program.kinds))
    columns = {n: found["x"][:, i] for i, n in enumerate(FLOATS)}
    columns |= {n: found["ids"][:, i] for i, n in enumerate(IDS)}
    columns["label"] = read_rows(np, *rows, {"label": "number"})["label"].astype(np.float32)
    with pq.ParquetFile(task.piece.path) as file:
        columns["event"] = table_rows(file, *rows[1:], ["event"])["event"]
    name = f"{piece.day}-{piece.first}.parquet"
    pq.write_table(pa.table(columns), Path(task.out) / name, compression="snappy")


def ours_parquet(data, out):
    ours(data, out, write=write_parquet)
