"""An expectation of our own: an entity's times are within what a static table says of the entity.

Why: a result dated after the end of follow-up breaks no bound of its own column.
Promise: of the static table its key and the limit are in memory. A row passes where the static table does not
    have its entity, or has no limit for it.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.gx_dask import gx
from pipelines.shared.expectations.rules import IN_BOUNDS, CheckedRule
from pipelines.shared.tables.known_days import FIRST_PART
from pipelines.spec.time_bounds import NOT_AFTER

gx.load()

from great_expectations.execution_engine import PandasExecutionEngine  # noqa: E402
from great_expectations.expectations.expectation import ColumnPairMapExpectation  # noqa: E402
from great_expectations.expectations.metrics.map_metric_provider import (  # noqa: E402
    ColumnPairMapMetricProvider,
    column_pair_condition_partial,
)


def with_static_rows(
    rules: Sequence[CheckedRule], folders: dict[str, Path]
) -> list[CheckedRule]:
    """The rules, those about bounds with the folder of their static table.

    Args:
        rules: The rules.
        folders: Of the validated static tables, by name.
    """
    return [
        replace(r, kwargs={**r.kwargs, "folders": [str(folders[r.kwargs["static"]])]})
        if r.expectation == IN_BOUNDS
        else r
        for r in rules
    ]


@lru_cache(maxsize=2)
def _limits(folder: str, key: str, limit: str) -> pa.Table:
    return pq.read_table(Path(folder) / FIRST_PART, columns=[key, limit], use_threads=False)


class ColumnPairTimesInBounds(ColumnPairMapMetricProvider):
    """The metric behind the expectation."""

    condition_metric_name = "column_pair_times.in_bounds"
    condition_domain_keys = (
        "batch_id",
        "table",
        "column_A",
        "column_B",
        "row_condition",
        "condition_parser",
        "ignore_row_if",
    )
    condition_value_keys = ("folders", "limit", "kind")
    # For the Dask engine: a row is validated by itself, so partitions can be.
    row_local = True

    @column_pair_condition_partial(engine=PandasExecutionEngine)
    def _pandas(
        cls,  # noqa: N805
        column_A: pd.Series,  # noqa: N803
        column_B: pd.Series,  # noqa: N803
        folders: Sequence[str] = (),
        limit: str = "",
        kind: str = NOT_AFTER,
        **_: Any,
    ) -> pd.Series:
        if not folders:  # an empty frame, by which rules are tried
            return pd.Series(data=True, index=column_B.index)
        static = _limits(folders[0], str(column_A.name), limit)
        keys = static[str(column_A.name)]
        at = pc.index_in(pa.array(column_A).cast(keys.type), value_set=keys.combine_chunks())
        limits = static[limit].take(at).to_pandas().set_axis(column_B.index)
        beyond = column_B > limits if kind == NOT_AFTER else column_B < limits
        return ~beyond


class ExpectColumnPairTimesToBeInBounds(ColumnPairMapExpectation):
    """Expect times that are not beyond a limit that a static table has for their entity."""

    folders: tuple[str, ...] = ()
    limit: str = ""
    kind: str = NOT_AFTER
    static: str = ""
    ignore_row_if: str = "either_value_is_missing"

    map_metric = "column_pair_times.in_bounds"
    domain_keys = (
        "batch_id",
        "column_A",
        "column_B",
        "row_condition",
        "condition_parser",
        "ignore_row_if",
    )
    success_keys = ("folders", "limit", "kind", "mostly")
