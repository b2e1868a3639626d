"""The rules of a declared table: those its columns give, and the pipeline's own.

Why: a declaration says once what a value may be; the suite follows from it.
Promise: imports nothing heavy; every rule is an expectation type with plain JSON arguments, so
    a report can be read, and replayed, without this program.
Not here: evaluating a rule (``engine.py``), what a failed one means (``verdict.py``).
"""

import json
import sys
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain, count
from pathlib import Path
from typing import Any

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import Partitions
from pipelines.shared.expectations.parameters import named_in, resolved
from pipelines.spec import Column, Pipeline, Table
from pipelines.spec.registry import folder_of
from pipelines.spec.time_bounds import time_bounds

INFO, WARNING, CRITICAL = "info", "warning", "critical"
FLAGS = (0, 1)
MIN_ROWS = "table.min_rows"
REPEATED = "repeated"
IN_BOUNDS = "expect_column_pair_times_to_be_in_bounds"
NEW, NEW_IDS = "new", "expect_column_values_to_be_new"
OF_A_TABLE = "expect_table_"
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list")


@dataclass(frozen=True, slots=True)
class CheckedRule:
    """One expectation with the name that reports and quarantine know it by.

    Attributes:
        name: Rule id, ``<column>.<what>`` or ``table.<what>``.
        expectation: Great Expectations type.
        kwargs: Its arguments.
        severity: ``info``, ``warning`` or ``critical``.
        meta: What a saved suite says of it beside.
        sensitive: Whether what it finds may be values of a sensitive column, which nobody is shown.
    """

    name: str
    expectation: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    severity: str = WARNING
    meta: Mapping[str, Any] = field(default_factory=dict)
    sensitive: bool = False

    def columns(self) -> tuple[str, ...]:
        """Columns that the expectation looks at; empty for the table as a whole."""
        return columns_of(self.kwargs)


