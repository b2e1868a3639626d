"""Evaluating rules with Great Expectations on one partition held in memory.

Why: what a failed expectation means is ours to decide; whether it failed, and on which rows,
    is Great Expectations' own answer, by its stock pandas engine.
Promise: a finding for every rule, with the place of every failing row; an expectation that
    could not be evaluated is an error of the declaration, never bad data. A context of its own
    for each call, so that no answer of yesterday's rows can be found for today's.
Not here: which rules (``rules.py``), what follows from a finding (``verdict.py``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.declared import nearest
from pipelines.errors import ConfigError, PermanentError
from pipelines.validation import decimals, gx
from pipelines.validation.rules import CheckedRule

LARGEST_EXACT = int(decimals.LARGEST_EXACT)
# The only format with the place of every failing row; the query repeats them all as text.
FORMAT = {
    "result_format": "COMPLETE",
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """What one rule found.

    Attributes:
        rule: The rule.
        success: Whether the expectation holds, ``mostly`` considered.
        rows: Places of the failing rows, rising, shape ``(n_failing,)``; None where the
            expectation is about no single row.
        checked: Rows it looked at.
        missing: Rows it passed over, because they hold no value.
        observed: What it saw instead, where it is about no single row.
    """

    rule: CheckedRule
    success: bool
    rows: NDArray[np.int64] | None
    checked: int
    missing: int
    observed: object

    @property
    def failing(self) -> int:
        """Number of failing rows."""
        return 0 if self.rows is None else len(self.rows)


def evaluate(rules: Sequence[CheckedRule], table: pa.Table) -> list[Finding]:
    """Judge a table by each rule, in their order.

    Raises:
        ConfigError: A rule names no expectation, or arguments that it does not take.
        PermanentError: An expectation could not be evaluated on this table.
    """
    great = gx.load()
    suite = great.ExpectationSuite(
        name="declared", expectations=[_expectation(r) for r in rules]
    )
    batch = _batch(great, frame_of(table))
    # Equal expectations share a result, so that each is found by its rule's name.
    results = {
        r.expectation_config.meta["rule"]: r
        for r in batch.validate(suite, result_format=FORMAT).results
    }
    return [_finding(rule, results.get(rule.name)) for rule in rules]


def frame_of(table: pa.Table) -> pd.DataFrame:
    """The table as pandas, with the types that the engine is both right and fast on.

    pandas makes an integer column with nulls float64, in which two ids above 2**53 can become
    one: those stay Python integers. Great Expectations compares nanosecond timestamps as an
    array and all others one by one, which costs 20 times as much.
    """
    frame = table.to_pandas()
    for name in table.column_names:
        values = table[name]
        if pa.types.is_timestamp(values.type):
            frame[name] = _nanoseconds(values).to_pandas()
        elif pa.types.is_integer(values.type) and _loses_digits(values):
            frame[name] = pd.Series(values.to_pylist(), dtype=object)
    return frame


def _nanoseconds(values: pa.ChunkedArray) -> pa.ChunkedArray:
    try:
        return values.cast(pa.timestamp("ns"))
    except pa.ArrowInvalid:
        # A time before 1678 or after 2262 has no nanoseconds; it is compared one by one.
        return values


def _loses_digits(values: pa.ChunkedArray) -> bool:
    if not values.null_count:
        return False
    ends = pc.min_max(values).as_py().values()
    return any(end is not None and abs(end) > LARGEST_EXACT for end in ends)


def _expectation(rule: CheckedRule) -> Any:
    from great_expectations.expectations import registry

    known = registry.list_registered_expectation_implementations()
    if rule.expectation not in known:
        raise ConfigError(
            f"rule {rule.name}: there is no expectation {rule.expectation!r}. "
            f"{nearest(rule.expectation, known)}"
        )
    try:
        return registry.get_expectation_impl(rule.expectation)(
            **rule.kwargs, severity=rule.severity, meta={"rule": rule.name}
        )
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"rule {rule.name}: {rule.expectation} does not take {dict(rule.kwargs)!r} "
            f"({' '.join(str(error).split())}). Correct the rule in the declaration."
        ) from error


def _batch(great: Any, frame: pd.DataFrame) -> Any:
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = great.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    asset = context.data_sources.add_pandas("partition").add_dataframe_asset("rows")
    whole = asset.add_batch_definition_whole_dataframe("whole")
    return whole.get_batch({"dataframe": frame})


def _finding(rule: CheckedRule, result: Any) -> Finding:
    broken = ["it was not evaluated"] if result is None else _errors(result.exception_info)
    if broken:
        raise PermanentError(
            f"rule {rule.name}: {rule.expectation} could not be evaluated "
            f"({' '.join(broken[0].split())[:300]}). This says nothing about the data. Correct "
            f"the rule's column and arguments in the declaration."
        )
    found = result.result
    rows = found.get("unexpected_index_list")
    return Finding(
        rule=rule,
        success=bool(result.success),
        rows=None if rows is None else np.sort(np.asarray(rows, dtype=np.int64)),
        checked=int(found.get("element_count", 0)),
        missing=int(found.get("missing_count", 0)),
        observed=_plain(found.get("observed_value")),
    )


def _errors(info: dict[str, Any] | None) -> list[str]:
    """Messages of what was raised: the information is flat, or one entry for each metric."""
    each = [info] if info and "raised_exception" in info else (info or {}).values()
    return [str(e["exception_message"]) for e in each if e["raised_exception"]]


def _plain(observed: object) -> object:
    """An observed value as JSON knows it."""
    if isinstance(observed, np.generic):
        observed = observed.item()
    if isinstance(observed, float) and not math.isfinite(observed):
        return repr(observed)
    if isinstance(observed, dict):
        return {str(key): _plain(value) for key, value in observed.items()}
    if isinstance(observed, list | tuple | set | np.ndarray):
        return [_plain(value) for value in observed]
    if observed is None or isinstance(observed, bool | int | float | str):
        return observed
    return str(observed)
