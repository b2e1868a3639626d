"""The registered model of a branch, which goes with the branch."""

from pipelines.core.store import Store
from pipelines.core.store.branch_names import name_on_branch
from pipelines.shared.registry import read_registry, registry_errors, registry_uri


def remove_registered(store: Store, pipeline: str, mlflow_uri: str | None) -> None:
    """Remove the registered model of the store's branch, if it has one.

    Raises:
        TransientError: The registry is locked, or its server does not answer.
    """
    if not (store.is_local or mlflow_uri):
        return  # a remote store holds no registry
    uri, name = registry_uri(store, mlflow_uri), name_on_branch(pipeline, store.branch)
    if not read_registry(uri, name).versions:
        return
    from pipelines.shared.registry.client import open_client

    with registry_errors(uri):
        open_client(uri).delete_registered_model(name)
