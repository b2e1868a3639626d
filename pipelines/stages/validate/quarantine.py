"""The quarantine table: failing rows, each with its rule and value.

Why: a count is not enough to repair a source; and a row that was quarantined wrongly must be restored.
Promise: one line for each failing row and rule, ordered by row and then by rule; the row's values
    are the ingested ones, unmasked. Added columns have names that start with ``_``, which no
    declared column may.
Not here: quarantined rows over days (``pipelines/shared/expectations/quarantined.py``).
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.core.text import VALUE_CHARS, clipped
from pipelines.shared.expectations.quarantined import EXPECTATION, PARTITION, RULE, RUN, VALUE
from pipelines.shared.expectations.rules import CheckedRule
from pipelines.shared.tables.schema import table_schema
from pipelines.spec import Table

ADDED = pa.schema(
    [pa.field(name, pa.string()) for name in (RULE, EXPECTATION, VALUE, PARTITION, RUN)]
)


def quarantine_schema(declared: Table) -> pa.Schema:
    """The columns of the ingested row, then rule, expectation, value, partition and run."""
    return pa.schema([*table_schema(declared), *ADDED])


def quarantine_lines(
    rules: Sequence[CheckedRule],
    failing: Sequence[NDArray[np.int64]],
    ingested: pa.Table,
    declared: Table,
    day: str,
    run: str,
) -> pa.Table:
    """The failing rows of rules that quarantine rows.

    Args:
        rules: The rules.
        failing: Indices of each rule's failing rows.
        ingested: The rows.
        declared: Their table.
        day: The partition.
        run: Identifies the validated day and the rules; the same for a repeated run.
    """
    schema = quarantine_schema(declared)
    if not sum(len(rows) for rows in failing):
        return schema.empty_table()
    rows = np.concatenate(failing)
    which = np.repeat(np.arange(len(rules)), [len(indices) for indices in failing])
    order = np.lexsort((which, rows))
    each = zip(rules, failing, strict=True)
    values = [failing_values(rule, indices, ingested) for rule, indices in each]
    added = {
        RULE: _named([rule.name for rule in rules], which),
        EXPECTATION: _named([rule.expectation for rule in rules], which),
        VALUE: pa.chunked_array(values),
        PARTITION: pa.repeat(pa.scalar(day), len(rows)),
        RUN: pa.repeat(pa.scalar(run), len(rows)),
    }
    lines = ingested.take(rows)
    for name, column in added.items():
        lines = lines.append_column(ADDED.field(name), column)
    return lines.take(order).cast(schema)


def failing_values(rule: CheckedRule, rows: NDArray[np.int64], ingested: pa.Table) -> pa.Array:
    """The value that a rule checked in each row, as text, truncated; null where it has no column.

    The row's own columns have the complete values.
    """
    seen = [name for name in rule.columns() if name in ingested.column_names]
    if not seen:
        return pa.nulls(len(rows), pa.string())
    texts = [_clipped(ingested[name].take(rows).cast(pa.string())) for name in seen]
    if len(seen) == 1:
        return texts[0]
    known = [pc.fill_null(text, "null") for text in texts]
    pairs = [
        pc.binary_join_element_wise(pa.scalar(name), text, "=")
        for name, text in zip(seen, known, strict=True)
    ]
    return pc.binary_join_element_wise(*pairs, ", ")


def _clipped(texts: pa.ChunkedArray) -> pa.Array:
    """Texts of at most ``VALUE_CHARS`` characters, truncated as by ``pipelines.core.text.clipped``."""
    chunks = [_clip(chunk) for chunk in texts.chunks]
    return pa.chunked_array(chunks, pa.string()).combine_chunks()


def _clip(texts: pa.Array) -> pa.Array:
    long = pc.greater(pc.utf8_length(texts), VALUE_CHARS)
    if not pc.any(long).as_py():
        return texts
    short = pa.array(
        [None if t is None else clipped(t) for t in texts.filter(long).to_pylist()]
    )
    return pc.replace_with_mask(texts, pc.fill_null(long, False), short.cast(pa.string()))


def _named(names: Sequence[str], which: NDArray[np.int64]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(which))
