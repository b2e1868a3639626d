"""The public Python API; below ``airflow/`` what Airflow loads: DAGs, operators, pages.

``import millrace`` gives the API; docs/api.md describes it by an executed example.

Why: users of the library and of the command line need one name, and Airflow's adapters
    (``millrace.airflow``) must not pay for it.
Promise: a name is loaded when it is first used; none of them imports numpy, pandas, pyarrow, Dask or
    TensorFlow until it does its work.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from millrace import errors
    from pipelines.api import (
        DatasetVersion,
        PipelineHandle,
        PublishedDataset,
        PublishedModel,
        PublishedStore,
        backtest,
        branch_diff,
        branch_drop,
        branch_promote,
        branches,
        champion_changes,
        forget,
        housekeeping,
        models,
        open_store,
        pipeline,
        pipelines,
        promote,
        quarantine,
        replay,
        rollback,
        run,
        run_partitions,
        run_stage,
        score,
        settled,
        tune,
        verify,
        why,
    )

__all__ = [
    "DatasetVersion",
    "PipelineHandle",
    "PublishedDataset",
    "PublishedModel",
    "PublishedStore",
    "backtest",
    "branch_diff",
    "branch_drop",
    "branch_promote",
    "branches",
    "champion_changes",
    "errors",
    "forget",
    "housekeeping",
    "models",
    "open_store",
    "pipeline",
    "pipelines",
    "promote",
    "quarantine",
    "replay",
    "rollback",
    "run",
    "run_partitions",
    "run_stage",
    "score",
    "settled",
    "tune",
    "verify",
    "why",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "millrace.errors" if name == "errors" else "pipelines.api"
    found = importlib.import_module(home)
    return found if name == "errors" else getattr(found, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
