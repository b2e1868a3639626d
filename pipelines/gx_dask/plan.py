"""How each metric is answered: which questions go to the partitions, in which order.

Why: some metrics need one pass, some two, some an exchange between partitions; those of one
    suite must share passes all the same.
Promise: a plan is a generator. It yields what it wants to know, is sent every partition's
    answer in the order of partitions, and returns the metric's value; plans that run together
    have their questions put in one pass.
Not here: running them (``engine.py``).
"""

import logging
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine

from pipelines.gx_dask import aggregates, order, quantiles, uniqueness
from pipelines.gx_dask.conditions import Need, Part
from pipelines.gx_dask.evidence import merged
from pipelines.gx_dask.kernels import KERNELS
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.scan import Ask, columns_of
from pipelines.gx_dask.stock import Node, call, is_stock, provided
from pipelines.gx_dask.uniqueness import Task, ranges_for

log = logging.getLogger("millrace")
# The condition that neither looks at values nor shows any.
NOT_NULL = "column_values.nonnull.condition"


@dataclass(frozen=True, slots=True, eq=False)
class Gather:
    """A question to the whole table at once."""

    ask: Ask


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """A question whose answer needs partitions to meet."""

    task: Task


Plan = Generator[Ask | Gather | Exchange, list[Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What plans are made from.

    Attributes:
        engine: A stock engine whose batch is the table's empty frame.
        workers: Tasks that can run at once.
        gather_bytes: The most that the columns of a gathered metric may take.
        gathered: Names of metrics that were gathered, added to by plans.
    """

    layout: Layout
    engine: PandasExecutionEngine
    workers: int
    gather_bytes: int
    gathered: set[str]


def plan_of(node: Node, need: Need, at: Setting) -> Plan:
    """The plan of a metric that needs data."""
    absent = any(name not in at.layout.schema.names for name in node.columns())
    if absent or node.domain.get("table"):
        return _absent(node, need, at)
    if node.name.endswith(".condition"):
        return _condition_plan(node, need, at)
    kind = _kind(node, at)
    if quantiles.applies(node, kind) and is_stock(node.name):
        return _quantiles(node, at)
    if node.name == "column.outlier_statistics" and kind in "iuf":
        return _spread(node)
    if node.name == uniqueness.COUNT and kind not in "cx":
        return _distinct_count(node, need, at)
    rule = aggregates.rule_of(node, kind)
    if rule is not None and is_stock(node.name):
        return _aggregate(node, rule, at)
    return _gathered(node, need, at)


def _kind(node: Node, at: Setting) -> str:
    """NumPy's letter for the column's type; ``c`` for categories, empty for a table metric."""
    column = node.domain.get("column")
    if not column:
        return ""
    return "c" if at.layout.empty_frame[column].dtype == "category" else at.layout.kind(column)


def _condition_plan(node: Node, need: Need, at: Setting) -> Plan:
    name = node.name.removesuffix(".condition")
    stock = is_stock(node.name)
    if _needs_whole_column(node, at):
        return _gathered(node, need, at)
    if stock and node.name in order.METRICS:
        return _order(node, need, at)
    if stock and node.name in uniqueness.METRICS:
        return _unique(node, need, at)
    row_local = (stock and name in KERNELS) or getattr(
        provided(node.name)[0], "row_local", False
    )
    return _condition(node, need, at) if row_local else _gathered(node, need, at)


def _needs_whole_column(node: Node, at: Setting) -> bool:
    """Whether parts of a column are not what the column is, or its keys are not known here."""
    if any(at.layout.nested(name) for name in node.columns()):
        return node.name != NOT_NULL
    own = any(at.layout.kind(name) == "x" for name in node.columns())
    return own and node.name in uniqueness.METRICS


def _absent(node: Node, need: Need, at: Setting) -> Plan:
    """A column or table that is not here: what the stock metric says of it needs no rows."""
    call(node, at.engine)
    return (yield from _gathered(node, need, at))


def _condition(node: Node, need: Need, at: Setting) -> Plan:
    return _with_domain(node, (yield Ask("condition", node, need)), need, at)


def _with_domain(node: Node, parts: Sequence[Part], need: Need, at: Setting) -> Any:
    found = merged(parts, need, at.layout)
    if not found.looked:
        call(node, at.engine)  # raises what the stock metric raises on no rows
    domain = dict(node.domain)
    _, compute, accessor = at.engine.get_compute_domain(
        domain, domain_type=_domain_type(domain)
    )
    return found, compute, accessor


def _domain_type(domain: Mapping[str, Any]) -> MetricDomainTypes:
    if "column" in domain:
        return MetricDomainTypes.COLUMN
    if "column_A" in domain:
        return MetricDomainTypes.COLUMN_PAIR
    return MetricDomainTypes.MULTICOLUMN if "column_list" in domain else MetricDomainTypes.TABLE


def _order(node: Node, need: Need, at: Setting) -> Plan:
    lasts = yield Ask("last value", node)
    parts = yield Ask("order", node, need, each=order.values_before(lasts))
    return _with_domain(node, parts, need, at)


def _unique(node: Node, need: Need, at: Setting) -> Plan:
    if uniqueness.is_own_key(node, _kind(node, at)):
        runs = yield Ask("run", node)
        if uniqueness.all_distinct(runs):
            return _with_domain(node, [Part(0, r.count, None) for r in runs], need, at)
    parts, _ = yield Exchange(_task(node, need, at))
    return _with_domain(node, parts, need, at)


def _distinct_count(node: Node, need: Need, at: Setting) -> Plan:
    if uniqueness.is_own_key(node, _kind(node, at)):
        runs = yield Ask("run", node)
        if uniqueness.all_distinct(runs):
            return sum(run.count for run in runs)
    _, distinct = yield Exchange(_task(node, Need(0, ()), at))
    return distinct


def _task(node: Node, need: Need, at: Setting) -> Task:
    return Task(at.layout, node, need, ranges_for(at.layout.rows, at.workers))


def _aggregate(node: Node, rule: aggregates.Rule, at: Setting) -> Plan:
    return rule.merge(node, (yield Ask("aggregate", node)), at.layout)


def _quantiles(node: Node, at: Setting) -> Plan:
    sketches = yield Ask("sketch", node)
    count = sum(sketch.count for sketch in sketches)
    if not count:
        return quantiles.finish(node, 0, {}, at.layout)
    ranks = quantiles.wanted_ranks(node, count)
    ends = quantiles.brackets(sketches, ranks)
    found = yield Ask("slices", node, extra=ends)
    each = zip(ranks.tolist(), zip(*found, strict=True), strict=True)
    values = {rank: quantiles.pick(rank, parts) for rank, parts in each}
    return quantiles.finish(node, count, values, at.layout)


def _spread(node: Node) -> Plan:
    return quantiles.spread_around_mean((yield Ask("moments", node)))


def _gathered(node: Node, need: Need, at: Setting) -> Plan:
    columns = columns_of(node, at.layout) or at.layout.schema.names
    size = sum(at.layout.widths.get(name, 0) for name in columns)
    if size > at.gather_bytes:
        raise MemoryError(
            f"{node.name} has no rule for parts and would gather {size:,} bytes of "
            f"{', '.join(columns)}. Expected at most gather_bytes = {at.gather_bytes:,}. Raise it, or "
            f"use another expectation."
        )
    at.gathered.add(node.name)
    log.info(
        "validation: %s has no rule for parts, so %s are gathered: %d rows, %d bytes",
        node.name,
        ", ".join(columns),
        at.layout.rows,
        size,
    )
    if not node.name.endswith(".condition"):
        return (yield Gather(Ask("stock", node)))[0]
    parts = yield Gather(Ask("whole condition", node, need))
    return _with_domain(node, parts, need, at)
