"""A training curve on the Handbook's rows, for docs/training.md: run, kill, resume, draw.

Run: ``python tests/benchmarks/curve_training.py SOURCE OUT.png [--set NAME=VALUE ...]``, where
SOURCE holds the Handbook's transactions as ``ds=DAY/*.parquet``. Takes in the days of its protocol,
trains with the last two training days kept for validation, is killed with -9 once on the way, and
draws what ``history.json`` holds. Everything is done by the command line, in a store of its own.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import numpy as np
from matplotlib import pyplot
from matplotlib.ticker import MaxNLocator

from tests.end_to_end.handbook_case import AS_OF, FIRST, LAST

KILL_AFTER_STEPS = 1500
SETTINGS = ("split.validation_days=2", "training.watch=average_precision")


def begun(root, stage, *words):
    """A stage of the fraud pipeline in a process of its own; its log comes on stderr."""
    argv = [sys.executable, "-m", "pipelines", "stage", stage, "fraud_detection"]
    argv += ["--store", str(root), "--history-from", FIRST, *words]
    return subprocess.Popen(argv, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)


def ended(process):
    """The lines of a stage that came to its end."""
    lines = process.communicate()[1].splitlines()
    if process.returncode:
        raise SystemExit("\n".join(lines[-20:]))
    return lines


def prepare(root, source, settings):
    """Features of the protocol's days, and the training set."""
    for stage in ("ingest", "validate", "featurize"):
        words = ["--source", source] if stage == "ingest" else []
        ended(begun(root, stage, "--from", FIRST, "--to", LAST, *words))
    ended(begun(root, "preprocess", "--as-of", AS_OF, *settings))


def train_and_kill(root, words):
    """Train until so many steps are done, and no further."""
    process = begun(root, "train", *words)
    while reached(root) < KILL_AFTER_STEPS and process.poll() is None:
        time.sleep(0.01)
    process.kill()
    process.communicate()


def reached(root):
    marks = list(root.glob("fraud_detection/models/*/*/.scratch-*/reached"))
    raw = marks[0].read_bytes() if marks else b""
    return int.from_bytes(raw, "little")


def draw(history, path):
    """Loss of training and validation, and what ranks the validation rows."""
    validation, epochs = history["validation"], np.arange(1, len(history["loss"]) + 1)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(10, 3.8), constrained_layout=True)
    left.plot(epochs, history["loss"], label="training days")
    left.plot(epochs, [j["loss"] for j in validation], label="validation days")
    left.set(xlabel="epoch", ylabel="cross-entropy a row", ylim=(0, None))
    for name, text in (("auc", "AUC"), ("average_precision", "average precision")):
        values = [j[name] for j in validation]
        right.plot(epochs, values, label=text)
        right.fill_between(
            epochs,
            [v - j[f"{name}_error"] for v, j in zip(values, validation, strict=True)],
            [v + j[f"{name}_error"] for v, j in zip(values, validation, strict=True)],
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


def main(source, path, *settings):
    chosen = [*settings, *(word for line in SETTINGS for word in ("--set", line))]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        prepare(root, source, chosen)
        words = ["--as-of", AS_OF, "--option", "track=false", *chosen]
        train_and_kill(root, words)
        lines = ended(begun(root, "train", *words))
        (model,) = (at.parent for at in root.glob("fraud_detection/models/*/*/*/history.json"))
        history, timing = (
            json.loads((model / name).read_text()) for name in ("history.json", "timing.json")
        )
    draw(history, path)
    print("\n".join(line for line in lines if "train as_of" in line))
    print(json.dumps(timing, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:])
