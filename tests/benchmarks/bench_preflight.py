"""Print what looking over the training rows costs before training, by head.

Run: ``python tests/benchmarks/bench_preflight.py [n_columns]`` from the repository root.
200,000 rows, the most that are checked: CPU-seconds for so many numeric inputs (100 by default)
and for as many categorical ones of 5,000 ids.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from pipelines.spec import Binary, MultiClass, Ordinal, Regression, Survival, Training
from pipelines.stages.train.leakage import SAMPLE_ROWS
from pipelines.stages.train.preflight import check_rows
from pipelines.stages.train.shards import Shards

IDS = 5_000


def cases(z):
    """Each head, with labels that follow from a hidden value."""
    twenty = np.linspace(-2, 2, 19)
    return {
        "Binary": (Binary(), z > 1),
        "MultiClass(20)": (MultiClass(20), np.digitize(z, twenty)),
        "Ordinal(20)": (Ordinal(20), np.digitize(z, twenty)),
        "Regression": (Regression(), z),
        "Survival": (Survival((1.0, 9.0)), np.where(z < 1, np.exp(z), -np.exp(z))),
    }


def cpu_s(head, y, **inputs):
    """CPU-seconds of one look."""
    arrays = {"y": y.astype(np.float32), **inputs}
    began = time.process_time()
    warnings = list(check_rows("", Shards((arrays,), np.array([0, len(y)])), Training(), head))
    assert not warnings
    return time.process_time() - began


def main(columns):
    """Measure each head."""
    draw = np.random.Generator(np.random.Philox(key=[0, 0]))
    z = draw.normal(size=SAMPLE_ROWS)
    x = draw.normal(size=(SAMPLE_ROWS, columns)).astype(np.float32)
    ids = draw.integers(0, IDS, (SAMPLE_ROWS, columns)).astype(np.int32)
    sys.stdout.write(f"{'head':<16}{columns} numbers, CPU-s  {columns} categories, CPU-s\n")
    for name, (head, y) in cases(z).items():
        numbers, categories = cpu_s(head, y, x=x), cpu_s(head, y, ids=ids)
        sys.stdout.write(f"{name:<16}{numbers:>18.2f}{categories:>22.2f}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
