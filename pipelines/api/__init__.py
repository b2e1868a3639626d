"""The public Python API: the same work and the same words as the command line.

Why: notebooks, services and scripts need what the commands do, with values instead of text.
Promise: the names below are stable; importing them imports no numpy, pandas, pyarrow, Dask or
    TensorFlow. Every error is one of ``pipelines.core.errors``.
Not here: the name ``millrace`` under which users import this (``plugins/millrace/``).

An argument is called as the option of the command line is: ``--as-of`` is ``as_of``, ``--from`` is
``from_``, ``--set`` are the settings that a pipeline is opened with.
"""

from pipelines.api.artifacts import housekeeping, quarantine, verify, why
from pipelines.api.backtesting import backtest
from pipelines.api.branches import branch_diff, branch_drop, branch_promote, branches
from pipelines.api.chain import replay, run
from pipelines.api.dataset import PublishedDataset
from pipelines.api.forgetting import forget
from pipelines.api.listing import DatasetVersion
from pipelines.api.model import PublishedModel
from pipelines.api.opening import PipelineHandle, pipeline, pipelines
from pipelines.api.registry import champion_changes, models, promote, rollback
from pipelines.api.scoring import score
from pipelines.api.settled import settled
from pipelines.api.stages import run_partitions, run_stage
from pipelines.api.store import PublishedStore, open_store
from pipelines.api.tuning import tune

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
