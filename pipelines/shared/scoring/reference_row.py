"""The row that a model's rows are compared with: the training rows' mean, as far as the model knows it.

Why: "what raised this score" is a question about a difference from something.
Promise: the same model gives the same reference. A standardised input is 0, its mean; any other number is the mean
    of the model's golden rows, an id their most frequent one, a sequence has no events.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.operators import QuantileNormal, Standardise
from pipelines.operators.lines import Line
from pipelines.operators.operator import SEQUENCE
from pipelines.operators.program import FittedProgram
from pipelines.operators.values import NULL_WHOLE, Words

GOLDEN = "golden.json"
CENTRED = (Standardise, QuantileNormal)
UNKNOWN = {"number": np.nan, "integer": NULL_WHOLE, "text": "", "block": np.nan, "length": 0}
TYPES = {"number": np.float64, "integer": np.int64, "text": object, "block": np.float32}

Columns = Mapping[str, Any]


def reference_row(model: Path, fitted: FittedProgram) -> dict[str, NDArray[Any]]:
    """The inputs of the reference, one row."""
    golden = _golden_inputs(model, fitted)
    reference = {name: np.zeros_like(values[:1]) for name, values in golden.items()}
    if "x" in golden:
        mean = golden["x"].astype(np.float64).mean(axis=0)
        reference["x"][0] = np.where([*_centred(fitted)], 0.0, mean)
    if "ids" in golden:
        reference["ids"][0] = [np.bincount(ids).argmax() for ids in golden["ids"].T]
    return reference


def program_columns(fitted: FittedProgram, columns: Columns) -> dict[str, Any]:
    """Columns as a program takes them, from those that a serving graph takes: texts as ``Words``."""
    kinds = fitted.program.kinds
    return {n: _words(columns[n]) if k == "text" else columns[n] for n, k in kinds.items()}


def _words(values: Any) -> Words:
    if isinstance(values, Words):
        return values
    coded = pa.array(values, pa.string()).dictionary_encode()
    code, words = coded.indices.to_numpy(), coded.dictionary
    empty = words.index("").as_py() if len(words) else -1
    return Words(words, np.where(code == empty, -1, code))


def _golden_inputs(model: Path, fitted: FittedProgram) -> dict[str, NDArray[Any]]:
    """Inputs of the model's golden rows; of one row of unknown values where it has none."""
    kinds, path = fitted.program.kinds, model / GOLDEN
    rows = json.loads(path.read_text())["rows"] if path.exists() else {}
    widths = {b.reads()[0]: b.steps * len(b.features) for b in fitted.program.blocks}
    unknown = {n: [[None] * widths[n] if n in widths else None] for n in kinds}
    found = {n: _column(kinds[n], rows.get(n, unknown[n])) for n in kinds}
    return fitted.transform(np, program_columns(fitted, found))


def _column(kind: str, values: list[Any]) -> NDArray[Any]:
    if kind == "block":
        return np.array(values, np.float32)  # null is NaN
    known = [UNKNOWN[kind] if value is None else value for value in values]
    return np.array(known, TYPES.get(kind, np.int32))


def _centred(fitted: FittedProgram) -> Iterator[bool]:
    """Whether the mean of each column of ``x`` is 0."""
    for line in fitted.program.lines:
        if line.kind != SEQUENCE:
            outputs = [_ends_centred(line), *(False for _ in line.outputs()[1:])]
            yield from line.numeric(outputs)


def _ends_centred(line: Line) -> bool:
    steps = [step for step in line.steps if not step.renames]
    return bool(steps) and isinstance(steps[-1], CENTRED)
