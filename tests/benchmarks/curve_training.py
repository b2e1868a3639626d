"""A training curve on the Handbook's rows, for docs/training.md: run, kill, resume, draw.

Run: ``python tests/benchmarks/curve_training.py FEATURES OUT.png [--set NAME=VALUE ...]``, where
FEATURES holds ``ds=DAY/*.parquet`` with the Handbook's columns for 2018-07-25 to 08-14. Publishes
their standardised training set in a store of its own, trains with the last two training days kept
for validation, is killed with -9 once on the way, and draws what ``history.json`` holds.
"""

import json
import logging
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import numpy as np
import pyarrow.parquet as pq
from matplotlib import pyplot
from matplotlib.ticker import MaxNLocator

from pipelines.spec import model_days, with_settings
from pipelines.store import Store
from tests.pipelines.made_models import (
    FRAUD,
    done,
    publish,
    publish_features,
    work_on,
    write_fitted,
)

AS_OF = "2018-08-22"
KILL_AFTER_STEPS = 1500
SETTINGS = ("split.validation_days=2", "training.watch=average_precision")
# In the declaration's order of features.
COLUMNS = ["TX_AMOUNT", "TX_DURING_WEEKEND", "TX_DURING_NIGHT"] + [
    f"{entity}_ID_{what}_{n}DAY_WINDOW"
    for entity, kinds in (
        ("CUSTOMER", ("NB_TX", "AVG_AMOUNT")),
        ("TERMINAL", ("NB_TX", "RISK")),
    )
    for n in (1, 7, 30)
    for what in kinds
]


def publish_rows(root, features, pipeline):
    """Standardised shards of the training days."""
    days, names = model_days(pipeline, AS_OF).train, pipeline.feature_names()
    tables = {
        day: pq.read_table(next((features / f"ds={day}").glob("*.parquet"))) for day in days
    }
    raw = {
        day: np.stack([t[c].to_numpy() for c in COLUMNS], axis=1) for day, t in tables.items()
    }
    whole = np.concatenate(list(raw.values()))
    mean, deviation = whole.mean(axis=0), whole.std(axis=0)

    def write(out):
        (out / "train").mkdir()
        entries = []
        for day, values in raw.items():
            y = tables[day]["TX_FRAUD"].to_numpy().astype(np.float32)
            files = {"x": f"train/{day}-x.npy", "y": f"train/{day}-y.npy"}
            np.save(out / files["x"], ((values - mean) / deviation).astype(np.float32))
            np.save(out / files["y"], y)
            entries.append({"day": day, "rows": len(y), **files})
        index = {"features": names, "types": {"x": pipeline.x_type}}
        index |= {"train": entries, "gap": [], "test": []}
        (out / "index.json").write_text(json.dumps(index))
        write_fitted(out, pipeline, mean, deviation)

    _, work = work_on("preprocess", root, pipeline=pipeline, as_of=AS_OF)
    # Golden rows are raw rows of the first training day.
    first = publish_features(root, work.on(days[0]), raw[days[0]], names)
    inputs = {"features": "handbook", f"features/ds={days[0]}": first.content}
    publish(root, "preprocess", work, write, inputs=inputs)


def trained(root, pipeline, kill_after=None):
    """Train in a child; its log lines. Killed once that many steps are done."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        with os.fdopen(writing, "w", buffering=1) as told:
            done(
                "train",
                root,
                pipeline=pipeline,
                as_of=AS_OF,
                sink=lambda e: print(json.dumps(e), file=told),
            )
        os._exit(0)
    os.close(writing)
    while kill_after and reached(root) < kill_after:
        time.sleep(0.01)
    if kill_after:
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading) as told:
        lines = [json.loads(line) for line in told if line.endswith("}\n")]
    os.waitpid(pid, 0)
    return [line["message"] for line in lines if line["event"] == "log"]


def reached(root):
    marks = list(root.glob("fraud_detection/models/*/*/.scratch-*/reached"))
    raw = marks[0].read_bytes() if marks else b""
    return int.from_bytes(raw, "little")


def draw(history, path):
    """Loss of training and validation, and what ranks the validation rows."""
    judged, epochs = history["validation"], np.arange(1, len(history["loss"]) + 1)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.8), constrained_layout=True)
    left.plot(epochs, history["loss"], label="training days")
    left.plot(epochs, [j["loss"] for j in judged], label="validation days")
    left.set(xlabel="epoch", ylabel="cross-entropy a row", ylim=(0, None))
    for name, text in (("auc", "AUC"), ("average_precision", "average precision")):
        values = [j[name] for j in judged]
        right.plot(epochs, values, label=text)
        right.fill_between(
            epochs,
            [v - j[f"{name}_error"] for v, j in zip(values, judged, strict=True)],
            [v + j[f"{name}_error"] for v, j in zip(values, judged, strict=True)],
            alpha=0.3,
        )
    right.set(xlabel="epoch", ylabel="on the validation days", ylim=(0, 1))
    for axes in (left, right):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(0.5, len(epochs) + 0.5)  # a line at the last epoch shows
        best = history["best_epoch"]
        axes.axvline(best, color="grey", linestyle=":", label=f"kept: epoch {best}")
        axes.legend(frameon=False)
    figure.savefig(path, dpi=110)


def main(features, path, *settings):
    logging.disable(logging.WARNING)
    pipeline = with_settings(FRAUD, [*SETTINGS, *(s for s in settings if s != "--set")])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        publish_rows(root, Path(features), pipeline)
        lines = trained(root, pipeline, KILL_AFTER_STEPS) + trained(root, pipeline)
        _, work = work_on("train", root, pipeline=pipeline, as_of=AS_OF)
        model = Store(str(root)).open(Store(str(root)).find(work.model_ref("models")))
        history = json.loads((model / "history.json").read_text())
        timing = json.loads((model / "timing.json").read_text())
    draw(history, path)
    print("\n".join(lines))
    print(json.dumps(timing, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
