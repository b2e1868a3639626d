"""Registering a judged model: a run with its numbers, and a version that points at its files.

Why: a kill between two calls to MLflow must not leave a second run or version behind the next try.
Promise: each step first looks for what it would make, by the model's digest.
Not here: which version is the champion (``registry.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, Param, RunTag

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
class Judged:
    """A model and what was found out about it.

    Attributes:
        pipeline: Name of the pipeline, of its experiment and of its registered model.
        title: One line for people.
        source: URI of the published MLflow model folder.
        folder: The same folder on this machine.
        time_ms: Unix time of the as-of day, the time of every metric.
        tags: ``as_of``, ``seed``, ``digest``, ``content``, ``verdict``.
        params: Settings that made the model.
        metrics: What judging it gave.
        losses: Mean loss of each epoch.
        artifacts: Where files logged to a run would lie; None where a server decides.
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


def register(client: Any, judged: Judged, *, copy_files: bool) -> int:
    """Make the run and the version if they are not there, and return the version's number.

    Args:
        client: ``MlflowClient``.
        judged: What to register.
        copy_files: Log the model's files to the run, for a server that cannot read the store.
    """
    run = _run(client, judged)
    _tell_run(client, run, judged)
    if not _has_model(client, judged.pipeline):
        create_if_missing(
            client.create_registered_model, judged.pipeline, description=judged.title
        )
    found = version_of(client, judged.pipeline, judged.tags["digest"])
    if found is None:
        source = judged.source
        if copy_files:
            client.log_artifacts(run.info.run_id, str(judged.folder), FILES)
            source = f"{run.info.artifact_uri}/{FILES}"
        made = client.create_model_version(
            judged.pipeline, source, run_id=run.info.run_id, tags=dict(judged.tags)
        )
        return int(made.version)
    if copy_files and not has_files(client, judged.pipeline, found):
        holder = client.get_model_version(judged.pipeline, str(found)).run_id
        client.log_artifacts(holder, str(judged.folder), FILES)
    for key, value in judged.tags.items():
        client.set_model_version_tag(judged.pipeline, str(found), key, value)
    return found


def version_of(client: Any, model: str, digest: str) -> int | None:
    """Number of the version made from the model of that digest, or None."""
    query = f"name='{model}' and tags.digest='{digest}'"
    found = [int(v.version) for v in client.search_model_versions(query)]
    return min(found, default=None)


def has_files(client: Any, model: str, number: int) -> bool:
    """Whether the files that were logged for a version are still there."""
    run = client.get_model_version(model, str(number)).run_id
    return bool(client.list_artifacts(run, FILES))


def _run(client: Any, judged: Judged) -> Any:
    """The run that the training told of itself, or a new one where it could not."""
    return find_or_make_run(
        client,
        judged.pipeline,
        artifacts=judged.artifacts,
        name=f"as_of={judged.tags['as_of']}/seed={judged.tags['seed']}",
        tags=judged.tags,
        start_ms=judged.time_ms,
    )


def _tell_run(client: Any, run: Any, judged: Judged) -> None:
    """Parameters and metrics; those already there are written over with the same values."""
    stamp = judged.time_ms
    metrics = [Metric(name, float(value), stamp, 0) for name, value in judged.metrics.items()]
    metrics += [
        Metric("loss_by_epoch", loss, stamp, epoch)
        for epoch, loss in enumerate(judged.losses, 1)
    ]
    params = [Param(name, value) for name, value in judged.params.items()]
    tags = [RunTag(name, value) for name, value in judged.tags.items()]
    client.log_batch(run.info.run_id, metrics=metrics, params=params, tags=tags)
    if run.info.status != FINISHED:  # MLflow was away when this model's training ended
        reopen(client, run)
        close_run(client, run.info.run_id, COMPLETE, stamp)


def _has_model(client: Any, name: str) -> bool:
    return bool(client.search_registered_models(f"name='{name}'"))
