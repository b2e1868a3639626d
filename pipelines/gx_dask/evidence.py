"""A merged condition, and the results that are read off it.

Why: counts, values, indices and rows of a result all follow from what the partitions found.
Promise: lists are made by the stock functions on the rows that were kept, so their content and
    their order are the stock ones; a list that was bounded is counted in full and says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation_configuration import parse_result_format
from great_expectations.expectations.registry import get_metric_provider

from pipelines.gx_dask.conditions import ConditionPart, EvidenceRequest
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.stock import FILTERS, domain_columns, small_engine

CHILDREN = (
    "unexpected_count",
    "unexpected_values",
    "unexpected_index_list",
    "unexpected_index_query",
    "unexpected_rows",
    "unexpected_value_counts",
    "filtered_row_count",
)


@dataclass(frozen=True, slots=True, eq=False)
class MergedCondition:
    """A condition on the whole table.

    Attributes:
        bad: Failing rows.
        looked: Rows that were validated.
        evidence: The first failing rows, as many as were wanted.
        limit: The most that were kept.
    """

    bad: int
    looked: int
    evidence: pd.DataFrame
    limit: int


def wanted_rows(
    runtime: Mapping[str, Any] | None,
    domain: Mapping[str, Any],
    names: Sequence[str],
    limit: int,
    folder: str = "",
) -> EvidenceRequest:
    """What the run's result format shows of failing rows.

    Args:
        runtime: The run's configuration.
        domain: The condition's domain.
        names: All columns of the table.
        limit: The most rows to keep, where the format wants all of them.
        folder: Where the numbers of all failing rows go; empty for nowhere.
    """
    form = parse_result_format((runtime or {}).get("result_format", "BASIC"))
    keys = form.get("unexpected_index_column_names") or []
    everything = (
        form["result_format"] == "COMPLETE"
        or form.get("return_unexpected_index_query")
        or (form.get("exclude_unexpected_values") and keys)
    )
    count = limit if everything else min(form["partial_unexpected_count"], limit)
    shown = names if form.get("include_unexpected_rows") else [*domain_columns(domain), *keys]
    return EvidenceRequest(rows=count, columns=tuple(dict.fromkeys(shown)), folder=folder)


def merged(
    parts: Sequence[ConditionPart], need: EvidenceRequest, layout: Layout
) -> MergedCondition:
    """All partitions' findings, in the order of their rows."""
    bad = sum(part.bad for part in parts)
    frames = [part.evidence for part in parts if part.evidence is not None]
    empty = layout.empty_frame[[name for name in need.columns if name in layout.schema.names]]
    kept = pd.concat(frames) if frames else empty
    return MergedCondition(
        bad, sum(part.looked for part in parts), kept.iloc[: need.rows], need.rows
    )


def child_name(name: str) -> str | None:
    """Which of a condition's results a metric is; None if none."""
    last = name.rsplit(".", 1)[-1]
    return last if last in CHILDREN else None


def child_value(metric: Any, known: Mapping[str, Any], engine: PandasExecutionEngine) -> object:
    """A result of a merged condition.

    Raises:
        Exception: What the stock function raises on the kept rows.
    """
    found, compute, accessor = known["unexpected_condition"]
    which = child_name(metric.metric_name)
    if which == "unexpected_count":
        return found.bad
    if which == "filtered_row_count":
        return found.looked
    small = small_engine(found.evidence, metric.metric_domain_kwargs["batch_id"])
    provider, function = get_metric_provider(metric.metric_name, engine)
    chosen = {key: value for key, value in compute.items() if key not in FILTERS}
    every = pd.Series(True, index=found.evidence.index, dtype=bool)
    return function(
        cls=provider,
        execution_engine=small,
        metric_domain_kwargs=metric.metric_domain_kwargs,
        metric_value_kwargs=metric.metric_value_kwargs,
        metrics={**known, "unexpected_condition": (every, chosen, dict(accessor))},
        runtime_configuration={},
    )
