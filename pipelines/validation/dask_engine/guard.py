"""What Great Expectations' validator is taught beyond its own: three small things.

Why: its validator turns every exception into a result; it lists rows without a bound; and
    quantile expectations return a NumPy flag that newer serialisers refuse.
Promise: installed once a process; results of other engines stay as they are.
Source: great-expectations 1.24.1, ``validator/v1_validator.py``.
"""

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

from great_expectations.expectations.core import ExpectColumnQuantileValuesToBeBetween
from great_expectations.validator.v1_validator import Validator

from pipelines.validation.dask_engine.computing import Interrupted

NOTE = "unexpected_list_note"


@cache
def install() -> None:
    """Teach it."""
    Validator._validate_expectation_configs = _guarded(Validator._validate_expectation_configs)
    quantiles = ExpectColumnQuantileValuesToBeBetween
    quantiles._validate = _plain_flag(quantiles._validate)


def _guarded(validate: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(validate)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            results = validate(self, *args, **kwargs)
        except Interrupted as interrupted:
            raise interrupted.error from interrupted.error.__cause__
        for result in results:
            _say_if_bounded(result.result)
        return results

    return wrapper


def _say_if_bounded(result: Any) -> None:
    """Say in a complete result that it lists only the first of the failing rows."""
    listed, count = result.get("unexpected_index_list"), result.get("unexpected_count")
    if listed is None or count is None or not len(listed) or isinstance(listed[0], dict):
        return
    if len(listed) < count:
        result[NOTE] = (
            f"The lists hold the first {len(listed):,} of {count:,} unexpected rows "
            f"(evidence_rows of the data source). Quarantine has them all."
        )


def _plain_flag(validate: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(validate)
    def wrapper(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = validate(self, *args, **kwargs)
        result["success"] = bool(result["success"])
        return result

    return wrapper
