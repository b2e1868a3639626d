"""Register an evaluated model: a run with its metrics, and a version that points to its files.

Why: a kill between two calls to MLflow must not make the next try create a second run or version.
Promise: each step first looks up what it would create, by the model's digest.
Not here: which version is the champion (``champion.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, Run, RunTag

from pipelines.shared.tracking.runs import (
    close_run,
    create_if_missing,
    find_or_make_run,
    reopen,
)
from pipelines.shared.tracking.spool import COMPLETE

FINISHED = "FINISHED"
FILES = "mlflow_model"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatedModel:
    """A model with its settings and metrics.

    Attributes:
        pipeline: Name of the pipeline, of its experiment and of its registered model.
        title: One line for people.
        source: URI of the published MLflow model folder.
        folder: The same folder on this machine.
        time_ms: Unix time of the as-of day, the time of every metric.
        tags: ``as_of``, ``seed``, ``digest``, ``content``, ``verdict``.
        params: Settings that made the model.
        metrics: Metrics of its evaluation.
        losses: Mean loss of each epoch.
        artifacts: Address for files logged to its run; None to let a server choose.
    """

    pipeline: str
    title: str
    source: str
    folder: Path
    time_ms: int
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    losses: tuple[float, ...] = ()
    artifacts: str | None = None


def register(client: Any, model: EvaluatedModel, *, copy_files: bool) -> int:
    """Create the run and the version if they do not exist, and return the version's number.

    Args:
        client: ``MlflowClient``.
        model: What to register.
        copy_files: Log the model's files to the run, for a server that cannot read the store.
    """
    run = _run(client, model)
    _log_run(client, run, model)
    if not _has_model(client, model.pipeline):
        create_if_missing(
            client.create_registered_model, model.pipeline, description=model.title
        )
    found = version_of(client, model.pipeline, model.tags["digest"])
    if found is None:
        source = model.source
        if copy_files:
            client.log_artifacts(run.info.run_id, str(model.folder), FILES)
            source = f"{run.info.artifact_uri}/{FILES}"
        made = client.create_model_version(
            model.pipeline, source, run_id=run.info.run_id, tags=dict(model.tags)
        )
        return int(made.version)
    if copy_files and not has_files(client, model.pipeline, found):
        holder = client.get_model_version(model.pipeline, str(found)).run_id
        client.log_artifacts(holder, str(model.folder), FILES)
    for key, value in model.tags.items():
        client.set_model_version_tag(model.pipeline, str(found), key, value)
    return found


def version_of(client: Any, name: str, digest: str) -> int | None:
    """Number of the version with that model digest, or None."""
    query = f"name='{name}' and tags.digest='{digest}'"
    found = [int(v.version) for v in client.search_model_versions(query)]
    return min(found, default=None)


def has_files(client: Any, name: str, number: int) -> bool:
    """Whether the files that were logged for a version still exist."""
    run = client.get_model_version(name, str(number)).run_id
    return bool(client.list_artifacts(run, FILES))


def _run(client: Any, model: EvaluatedModel) -> Run:
    """The run that the training created, or a new one if it could not."""
    return find_or_make_run(
        client,
        model.pipeline,
        artifacts=model.artifacts,
        name=f"as_of={model.tags['as_of']}/seed={model.tags['seed']}",
        tags=model.tags,
        start_ms=model.time_ms,
    )


def _log_run(client: Any, run: Any, model: EvaluatedModel) -> None:
    """Log parameters and metrics; existing ones are overwritten with the same values."""
    stamp = model.time_ms
    metrics = [Metric(name, float(value), stamp, 0) for name, value in model.metrics.items()]
    metrics += [
        Metric("loss_by_epoch", loss, stamp, epoch)
        for epoch, loss in enumerate(model.losses, 1)
    ]
    params = [Param(name, value) for name, value in model.params.items()]
    tags = [RunTag(name, value) for name, value in model.tags.items()]
    client.log_batch(run.info.run_id, metrics=metrics, params=params, tags=tags)
    if run.info.status != FINISHED:  # MLflow was unavailable when this model's training ended
        reopen(client, run)
        close_run(client, run.info.run_id, COMPLETE, stamp)


def _has_model(client: Any, name: str) -> bool:
    return bool(client.search_registered_models(f"name='{name}'"))
