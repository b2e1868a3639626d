"""The versions in a store that its registry refers to.

Why: a registered model may be, have been or become the champion, so its files must not be removed
    with old versions, whatever was published at its as-of day since.
Promise: a registry that cannot be read is an error, never an empty result.
"""

import re
from collections.abc import Iterator

from pipelines.core.store import Store
from pipelines.core.store.branch_names import name_on_branch
from pipelines.core.store.branches import branch_names
from pipelines.shared.registry.location import registry_uri
from pipelines.shared.registry.reading import read_registry

# <store>/<pipeline>/models/<key>/<version>/mlflow_model
SOURCE = re.compile("/([0-9a-f]{16})/mlflow_model/?$")


def registered_digests(store: Store, pipeline: str, mlflow_uri: str | None = None) -> set[str]:
    """Digests, or the 16 digits of a folder's name, of every registered model of a pipeline and its branches.

    Args:
        store: Its registry is read where ``mlflow_uri`` is None.
        pipeline: Its registered model.
        mlflow_uri: The registry.

    Raises:
        TransientError: The registry cannot be reached.
    """
    if not store.is_local and not mlflow_uri:
        return set()  # a remote store cannot hold a registry
    uri = registry_uri(store, mlflow_uri)
    branches = (name_on_branch(pipeline, name) for name in branch_names(store, pipeline))
    return {digest for name in (pipeline, *branches) for digest in _digests(uri, name)}


def _digests(uri: str, pipeline: str) -> Iterator[str]:
    for version in read_registry(uri, pipeline).versions:
        if version.digest:
            yield version.digest
        if found := SOURCE.search(version.source):  # the files that its source points at
            yield found[1]
