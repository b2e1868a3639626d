"""The changes of a registered model's champion, as its tags record them.

Why: who made which version the champion, when, why and from which day on must be answerable after
    any number of rollbacks, and days must be scored with the champion of then.
Promise: a change is a tag of its own that is never overwritten, written before the alias moves. The
    alias decides: a change whose writer was killed in between did not happen.
Not here: writing them (``pipelines/stages/promote/champion.py``).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import Any

HISTORY = "champions"
"""Tag in which earlier versions of Millrace kept the champions, oldest first, comma-separated."""

PROMOTED, APPROVED, BY_HAND = "promoted", "approved", "by hand"
ROLLED_BACK, ELSEWHERE = "rolled back", "elsewhere"
KEY = re.compile("champion_([0-9]{4,9})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the champion.

    Attributes:
        number: Its number, from 1; 0 where no tag records it.
        version: The version that became the champion; None where there was none any more.
        was: The champion before, or None.
        from_day: Day from which it is in force, ``YYYY-MM-DD``.
        how: ``promoted`` by the stage, ``approved`` by a person, ``by hand``, ``rolled back``, or
            ``elsewhere``: somebody moved the alias in MLflow.
        at: When, in UTC; for people, nothing follows from it.
        who: Who did it; empty where nobody is known.
        why: The reason.
    """

    number: int = 0
    version: int | None
    was: int | None
    from_day: str
    how: str
    at: str = ""
    who: str = ""
    why: str = ""

    @property
    def key(self) -> str:
        """The tag that records it."""
        return f"champion_{self.number:04d}"

    def facts(self) -> dict[str, Any]:
        """Its attributes by name."""
        return asdict(self)

    def to_json(self) -> str:
        """The value of its tag."""
        facts = self.facts()
        del facts["number"]
        return json.dumps(facts, ensure_ascii=False)


@dataclass(slots=True)
class Trail:
    """The changes so far, oldest first.

    Attributes:
        as_of: As-of day of each version.
        champion: The champion after them.
        from_day: Day from which it is in force.
        changes: Those that happened.
        champions: The champions in order; a rollback removes those after the one it goes back to.
    """

    as_of: Mapping[int, str]
    champion: int | None = None
    from_day: str = ""
    changes: list[Change] = field(default_factory=list)
    champions: list[int] = field(default_factory=list)

    def add(self, change: Change) -> None:
        """Add a change that happened, and one that nobody recorded before it, if there was one."""
        self.reach(change.was)
        self._add(change)

    def reach(self, champion: int | None, how: str = ELSEWHERE) -> None:
        """Add a change that no tag records, if the champion is another one."""
        if champion == self.champion:
            return
        day = max(self.from_day, self.as_of.get(champion or 0, ""))
        self._add(Change(version=champion, was=self.champion, from_day=day, how=how))

    def _add(self, change: Change) -> None:
        self.changes.append(change)
        self.champion, self.from_day = change.version, change.from_day
        if change.version is None:
            self.champions.clear()
        elif change.how == ROLLED_BACK and change.version in self.champions:
            while self.champions[-1] != change.version:
                self.champions.pop()
        elif change.version != change.was:
            self.champions.append(change.version)


def trail_of(tags: Mapping[str, str], champion: int | None, as_of: Mapping[int, str]) -> Trail:
    """The changes that a registered model's tags and alias record.

    Args:
        tags: Tags of the registered model.
        champion: The version that has the alias, or None.
        as_of: As-of day of each version.
    """
    recorded = sorted(recorded_changes(tags), key=lambda change: change.number)
    trail = Trail(as_of)
    for number in champions_from(tags.get(HISTORY), recorded[0].was if recorded else champion):
        trail.reach(number, PROMOTED)
    for change, champion_then in _with_champion_then(recorded, champion):
        if champion_then != change.was or change.version == change.was:
            trail.add(change)
    trail.reach(champion)
    return trail


def recorded_changes(tags: Mapping[str, str]) -> Iterator[Change]:
    """The change of each tag, also of those that did not happen."""
    for key, value in tags.items():
        found = KEY.fullmatch(key)
        if found and (change := _read(int(found[1]), value)):
            yield change


def champions_from(tag: str | None, champion: int | None) -> tuple[int, ...]:
    """The champions in order, from the tag of earlier versions, up to the one that had the alias.

    A promotion wrote the tag before the alias and a rollback after it, so when one was killed
    between the two, the tag has entries after the alias.
    """
    if champion is None:
        return ()
    numbers = [int(n) for n in (tag or "").split(",") if n.strip().isdecimal()]
    while numbers and numbers[-1] != champion:
        numbers.pop()
    return tuple(numbers) or (champion,)


def _with_champion_then(
    recorded: list[Change], champion: int | None
) -> Iterator[tuple[Change, int | None]]:
    """Each change with the champion that the next one found, the last one with that of now."""
    for change, following in pairwise(recorded):
        yield change, following.was
    if recorded:
        yield recorded[-1], champion


def _read(number: int, value: str) -> Change | None:
    """The change in a tag, or None for a tag that somebody else wrote."""
    try:
        facts = json.loads(value)
        version, was = (_version(facts[name]) for name in ("version", "was"))
        texts = {n: str(facts.get(n, "")) for n in ("from_day", "how", "at", "who", "why")}
        return Change(number=number, version=version, was=was, **texts)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _version(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError(value)
