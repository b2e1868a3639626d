"""A pipeline's registered model and its versions, as plain values.

Why: SQLite and an MLflow server are read differently and must give the same.
Promise: immutable; a version's tags are those that the ``promote`` stage wrote.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

CHAMPION = "champion"
"""Alias of the version in use."""

HISTORY = "champions"
"""Tag of the registered model: versions that were champion, oldest first, comma-separated."""


ROLLED_BACK = "rolled_back"
"""Tag of a version that was rolled back."""


@dataclass(frozen=True, slots=True)
class Version:
    """One registered model version.

    Attributes:
        number: Its number in the registry.
        source: URI of its MLflow model folder.
        tags: ``as_of``, ``seed``, ``digest`` and ``content`` of the model, ``verdict``, ``fate``.
    """

    number: int
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def as_of(self) -> str:
        """As-of day of the model; empty where another program registered it."""
        return self.tags.get("as_of", "")

    @property
    def digest(self) -> str:
        """Digest of the model's artifact."""
        return self.tags.get("digest", "")

    @property
    def title(self) -> str:
        """Its name for people."""
        return f"version {self.number}"

    @property
    def name(self) -> str:
        """Its name in a challenger's evaluation: its digest, or its number where it has none."""
        return self.digest or self.title


@dataclass(frozen=True, slots=True)
class Registered:
    """One pipeline's registered model.

    Attributes:
        versions: Every version, oldest first.
        champion: Number of the champion, or None.
        champions: Numbers of all champions in order; the last is the current one.
    """

    versions: tuple[Version, ...] = ()
    champion: int | None = None
    champions: tuple[int, ...] = ()

    def version(self, number: int | None) -> Version | None:
        """The version with that number, or None."""
        return next((v for v in self.versions if v.number == number), None)

    def current(self) -> Version | None:
        """The current champion, or None."""
        return self.version(self.champion)

    def is_rolled_back(self, version: Version) -> bool:
        """Whether that version was rolled back, and nobody promoted it since."""
        return ROLLED_BACK in version.tags


def champions_from(tag: str | None, champion: int | None) -> tuple[int, ...]:
    """The champions in order, from the tag, up to the one that has the alias.

    A promotion writes the tag before the alias and a rollback after it, so when one is killed
    between the two, the tag has entries after the alias.
    """
    if champion is None:
        return ()
    numbers = [int(n) for n in (tag or "").split(",") if n.strip().isdecimal()]
    while numbers and numbers[-1] != champion:
        numbers.pop()
    return tuple(numbers) or (champion,)
