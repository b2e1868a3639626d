"""Four small changes to Great Expectations' validator.

Why: its validator turns every exception into a result; it lists rows without a bound; its
    renderers cannot print NumPy's numbers, which metrics return; and quantile expectations
    return a NumPy flag that newer serialisers refuse.
Promise: installed once a process; results of other engines stay as they are.
Source: great-expectations 1.24.1, ``validator/v1_validator.py``.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import TYPE_CHECKING, Any

import numpy as np
from great_expectations.expectations.core import ExpectColumnQuantileValuesToBeBetween
from great_expectations.validator.v1_validator import Validator

from pipelines.gx_dask.engine import DaskExecutionEngine
from pipelines.gx_dask.errors import Interrupted

if TYPE_CHECKING:
    from great_expectations.core import ExpectationValidationResult

NOTE = "unexpected_list_note"


@cache
def install() -> None:
    """Make the changes."""
    Validator._validate_expectation_configs = _guarded(Validator._validate_expectation_configs)
    quantiles = ExpectColumnQuantileValuesToBeBetween
    quantiles._validate = _plain_flag(quantiles._validate)


def _guarded(validate: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(validate)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> "list[ExpectationValidationResult]":
        try:
            results = validate(self, *args, **kwargs)
        except Interrupted as interrupted:
            raise interrupted.error from interrupted.error.__cause__
        if isinstance(self._wrapped_validator.execution_engine, DaskExecutionEngine):
            for result in results:
                result.result = plain(result.result)
                _say_if_bounded(result.result)
        return results

    return wrapper


def plain(value: object) -> object:
    """The same with Python's numbers in place of NumPy's, however deep they are."""
    if isinstance(value, dict):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(plain(each) for each in value)
    return value.item() if isinstance(value, np.number | np.bool_) else value


def _say_if_bounded(result: Any) -> None:
    """Say in a complete result that it lists only the first of the failing rows."""
    listed, count = result.get("unexpected_index_list"), result.get("unexpected_count")
    if listed is None or count is None or not len(listed) or isinstance(listed[0], dict):
        return
    if len(listed) < count:
        result[NOTE] = (
            f"The lists hold the first {len(listed):,} of {count:,} unexpected rows "
            f"(evidence_rows of the data source)."
        )


def _plain_flag(validate: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(validate)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        result = validate(self, *args, **kwargs)
        result["success"] = bool(result["success"])
        return result

    return wrapper
