"""An expectation of our own: a number has no more digits after the point than declared.

Why: sums over such a column are made on whole multiples of its last digit; a value with more
    digits would be rounded there, and nobody would know.
Promise: a value passes if it is a decimal of so many digits but for the noise of float
    arithmetic (0.1 + 0.2), and a float holds its multiple exactly (below 2**53).
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.gx_dask import gx

gx.load()

from great_expectations.execution_engine import PandasExecutionEngine  # noqa: E402
from great_expectations.expectations.expectation import ColumnMapExpectation  # noqa: E402
from great_expectations.expectations.metrics import (  # noqa: E402
    ColumnMapMetricProvider,
    column_condition_partial,
)

LARGEST_EXACT = 2.0**53
# In units of the last digit, and relative to the value: a few roundings, and no real digit.
NOISE, RELATIVE_NOISE = 1e-6, 2.0**-50


def has_decimals(values: NDArray[np.float64], decimals: int) -> NDArray[np.bool_]:
    """Whether each value, shape ``(n,)``, is a decimal of at most so many digits."""
    with np.errstate(over="ignore", invalid="ignore"):
        multiple = np.abs(values * 10.0**decimals)
        off = np.abs(multiple - np.rint(multiple))
        return (multiple < LARGEST_EXACT) & (off <= NOISE + multiple * RELATIVE_NOISE)


class ColumnValuesDecimals(ColumnMapMetricProvider):
    """The metric behind the expectation."""

    condition_metric_name = "column_values.decimals"
    condition_value_keys = ("decimals",)
    # For the Dask engine: a value is validated by itself, so partitions can be.
    row_local = True

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series, decimals: int, **_: object) -> pd.Series:  # noqa: N805
        return pd.Series(has_decimals(column.to_numpy(), decimals), index=column.index)


class ExpectColumnValuesToHaveDecimals(ColumnMapExpectation):
    """Expect numbers with at most so many digits after the point."""

    decimals: int

    map_metric = "column_values.decimals"
    success_keys = ("decimals", "mostly")
