"""The rules of a declared table: those its columns give, and the pipeline's own.

Why: a declaration says once what a value may be; the suite follows from it.
Promise: imports nothing heavy; every rule is an expectation type with plain JSON arguments, so
    a report can be read, and replayed, without this program.
Not here: evaluating a rule (``engine.py``), what a failed one means (``verdict.py``).
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipelines.days import shift
from pipelines.errors import ConfigError
from pipelines.spec import Column, Pipeline, Rule, Table

INFO, WARNING, CRITICAL = "info", "warning", "critical"
FLAGS = (0, 1)
MIN_ROWS = "table.min_rows"
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """One expectation with the name that reports and quarantine know it by.

    Attributes:
        name: Rule id, ``<column>.<what>`` or ``table.<what>``.
        expectation: Great Expectations type.
        kwargs: Its arguments.
        severity: ``info``, ``warning`` or ``critical``.
    """

    name: str
    expectation: str
    kwargs: Mapping[str, object] = field(default_factory=dict)
    severity: str = WARNING

    def columns(self) -> tuple[str, ...]:
        """Columns that the expectation looks at; empty for the table as a whole."""
        given = [self.kwargs[name] for name in COLUMN_ARGUMENTS if name in self.kwargs]
        each = [value if isinstance(value, list | tuple) else [value] for value in given]
        return tuple(str(column) for value in each for column in value)


def rules_of(pipeline: Pipeline, day: str) -> tuple[CheckedRule, ...]:
    """Every rule that a day of the table of examples is judged by, in order.

    Raises:
        ConfigError: Two rules have the same name.
    """
    table = pipeline.table
    rules = [
        CheckedRule(
            MIN_ROWS,
            "expect_table_row_count_to_be_between",
            {"min_value": pipeline.validation.min_rows},
            CRITICAL,
        ),
        *(rule for column in table.columns for rule in _column_rules(column, table, day)),
        *(_own(rule) for rule in pipeline.validation.rules),
    ]
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(
            f"{pipeline.name}: rule {twice[0]!r} is there twice. Expected one name a rule, and "
            f"these come from the columns: {', '.join(names[: -len(pipeline.validation.rules)])}. Rename yours."
        )
    return tuple(rules)


def _column_rules(column: Column, table: Table, day: str) -> Iterator[CheckedRule]:
    on: dict[str, object] = {"column": column.name}
    if not column.nullable or column.name in (table.row_id, table.event_time):
        yield CheckedRule(f"{column.name}.not_null", "expect_column_values_to_not_be_null", on)
    if column.name == table.row_id:
        yield CheckedRule(f"{column.name}.unique", "expect_column_values_to_be_unique", on)
    if column.name == table.event_time:
        yield _within_day(column.name, day)
    yield from _range(column)
    values = column.values or (FLAGS if column.type == "flag" else ())
    if values:
        yield CheckedRule(
            f"{column.name}.values",
            "expect_column_values_to_be_in_set",
            on | {"value_set": list(values)},
        )
    if column.decimals is not None:
        yield CheckedRule(
            f"{column.name}.decimals",
            "expect_column_values_to_have_decimals",
            on | {"decimals": column.decimals},
        )


def _range(column: Column) -> Iterator[CheckedRule]:
    """Declared bounds; a number also has to be finite where no bound says so."""
    bounds = {"min_value": column.low, "max_value": column.high}
    bounded = column.low is not None or column.high is not None
    if column.type == "number":
        largest = sys.float_info.max
        ends = {"min_value": -largest, "max_value": largest}
        bounds = {name: ends[name] if at is None else at for name, at in bounds.items()}
    elif column.type not in ("integer", "flag") or not bounded:
        return
    kwargs = {"column": column.name} | {k: v for k, v in bounds.items() if v is not None}
    name = f"{column.name}.{'range' if bounded else 'finite'}"
    yield CheckedRule(name, "expect_column_values_to_be_between", kwargs)


def _within_day(column: str, day: str) -> CheckedRule:
    return CheckedRule(
        f"{column}.partition",
        "expect_column_values_to_be_between",
        {
            "column": column,
            "min_value": f"{day}T00:00:00",
            "max_value": f"{shift(day, 1)}T00:00:00",
            "strict_max": True,
        },
    )


def _own(rule: Rule) -> CheckedRule:
    return CheckedRule(rule.name, rule.expectation, dict(rule.kwargs), rule.severity)
