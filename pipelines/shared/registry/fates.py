"""What happened to a registered model: its fate, beside the verdict of its evaluation.

Why: a model can be better and not be promoted, so that a verdict alone says what might happen, not
    what did.
Promise: the fate of a version that was ever the champion follows from the registry's state, whoever
    changed it and however; of any other it is what the ``promote`` stage noted.
Not here: deciding it (``pipelines/stages/promote/decision.py``), writing it (``.../champion.py``).
"""

from pipelines.shared.registry.state import Registered, Version

PROMOTED, WAITING, REFUSED, SUPERSEDED = "promoted", "waiting", "refused", "superseded"
"""It is the champion; a person is asked; its verdict or a person was against it; a later one stands."""

FATE = "fate"
"""Tag of a version."""


def fate_of(held: Registered, version: Version) -> str:
    """The fate of a version; empty where nothing was decided on it yet."""
    if version.number == held.champion:
        return PROMOTED
    if held.is_rolled_back(version):
        return REFUSED
    if version.number in held.champions:
        return SUPERSEDED
    noted = version.tags.get(FATE, "")
    return "" if noted == PROMOTED else noted


def fates_to_note(held: Registered) -> dict[int, str]:
    """Fate by number of the versions whose tag says another one, or none."""
    found = {version.number: fate_of(held, version) for version in held.versions}
    noted = {version.number: version.tags.get(FATE, "") for version in held.versions}
    return {number: fate for number, fate in found.items() if fate != noted[number]}
