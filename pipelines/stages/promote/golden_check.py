"""Load a SavedModel as any other program would, and compare its predictions of the golden rows.

Why: a serving graph whose preprocessing differs from training's must not be promoted.
Promise: runs as a script by a Python without Millrace on its path; it needs only TensorFlow and
    NumPy. Prints JSON: the number of rows, the largest difference, and missing outputs.

Usage: ``python -I golden_check.py MODEL_FOLDER``.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

NULL_WHOLE = -(2**63)
# A calibration makes more of the last digits of a score, which is compared beside it.
LESS_EXACT = {"probability": 0.01}


def compared(folder: Path) -> dict[str, Any]:
    """Largest difference between the graph's predictions of the raw rows and the golden ones."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import numpy as np
    import tensorflow as tf

    golden = json.loads((folder / "golden.json").read_text())
    signature = tf.saved_model.load(str(folder / "saved_model")).signatures["serving_default"]
    given = signature.structured_input_signature[1]
    nan = float("nan")
    unknown = {tf.float64: nan, tf.float32: nan, tf.int64: NULL_WHOLE, tf.string: ""}
    columns = {
        name: tf.constant(_known(golden["rows"][name], unknown.get(spec.dtype)), spec.dtype)
        for name, spec in given.items()
    }
    predicted = signature(**columns)
    differences = [
        float(np.abs(predicted[name].numpy() - np.array(values)).max())
        * LESS_EXACT.get(name, 1)
        for name, values in golden["predictions"].items()
    ]
    missing = sorted(set(golden["predictions"]) ^ set(predicted))
    rows = len(next(iter(golden["predictions"].values())))
    return {"rows": rows, "difference": max(differences), "missing": missing}


def _known(values: list[Any], unknown: Any) -> list[Any]:
    """Values with each null, in sequences too, replaced by what the graph reads as unknown."""
    return [
        _known(v, unknown) if isinstance(v, list) else unknown if v is None else v
        for v in values
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compared(Path(sys.argv[1]))) + "\n")
