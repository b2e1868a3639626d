"""Calling Great Expectations' own metric functions on a frame that is not the whole table.

Why: what a metric means stays Great Expectations' own; this engine decides only which rows
    and which columns it is asked about.
Promise: nothing is looked up that the caller did not hand in: a metric that needs the mean of
    the whole table can never compute it again from one partition.
Not here: which frame (``conditions.py``, ``aggregates.py``, ``evidence.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.registry import get_metric_provider

# Names of the keys that say which rows a metric is about.
FILTERS = ("row_condition", "condition_parser", "ignore_row_if")
# For the registry, which only asks for its class.
ANY_ENGINE = PandasExecutionEngine()


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One metric to be evaluated, with everything it depends on.

    Attributes:
        name: The metric's name.
        domain: Which batch, columns and rows it is about.
        value: Its arguments.
        known: Values of the metrics it depends on, by their names.
        maps: Metrics it depends on that are row-local themselves, and are evaluated beside it.
        provider: The class that provides a metric of somebody's own: a worker that unpickles
            it imports its module, and so knows the metric.
    """

    name: str
    domain: Mapping[str, Any]
    value: Mapping[str, Any]
    known: Mapping[str, Any] = field(default_factory=dict)
    maps: Mapping[str, "Node"] = field(default_factory=dict)
    provider: Any = None

    def columns(self) -> list[str]:
        """Columns it is about."""
        return domain_columns(self.domain)


@dataclass(frozen=True, slots=True)
class Failure:
    """A metric that could not be evaluated, by the message of what was raised."""

    text: str


def domain_columns(domain: Mapping[str, Any]) -> list[str]:
    """Columns that a metric is about, without those of its row condition."""
    singles = [domain[key] for key in ("column", "column_A", "column_B") if domain.get(key)]
    return list(dict.fromkeys([*singles, *(domain.get("column_list") or ())]))


def small_engine(frame: pd.DataFrame, batch_id: str) -> PandasExecutionEngine:
    """A stock engine that knows these rows as the batch."""
    return PandasExecutionEngine(batch_data_dict={batch_id: frame})


def unfiltered(domain: Mapping[str, Any]) -> dict[str, Any]:
    """The domain without what chooses rows, for a frame whose rows are chosen already."""
    return {key: value for key, value in domain.items() if key not in FILTERS}


def call(node: Node, engine: PandasExecutionEngine) -> Any:
    """The metric's value on the engine's rows.

    Raises:
        Exception: Whatever the metric raises.
    """
    metrics = {name: call(each, engine) for name, each in node.maps.items()}
    provider, function = get_metric_provider(node.name, engine)
    return function(
        cls=provider,
        execution_engine=engine,
        metric_domain_kwargs=dict(node.domain),
        metric_value_kwargs=dict(node.value),
        metrics={**node.known, **metrics},
        runtime_configuration={},
    )


def provided(name: str) -> tuple[Any, Any]:
    """The class that provides a metric for pandas, and its function."""
    return get_metric_provider(name, ANY_ENGINE)


def is_stock(name: str) -> bool:
    """Whether nobody registered another metric under a stock name."""
    return bool(provided(name)[0].__module__.startswith("great_expectations."))
