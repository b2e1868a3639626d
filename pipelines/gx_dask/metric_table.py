"""Which metric is answered in which way: the table of ``WAYS``.

Why: one look at it says what runs on the partitions, what needs several passes, and what is
    gathered.
Promise: it is read from above, and the first line that applies decides.
Not here: the steps of each way (``metric_steps.py``).
"""

from collections.abc import Callable

from pipelines.gx_dask import aggregates, order, quantiles, uniqueness
from pipelines.gx_dask import metric_steps as steps
from pipelines.gx_dask.conditions import EvidenceRequest
from pipelines.gx_dask.kernels import KERNELS
from pipelines.gx_dask.metric_steps import StepContext, kind_of
from pipelines.gx_dask.passes import Done, Step
from pipelines.gx_dask.stock import Node, is_stock, provided

# The condition that neither looks at values nor shows any.
NOT_NULL = "column_values.nonnull.condition"

Applies = Callable[[Node, StepContext], bool]
Way = Callable[[Node, EvidenceRequest, StepContext], Step | Done]


def way_of(node: Node, context: StepContext) -> Way:
    """What makes the metric's first step."""
    return next(way for applies, way in WAYS if applies(node, context))


def _is_absent(node: Node, context: StepContext) -> bool:
    names = context.layout.schema.names
    return bool(node.domain.get("table")) or any(c not in names for c in node.columns())


def _is_condition(node: Node, context: StepContext) -> bool:
    return node.name.endswith(".condition")


def _needs_whole_column(node: Node, context: StepContext) -> bool:
    """A condition where parts of a column are not what the column is, or keys are not known."""
    if not _is_condition(node, context):
        return False
    layout = context.layout
    if any(layout.nested(name) for name in node.columns()):
        return node.name != NOT_NULL
    own_type = any(layout.kind(name) == "x" for name in node.columns())
    return own_type and node.name in uniqueness.METRICS


def _is_order(node: Node, context: StepContext) -> bool:
    return node.name in order.METRICS and is_stock(node.name)


def _is_unique(node: Node, context: StepContext) -> bool:
    return node.name in uniqueness.METRICS and is_stock(node.name)


def _is_row_local(node: Node, context: StepContext) -> bool:
    if not _is_condition(node, context):
        return False
    if node.name.removesuffix(".condition") in KERNELS and is_stock(node.name):
        return True
    return bool(getattr(provided(node.name)[0], "row_local", False))


def _has_quantiles(node: Node, context: StepContext) -> bool:
    return quantiles.applies(node, kind_of(node, context)) and is_stock(node.name)


def _is_spread(node: Node, context: StepContext) -> bool:
    return node.name == "column.outlier_statistics" and kind_of(node, context) in "iuf"


def _is_distinct_count(node: Node, context: StepContext) -> bool:
    return node.name == uniqueness.COUNT and kind_of(node, context) not in "cx"


def _has_rule(node: Node, context: StepContext) -> bool:
    return aggregates.applies(node, kind_of(node, context)) and is_stock(node.name)


def _is_any(node: Node, context: StepContext) -> bool:
    return True


WAYS: tuple[tuple[Applies, Way], ...] = (
    (_is_absent, steps.absent_step),
    (_needs_whole_column, steps.gathered_step),
    (_is_order, steps.order_step),
    (_is_unique, steps.unique_step),
    (_is_row_local, steps.condition_step),
    (_is_condition, steps.gathered_step),
    (_has_quantiles, steps.quantiles_step),
    (_is_spread, steps.spread_step),
    (_is_distinct_count, steps.distinct_count_step),
    (_has_rule, steps.aggregate_step),
    (_is_any, steps.gathered_step),
)
