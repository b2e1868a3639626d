"""Note in the registry what happened to each version, as tags that MLflow shows.

Why: who looks at a version in MLflow must see its fate, and a change of the champion changes that of
    two versions, whoever made it.
Promise: what the registry's state says is written, and nothing where the tags say so already; a kill in
    between is mended by the next promotion.
Not here: what a fate is (``pipelines/shared/registry/fates.py``).
"""

from pipelines.shared.registry import read_registry, registry_errors
from pipelines.shared.registry.client import open_client
from pipelines.shared.registry.fates import FATE, fates_to_note


def note_fates(uri: str, model: str) -> None:
    """Write the fate of every version whose tag says another one.

    Args:
        uri: MLflow URI of the registry.
        model: Name of the registered model.
    """
    changed = fates_to_note(read_registry(uri, model))
    if not changed:
        return
    with registry_errors(uri):
        client = open_client(uri)
        for number, fate in changed.items():
            client.set_model_version_tag(model, str(number), FATE, fate)


def note_version(uri: str, model: str, number: int, tags: dict[str, str]) -> None:
    """Write tags of one version."""
    with registry_errors(uri):
        client = open_client(uri)
        for name, value in tags.items():
            client.set_model_version_tag(model, str(number), name, value)
