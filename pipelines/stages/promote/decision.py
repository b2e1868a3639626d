"""What becomes of an evaluated model, from the state of the registry: its fate, and why.

Why: the verdict of an evaluation compares numbers, a promotion decides; the stage, the approval task
    and the check of an earlier promotion must decide alike.
Promise: a pure function of the registry's versions, the evaluation, and a person's answer.
Not here: the verdict (``pipelines/stages/evaluate/``), writing the registry (``registering.py``, ``champion.py``).
"""

from dataclasses import dataclass

from pipelines.core.errors import ConfigError
from pipelines.protocol import giver_of
from pipelines.shared.registry import Registered, Version, opponent_of
from pipelines.shared.registry.fates import (
    PROMOTED,
    REFUSED,
    SUPERSEDED,
    WAITING,
)

BETTER, REJECTED = "BETTER", "REJECTED"
REFUSED_BY = "refused_by"
"""Tag of a version that a person refused: who. It comes back by another answer, or by hand."""

ASKED, YES, NO = "asked", "promote", "keep"
"""What a person said of it: nothing yet, to promote it, to keep the champion."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An evaluated model.

    Attributes:
        digest: Digest of its artifact.
        as_of: Its as-of day.
        verdict: That of its evaluation: BETTER, NOT_BETTER or REJECTED.
        met: Name of the champion that it was compared with; None if there was none.
        may_be_older: Whether it may replace a champion of a later day.
        answer: ``asked``, ``promote`` or ``keep``; empty where nobody is asked.
        answered_by: Who answered; empty where nobody did, or it is not known.
        answered_why: The reason that was given.
    """

    digest: str
    as_of: str
    verdict: str
    met: str | None
    may_be_older: bool = False
    answer: str = ""
    answered_by: str = ""
    answered_why: str = ""

    def __post_init__(self) -> None:
        if self.answer not in ("", ASKED, YES, NO):
            raise ConfigError(
                f"The answer is {self.answer!r}. Pass --option answer={ASKED} to register the model and "
                f"wait, answer={YES} to promote it, answer={NO} to keep the champion, or none of them."
            )


@dataclass(frozen=True, slots=True)
class FateDecision:
    """What becomes of a candidate.

    Attributes:
        fate: ``promoted``, ``waiting``, ``refused`` or ``superseded``.
        why: Why it does not become the champion; empty if it does, or is.
    """

    fate: str
    why: str = ""


def own_version(held: Registered, digest: str) -> Version | None:
    """The version of that model, or None."""
    return next((v for v in held.versions if v.digest == digest), None)


def decide(held: Registered, candidate: Candidate) -> FateDecision:
    """What becomes of a candidate now."""
    own, champion = own_version(held, candidate.digest), held.current()
    if own is not None and own == champion:
        return FateDecision(PROMOTED)
    return (
        _ruled_out(held, candidate, own)
        or _superseded(held, candidate)
        or _refused_by_numbers(candidate)
        or _answered(held, candidate, own)
        or FateDecision(PROMOTED)
    )


def unmet(held: Registered, candidate: Candidate) -> Version | None:
    """The champion of a later day that a candidate replaces without having met it, or None."""
    champion = held.current()
    return champion if _is_later(champion, candidate) else None


def _ruled_out(
    held: Registered, candidate: Candidate, own: Version | None
) -> FateDecision | None:
    """What no comparison can change, whichever version is the champion."""
    if candidate.verdict == REJECTED:
        return FateDecision(REFUSED, f"its verdict is {REJECTED}")
    if own is not None and held.is_rolled_back(own):
        return FateDecision(REFUSED, "it was rolled back; promote it by hand to use it again")
    return None


def _superseded(held: Registered, candidate: Candidate) -> FateDecision | None:
    """That a later champion stands, or the evaluation met another one than that of now."""
    champion = held.current()
    if _is_later(champion, candidate) and not candidate.may_be_older:
        return FateDecision(
            SUPERSEDED,
            f"the champion ({champion.title}) is as of {champion.as_of}, a later day. Pass --option "  # type: ignore[union-attr]
            f"promote_older=true to promote it all the same",
        )
    why = _outdated(held, candidate)
    return FateDecision(SUPERSEDED, why) if why else None


def _refused_by_numbers(candidate: Candidate) -> FateDecision | None:
    if candidate.verdict == BETTER:
        return None
    return FateDecision(REFUSED, f"its verdict is {candidate.verdict}")


def _answered(
    held: Registered, candidate: Candidate, own: Version | None
) -> FateDecision | None:
    """What a person said, now or before."""
    champion = held.current()
    kept = "use none" if champion is None else f"keep {champion.title}"
    if candidate.answer == ASKED:
        return FateDecision(WAITING, f"a person is asked whether to promote it or to {kept}")
    if candidate.answer == NO:
        why = f": {candidate.answered_why}" if candidate.answered_why else ""
        return FateDecision(
            REFUSED, f"{candidate.answered_by or 'a person'} answered to {kept}{why}"
        )
    before = _refused_before(held, own)
    if before and candidate.answer != YES:
        return FateDecision(
            REFUSED, f"{before} refused it before; promote it by hand to use it all the same"
        )
    return None


def _refused_before(held: Registered, own: Version | None) -> str:
    """Who refused a version that was never the champion; empty where nobody did."""
    if own is None or own.number in held.champions:
        return ""
    return own.tags.get(REFUSED_BY, "")


def _is_later(champion: Version | None, candidate: Candidate) -> bool:
    return champion is not None and champion.as_of > candidate.as_of


def _outdated(held: Registered, candidate: Candidate) -> str:
    """Why its evaluation is outdated; empty if it is not."""
    opponent = opponent_of(held, candidate.digest, candidate.as_of)
    if (opponent.name if opponent else None) == candidate.met:
        return ""
    evaluating = giver_of("evaluation").name
    if opponent is not None:
        return (
            f"{opponent.title} became the champion after it was evaluated. Run {evaluating} again, "
            f"then promote"
        )
    if candidate.verdict == BETTER:
        return ""  # it passed the gates, and there is no champion to compare it with
    return (
        f"the version that it was compared with is no longer the champion. Run {evaluating} again, "
        f"then promote"
    )
