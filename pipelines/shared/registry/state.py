"""A pipeline's registered model and its versions, as plain values.

Why: SQLite and an MLflow server are read differently and must give the same.
Promise: immutable; a version's tags are those that the ``promote`` stage wrote.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.shared.registry.changes import KEY, ROLLED_BACK, Change, trail_of

CHAMPION = "champion"
"""Alias of the version in use."""

WAS_ROLLED_BACK = "rolled_back"
"""Tag with which earlier versions of Millrace marked a version that was rolled back."""


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
        champions: Numbers of all champions in order, without those that were rolled back; the last
            is the current one.
        changes: The changes of the champion, oldest first.
        taken: Highest number of a tag that records a change, whether or not it happened.
    """

    versions: tuple[Version, ...] = ()
    champion: int | None = None
    champions: tuple[int, ...] = ()
    changes: tuple[Change, ...] = ()
    taken: int = 0

    def version(self, number: int | None) -> Version | None:
        """The version with that number, or None."""
        return next((v for v in self.versions if v.number == number), None)

    def current(self) -> Version | None:
        """The current champion, or None."""
        return self.version(self.champion)

    @property
    def in_force_from(self) -> str:
        """Day from which the champion is in force; empty where there is none."""
        return self.changes[-1].from_day if self.changes else ""

    def is_rolled_back(self, version: Version) -> bool:
        """Whether that version was rolled back, and nobody promoted it since."""
        for change in reversed([each for each in self.changes if each.number]):
            if change.version == version.number:
                return False
            if change.how == ROLLED_BACK and change.was == version.number:
                return True
        return WAS_ROLLED_BACK in version.tags


def registered_from(
    versions: Iterable[Version], champion: int | None, tags: Mapping[str, str]
) -> Registered:
    """The registered model of these versions, alias and tags."""
    every = tuple(versions)
    trail = trail_of(tags, champion, {each.number: each.as_of for each in every})
    taken = (int(found[1]) for key in tags if (found := KEY.fullmatch(key)))
    champions, changes = tuple(trail.champions), tuple(trail.changes)
    return Registered(every, champion, champions, changes, max(taken, default=0))
