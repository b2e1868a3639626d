"""Load a SavedModel as a stranger would, and compare what it says of the golden rows.

Why: a serving graph that prepares rows in another way than training did must not be promoted.
Promise: run as a file by a Python without our code on its path; TensorFlow and NumPy are all it
    needs. Prints JSON: the rows compared and the largest difference.

Usage: ``python -I golden_check.py MODEL_FOLDER``.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

NULL_WHOLE = -(2**63)


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
    told = signature(**columns)
    differences = [
        float(np.abs(told[name].numpy() - np.array(values)).max())
        for name, values in golden["predictions"].items()
    ]
    missing = sorted(set(golden["predictions"]) ^ set(told))
    rows = len(next(iter(golden["predictions"].values())))
    return {"rows": rows, "difference": max(differences), "missing": missing}


def _known(values: list[Any], unknown: Any) -> list[Any]:
    """Values with nulls, those of a sequence's events too, as the graph takes the unknown."""
    return [
        _known(v, unknown) if isinstance(v, list) else unknown if v is None else v
        for v in values
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compared(Path(sys.argv[1]))) + "\n")
