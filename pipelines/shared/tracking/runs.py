"""The MLflow run of a training: found by its digest or created, opened for each try, then terminated.

Why: a retry, a resend and the promotion of the model must all find the same run.
Promise: an existing run is reused; repeated writes have the same values; a run has the status RUNNING
    while its training runs, and then a tag that says how it ended.
"""

from collections.abc import Mapping
from typing import Any

from mlflow.entities import Dataset, DatasetInput, Param, Run, RunTag
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_ALREADY_EXISTS, ErrorCode

from pipelines.shared.tracking.spool import COMPLETE, FAILED, KILLED, PRUNED, STOPPED

ALREADY_EXISTS = ErrorCode.Name(RESOURCE_ALREADY_EXISTS)
RUNNING = "RUNNING"
STATUS = {
    COMPLETE: "FINISHED",
    FAILED: "FAILED",
    PRUNED: "KILLED",
    STOPPED: "KILLED",
    KILLED: "KILLED",
}
"""MLflow's status for each way a training ends."""
ENDED, ERROR = "ended", "error"


def find_or_make_run(
    client: Any,
    experiment: str,
    *,
    artifacts: str | None,
    name: str,
    tags: Mapping[str, str],
    start_ms: int,
) -> Run:
    """The oldest run with the digest of ``tags``, created if there is none.

    Args:
        client: ``MlflowClient``.
        experiment: Name of the experiment, created if it does not exist.
        artifacts: Location of the artifacts of its runs; None where a server decides.
        name: The run's name.
        tags: Its tags, ``digest`` among them.
        start_ms: Unix time of its start.
    """
    found = client.get_experiment_by_name(experiment)
    if found is None:
        create_if_missing(client.create_experiment, experiment, artifacts)
        found = client.get_experiment_by_name(experiment)
    query = f"tags.digest = '{tags['digest']}'"
    runs = client.search_runs([found.experiment_id], query, order_by=["start_time ASC"])
    if runs:
        return runs[0]
    return client.create_run(
        found.experiment_id, start_time=start_ms, tags=dict(tags), run_name=name
    )


def create_if_missing(create: Any, *args: object, **more: object) -> None:
    """Create an entity that another process may be creating at the same time."""
    try:
        create(*args, **more)
    except MlflowException as error:
        # Another process created it after our search.
        if error.error_code != ALREADY_EXISTS:
            raise


def open_run(client: Any, about: Mapping[str, Any]) -> str:
    """Open the run that a spool's ``start`` line describes, log its settings and datasets; return its id."""
    run = find_or_make_run(
        client,
        about["experiment"],
        artifacts=about["artifacts"],
        name=about["name"],
        tags=about["tags"],
        start_ms=about["time_ms"],
    )
    run_id = str(run.info.run_id)
    client.log_batch(
        run_id,
        params=[Param(name, value) for name, value in about["params"].items()],
        tags=[RunTag(name, value) for name, value in about["tags"].items()],
    )
    reopen(client, run)
    if not run.inputs.dataset_inputs:
        datasets = [
            # MLflow's own digests have at most 36 characters.
            DatasetInput(Dataset(name, digest[:36], "local", about["source"]))
            for name, digest in about["datasets"].items()
        ]
        client.log_inputs(run_id, datasets)
    return run_id


def close_run(client: Any, run: Any, how: str, end_ms: int, error: str = "") -> None:
    """Record how a training ended.

    Args:
        client: ``MlflowClient``.
        run: Id of its run.
        how: One of ``STATUS``, also the value of the tag ``ended``.
        end_ms: Unix time of the end.
        error: Its error, for the tag ``error``.
    """
    tags = [RunTag(ENDED, how), *([RunTag(ERROR, error)] if error else [])]
    client.log_batch(run, tags=tags)
    client.set_terminated(run, STATUS[how], end_time=end_ms)


def reopen(client: Any, run: Any) -> None:
    """Remove the end that an earlier try recorded: this try continues the run."""
    for tag in {ENDED, ERROR} & set(run.data.tags):
        client.delete_tag(run.info.run_id, tag)
    if run.info.status != RUNNING:
        client.update_run(run.info.run_id, status=RUNNING)
