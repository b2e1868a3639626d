"""Great Expectations' execution engine over partitioned Parquet.

Why: the stock engine holds the whole table in one process.
Promise: results are those of the stock pandas engine on the same rows. Metrics of a suite that
    are ready together share one pass over the partitions. A metric without a rule is answered
    by the stock function on its own columns, gathered in one task, and the log says so.
Not here: how a metric is answered (``metric_steps.py``), passes over the data (``passes.py``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from great_expectations.exceptions import MetricResolutionError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData

from pipelines.gx_dask.conditions import EvidenceRequest
from pipelines.gx_dask.current_runner import runner_for
from pipelines.gx_dask.errors import Interrupted, require_at_least
from pipelines.gx_dask.evidence import child_name, child_value, wanted_rows
from pipelines.gx_dask.metric_steps import StepContext
from pipelines.gx_dask.metric_table import way_of
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.passes import Done, Step, guarded, run_steps
from pipelines.gx_dask.runners import RunnerSettings
from pipelines.gx_dask.stock import Failure, Node, call, is_stock, provided

# Metrics that are made of other metrics alone.
DERIVED = frozenset(
    {
        "column.descriptive_stats",
        "column.non_null_proportion",
        "column.partition",
        "column.unique_proportion",
        "column_values.match_regex.count",
        "column_values.nonnull.count",
        "column_values.not_match_regex.count",
        "column_values.null.count",
        "table.column_count",
        "table.column_types",
        "table.columns",
    }
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the driver and a gather may hold, and where all failing rows are written.

    Attributes:
        evidence_rows: The most failing rows of an expectation that a result lists.
        gather_bytes: The most that the columns of a metric without a rule may take.
        folder: Where each partition's failing rows go; empty for nowhere.
    """

    evidence_rows: int = 200_000
    gather_bytes: int = 512 << 20
    folder: str = ""

    def __post_init__(self) -> None:
        require_at_least(0, evidence_rows=self.evidence_rows, gather_bytes=self.gather_bytes)


class DaskBatchData(PandasBatchData):
    """A table that is not here: its layout, an empty frame of its types, and answers so far.

    Answers are kept on the batch, which is new in every ``get_batch``, and not on the engine,
    which lives as long as its datasource and would answer for yesterday's files.
    """

    def __init__(
        self, engine: Any, layout: Layout, settings: RunnerSettings, bounds: Bounds
    ) -> None:
        super().__init__(engine, layout.empty_frame)
        self.layout, self.settings, self.bounds = layout, settings, bounds
        self.answers: dict[Any, Any] = {}
        self.gathered: set[str] = set()


class DaskExecutionEngine(PandasExecutionEngine):
    """The stock pandas engine, with the data in partitions and the work on Dask."""

    def resolve_metrics(
        self,
        metrics_to_resolve: Iterable[Any],
        metrics: dict[Any, Any] | None = None,
        runtime_configuration: dict[str, Any] | None = None,
    ) -> dict[Any, Any]:
        """Answer one level of a suite's metrics; see the base class.

        Raises:
            MetricResolutionError: A metric could not be evaluated; the others are kept.
            Interrupted: A pass did not come to an end: a worker was lost, memory ran out, a file could
                not be read.
        """
        wanted = sorted(metrics_to_resolve, key=lambda metric: str(metric.id))
        try:
            requests = [self._request(m, metrics or {}, runtime_configuration) for m in wanted]
            self._answer_by_batch(filter(MetricRequest.needs_data, requests))
            outcomes = {each.metric.id: each.outcome(self) for each in requests}
        except Exception as error:  # a defect of the engine is not a result either
            raise Interrupted(error) from error
        _require_answers(wanted, outcomes)
        return outcomes

    def _request(self, metric: Any, known: Mapping[Any, Any], runtime: Any) -> "MetricRequest":
        data = self._data_of(metric)
        need = wanted_rows(
            runtime,
            metric.metric_domain_kwargs,
            data.layout.schema.names,
            data.bounds.evidence_rows,
            data.bounds.folder,
        )
        dependencies = self._get_computed_metric_evaluation_dependencies_by_metric_name(
            metric_to_resolve=metric, metrics=dict(known)
        )
        return MetricRequest(metric, data, need, dependencies)

    def _data_of(self, metric: Any) -> DaskBatchData:
        batch_id = metric.metric_domain_kwargs.get("batch_id")
        if batch_id is None:
            return self.batch_manager.active_batch_data
        return self.batch_manager.batch_data_cache[batch_id]

    def _answer_by_batch(self, requests: Iterable["MetricRequest"]) -> None:
        by_batch: dict[int, list[MetricRequest]] = {}
        for each in requests:
            if each.key not in each.data.answers:
                by_batch.setdefault(id(each.data), []).append(each)
        for group in by_batch.values():
            _answer(group, self)


