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
from pipelines.shared.registry.fates import WAITING, fate_of
from pipelines.shared.registry.location import registry_uri
from pipelines.shared.registry.reading import read_registry
from pipelines.shared.registry.state import Registered, Version

# <store>/<pipeline>/models/<key>/<version>/mlflow_model
SOURCE = re.compile("/([0-9a-f]{16})/mlflow_model/?$")


def registered_digests(
    store: Store, pipeline: str, mlflow_uri: str | None = None
) -> dict[str, str]:
    """What each registered model of a pipeline and its branches is, by digest or folder.

    Args:
        store: Its registry is read where ``mlflow_uri`` is None.
        pipeline: Its registered model.
        mlflow_uri: The registry.

    Returns:
        By digest, and by the 16 digits of a folder's name: "the champion, version 3 of fraud_detection".

    Raises:
        TransientError: The registry cannot be reached.
    """
    if not store.is_local and not mlflow_uri:
        return {}  # a remote store cannot hold a registry
    uri = registry_uri(store, mlflow_uri)
    branches = (name_on_branch(pipeline, name) for name in branch_names(store, pipeline))
    found = dict[str, str]()
    for name in (pipeline, *branches):
        held = read_registry(uri, name)
        # The champion last, so that a version of the same files is named by what matters most.
        for version in sorted(held.versions, key=lambda each: _rank(held, each)):
            what = f"{_what(held, version)}, {version.title} of {name}"
            found |= dict.fromkeys(_digests(version), what)
    return found


def _rank(held: Registered, version: Version) -> int:
    return 2 if version.number == held.champion else int(version.number in held.champions)


def _what(held: Registered, version: Version) -> str:
    """What a version is to its registry, in words."""
    if version.number == held.champion:
        return "the champion"
    if version.number in held.champions:
        return "a previous champion"
    if held.is_rolled_back(version):
        return "rolled back"
    return "waits for an answer" if fate_of(held, version) == WAITING else "registered"


def _digests(version: Version) -> Iterator[str]:
    if version.digest:
        yield version.digest
    if found := SOURCE.search(version.source):  # the files that its source points at
        yield found[1]
