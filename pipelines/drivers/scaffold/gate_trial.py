"""Trying the gate on made-up rows, to find what of it no day could be validated by.

Why: an expectation that does not exist, needs a database or names a column that is not there would
    stop the first night's run; it can be found without any data.
Promise: whether a rule holds on made-up rows says nothing and is not reported; only whether it can be
    evaluated is.
"""

import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.days import parse_day
from pipelines.shared.expectations.engine import problems_of
from pipelines.shared.expectations.rules import CheckedRule, rules_of
from pipelines.shared.tables import ROW
from pipelines.shared.tables.schema import canonical_type, table_schema
from pipelines.spec import Column, Pipeline, Table
from pipelines.stages.validate_window.tables import rules_of_window

ROWS = 8


def gate_problems(pipeline: Pipeline, day: str) -> tuple[int, list[str]]:
    """How many rules validate partitions and a window, and what is wrong with those that cannot.

    Raises:
        ConfigError: The rules cannot even be listed.
    """
    number, problems = 0, list[str]()
    for table in pipeline.tables:
        rules, wrong = _of_table(pipeline.of_table(table.name), day)
        own = table.name == pipeline.examples
        problems += wrong if own else [f"table {table.name}: {text}" for text in wrong]
        number += rules
    for name, of_window in rules_of_window(pipeline.validation.window).items():
        columns = {str(column): [0.5] * ROWS for rule in of_window for column in rule.columns()}
        number += len(of_window)
        if of_window:
            problems += [
                f"window {name}: {text}" for text in _problems(of_window, pa.table(columns))
            ]
    return number, problems


def _of_table(pipeline: Pipeline, day: str) -> tuple[int, list[str]]:
    """The same of the gate of the table that a view of the pipeline has."""
    key = pipeline.partitions().of_day(day)
    rules = rules_of(pipeline, key)
    return len(rules), _problems(rules, trial_rows(pipeline.stored, day))


def trial_rows(table: Table, day: str) -> pa.Table:
    """A few rows of a day that are as declared, as far as that is known."""
    columns = {c.name: pa.array(_values(c, day), canonical_type(c)) for c in table.columns}
    columns[ROW] = pa.array(range(ROWS), pa.int64())
    return pa.table(columns).cast(table_schema(table))


def _values(column: Column, day: str) -> list[object]:
    if column.values:
        return [column.values[n % len(column.values)] for n in range(ROWS)]
    if column.type == "timestamp":
        first = parse_day(day)
        start = datetime(first.year, first.month, first.day)  # noqa: DTZ001  UTC, as stored
        return [start + timedelta(hours=n) for n in range(ROWS)]
    if column.type == "text":
        return [f"text {n}" for n in range(ROWS)]
    if column.type == "flag":
        return [n % 2 for n in range(ROWS)]
    return [_number(column, n) for n in range(ROWS)]


def _number(column: Column, n: int) -> float:
    low = column.low if column.low is not None else min(0.0, column.high or 0.0)
    value = low + n if column.high is None else min(low + n, column.high)
    return int(value) if column.type == "integer" else float(value)


def _problems(rules: Sequence[CheckedRule], rows: pa.Table) -> list[str]:
    """What is wrong with each rule that cannot be evaluated on such rows."""
    with tempfile.TemporaryDirectory(prefix="millrace-check-") as folder:
        file = Path(folder) / "rows.parquet"
        pq.write_table(rows, file)
        return problems_of(rules, file, Path(folder) / "rows")
