"""Our training loop beside ``model.fit``, beside constant input, and beside other ways to feed.

Run: ``python tests/benchmarks/bench_training.py [rows]``. Prints one JSON line a case: rows a second,
CPU-milliseconds a step, the share of time that was spent waiting for input, and ratios to our loop.
Same network, rows, batch and precision everywhere: one table of 200,000 rows for six skewed ids, ten
numbers, layers of 128 and 64. First steps, which trace and compile, are left out of every figure.
What is compared takes turns in one process, some rounds of it, so that a machine's mood meets all
alike: figures are medians, ratios are medians of the rounds' ratios.

The last lines: what checkpoints cost, and the peak memory over data of three times the memory that
the process may take (``RLIMIT_DATA``: everything but maps of files, which the kernel can drop).
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

IDS, TABLE_ROWS, NUMBERS, BATCH = 6, 200_000, 10, 8192
WARM_STEPS, STEPS, SPE = 32, 64, 16
ROWS, RECORDS = 400_000, 131_072
ROUNDS = 3
SPARE_BYTES = 900 << 20
WIDE = 256  # numbers a row of the data that is larger than memory


def rows_of(rows):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(rows, NUMBERS)).astype(np.float32)
    skewed = (
        draw.random((rows, IDS)) ** 3 * TABLE_ROWS / IDS + np.arange(IDS) * TABLE_ROWS / IDS
    )
    y = (x[:, 0] + draw.normal(size=rows) > 1).astype(np.float32)
    return {"x": x, "ids": skewed.astype(np.int32), "y": y}


def build():
    import keras

    inputs = {
        "x": keras.Input((NUMBERS,), name="x"),
        "ids": keras.Input((IDS,), dtype="int32", name="ids"),
    }
    table = keras.layers.Embedding(TABLE_ROWS, 16, name="table")(inputs["ids"])
    values = keras.layers.Concatenate()([keras.layers.Flatten()(table), inputs["x"]])
    for units in (128, 64):
        values = keras.layers.Dense(units, "relu")(values)
    return keras.Model(inputs, keras.layers.Dense(1)(values))


class Clock:
    """Wall and CPU seconds at each step."""

    def __init__(self):
        self.marks = []

    def mark(self, step):
        self.marks.append((step, time.monotonic(), time.process_time()))

    def figures(self):
        """Per step, from the first mark after the warm-up on."""
        warm = next(m for m in self.marks if m[0] >= WARM_STEPS)
        steps, wall, cpu = (b - a for a, b in zip(warm, self.marks[-1], strict=True))
        return {
            "rows_per_s": round(steps * BATCH / wall),
            "wall_ms_per_step": round(1e3 * wall / steps, 2),
            "cpu_ms_per_step": round(1e3 * cpu / steps, 2),
        }


class Checkpointless(Clock):
    """Marks steps and keeps nothing."""

    def save(self, cursor):
        pass

    def wait(self):
        pass


def shards_in(folder, rows):
    """Eight days of rows as preprocess writes them, opened by map."""
    from pipelines.stages.train.shards import open_shards

    if (folder / "index.json").exists():
        return open_shards(folder)
    values, days = rows_of(rows), []
    for n, part in enumerate(np.array_split(np.arange(rows), 8)):
        files = {name: f"{n}-{name}.npy" for name in values}
        for name, file in files.items():
            np.save(folder / file, values[name][part])
        days.append({"day": f"2026-01-0{n + 1}", "rows": len(part), **files})
    index = {"features": [f"f{n}" for n in range(NUMBERS)], "train": days}
    (folder / "index.json").write_text(json.dumps(index))
    return open_shards(folder)


def run_of(strategy, shards, optimizer_name, checkpoints, pool_mb=256, model=None, kind=None):
    """Our loop over shards; of another class than ``TrainingRun`` where one is given."""
    from pipelines.core.events import Reporter
    from pipelines.spec import Binary, Training
    from pipelines.stages.train.batches import Feed
    from pipelines.stages.train.heads import row_loss
    from pipelines.stages.train.loop import LoopSettings, TrainingRun
    from pipelines.stages.train.network import LoopHead, Network
    from pipelines.stages.train.optimizers import build_optimizer
    from pipelines.stages.train.steps import Recipe

    replicas = strategy.num_replicas_in_sync
    feed = Feed(shards, 0, BATCH, replicas, pool_bytes=pool_mb << 20)
    epochs = -(-(WARM_STEPS + STEPS) // feed.steps_per_epoch)
    training = Training(optimizer=optimizer_name, clip_norm=0.0, epochs=epochs)
    with strategy.scope():
        model = (model or build)()
        optimizer = build_optimizer(training, feed.steps_per_epoch, model.trainable_variables)
    head = LoopHead(loss=row_loss(Binary()))
    return (kind or TrainingRun)(
        Network(strategy, model, head, optimizer),
        Recipe(clip_norm=0.0),
        feed,
        LoopSettings(epochs=epochs, checkpoint_every_s=1e9),
        checkpoints,
        Reporter("bench", lambda _event: None),
        lambda: False,
    )


def constant(feed):
    """The same feed, but every block is the first one: input that costs nothing."""
    from pipelines.stages.train.batches import Feed

    class Constant(Feed):
        def blocks(self, cursor, epochs):
            first = next(super().blocks(cursor, epochs))
            steps = 0
            while steps < self.steps_per_epoch * epochs:
                left = self.steps_per_epoch * epochs - steps
                rows = first.rows[: min(len(first.rows), left)]
                steps += len(rows)
                yield replace(first, rows=rows)

    made = (getattr(feed, name) for name in feed.__dataclass_fields__)
    return Constant(*made)


def distributed_once():
    """Our loop, its first block on the devices used for every step."""
    from pipelines.stages.train.loop import TrainingRun

    class DistributedOnce(TrainingRun):
        def _distributed(self, block):
            if not hasattr(self, "kept"):
                self.kept = TrainingRun._distributed(self, block)
            return self.kept

    return DistributedOnce


def ours(strategy, folder, rows, optimizer, feed):
    from pipelines.stages.train.cursor import Cursor

    clock = Checkpointless()
    kind = distributed_once() if feed == "constant" else None
    run = run_of(strategy, shards_in(folder, rows), optimizer, clock, kind=kind)
    if feed == "constant":
        run.feed = constant(run.feed)
    run.train(Cursor())
    return clock.figures() | {"stall": round(run.stall(), 4)}


def with_fit(strategy, folder, rows, optimizer, feed):
    import keras
    import tensorflow as tf

    clock = Checkpointless()
    data = fed(tf, folder, rows, feed)
    with strategy.scope():
        model = build()
        named = {"adam": keras.optimizers.Adam(1e-3), "sgd": keras.optimizers.SGD(1e-3)}
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(named[optimizer], loss, steps_per_execution=SPE)

    class Marks(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            clock.mark(batch + 1)

    steps = (WARM_STEPS + STEPS) // SPE * SPE
    model.fit(data, epochs=1, steps_per_epoch=steps, verbose=0, callbacks=[Marks()])
    return clock.figures()


def fed(tf, folder, rows, feed):
    """A tf.data of batches: tensors cut beforehand, rows shuffled one by one, or TFRecord."""
    values = rows_of(rows)
    y = values.pop("y")
    if feed == "prebatched":
        whole = rows // BATCH * BATCH
        cut = {n: v[:whole].reshape(-1, BATCH, *v.shape[1:]) for n, v in values.items()}
        data = tf.data.Dataset.from_tensor_slices((cut, y[:whole].reshape(-1, BATCH)))
        return data.repeat().prefetch(4)
    if feed == "row shuffle":
        data = tf.data.Dataset.from_tensor_slices((values, y)).shuffle(100_000, seed=0)
        return data.batch(BATCH, drop_remainder=True).repeat().prefetch(4)
    path = str(folder / "rows.tfrecord")
    if not Path(path).exists():
        write_records(tf, path, {n: v[:RECORDS] for n, v in values.items()}, y[:RECORDS])
    spec = {
        "x": tf.io.FixedLenFeature((NUMBERS,), tf.float32),
        "ids": tf.io.FixedLenFeature((IDS,), tf.int64),
        "y": tf.io.FixedLenFeature((), tf.float32),
    }

    def parsed(lines):
        found = tf.io.parse_example(lines, spec)
        return {"x": found["x"], "ids": tf.cast(found["ids"], tf.int32)}, found["y"]

    data = tf.data.TFRecordDataset(path).shuffle(100_000, seed=0)
    data = data.batch(BATCH, drop_remainder=True).map(parsed, tf.data.AUTOTUNE)
    return data.repeat().prefetch(4)


def write_records(tf, path, values, y):
    """A TFRecord of ``tf.train.Example``, a row each."""
    with tf.io.TFRecordWriter(path) as writer:
        for x, ids, label in zip(values["x"], values["ids"], y, strict=True):
            feature = {
                "x": tf.train.Feature(float_list=tf.train.FloatList(value=x)),
                "ids": tf.train.Feature(int64_list=tf.train.Int64List(value=ids)),
                "y": tf.train.Feature(float_list=tf.train.FloatList(value=[label])),
            }
            made = tf.train.Example(features=tf.train.Features(feature=feature))
            writer.write(made.SerializeToString())


def checkpointing(strategy, folder, rows, optimizer, _feed):
    """Our loop that saves as often as it can, and what a save every ten seconds would cost."""
    from pipelines.stages.train.checkpoints import Checkpoints, CheckpointSettings
    from pipelines.stages.train.cursor import Cursor

    run = run_of(strategy, shards_in(folder, rows), optimizer, None)
    network, clock = run.network, Clock()
    variables = [*network.model.variables, *network.optimizer.variables]
    kept = Checkpoints(
        folder / "kept",
        variables,
        network.model.variables,
        CheckpointSettings(digest="0", devices="CPU"),
    )
    mark = kept.mark
    kept.mark = lambda step: (mark(step), clock.mark(step))
    run.checkpoints, run.course = kept, replace(run.course, checkpoint_every_steps=SPE)
    run.train(Cursor())
    size = sum(v.numpy().nbytes for v in variables)
    return clock.figures() | {
        "saves": kept.saves,
        "megabytes": round(size / 1e6, 1),
        "training_waits_ms_a_save": round(1e3 * kept.copy_s / kept.saves, 2),
        "written_behind_its_back_ms": round(1e3 * kept.write_s / kept.saves, 1),
        "share_of_step_time_at_one_in_10_s": round(kept.copy_s / kept.saves / 10, 5),
    }


def larger_than_memory(strategy, folder, _rows, optimizer, _feed):
    """Our loop on three times the memory that this process may take."""
    import keras

    from pipelines.stages.train.cursor import Cursor
    from pipelines.stages.train.shards import open_shards

    def narrow():
        x = keras.Input((WIDE,), name="x")
        return keras.Model({"x": x}, keras.layers.Dense(1)(keras.layers.Dense(32, "relu")(x)))

    limit = status("VmData") + SPARE_BYTES
    rows, day_rows, days = 3 * limit // (4 * (WIDE + 1)), 100_000, []
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(day_rows, WIDE)).astype(np.float32), draw.random(day_rows) < 0.1
    for n in range(rows // day_rows):
        np.save(folder / f"{n}-x.npy", x)
        np.save(folder / f"{n}-y.npy", y.astype(np.float32))
        days.append(
            {"day": f"{n:010d}", "rows": day_rows, "x": f"{n}-x.npy", "y": f"{n}-y.npy"}
        )
    del x, y
    index = {"features": [str(n) for n in range(WIDE)], "train": days}
    (folder / "index.json").write_text(json.dumps(index))
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    clock, shards = Checkpointless(), open_shards(folder)
    run = run_of(strategy, shards, optimizer, clock, pool_mb=64, model=narrow)
    run.course = replace(run.course, epochs=1)
    run.train(Cursor())
    return clock.figures() | {
        "stall": round(run.stall(), 4),
        "limit_mb": limit >> 20,
        "data_mb": shards.rows * shards.row_bytes >> 20,
        "peak_resident_mb": status("VmHWM") >> 20,
    }


def status(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) * 1024


def racing(strategy, folder, rows, optimizer, feeds):
    """Ours and others, taking turns; a line for each of them."""
    kinds, rounds = {"ours": ours, "fit": with_fit}, []
    for _ in range(ROUNDS):
        rounds.append([kinds[k](strategy, folder, rows, optimizer, f) for k, f in feeds])
    lines = []
    for n, (kind, feed) in enumerate(feeds):
        mine, first = [r[n] for r in rounds], [r[0] for r in rounds]
        medians = {name: statistics.median(m[name] for m in mine) for name in mine[0]}
        for ratio, name in (("cpu", "cpu_ms_per_step"), ("speed", "rows_per_s")):
            each = [m[name] / f[name] for m, f in zip(mine, first, strict=True)]
            medians[f"{ratio}_to_ours"] = round(statistics.median(each), 2)
        lines.append({"what": kind, "feed": feed} | medians)
    return lines


def one(kind, replicas, optimizer, feeds, rows):
    """One case in this process."""
    from pipelines.stages.train.devices import Devices, open_strategy

    strategy = open_strategy(Devices("cpu", replicas), seed=0)
    case = {
        "race": racing,
        "checkpoints": checkpointing,
        "larger than memory": larger_than_memory,
    }
    with tempfile.TemporaryDirectory() as folder:
        figures = case[kind](strategy, Path(folder), rows, optimizer, feeds)
    for line in figures if kind == "race" else [{"what": kind} | figures]:
        print(json.dumps({"replicas": replicas, "optimizer": optimizer} | line), flush=True)
    os._exit(0)


def main(rows):
    """Every case, a process each."""
    pair = [("ours", "shards"), ("fit", "prebatched"), ("ours", "constant")]
    slow = [("fit", "row shuffle"), ("fit", "TFRecord")]
    cases = [("race", 1, "sgd", pair + slow), ("race", 1, "adam", pair)]
    cases += [("race", 2, optimizer, pair) for optimizer in ("sgd", "adam")]
    cases += [("checkpoints", n, "adam", "shards") for n in (1, 2)]
    cases += [("larger than memory", 1, "sgd", "shards")]
    for case in cases:
        argv = [sys.executable, __file__, "--case", json.dumps([*case, rows])]
        ran = subprocess.run(argv, capture_output=True, text=True)
        if ran.returncode:
            sys.exit(f"{case} ended with {ran.returncode}: {ran.stderr[-2000:]}")
        lines = (line for line in ran.stdout.splitlines() if line.startswith("{"))
        print(*lines, sep="\n", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        one(*json.loads(sys.argv[2]))
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
