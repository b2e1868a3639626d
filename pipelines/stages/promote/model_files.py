"""Check that a registered model can be used, before it is made the champion by hand.

Why: a champion without files cannot be loaded, and no later model can be compared with it; one that
    predicts something else since a library changed would be silently wrong.
Promise: files in the store are read and compared with their manifest, and their golden rows predicted
    again; of copies on a server only the existence is checked.
"""

from pathlib import Path

from pipelines.core.causes import sorted_by_cause
from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.store import Manifest, Ref, Store
from pipelines.protocol import stage_of
from pipelines.shared.registry import Version
from pipelines.stages.promote.golden_rows import check_golden

FILE, MODEL_FILE = "file://", "MLmodel"
MODELS, GOLDEN = "models", "golden.json"


def require_usable(store: Store, uri: str, pipeline: str, version: Version) -> None:
    """Check that a version's files are there, and that it still predicts what it did when trained.

    Args:
        store: Where the pipeline's models are published.
        uri: MLflow URI of the registry, which may have copies.
        pipeline: Name of the pipeline.
        version: The version that is to become the champion.

    Raises:
        ArtifactError: Its files are missing or damaged, or its predictions of the golden rows differ.
        PipelineError: The address of its files cannot be read from here.
    """
    require_files(store, uri, pipeline, version)
    made = _published(store, pipeline, version)
    if made is None or not (folder := store.open(made)).joinpath(GOLDEN).exists():
        return
    try:
        check_golden(folder)
    except ArtifactError as error:
        raise _refusal(pipeline, version, str(error)) from error


def require_files(store: Store, uri: str, pipeline: str, version: Version) -> None:
    """Check that a version's files are there.

    Args:
        store: Where the pipeline's models are published.
        uri: MLflow URI of the registry, which may have copies.
        pipeline: Name of the pipeline.
        version: The version that is to become the champion.

    Raises:
        ArtifactError: Its files are missing or damaged; the message says how to restore them.
        PipelineError: The address of its files cannot be read from here.
    """
    why = _problem(store, uri, pipeline, version)
    if why:
        raise _refusal(pipeline, version, why)


def _refusal(pipeline: str, version: Version, why: str) -> ArtifactError:
    return ArtifactError(
        f"version {version.number} of {pipeline} cannot become the champion: {why} Nothing was changed. Or "
        f"promote another version: python -m pipelines models {pipeline} lists them."
    )


def _problem(store: Store, uri: str, pipeline: str, version: Version) -> str:
    made = _published(store, pipeline, version)
    if made is not None:
        try:
            store.open(made)
        except ArtifactError as error:
            return str(error)
        return ""
    if not (version.digest and store.holds(version.source)) and _is_at(uri, version.source):
        return ""
    return (
        f"its files are no longer at {version.source}. Run {stage_of(MODELS).name} as of {version.as_of or 'its day'} "
        f"with the settings, inputs and code that made it, or restore its folder from a backup."
    )


def _published(store: Store, pipeline: str, version: Version) -> Manifest | None:
    if not (version.digest and version.as_of):
        return None
    key = f"as_of={version.as_of}/seed={version.tags.get('seed', '')}"
    return store.find_version(Ref(pipeline, MODELS, key), version.digest)


def _is_at(uri: str, source: str) -> bool:
    """Whether a model is at the source of a version, on this machine or on a server."""
    import mlflow

    if source.startswith(FILE) or "://" not in source:
        return (Path(source.removeprefix(FILE)) / MODEL_FILE).is_file()
    try:
        return bool(mlflow.artifacts.list_artifacts(artifact_uri=source, tracking_uri=uri))
    except Exception as error:  # each kind of address has a client with errors of its own
        work = f"The files of the model at {source}"
        raise sorted_by_cause(error, work) or ConfigError(
            f"{work} cannot be read from here ({type(error).__name__}: {error}). Check the "
            f"address, install the client that reads it, or promote another version."
        ) from error
