"""The champion: listing versions, promoting one, and going back.

Why: promotion by the stage, promotion by hand and rollback must leave the same tags.
Promise: every change is two writes, a tag that records it and the alias, and a reader between them
    sees the state before; nothing that was recorded is overwritten.
Not here: creating versions (``registering.py``), what is checked before a change by hand, and the lock
    that allows one change at a time (``by_hand.py``).
"""

import unicodedata
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError, TransientError, listed
from pipelines.core.store import Ref, Store
from pipelines.core.store.branch_names import name_on_branch
from pipelines.shared.registry import (
    CHAMPION,
    Change,
    Registered,
    Version,
    read_registry,
    registry_errors,
    registry_uri,
)
from pipelines.shared.registry.changes import BY_HAND, ROLLED_BACK
from pipelines.shared.registry.client import open_client
from pipelines.shared.registry.fates import fate_of
from pipelines.stages.promote.noting import note_fates

# A tag of MLflow's holds 5000 characters in SQL; JSON may write six for one.
LONGEST_WHY, LONGEST_WHO = 500, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """What is recorded of a change beside the versions.

    Attributes:
        how: ``promoted``, ``approved``, ``by hand`` or ``rolled back``.
        who: Who did it.
        why: The reason.
        from_day: Day from which it is in force, ``YYYY-MM-DD``; None for the day of the champion
            before, and not before the version's as-of day.

    Raises:
        ConfigError: A text is too long, or the day is none.
    """

    how: str = BY_HAND
    who: str = ""
    why: str = ""
    from_day: str | None = None

    def __post_init__(self) -> None:
        """Check what a person may have given."""
        for name, text, longest in (
            ("who", self.who, LONGEST_WHO),
            ("why", self.why, LONGEST_WHY),
        ):
            if any(unicodedata.category(letter) == "Cs" for letter in text):
                raise ConfigError(f"--{name} {text!r} is not a text in UTF-8.")
            if len(text) > longest:
                raise ConfigError(
                    f"--{name} has {len(text)} characters; at most {longest} are recorded. Shorten it, "
                    f"and name a page that has the rest."
                )
        if self.from_day is not None:
            parse_day(self.from_day, "--from-day")


NO_REASON = Reason()


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

    def changes(self) -> list[dict[str, Any]]:
        """List every change of the champion as a dict, newest first."""
        return [change.facts() for change in reversed(self.read().changes)]

    def promote(self, number: int, reason: Reason = NO_REASON) -> Change | None:
        """Make a version the champion, whatever its verdict.

        Returns:
            The change; None where it is the champion already, from the same day on.

        Raises:
            ConfigError: There is no such version; the message lists those that exist. Or the version
                is of a later day than that of the reason.
        """
        held = self.read()
        version = held.version(number)
        if version is None:
            known = [v.number for v in reversed(held.versions)]
            raise ConfigError(
                f"{self.model} has no version {number}. Registered versions: {listed(known)}."
            )
        day = _day_in_force(held, version, reason.from_day)
        if held.champion == number and day == held.in_force_from:
            return None
        return self._change(held, version, day, reason)

    def rollback(self, reason: Reason = NO_REASON) -> Change:
        """Make the previous champion the champion again.

        Raises:
            ConfigError: There is no champion, or it replaced none.
        """
        held = self.read()
        earlier = previous_champion(held)
        if earlier is None:
            raise ConfigError(
                f"{self.model} has no earlier champion to go back to (champion: "
                f"{held.champion or 'none'}). Promote a version by its number instead."
            )
        day = _day_in_force(held, earlier, reason.from_day)
        return self._change(held, earlier, day, replace(reason, how=ROLLED_BACK))

    def _change(self, held: Registered, version: Version, day: str, reason: Reason) -> Change:
        """Record the change, then move the alias."""
        change = Change(
            number=held.taken + 1,
            version=version.number,
            was=held.champion,
            from_day=day,
            how=reason.how,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            who=reason.who,
            why=reason.why,
        )
        with registry_errors(self.uri):
            client = open_client(self.uri)
            client.set_registered_model_tag(self.model, change.key, change.to_json())
            client.set_registered_model_alias(self.model, CHAMPION, str(version.number))
        if change not in (after := self.read()).changes:
            raise TransientError(
                f"Another machine changed the champion of {self.model} at the same time: it is version "
                f"{after.champion or 'none'} now. Look at it again (models --history), then decide."
            )
        note_fates(self.uri, self.model)
        return change


def previous_champion(held: Registered) -> Version | None:
    """The version that a rollback goes back to, or None: the last other champion that is still there."""
    past = (held.version(number) for number in reversed(held.champions[:-1]))
    return next((v for v in past if v is not None and v.number != held.champion), None)


def _day_in_force(held: Registered, version: Version, from_day: str | None) -> str:
    """The day from which a version is in force."""
    if from_day is None:
        return max(held.in_force_from, version.as_of)
    if from_day < version.as_of:
        raise ConfigError(
            f"{version.title} is as of {version.as_of} and cannot be in force from {from_day} on: it may "
            f"have been trained on rows of that day. Pass --from-day {version.as_of} or later."
        )
    return from_day


def open_registry(store_uri: str, pipeline: str, mlflow_uri: str | None = None) -> Registry:
    """The registry that the ``promote`` stage of that store writes."""
    store = Store(store_uri)
    return Registry(registry_uri(store, mlflow_uri), name_on_branch(pipeline, store.branch))


def registry_lock(pipeline: str) -> Ref:
    """What is locked while the champion is changed: one change at a time on this machine."""
    return Ref(pipeline, "promotions", ".registry")
