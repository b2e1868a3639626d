"""Rows that a rule kept out, each with the rule and the value, as a table.

Why: nobody repairs a source from a count; and a row that was kept out wrongly must come back.
Promise: one line for each failing row and rule, none left out, ordered by row and then by
    rule; the row's values are the ingested ones.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.spec import Table
from pipelines.tables.schema import table_schema
from pipelines.validation.engine import Finding
from pipelines.validation.verdict import keeps_rows_out

ADDED = pa.schema(
    [
        pa.field("rule", pa.string()),
        pa.field("expectation", pa.string()),
        pa.field("value", pa.string()),
        pa.field("partition", pa.string()),
    ]
)


def quarantine_table(
    findings: Sequence[Finding], ingested: pa.Table, declared: Table, day: str
) -> pa.Table:
    """Every failing row of every rule that keeps rows out."""
    schema = pa.schema([*table_schema(declared), *ADDED])
    keeping = [finding for finding in findings if keeps_rows_out(finding)]
    if not keeping:
        return schema.empty_table()
    rows = np.concatenate([f.rows for f in keeping if f.rows is not None])
    which = np.repeat(np.arange(len(keeping)), [f.failing for f in keeping])
    order = np.lexsort((which, rows))
    values = [failing_values(f, f.rows, ingested) for f in keeping if f.rows is not None]
    added = {
        "rule": _named([f.rule.name for f in keeping], which),
        "expectation": _named([f.rule.expectation for f in keeping], which),
        "value": pa.chunked_array(values),
        "partition": pa.repeat(pa.scalar(day), len(rows)),
    }
    lines = ingested.take(rows)
    for name, column in added.items():
        lines = lines.append_column(ADDED.field(name), column)
    return lines.take(order).cast(schema)


def failing_values(finding: Finding, rows: NDArray[np.int64], ingested: pa.Table) -> pa.Array:
    """What the rule saw in each of the rows, as text; null where it saw none."""
    seen = [name for name in finding.rule.columns() if name in ingested.column_names]
    if not seen:
        return pa.nulls(len(rows), pa.string())
    texts = [ingested[name].take(rows).cast(pa.string()).combine_chunks() for name in seen]
    if len(seen) == 1:
        return texts[0]
    known = [pc.fill_null(text, "null") for text in texts]
    pairs = [
        pc.binary_join_element_wise(pa.scalar(name), text, "=")
        for name, text in zip(seen, known, strict=True)
    ]
    return pc.binary_join_element_wise(*pairs, ", ")


def _named(names: Sequence[str], which: NDArray[np.int64]) -> pa.Array:
    return pa.array(names, pa.string()).take(pa.array(which))
