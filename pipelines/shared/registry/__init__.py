"""Read the model registry: its versions, and which one is the champion.

Why: a challenger is compared with the champion, a champion is promoted and rolled back, and the
    command line lists both; they must agree on what a champion is.
Promise: reading imports neither MLflow nor anything else heavy where the registry is SQLite.
Not here: writing to it (``pipelines/stages/promote/``).
"""

from pipelines.shared.registry.champions import champion_before, champion_on, opponent_of
from pipelines.shared.registry.changes import Change
from pipelines.shared.registry.errors import registry_errors
from pipelines.shared.registry.location import registry_uri
from pipelines.shared.registry.reading import has_run, read_registry
from pipelines.shared.registry.state import CHAMPION, Registered, Version

__all__ = [
    "CHAMPION",
    "Change",
    "Registered",
    "Version",
    "champion_before",
    "champion_on",
    "has_run",
    "opponent_of",
    "read_registry",
    "registry_errors",
    "registry_uri",
]
