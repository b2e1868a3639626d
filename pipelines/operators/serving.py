"""The fitted program as a TensorFlow graph: a row of the feature table in, model inputs out.

Why: serving must apply the same steps as training, unseen and unknown values included, without
    this code.
Promise: integers are equal to those of ``FittedProgram.transform``; floats are computed in float64
    and rounded once, so they differ from it by one unit in the last digit of float32 at most,
    or by 1e-12 close to 0, where the libraries' logarithms and sines differ.

TensorFlow treats subnormal numbers (below 2.3e-308) as 0. In a tensor an unknown number is NaN, an
unknown integer ``NULL_WHOLE`` (the lowest int64), an unknown text empty.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.operators.array_types import Tensor
from pipelines.operators.bfloat16 import BFLOAT16, rounded_graph
from pipelines.operators.blocks import closed_graph, opened_graph
from pipelines.operators.operator import IDS, SEQUENCE
from pipelines.operators.program import FittedProgram

TENSORS = {
    "number": "float64",
    "integer": "int64",
    "text": "string",
    "block": "float32",
    "length": "int32",
}


def serving_signature(tf: Any, fitted: FittedProgram) -> dict[str, Any]:
    """A ``TensorSpec`` of shape ``(None,)`` for each column that the program reads.

    A sequence's events are ``(None, steps * features)``.
    """
    widths = {b.reads()[0]: (b.steps * len(b.features),) for b in fitted.program.blocks}
    return {
        name: tf.TensorSpec(
            (None, *widths.get(name, ())), getattr(tf, TENSORS[kind]), name=name
        )
        for name, kind in fitted.program.kinds.items()
    }


def serving_transform(tf: Any, fitted: FittedProgram) -> Any:
    """A ``tf.Module`` that is called with a dict of columns; it owns the lookup tables.

    A saved module whose graph calls it must keep it as an attribute.

    Returns:
        The module; its call returns the tensors of ``FittedProgram.transform``.
    """

    class Transform(tf.Module):
        def __init__(self) -> None:
            super().__init__(name="transform")
            # Tables outside any function, or each call would create them again.
            with tf.init_scope():
                self.tables = [
                    [step.tables(tf, fit) for step, fit in zip(line.steps, fits, strict=True)]
                    for line, fits in fitted.each()
                ]

        def __call__(self, columns: Mapping[str, Any]) -> dict[str, Any]:
            return _inputs(tf, fitted, self.tables, columns)

    return Transform()


def _matrix(tf: Any, numeric: list[Any], x_type: str) -> Tensor:
    """Numeric columns as ``x``; what is not finite becomes 0."""
    x = tf.cast(tf.stack(numeric, axis=1), tf.float32)
    x = tf.where(tf.math.is_finite(x), x, tf.zeros_like(x))
    return rounded_graph(tf, x) if x_type == BFLOAT16 else x


def _inputs(
    tf: Any, fitted: FittedProgram, tables: Any, columns: Mapping[str, Any]
) -> dict[str, Any]:
    blocks = fitted.program.blocks
    known = opened_graph(tf, blocks, {n: _known(tf, values) for n, values in columns.items()})
    numeric, ids, events = list[Any](), list[Any](), dict[str, Any]()
    found: dict[str, Any] = {}
    for (line, fits), line_tables in zip(fitted.each(), tables, strict=True):
        outputs = line.graph(tf, known, fits, line_tables)
        if line.kind == SEQUENCE:
            events[line.inputs[0]] = outputs[0]
            continue
        numeric += line.numeric(outputs)
        ids += outputs[:1] if line.gives() == IDS else []
    if numeric:
        found["x"] = _matrix(tf, numeric, fitted.program.x_type)
    if ids:
        found["ids"] = tf.stack([tf.cast(each, tf.int32) for each in ids], axis=1)
    for block in blocks:
        sequence, length = block.reads()
        made = [events[name] for name in block.columns()]
        found[sequence] = closed_graph(tf, block, columns[length], made)
        found[length] = tf.identity(columns[length])
    return found


def _known(tf: Any, values: Any) -> Tensor:
    if not values.dtype.is_floating:
        return values
    unknown = tf.constant(float("nan"), values.dtype)
    return tf.where(tf.math.is_finite(values), values, unknown)
