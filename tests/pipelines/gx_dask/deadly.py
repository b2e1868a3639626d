"""An expectation whose metric kills the process that evaluates it, as often as a file says."""

import os
import signal
from pathlib import Path

import pandas as pd
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import (
    ColumnMapMetricProvider,
    column_condition_partial,
)


class DeadlyValues(ColumnMapMetricProvider):
    """Row-local by its own word, so that it runs on the workers."""

    condition_metric_name = "column_values.deadly"
    condition_value_keys = ("flag",)
    row_local = True

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, flag: str, **_: object) -> pd.Series:  # noqa: N805
        if kills := int(Path(flag).read_text()):
            Path(flag).write_text(str(kills - 1))
            os.kill(os.getpid(), signal.SIGKILL)
        return column >= 0


class ExpectColumnValuesToBeDeadly(ColumnMapExpectation):
    """Holds for numbers from 0 on, if the worker lives."""

    flag: str
    map_metric = "column_values.deadly"
    success_keys = ("flag", "mostly")
