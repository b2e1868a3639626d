"""Great Expectations' execution engine over partitioned Parquet.

Why: the stock engine holds the whole table in one process.
Promise: results are those of the stock pandas engine on the same rows. Metrics of a suite that
    are ready together share one pass over the partitions. A metric without a rule is answered
    by the stock function on its own columns, gathered in one task, and the log says so.
Not here: what partitions are asked (``wave.py``), rules (``aggregates.py`` and others).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from great_expectations.exceptions import MetricResolutionError
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.pandas_batch_data import PandasBatchData

from pipelines.gx_dask.computing import Interrupted, compute_for, run
from pipelines.gx_dask.conditions import Need
from pipelines.gx_dask.evidence import child_name, child_value, wanted_rows
from pipelines.gx_dask.partitions import Layout
from pipelines.gx_dask.plan import Exchange, Gather, Plan, Setting, plan_of
from pipelines.gx_dask.scan import Ask, Wave, gather_task, tasks_of
from pipelines.gx_dask.stock import Failure, Node, call, is_stock, provided
from pipelines.gx_dask.uniqueness import exchange
from pipelines.shared.compute import ComputeSettings

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


class DaskBatchData(PandasBatchData):
    """A table that is not here: its layout, an empty frame of its types, and answers so far.

    Answers are kept on the batch, which is new in every ``get_batch``, and not on the engine,
    which lives as long as its datasource and would answer for yesterday's files.
    """

    def __init__(
        self, engine: Any, layout: Layout, settings: ComputeSettings, bounds: Bounds
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
            Interrupted: A pass did not come to an end.
        """
        wanted = sorted(metrics_to_resolve, key=lambda metric: str(metric.id))
        try:
            asked = [self._asked(m, metrics or {}, runtime_configuration) for m in wanted]
            self._answer_by_data([each for each in asked if each.needs_data])
            outcomes = {each.metric.id: each.outcome(self) for each in asked}
        except Exception as error:  # a defect of the engine is no result either
            raise Interrupted(error) from error
        failed = {key: value for key, value in outcomes.items() if isinstance(value, Failure)}
        if failed:
            text = next(iter(failed.values())).text
            same = [m for m in wanted if m.id in failed and failed[m.id].text == text]
            raise MetricResolutionError(message=text, failed_metrics=same)
        return outcomes

    def _asked(self, metric: Any, known: Mapping[Any, Any], runtime: Any) -> "Asked":
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
        return Asked(metric, data, need, dependencies)

    def _data_of(self, metric: Any) -> DaskBatchData:
        batch_id = metric.metric_domain_kwargs.get("batch_id")
        if batch_id is None:
            return self.batch_manager.active_batch_data
        return self.batch_manager.batch_data_cache[batch_id]

    def _answer_by_data(self, asked: Iterable["Asked"]) -> None:
        by_batch: dict[int, list[Asked]] = {}
        for each in asked:
            if each.key not in each.data.answers:
                by_batch.setdefault(id(each.data), []).append(each)
        for group in by_batch.values():
            answer(group, self)


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """One metric of a level.

    Attributes:
        metric: Great Expectations' configuration of it.
        data: The batch it is about.
        need: What its result shows of failing rows.
        known: Values of what it depends on, by name.
    """

    metric: Any
    data: DaskBatchData
    need: Need
    known: Mapping[str, Any]

    @property
    def needs_data(self) -> bool:
        """Whether it is more than a function of other metrics."""
        name = self.metric.metric_name
        return not (name in DERIVED or name.endswith(".map") or child_name(name))

    @property
    def key(self) -> Any:
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

    def outcome(self, engine: DaskExecutionEngine) -> Any:
        """The metric's value, or the ``Failure``."""
        if self.metric.metric_name.endswith(".map"):
            return self.node()
        if self.key not in self.data.answers:
            self.data.answers[self.key] = self._from_others(engine)
        return self.data.answers[self.key]

    def _from_others(self, engine: DaskExecutionEngine) -> Any:
        try:
            if child_name(self.metric.metric_name):
                return child_value(self.metric, self.known, engine)
            return call(self.node(), engine)
        except Exception as error:  # it is this metric's result
            return Failure(str(error))


def answer(asked: list[Asked], engine: DaskExecutionEngine) -> None:
    """Run the plans of metrics of one batch side by side, and keep what they return."""
    data = asked[0].data
    compute = compute_for(data.layout.rows, data.settings)
    at = Setting(
        layout=data.layout,
        engine=engine,
        workers=compute.workers,
        gather_bytes=data.bounds.gather_bytes,
        gathered=data.gathered,
    )
    steps = {each.key: _step(plan_of(each.node(), each.need, at), None) for each in asked}
    while steps:
        data.answers |= {key: value for key, (plan, value) in steps.items() if plan is None}
        going = {k: (plan, wish) for k, (plan, wish) in steps.items() if plan is not None}
        answers = _ask(data.layout, {k: wish for k, (_, wish) in going.items()}, compute)
        steps = {key: _next(plan, answers[key]) for key, (plan, _) in going.items()}


def _next(plan: Plan, answers: Any) -> tuple[Plan | None, Any]:
    flat = [*answers[0], answers[1]] if isinstance(answers, tuple) else answers
    failed = next((a for a in flat if isinstance(a, Failure)), None)
    return (None, failed) if failed is not None else _step(plan, answers)


def _step(plan: Plan, answers: Any) -> tuple[Plan | None, Any]:
    """Go on to the plan's next wish, or to its value, which then has no plan beside it."""
    try:
        return plan, plan.send(answers)
    except StopIteration as end:
        return None, end.value
    except Exception as error:  # it is this metric's result
        return None, Failure(str(error))


def _ask(layout: Layout, wishes: Mapping[Any, Any], compute: Any) -> dict[Any, Any]:
    """Put all wishes in one run of tasks; each gets its answers in the order of partitions."""
    if not wishes:
        return {}
    shared = [key for key, wish in wishes.items() if isinstance(wish, Ask)]
    whole = [key for key, wish in wishes.items() if isinstance(wish, Gather)]
    meeting = [key for key, wish in wishes.items() if isinstance(wish, Exchange)]
    tasks = tasks_of(Wave(layout, [wishes[key] for key in shared])) if shared else []
    count = len(tasks)
    if whole:
        tasks.append(gather_task(Wave(layout, [wishes[key].ask for key in whole])))
    graphs = {key: exchange(wishes[key].task) for key in meeting}
    for parts, distinct in graphs.values():
        tasks += [*parts, distinct]
    found = run(compute, tasks)
    answers: dict[Any, Any] = {
        key: [part[place] for part in found[:count]] for place, key in enumerate(shared)
    }
    answers |= {key: [found[count][place]] for place, key in enumerate(whole)}
    rest = found[count + bool(whole) :]
    for key, (parts, _) in graphs.items():
        answers[key], rest = (rest[: len(parts)], rest[len(parts)]), rest[len(parts) + 1 :]
    return answers