def columns_of(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    """Columns that an expectation with these arguments looks at."""
    given = [kwargs[name] for name in COLUMN_ARGUMENTS if name in kwargs]
    each = [value if isinstance(value, list | tuple) else [value] for value in given]
    return tuple(str(column) for value in each for column in value)


def rules_of(pipeline: Pipeline, day: str) -> tuple[CheckedRule, ...]:
    """Every rule that a partition of the pipeline's table is validated by, in order.

    Raises:
        ConfigError: Two rules have the same name, a budget or a parameter is for none of them,
            a parameter is not set, or a saved suite cannot be read.
    """
    table = pipeline.stored
    rules = [
        CheckedRule(
            MIN_ROWS,
            "expect_table_row_count_to_be_between",
            {"min_value": pipeline.min_rows()},
            CRITICAL,
        ),
        *(rule for column in table.columns for rule in _column_rules(column, pipeline, day)),
        *_time_bounds(pipeline),
        *_repeated_codes(pipeline),
    ]
    derived = [rule.name for rule in rules]
    rules += _with_parameters(pipeline, list(_own_rules(pipeline)))
    _require_distinct_names(pipeline, rules, derived)
    _require_known_budgets(pipeline, [rule.name for rule in rules])
    hidden = pipeline.sensitive_columns()
    return tuple(
        replace(rule, sensitive=finds_any_of(hidden, rule.expectation, rule.kwargs))
        for rule in rules
    )


def finds_any_of(columns: Collection[str], expectation: str, kwargs: Mapping[str, Any]) -> bool:
    """Whether what an expectation finds may be values of these columns.

    One that names no column may look at any, but for those that are about a table.
    """
    own = columns_of(kwargs)
    if own or not columns:
        return any(column in columns for column in own)
    return not expectation.startswith(OF_A_TABLE)


def _time_bounds(pipeline: Pipeline) -> Iterator[CheckedRule]:
    """Bounds that a static table has; where its rows are is known later (``with_static_rows``)."""
    for bound in time_bounds(pipeline):
        kwargs = {"column_A": bound.key, "column_B": bound.column, "kind": bound.kind}
        of = {"static": bound.table, "limit": bound.limit}
        yield CheckedRule(f"{bound.column}.{bound.kind}", IN_BOUNDS, kwargs | of)


def _repeated_codes(pipeline: Pipeline) -> Iterator[CheckedRule]:
    """Codes that repeat another's values; which those are depends on the rows (``with_repeats``)."""
    declared = pipeline.validation.measurements
    if declared is not None:
        yield CheckedRule(
            f"{declared.code}.{REPEATED}",
            "expect_column_values_to_not_be_in_set",
            {"column": declared.code, "value_set": []},
        )


def _own_rules(pipeline: Pipeline) -> Iterator[CheckedRule]:
    """The pipeline's own rules, then those of its saved suites."""
    for rule in pipeline.validation.rules:
        yield CheckedRule(rule.name, rule.expectation, dict(rule.kwargs), rule.severity)
    for path in pipeline.validation.suites:
        yield from saved_rules(suite_path(pipeline, path))


def _require_distinct_names(
    pipeline: Pipeline, rules: Sequence[CheckedRule], derived: Sequence[str]
) -> None:
    counts = Counter(rule.name for rule in rules)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise ConfigError(
            f"{pipeline.name}: rule {twice[0]!r} is declared twice. Expected one name per rule, and "
            f"these come from the columns: {', '.join(derived)}. Rename yours."
        )


def _with_parameters(pipeline: Pipeline, rules: Sequence[CheckedRule]) -> list[CheckedRule]:
    """The rules with the declared values of their suite parameters."""
    parameters = dict(pipeline.validation.parameters)
    found = [_with_values(rule, parameters) for rule in rules]
    named = {name for rule in rules for name in named_in(rule.kwargs)}
    for unused in sorted(parameters.keys() - named):
        hint = nearest(unused, named) if named else "No rule has a parameter."
        raise ConfigError(
            f"{pipeline.name}: validation.parameters sets {unused!r}, which no rule names. {hint}"
        )
    return found


def _with_values(rule: CheckedRule, parameters: Mapping[str, object]) -> CheckedRule:
    kwargs = {name: resolved(v, parameters, rule.name) for name, v in rule.kwargs.items()}
    return replace(rule, kwargs=kwargs)


def _require_known_budgets(pipeline: Pipeline, names: Sequence[str]) -> None:
    for name, _ in pipeline.validation.budgets:
        if name not in names:
            raise ConfigError(
                f"{pipeline.name}: validation.budgets names rule {name!r}, which is not there. "
                f"{nearest(name, names)}"
            )


def _column_rules(column: Column, pipeline: Pipeline, day: str) -> Iterator[CheckedRule]:
    table = pipeline.table
    on: dict[str, object] = {"column": column.name}
    if not column.nullable or column.name in (table.row_id, table.event_time):
        yield CheckedRule(f"{column.name}.not_null", "expect_column_values_to_not_be_null", on)
    if column.name == table.id_column:
        yield from _row_id(column.name, table)
    if column.name == table.event_time:
        yield _within_partition(column.name, pipeline.partitions(), day)
    yield from _range(column)
    yield from _values(column)
    if column.decimals is not None:
        yield CheckedRule(
            f"{column.name}.decimals",
            "expect_column_values_to_have_decimals",
            on | {"decimals": column.decimals},
        )


def _row_id(row_id: str, table: Table) -> Iterator[CheckedRule]:
    yield _unique(row_id, table)
    if table.compares_ids:
        kwargs = {"column": row_id, "unique_days": table.unique_days}
        yield CheckedRule(f"{row_id}.{NEW}", NEW_IDS, kwargs)


def _values(column: Column) -> Iterator[CheckedRule]:
    values = column.values or (FLAGS if column.type == "flag" else ())
    if values:
        kwargs = {"column": column.name, "value_set": list(values)}
        yield CheckedRule(f"{column.name}.values", "expect_column_values_to_be_in_set", kwargs)


def _unique(row_id: str, table: Table) -> CheckedRule:
    """One row an id; where rows are corrected, one an id and time at which it became known."""
    name = f"{row_id}.unique"
    if table.known_time is None:
        return CheckedRule(name, "expect_column_values_to_be_unique", {"column": row_id})
    pair = [row_id, table.known_time]
    return CheckedRule(name, "expect_compound_columns_to_be_unique", {"column_list": pair})


def _range(column: Column) -> Iterator[CheckedRule]:
    """Declared bounds; a number also has to be finite where no bound says so."""
    low, high = column.low, column.high
    bounded = low is not None or high is not None
    if column.type == "number":
        largest = sys.float_info.max
        low, high = (-largest if low is None else low), (largest if high is None else high)
    elif column.type not in ("integer", "flag") or not bounded:
        return
    ends = {"min_value": low, "max_value": high}
    kwargs = {"column": column.name} | {k: v for k, v in ends.items() if v is not None}
    name = f"{column.name}.{'range' if bounded else 'finite'}"
    yield CheckedRule(name, "expect_column_values_to_be_between", kwargs)


def _within_partition(column: str, partitions: Partitions, key: str) -> CheckedRule:
    return CheckedRule(
        f"{column}.partition",
        "expect_column_values_to_be_between",
        {
            "column": column,
            "min_value": _in_utc(partitions.start(key)),
            "max_value": _in_utc(partitions.end(key)),
            "strict_max": True,
        },
    )


def _in_utc(instant: datetime) -> str:
    """As the times of tables are: in UTC, without an offset."""
    return instant.replace(tzinfo=None).isoformat()


def suite_path(pipeline: Pipeline, path: str) -> Path:
    """The file of a saved suite: beside the pipeline's declaration, or where an absolute path says.

    Raises:
        ConfigError: The path is relative, and the pipeline is declared nowhere.
    """
    return Path(path) if Path(path).is_absolute() else folder_of(pipeline.name) / path


def saved_rules(file: Path) -> list[CheckedRule]:
    """The expectations of a suite that Great Expectations saved, each with a name of its own.

    The name is the suite's, then ``meta.rule`` where that is given, else the type without
    ``expect_`` and the columns; a number distinguishes those that would be the same.

    Raises:
        ConfigError: There is no such file, or it is not a suite.
    """
    suite_name, expectations = _saved_suite(file)
    rules: dict[str, CheckedRule] = {}
    for kind, saved in expectations:
        kwargs, meta = dict(saved.get("kwargs") or {}), dict(saved.get("meta") or {})
        what = meta.get("rule") or ".".join((kind.removeprefix("expect_"), *columns_of(kwargs)))
        name = _free_name(f"{suite_name}.{what}", rules)
        severity = str(saved.get("severity") or CRITICAL)
        rules[name] = CheckedRule(name, kind, kwargs, severity, meta)
    return list(rules.values())


def _saved_suite(file: Path) -> tuple[str, list[tuple[str, Mapping[str, Any]]]]:
    """The suite's name, and the type and the document of each of its expectations."""
    try:
        suite = json.loads(file.read_text(encoding="utf-8"))
        each = [(str(e.get("type") or e["expectation_type"]), e) for e in suite["expectations"]]
        return str(suite["name"]), each
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"validation.suites: {file} is not a saved suite ({error!r}). Expected the "
            f"JSON of a Great Expectations suite: a name and a list of expectations."
        ) from error


def _free_name(name: str, taken: Container[str]) -> str:
    """The name, with the first number behind it that makes it new."""
    numbered = (f"{name}.{number}" for number in count(2))
    return next(each for each in chain([name], numbered) if each not in taken)
