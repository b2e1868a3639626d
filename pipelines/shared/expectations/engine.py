"""Evaluating rules with Great Expectations on a day of any size.

Why: what a failed expectation means is ours to decide; whether it failed, and on which rows,
    is Great Expectations' own answer, computed by its stock definitions on Dask.
Promise: a finding for every rule, with the number of every failing row; an expectation that
    could not be evaluated is an error of the declaration, never bad data. A context of its own
    for each call, so that no answer of yesterday's rows can be found for today's.
Not here: the engine (``pipelines/gx_dask/``), which rules (``rules.py``), what follows from a
    finding (``verdict.py``).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.masking import without_values
from pipelines.shared.compute.compute import Compute
from pipelines.shared.expectations import register
from pipelines.shared.expectations.rules import CheckedRule

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

    from pipelines.gx_dask import ValidatedTable
    from pipelines.gx_dask.partitions import Partition

RULE = "rule"
# What Great Expectations raises for a metric that no engine but those of databases has.
NO_PROVIDER = "No provider found"
NO_ROWS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class RuleResult:
    """What one rule found.

    Attributes:
        rule: The rule.
        success: Whether the expectation holds, ``mostly`` considered.
        by_row: Whether it is about single rows.
        failing: Number of failing rows; 0 where it is about no single row.
        checked: Rows it looked at.
        missing: Rows it passed over, because they hold no value.
        observed: What it saw instead, where it is about no single row.
        result: The whole result, as JSON.
        index: Its index in the results.
    """

    rule: CheckedRule
    success: bool
    by_row: bool
    failing: int
    checked: int
    missing: int
    observed: object
    result: Mapping[str, Any]
    index: int


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """What every rule found, and where the rows are.

    Attributes:
        findings: One a rule, in the order of the rules.
        partitions: Neighbouring rows that fit a task, in their order.
        rows: Rows of all of them.
    """

    findings: tuple[RuleResult, ...]
    partitions: "tuple[Partition, ...]"
    rows: int
    _validated: "ValidatedTable"

    def failing_rows(self, finding: RuleResult, partition: "Partition") -> NDArray[np.int64]:
        """A rule's failing rows, counted from the partition's first one, rising, shape ``(n_failing,)``."""
        if not finding.by_row:
            return NO_ROWS
        return self._validated.failing_rows(finding.index, partition) - partition.offset


def evaluate(
    rules: Sequence[CheckedRule],
    files: Sequence[Path],
    rows_below: Path,
    compute: Compute | None = None,
    suite: str = "declared",
) -> Evaluated:
    """Validate files by each rule, in their order.

    Args:
        rules: The rules.
        files: Parquet files of the same columns.
        rows_below: Folder for the numbers of all failing rows, which the workers write.
        compute: What the passes run on.
        suite: Name of the suite.

    Raises:
        ConfigError: A rule names no expectation, or arguments that it does not take, or one that
            could not be evaluated on this table.
    """
    register()
    validated, found = _validated(
        [_expectation(rule) for rule in rules], files, rows_below, compute, suite
    )
    return Evaluated(
        findings=tuple(_finding(rule, found.get(rule.name), validated) for rule in rules),
        partitions=validated.layout.partitions,
        rows=validated.layout.rows,
        _validated=validated,
    )


def problems_of(rules: Sequence[CheckedRule], file: Path, rows_below: Path) -> list[str]:
    """Why rules cannot be evaluated on a file, one sentence a rule; empty if all can be."""
    register()
    problems: dict[str, str] = {}
    expectations = []
    for rule in rules:
        try:
            expectations.append(_expectation(rule))
        except ConfigError as error:
            problems[rule.name] = str(error)
    validated, found = _validated(expectations, [file], rows_below, None, "declared")
    for rule in rules:
        try:
            _finding(rule, found.get(rule.name), validated)
        except ConfigError as error:
            problems.setdefault(rule.name, str(error))
    return [problems[rule.name] for rule in rules if rule.name in problems]


def _validated(
    expectations: "Sequence[Expectation]",
    files: Sequence[Path],
    rows_below: Path,
    compute: Compute | None,
    suite: str,
) -> "tuple[ValidatedTable, dict[str, tuple[int, Any]]]":
    """What each expectation found, and where: results come in an order of their own."""
    from great_expectations import ExpectationSuite

    from pipelines.gx_dask import validate_files
    from pipelines.shared.expectations.registration import our_errors

    with our_errors():
        validated = validate_files(
            files,
            ExpectationSuite(name=suite, expectations=list(expectations)),
            rows_below=rows_below,
            runner=compute,
            # Integers keep all their digits beside nulls; times are compared as nanoseconds.
            exact=True,
        )
    found = {
        result.expectation_config.meta[RULE]: (index, result)
        for index, result in enumerate(validated.result.results)
    }
    return validated, found


def _expectation(rule: CheckedRule) -> "Expectation":
    from great_expectations.expectations import registry
    from great_expectations.expectations.expectation_configuration import (
        ExpectationConfiguration,
    )

    known = registry.list_registered_expectation_implementations()
    if rule.expectation not in known:
        raise ConfigError(
            f"rule {rule.name}: there is no expectation {rule.expectation!r}. "
            f"{nearest(rule.expectation, known)}"
        )
    try:
        return ExpectationConfiguration(
            type=rule.expectation,
            kwargs=dict(rule.kwargs),
            meta={**rule.meta, RULE: rule.name},
            severity=rule.severity,
        ).to_domain_obj()
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"rule {rule.name}: {rule.expectation} does not take {dict(rule.kwargs)!r} "
            f"({' '.join(str(error).split())}). Correct the rule in the declaration."
        ) from error


def _finding(
    rule: CheckedRule, found: tuple[int, Any] | None, validated: "ValidatedTable"
) -> RuleResult:
    broken = ["it was not evaluated"] if found is None else _errors(found[1].exception_info)
    if broken or found is None:
        said = " ".join(broken[0].split())
        if rule.sensitive:
            said = without_values(said, [*rule.columns(), rule.expectation])
        advice = "Correct the rule's column and arguments in the declaration."
        if NO_PROVIDER in said:
            advice = (
                "It needs a database, and days are Parquet files. Say the same by another "
                "expectation, such as expect_column_values_to_match_regex."
            )
        raise ConfigError(
            f"rule {rule.name}: {rule.expectation} could not be evaluated ({said[:300]}). This says "
            f"nothing about the data. {advice}"
        )
    index, result = found
    document = result.to_json_dict()
    by_row = validated.is_row_level(index)
    return RuleResult(
        rule=rule,
        success=bool(result.success),
        by_row=by_row,
        failing=int(document["result"].get("unexpected_count", 0)) if by_row else 0,
        checked=int(document["result"].get("element_count", 0)),
        missing=int(document["result"].get("missing_count", 0)),
        observed=None if by_row else _plain(document["result"].get("observed_value")),
        result=document,
        index=index,
    )


def _errors(info: dict[str, Any] | None) -> list[str]:
    """Messages of what was raised: the information is flat, or one entry for each metric."""
    each = [info] if info and "raised_exception" in info else (info or {}).values()
    return [str(e["exception_message"]) for e in each if e["raised_exception"]]


def _plain(observed: object) -> object:
    """An observed value as strict JSON knows it."""
    if isinstance(observed, float) and not math.isfinite(observed):
        return repr(observed)
    if isinstance(observed, dict):
        return {str(key): _plain(value) for key, value in observed.items()}
    if isinstance(observed, list | tuple):
        return [_plain(value) for value in observed]
    return observed
