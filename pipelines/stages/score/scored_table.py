"""The columns of published scores, for every head.

Why: a part without rows has the columns of all others, and settling, watching and other programs read them by name.
Promise: the schema follows from the features' schema, the declared keys and the model's head alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.shared.scoring.decision import Decision
from pipelines.shared.scoring.served import SCORE, Predictions, predicted
from pipelines.shared.tables.schema import parquet_options
from pipelines.spec import Binary, Head

PROBABILITY, DECISION, REASONS = "probability", "decision", "reasons"
VERSION, DIGEST, FEATURES = "model_version", "model_digest", "features_digest"

REASON = pa.struct([("feature", pa.string()), ("contribution", pa.float32())])
CONSTANT = pa.dictionary(pa.int32(), pa.string())
# The leaf of the column that Parquet has for the names in lists of reasons.
REASON_NAMES = f"{REASONS}.list.element.feature"


@dataclass(frozen=True, slots=True)
class Decided:
    """Predictions of some rows, and what they come to.

    Attributes:
        predictions: By name.
        probability: Calibrated, of a ``Binary`` head; else None.
        decision: Whether it reaches the threshold; None where there is none.
    """

    predictions: Predictions
    probability: NDArray[np.float32] | None = None
    decision: NDArray[np.bool_] | None = None


def decided(head: Head, decision: Decision, predictions: Predictions) -> Decided:
    """The probability and the decision of each row, where the head has them."""
    if not isinstance(head, Binary):
        return Decided(predictions)
    probability = decision.probability(predictions[SCORE])
    if decision.threshold is None:
        return Decided(predictions, probability)
    return Decided(predictions, probability, decision.decides(probability))


def prediction_columns(head: Head, found: Decided, rows: int) -> dict[str, pa.Array]:
    """The columns that the head predicts, with the calibrated probability of a ``Binary`` one."""
    columns = {}
    for name, dimensions in predicted(head).items():
        values = found.predictions[name] if rows else np.zeros((0, 1), np.float32)
        columns[name] = _array(values, dimensions)
    if found.probability is not None:
        columns[PROBABILITY] = pa.array(found.probability, pa.float32())
    return columns


def decision_columns(found: Decided, rows: int, reasons: pa.Array) -> dict[str, pa.Array]:
    """The decision of each row, null without a threshold, and the reasons of the positive ones."""
    if found.probability is None:
        return {}
    decision = pa.nulls(rows, pa.bool_()) if found.decision is None else found.decision
    return {DECISION: pa.array(decision, pa.bool_()), REASONS: reasons}


def constant(text: str, rows: int) -> pa.Array:
    """A text that all rows have, stored once."""
    return pa.DictionaryArray.from_arrays(np.zeros(rows, np.int32), [text])


def reasons_of_all(
    decision: NDArray[np.bool_] | None, positive: pa.ListArray | None, rows: int
) -> pa.Array:
    """The reasons of every row: null where the decision is not positive, and where none were asked for.

    Args:
        decision: Of each row; None where there is no threshold.
        positive: Reasons of the rows with a positive decision, in their order; None for none.
        rows: Number of rows.
    """
    if decision is None or positive is None:
        return pa.nulls(rows, pa.list_(REASON))
    counts = np.zeros(rows, np.int32)
    counts[decision] = np.diff(positive.offsets.to_numpy())
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    structs = positive.flatten().cast(REASON)
    return pa.ListArray.from_arrays(pa.array(ends), structs, mask=pa.array(~decision))


def write_options(schema: pa.Schema) -> dict[str, Any]:
    """Options of the Parquet writer: what is the same in many rows has a dictionary."""
    options = parquet_options(schema, few=(VERSION, DIGEST, FEATURES))
    options["use_dictionary"] = [*options["use_dictionary"], REASON_NAMES]
    return options


def keys_as_text(table: pa.Table, names: Sequence[str]) -> Mapping[str, pa.ChunkedArray]:
    """Key columns, texts without the dictionary that they were read with."""
    found = {}
    for name in names:
        column = table[name]
        encoded = pa.types.is_dictionary(column.type)
        found[name] = column.cast(column.type.value_type) if encoded else column
    return found


def _array(values: NDArray[Any], dimensions: int) -> pa.Array:
    if dimensions == 1:
        return pa.array(values.reshape(-1), pa.float32())
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1), pa.float32())
    width = values.shape[1]
    ends = np.arange(len(values) + 1, dtype=np.int32) * width
    return pa.ListArray.from_arrays(pa.array(ends), flat)
