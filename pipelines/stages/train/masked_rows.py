"""Golden rows without values that name somebody.

Why: golden rows are copied to MLflow with the model, where more people read them than the data.
Promise: a text or an integer of a sensitive column is unknown, a number is the mean of its golden rows; words that a
    ``Vocabulary`` keeps are in the model itself, and stay.
Not here: reading the rows (``golden_rows.py``).
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.array_types import Array
from pipelines.operators.operator import Feature
from pipelines.operators.program import lines_of
from pipelines.operators.values import NULL_WHOLE, Words
from pipelines.operators.vocabulary import Vocabulary
from pipelines.spec import Categorical, Chain, Numeric, Pipeline
from pipelines.stages.train.serving import Columns

ATTRIBUTES = (Numeric, Categorical)


def masked_inputs(pipeline: Pipeline) -> frozenset[str]:
    """Columns of the feature table that are values of sensitive columns."""
    return frozenset(name for f in pipeline.features for name in _names(pipeline, f))


def _names(pipeline: Pipeline, feature: Feature) -> tuple[str, ...]:
    source = feature.source if isinstance(feature, Chain) else feature
    if not isinstance(source, ATTRIBUTES):
        return ()
    kept = any(
        isinstance(step, Vocabulary) for line in lines_of([feature]) for step in line.steps
    )
    table = pipeline.of_table(source.table or pipeline.examples)
    hidden = source.column in table.sensitive_columns() and not kept
    return source.names() if hidden else ()


def masked_rows(rows: Columns, names: frozenset[str]) -> Columns:
    """The rows with these columns masked."""
    return {name: _masked(values) if name in names else values for name, values in rows.items()}


def taken(values: "Array | Words", rows: NDArray[np.int64]) -> "Array | Words":
    """Some rows of a column."""
    return Words(values.words, values.code[rows]) if isinstance(values, Words) else values[rows]


def _masked(values: "Array | Words") -> "Array | Words":
    if isinstance(values, Words):
        return Words(values.words.slice(0, 0), np.full_like(values.code, -1))
    if values.dtype.kind == "f":
        known = values[np.isfinite(values)]
        mean = known.mean() if len(known) else np.nan
        return np.full_like(values, mean)
    return np.full_like(values, NULL_WHOLE)
