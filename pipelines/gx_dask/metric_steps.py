"""The ways in which metrics are answered: their first steps, and those that follow.

Why: what a metric needs of the partitions is its own; that all of a suite share passes is not.
Promise: each ``..._step`` returns a metric's first ``Step``; the function below it that the step
    names takes the answers.
Not here: which metric goes which way (``metric_table.py``), running steps (``passes.py``), what
    is computed (``aggregates.py`` and the others).
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine

from pipelines.gx_dask import aggregates, order, quantiles, row_keys, uniqueness
from pipelines.gx_dask.conditions import (
    ConditionPart,
    EvidenceRequest,
    evaluate_condition,
    evaluate_stock_condition,
)
from pipelines.gx_dask.evidence import merged
from pipelines.gx_dask.filters import columns_read, stock_value
from pipelines.gx_dask.moments import moments
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.passes import Done, Step, WholeTable
from pipelines.gx_dask.scan import MetricQuestion
from pipelines.gx_dask.stock import Node, call
from pipelines.gx_dask.uniqueness import Exchange, ranges_for

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class StepContext:
    """What steps are made from.

    Attributes:
        layout: The table.
        engine: A stock engine whose batch is the table's empty frame.
        workers: Tasks that can run at once.
        gather_bytes: The most that the columns of a gathered metric may take.
        gathered: Names of metrics that were gathered, added to here.
    """

    layout: Layout
    engine: PandasExecutionEngine
    workers: int
    gather_bytes: int
    gathered: set[str]


def absent_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """A column or table that is not here: the stock metric needs no rows to raise."""
    call(node, context.engine)
    return gathered_step(node, need, context)


def condition_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """One pass over the partitions."""
    question = MetricQuestion(evaluate_condition, node, (need,))
    return Step(question, partial(_with_domain, node, need, context))


def order_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """First the last value of each partition, then rows beside the value before them."""
    return Step(
        MetricQuestion(order.last_value, node), partial(_beside_last, node, need, context)
    )


def _beside_last(
    node: Node, need: EvidenceRequest, context: StepContext, lasts: Sequence[Any]
) -> Step:
    before = order.values_before(lasts)
    question = MetricQuestion(order.evaluate_order, node, (need,), by_partition=before)
    return Step(question, partial(_with_domain, node, need, context))


def unique_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """Where partitions of rising keys do not overlap, nothing has to be exchanged."""
    if not row_keys.is_own_key(node, kind_of(node, context)):
        return _exchanged(node, need, context)
    question = MetricQuestion(uniqueness.rising_run, node)
    return Step(question, partial(_unique_after_runs, node, need, context))


def _unique_after_runs(
    node: Node,
    need: EvidenceRequest,
    context: StepContext,
    runs: Sequence[uniqueness.RisingRun],
) -> Step | Done:
    if not uniqueness.all_distinct(runs):
        return _exchanged(node, need, context)
    return _with_domain(
        node, need, context, [ConditionPart(0, run.count, None) for run in runs]
    )


def _exchanged(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    def then(answers: list[Any]) -> Done:
        *parts, _ = answers
        return _with_domain(node, need, context, parts)

    return Step(_exchange(node, need, context), then)


def distinct_count_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """As unique values: an exchange only where rising keys do not prove the number."""
    counted = Step(_exchange(node, EvidenceRequest(0, ()), context), _last)
    if not row_keys.is_own_key(node, kind_of(node, context)):
        return counted
    return Step(
        MetricQuestion(uniqueness.rising_run, node), partial(_count_after_runs, counted)
    )


def _count_after_runs(counted: Step, runs: Sequence[uniqueness.RisingRun]) -> Step | Done:
    distinct = uniqueness.all_distinct(runs)
    return Done(sum(run.count for run in runs)) if distinct else counted


def _last(answers: list[Any]) -> Done:
    return Done(answers[-1])


def _exchange(node: Node, need: EvidenceRequest, context: StepContext) -> Exchange:
    ranges = ranges_for(context.layout.rows, context.workers)
    return Exchange(context.layout, node, need, ranges)


def aggregate_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """A summary of each partition, merged by the metric's rule."""

    def then(parts: list[Any]) -> Done:
        return Done(aggregates.merge(node, parts, context.layout))

    return Step(MetricQuestion(aggregates.summary, node), then)


def quantiles_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """First a sketch of each partition, then the values around each wanted rank."""
    return Step(MetricQuestion(quantiles.sketch, node), partial(_around_ranks, node, context))


def _around_ranks(
    node: Node, context: StepContext, sketches: Sequence[quantiles.Sketch]
) -> Step | Done:
    count = sum(sketch.count for sketch in sketches)
    if not count:
        return Done(quantiles.finish(node, 0, {}, context.layout))
    ranks = quantiles.wanted_ranks(node, count)
    brackets = quantiles.brackets(sketches, ranks)

    def then(slices: list[Any]) -> Done:
        values = quantiles.values_at(ranks, slices)
        return Done(quantiles.finish(node, count, values, context.layout))

    return Step(MetricQuestion(quantiles.slices, node, (brackets,)), then)


def spread_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """Outlier statistics that are made of mean and deviation."""

    def then(parts: list[Any]) -> Done:
        return Done(quantiles.spread_around_mean(parts))

    return Step(MetricQuestion(moments, node), then)


def gathered_step(node: Node, need: EvidenceRequest, context: StepContext) -> Step:
    """The stock metric on its own columns, all rows of them at once."""
    _require_room(node, context)
    context.gathered.add(node.name)
    if node.name.endswith(".condition"):
        question = MetricQuestion(evaluate_stock_condition, node, (need,))
        return Step(WholeTable(question), partial(_with_domain, node, need, context))
    return Step(WholeTable(MetricQuestion(stock_value, node)), _last)


def _require_room(node: Node, context: StepContext) -> None:
    layout = context.layout
    columns = columns_read(node, layout) or layout.schema.names
    size = sum(layout.widths.get(name, 0) for name in columns)
    if size > context.gather_bytes:
        raise MemoryError(
            f"{node.name} has no rule for parts and would gather {size:,} bytes of "
            f"{', '.join(columns)}. Expected at most gather_bytes = {context.gather_bytes:,}. "
            f"Raise it, or use another expectation."
        )
    log.info(
        "validation: %s has no rule for parts, so %s are gathered: %d rows, %d bytes",
        node.name,
        ", ".join(columns),
        layout.rows,
        size,
    )


def _with_domain(
    node: Node,
    need: EvidenceRequest,
    context: StepContext,
    parts: Sequence[ConditionPart],
) -> Done:
    """A condition's value as the stock metrics that follow from it expect it."""
    found = merged(parts, need, context.layout)
    if not found.looked:
        call(node, context.engine)  # raises what the stock metric raises on no rows
    domain = dict(node.domain)
    _, compute, accessor = context.engine.get_compute_domain(
        domain, domain_type=_domain_type(domain)
    )
    return Done((found, compute, accessor))


def _domain_type(domain: Mapping[str, Any]) -> MetricDomainTypes:
    if "column" in domain:
        return MetricDomainTypes.COLUMN
    if "column_A" in domain:
        return MetricDomainTypes.COLUMN_PAIR
    return MetricDomainTypes.MULTICOLUMN if "column_list" in domain else MetricDomainTypes.TABLE


def kind_of(node: Node, context: StepContext) -> str:
    """NumPy's letter for the column's type; ``c`` for categories, empty for a table metric."""
    column = node.domain.get("column")
    if not column:
        return ""
    layout = context.layout
    return "c" if layout.empty_frame[column].dtype == "category" else layout.kind(column)
