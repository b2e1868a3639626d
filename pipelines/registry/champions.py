"""Which champion a challenger is judged against.

Why: an evaluation done again, after a promotion or by a backfill, must meet the same opponent,
    or its verdict would follow from the order of runs.
Promise: a model that became champion meets the one that it replaced; a model of an earlier
    as-of day never meets a later one, which may have been trained on its test days.
"""

from pipelines.registry.state import Registered, Version


def opponent_of(registered: Registered, digest: str, as_of: str) -> Version | None:
    """The champion to compare a model with, or None.

    Args:
        registered: What the registry holds.
        digest: Digest of the challenger's artifact.
        as_of: Its as-of day.
    """
    past = [registered.version(number) for number in registered.champions]
    own = next(
        (n for n, v in enumerate(past) if v is not None and v.digest == digest), len(past)
    )
    earlier = (v for v in reversed(past[:own]) if v is not None and "" < v.as_of <= as_of)
    return next(earlier, None)


def champion_before(registered: Registered, as_of: str) -> Version | None:
    """The last champion of an earlier as-of day, or None.

    A window judged again after its own model was promoted meets the same champion as before.
    """
    past = (registered.version(number) for number in reversed(registered.champions))
    return next((v for v in past if v is not None and "" < v.as_of < as_of), None)
