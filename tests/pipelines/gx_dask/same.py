"""Running one suite on both engines, and comparing whole results."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from great_expectations import ExpectationSuite
from great_expectations.expectations.registry import get_expectation_impl

from pipelines.gx_dask import validator_patches
from pipelines.gx_dask.validation import new_context

RELATIVE = 1e-12


def suite_of(entries: Sequence[tuple[str, dict]], **more: Any) -> ExpectationSuite:
    """A stock suite of expectations by their names."""
    made = [
        get_expectation_impl(name)(**kwargs, meta={"index": index}, **more)
        for index, (name, kwargs) in enumerate(entries)
    ]
    return ExpectationSuite(name="suite", expectations=made)


class Stock:
    """The stock pandas engine on one frame."""

    def __init__(self, frame: pd.DataFrame) -> None:
        asset = new_context().data_sources.add_pandas("stock").add_dataframe_asset("frame")
        self._batch = asset.add_batch_definition_whole_dataframe("whole").get_batch(
            {"dataframe": frame}
        )

    def validate(self, suite: ExpectationSuite, result_format: Any) -> Any:
        return self._batch.validate(suite, result_format=result_format)


class Ours:
    """The Dask engine on the files, under one batch definition for all formats."""

    def __init__(self, paths: Sequence[str], partition_rows: int = 20, **options: Any) -> None:
        source = new_context().data_sources.add_dask("lake")
        asset = source.add_parquet("frame", paths, partition_rows=partition_rows, **options)
        self._batch = asset.add_batch_definition("whole").get_batch()
        self._engine = source.get_execution_engine()

    def validate(self, suite: ExpectationSuite, result_format: Any) -> Any:
        return self._batch.validate(suite, result_format=result_format)

    @property
    def gathered(self) -> set[str]:
        return self._engine.batch_manager.batch_data_cache[self._batch.id].gathered


def differences(ours: Any, stock: Any, relative: float = RELATIVE) -> list[str]:
    """One line for each expectation whose results differ."""
    found = []
    if ours.statistics != stock.statistics:
        found.append(f"statistics: {ours.statistics} != {stock.statistics}")
    for left, right in zip(_in_order(ours), _in_order(stock), strict=True):
        mine, theirs = _comparable(left), _comparable(right)
        if not _equal(mine, theirs, relative):
            kwargs = right.expectation_config.kwargs
            name = right.expectation_config.type
            found.append(f"{name} {kwargs}\n  ours  {mine}\n  stock {theirs}")
    return found


def _in_order(run: Any) -> list[Any]:
    """As the suite has them: a validator moves those that failed early to the front."""
    return sorted(run.results, key=lambda r: r.expectation_config.meta["index"])


def _comparable(result: Any) -> dict[str, Any]:
    result.result = validator_patches.plain(
        result.result
    )  # NumPy's numbers have the value of Python's
    plain = result.to_json_dict()
    config = {k: v for k, v in plain["expectation_config"].items() if k != "id"}
    config["kwargs"] = {k: v for k, v in config["kwargs"].items() if k != "batch_id"}
    return {
        "success": plain["success"],
        "result": plain["result"],
        "config": json.loads(json.dumps(config, default=str)),
        "messages": sorted(_messages(plain["exception_info"])),
    }


def _messages(info: dict[str, Any]) -> list[str]:
    each = [info] if "raised_exception" in info else list(info.values())
    texts = [str(e["exception_message"]) for e in each if e["raised_exception"]]
    return [text.replace("DaskExecutionEngine", "PandasExecutionEngine") for text in texts]


def _equal(left: Any, right: Any, relative: float) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        both_nan = math.isnan(left) and math.isnan(right)
        return both_nan or left == right or math.isclose(left, right, rel_tol=relative)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(
            _equal(left[k], right[k], relative) for k in left
        )
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(
            _equal(a, b, relative) for a, b in zip(left, right, strict=True)
        )
    return type(left) is type(right) and left == right
