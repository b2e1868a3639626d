"""The verdict on a model, and its fate, each in a few words for people.

Why: the card, the question before a promotion and the page of a promotion must say the same of the same fact.
Promise: a verdict's words say nothing of what will happen, those of a fate nothing of how good the model is.
"""

from pipelines.shared.registry.fates import PROMOTED, REFUSED, SUPERSEDED, WAITING

BETTER, NOT_BETTER, REJECTED = "BETTER", "NOT_BETTER", "REJECTED"

MET = {
    BETTER: "it reaches its gates and holds against the champion",
    NOT_BETTER: "it is not shown to be good enough to replace the champion",
    REJECTED: "it misses its gates",
}
ALONE = MET | {
    BETTER: "it reaches its gates; there is no champion to compare with",
    NOT_BETTER: "it is not shown to be good enough to be used",
}
FATES = {
    PROMOTED: "is the champion",
    WAITING: "waits for an answer",
    REFUSED: "was not promoted",
    SUPERSEDED: "was not promoted, as another champion stands",
}


def verdict_headline(verdict: str, *, met: bool) -> str:
    """A verdict in a few words, after the word itself.

    Args:
        verdict: ``BETTER``, ``NOT_BETTER`` or ``REJECTED``.
        met: Whether a champion was compared with.
    """
    return (MET if met else ALONE)[verdict]


def fate_headline(fate: str, version: int) -> str:
    """A fate as a sentence without its end: ``version 5 waits for an answer``."""
    return f"version {version} {FATES[fate]}"
