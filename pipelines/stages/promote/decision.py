"""Whether an evaluated model becomes the champion, from the state of the registry.

Why: an evaluation recommends, a promotion decides; the stage, the approval task and the check of an
    earlier promotion must decide alike.
Promise: a pure function of the registry's versions and the evaluation.
Not here: the recommendation (``pipelines/stages/evaluate/``), writing the registry (``registering.py``, ``champion.py``).
"""

from dataclasses import dataclass

from pipelines.protocol import giver_of
from pipelines.shared.registry import Registered, Version, opponent_of

BETTER, REJECTED = "BETTER", "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An evaluated model.

    Attributes:
        digest: Digest of its artifact.
        as_of: Its as-of day.
        recommended: What its evaluation recommends: BETTER, NOT_BETTER or REJECTED.
        met: Name of the champion that it was compared with; None if there was none.
        may_be_older: Whether it may replace a champion of a later day.
    """

    digest: str
    as_of: str
    recommended: str
    met: str | None
    may_be_older: bool = False


def own_version(held: Registered, digest: str) -> Version | None:
    """The version of that model, or None."""
    return next((v for v in held.versions if v.digest == digest), None)


def why_not(held: Registered, candidate: Candidate) -> str:
    """Why a candidate does not become the champion; empty if it does, or is."""
    own, champion = own_version(held, candidate.digest), held.current()
    if own is not None and own == champion:
        return ""
    if candidate.recommended == REJECTED:  # whichever version is champion
        return f"its verdict is {REJECTED}"
    if own is not None and held.is_rolled_back(own):
        return "it was rolled back; promote it by hand to use it again"
    if _is_later(champion, candidate) and not candidate.may_be_older:
        return (
            f"the champion ({champion.title}) is as of {champion.as_of}, a later day. Pass --option "  # type: ignore[union-attr]
            f"promote_older=true to promote it all the same"
        )
    return _outdated(held, candidate) or (
        "" if candidate.recommended == BETTER else f"its verdict is {candidate.recommended}"
    )


def unmet(held: Registered, candidate: Candidate) -> Version | None:
    """The champion of a later day that a candidate replaces without having met it, or None."""
    champion = held.current()
    return champion if _is_later(champion, candidate) else None


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
    if candidate.recommended == BETTER:
        return ""  # it passed the gates, and there is no champion to compare it with
    return (
        f"the version that it was compared with is no longer the champion. Run {evaluating} again, "
        f"then promote"
    )
