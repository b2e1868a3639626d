"""Branches beside production: which there are, what differs, moving main to one, dropping one.

Why: a changed declaration, rule or setting is tried beside production, then kept or thrown away.
Promise: ``branches`` and ``branch_diff`` only read. A branch begins with the first run that names it.
"""

from os import PathLike
from typing import Any

from pipelines.api.opening import PipelineHandle, opened
from pipelines.api.store import PublishedStore, open_store
from pipelines.core.errors import ConfigError
from pipelines.core.store import Store

AnyStore = str | PathLike[str] | PublishedStore
AnyPipeline = str | PipelineHandle


def branches(pipeline: AnyPipeline, store: AnyStore) -> list[dict[str, Any]]:
    """The branches of a pipeline, in the order of their names.

    Returns:
        Of each ``branch``, how many ``artifacts`` it has of its own, and whether a promotion of it is
        ``unfinished``.
    """
    from pipelines.core.store.branches import branches_of
    from pipelines.drivers.branches.promoting import is_unfinished

    name = opened(pipeline).name
    return [
        {
            "branch": each.branch,
            "artifacts": len(each.branch_refs(name)),
            "unfinished": is_unfinished(each, name),
        }
        for each in branches_of(open_store(store).artifacts, name)
    ]


def branch_diff(pipeline: AnyPipeline, store: AnyStore, branch: str) -> dict[str, Any]:
    """What differs between main and a branch.

    Args:
        pipeline: The pipeline, as it is declared for the branch.
        store: The store.
        branch: Name of the branch.

    Returns:
        ``datasets``: artifacts by dataset and status; ``artifacts``: of each that the branch has of its
        own, what differs; ``quarantined`` rows by rule; ``refused`` partitions; ``features``: columns,
        rows and values by partition; ``models``: metrics with paired intervals; ``unfinished``.

    Raises:
        ConfigError: No such pipeline or branch; names the nearest one.
        ArtifactError: A version that is compared is damaged.
    """
    from pipelines.core.store.branches import require_there
    from pipelines.drivers.branches import differences
    from pipelines.drivers.branches.feature_values import changed_features
    from pipelines.drivers.branches.paired_metrics import compared_models
    from pipelines.drivers.branches.promoting import is_unfinished

    spec, artifacts = opened(pipeline).declaration, _on(store, branch)
    require_there(artifacts, spec.name)
    own = differences.branched_artifacts(artifacts, spec.name)
    features = changed_features(artifacts, own, spec.table.id_column)
    return {
        "pipeline": spec.name,
        "branch": branch,
        "unfinished": is_unfinished(artifacts, spec.name),
        "datasets": differences.counts(artifacts, spec.name, own),
        "artifacts": [each.facts(artifacts) for each in own],
        "quarantined": differences.quarantined(own),
        "refused": differences.refused(own),
        "features": [each.facts() for each in features],
        "models": list(compared_models(artifacts, own, spec)),
    }


def branch_promote(
    pipeline: AnyPipeline, store: AnyStore, branch: str, *, force: bool = False
) -> dict[str, Any]:
    """Make main publish what a branch has of its own.

    The declaration of production must be changed as well, or its next run makes the old artifacts again.

    Args:
        pipeline: The pipeline, or its name.
        store: The store.
        branch: Name of the branch.
        force: Whether to move over what main published since.

    Returns:
        ``moved`` and ``stayed``: names of artifacts; ``settings``: what differs in settings and code.

    Raises:
        ConfigError: No such pipeline or branch.
        PermanentError: Main moved on in a way that the branch did not see.
        ArtifactError: A version of the branch is damaged.
        TransientError: A stage is working on the branch, or on an artifact that would move.
    """
    from pipelines.drivers.branches.promoting import promote_branch

    return promote_branch(_on(store, branch), opened(pipeline).name, force=force).facts()


def branch_drop(
    pipeline: AnyPipeline, store: AnyStore, branch: str, *, mlflow_uri: str | None = None
) -> dict[str, Any]:
    """Remove a branch and its registered model; housekeeping removes what it alone pointed at.

    Returns:
        ``branch``, and how many ``artifacts`` it had of its own.

    Raises:
        ConfigError: No such pipeline or branch.
        TransientError: A stage is working on the branch, or the registry does not answer.
    """
    from pipelines.core.store.branches import drop, require_idle, require_there
    from pipelines.drivers.branches.registered import remove_registered

    name, artifacts = opened(pipeline).name, _on(store, branch)
    require_there(artifacts, name)
    require_idle(artifacts, name)
    remove_registered(artifacts, name, mlflow_uri)
    return {"branch": branch, "artifacts": drop(artifacts, name)}


def _on(store: AnyStore, branch: str) -> Store:
    artifacts = open_store(store, branch).artifacts
    if not artifacts.branch:
        raise ConfigError(
            "main is what branches are compared with. Name a branch (branch list)."
        )
    return artifacts