def _require_answers(wanted: Iterable[Any], outcomes: Mapping[Any, object]) -> None:
    """Raise for the first failure, naming every metric that failed in the same way."""
    failed = {key: each.text for key, each in outcomes.items() if isinstance(each, Failure)}
    if failed:
        text = next(iter(failed.values()))
        same = [metric for metric in wanted if failed.get(metric.id) == text]
        raise MetricResolutionError(message=text, failed_metrics=same)


@dataclass(frozen=True, slots=True, eq=False)
class MetricRequest:
    """One metric of a level.

    Attributes:
        metric: Great Expectations' configuration of it.
        data: The batch it is about.
        need: What its result shows of failing rows.
        known: Values of what it depends on, by name.
    """

    metric: Any
    data: DaskBatchData
    need: EvidenceRequest
    known: Mapping[str, Any]

    def needs_data(self) -> bool:
        """Whether it is more than a function of other metrics."""
        name = self.metric.metric_name
        return not (name in DERIVED or name.endswith(".map") or child_name(name))

    @property
    def key(self) -> tuple[Any, EvidenceRequest]:
        """What its answer is kept under: another result format needs other rows."""
        return self.metric.id, self.need

    def node(self) -> Node:
        """The metric with what it depends on."""
        name = self.metric.metric_name
        return Node(
            name=name,
            domain=dict(self.metric.metric_domain_kwargs),
            value=dict(self.metric.metric_value_kwargs),
            known={n: v for n, v in self.known.items() if not isinstance(v, Node)},
            maps={n: v for n, v in self.known.items() if isinstance(v, Node)},
            provider=None if is_stock(name) else provided(name)[0],
        )

    def outcome(self, engine: DaskExecutionEngine) -> object:
        """The metric's value, or the ``Failure``."""
        if self.metric.metric_name.endswith(".map"):
            return self.node()
        if self.key not in self.data.answers:
            self.data.answers[self.key] = self._from_others(engine)
        return self.data.answers[self.key]

    def _from_others(self, engine: DaskExecutionEngine) -> object:
        try:
            if child_name(self.metric.metric_name):
                return child_value(self.metric, self.known, engine)
            return call(self.node(), engine)
        except Exception as error:  # it is this metric's result
            return Failure(str(error))


def _answer(requests: list[MetricRequest], engine: DaskExecutionEngine) -> None:
    """Answer metrics of one batch side by side, and keep their values on it."""
    data = requests[0].data
    runner = runner_for(data.layout.rows, data.settings)
    context = StepContext(
        layout=data.layout,
        engine=engine,
        workers=runner.workers,
        gather_bytes=data.bounds.gather_bytes,
        gathered=data.gathered,
    )
    firsts = {each.key: _first_step(each, context) for each in requests}
    data.answers |= run_steps(firsts, data.layout, runner)


def _first_step(request: MetricRequest, context: StepContext) -> Step | Done:
    node = request.node()
    return guarded(way_of(node, context), node, request.need, context)
