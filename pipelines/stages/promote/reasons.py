"""What is written of a decision: the sentence that people read, and a version's tags.

Why: the log, the manifest, the page and the check of an earlier promotion must say the same.
Promise: pure functions of the registry before the change, the candidate and the decision.
"""

from pipelines.shared.registry import Registered
from pipelines.shared.registry.fates import FATE, PROMOTED, REFUSED, WAITING
from pipelines.stages.promote.decision import (
    BETTER,
    NO,
    REFUSED_BY,
    Candidate,
    FateDecision,
    unmet,
)


def noted_of(candidate: Candidate, decided: FateDecision) -> dict[str, str]:
    """Tags that say what was decided on a version, and by whom where a person refused it."""
    refused = decided.fate == REFUSED and candidate.answer == NO
    by = {REFUSED_BY: candidate.answered_by or "a person"} if refused else {}
    return {FATE: decided.fate} | by


def reason_of(
    number: int, held: Registered, candidate: Candidate, decided: FateDecision
) -> str:
    """The result in one sentence; ``held`` is the registry before the champion changed."""
    if decided.fate == WAITING:
        return f"version {number} is registered and waits: {decided.why}"
    if decided.fate != PROMOTED:
        return f"version {number} is registered and not promoted: {decided.why}"
    text, later = f"version {number} is the champion", unmet(held, candidate)
    if candidate.answered_by:
        text += f", as {candidate.answered_by} answered"
    if later is not None:
        text += f", as requested; it was not compared with {later.title} of a later day"
    if candidate.verdict != BETTER:
        text += (
            f" and stays it, though its verdict is {candidate.verdict} now; models --rollback --why TEXT makes "
            f"the one before it the champion again"
        )
    return text
