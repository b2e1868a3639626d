"""The champion: listing versions, promoting one, and going back.

Why: promotion by the stage, promotion by hand and rollback must leave the same tags.
Promise: every change is two writes, and a reader between them sees the state before or after; former
    champions and rollbacks are kept in tags.
Not here: creating versions (``registering.py``).
"""

from dataclasses import dataclass
from typing import Any

from pipelines.core.errors import ConfigError, listed
from pipelines.core.store import Store
from pipelines.core.store.branch_names import name_on_branch
from pipelines.shared.registry import (
    CHAMPION,
    HISTORY,
    Registered,
    read_registry,
    registry_errors,
    registry_uri,
)
from pipelines.shared.registry.client import open_client
from pipelines.shared.registry.fates import fate_of
from pipelines.shared.registry.state import ROLLED_BACK
from pipelines.stages.promote.noting import note_fates


@dataclass(frozen=True, slots=True)
class Registry:
    """One pipeline's registered model.

    Attributes:
        uri: MLflow URI.
        model: Name of the registered model.
    """

    uri: str
    model: str

    def read(self) -> Registered:
        """Read the current state of the registry."""
        return read_registry(self.uri, self.model)

    def versions(self) -> list[dict[str, Any]]:
        """List every version as a dict, newest first."""
        held = self.read()
        return [
            {
                "version": version.number,
                "champion": version.number == held.champion,
                "as_of": version.as_of,
                "seed": version.tags.get("seed", ""),
                "verdict": version.tags.get("verdict", ""),
                "fate": fate_of(held, version),
                "rolled_back": held.is_rolled_back(version),
                "digest": version.digest[:16],
                "source": version.source,
            }
            for version in reversed(held.versions)
        ]

    def promote(self, number: int) -> None:
        """Make a version the champion, whatever its verdict.

        Raises:
            ConfigError: There is no such version; the message lists those that exist.
        """
        held = self.read()
        version = held.version(number)
        if version is None:
            known = [v.number for v in reversed(held.versions)]
            raise ConfigError(
                f"{self.model} has no version {number}. Registered versions: {listed(known)}."
            )
        with registry_errors(self.uri):
            client = open_client(self.uri)
            if ROLLED_BACK in version.tags:
                client.delete_model_version_tag(self.model, str(number), ROLLED_BACK)
            if held.champion != number:
                client.set_registered_model_tag(
                    self.model, HISTORY, _listed(*held.champions, number)
                )
                client.set_registered_model_alias(self.model, CHAMPION, str(number))
        note_fates(self.uri, self.model)

    def rollback(self) -> int:
        """Make the previous champion the champion again, and return its number.

        Raises:
            ConfigError: There is no champion, or it replaced none.
        """
        held = self.read()
        if len(held.champions) < 2:  # noqa: PLR2004  the present one and one before
            raise ConfigError(
                f"{self.model} has no earlier champion to go back to (champion: "
                f"{held.champion or 'none'}). Promote a version by its number instead."
            )
        earlier, left = held.champions[-2], held.champions[-1]
        with registry_errors(self.uri):
            client = open_client(self.uri)
            client.set_model_version_tag(self.model, str(left), ROLLED_BACK, "true")
            client.set_registered_model_alias(self.model, CHAMPION, str(earlier))
            client.set_registered_model_tag(self.model, HISTORY, _listed(*held.champions[:-1]))
        note_fates(self.uri, self.model)
        return earlier


def _listed(*numbers: int) -> str:
    return ",".join(str(n) for n in numbers)


def open_registry(store_uri: str, pipeline: str, mlflow_uri: str | None = None) -> Registry:
    """The registry that the ``promote`` stage of that store writes."""
    store = Store(store_uri)
    return Registry(registry_uri(store, mlflow_uri), name_on_branch(pipeline, store.branch))
