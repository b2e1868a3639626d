"""The champion that a challenger is compared with.

Why: a model must beat the one in use; and the verdict of an evaluation that is repeated after its own
    promotion, or by a backfill, must not depend on the order of runs.
Promise: a challenger is compared with the current champion. The champion itself, evaluated again, is
    compared with the one that it replaced; a model of an earlier as-of day with the last champion of
    a day not after its own, because a later one may have been trained on its test days.
"""

from pipelines.shared.registry.state import Registered, Version


def opponent_of(registered: Registered, digest: str, as_of: str) -> Version | None:
    """The champion to compare a model with, or None.

    A current champion that another program registered is returned too, although no comparison with
    it is possible: it must not be replaced as if there were none.

    Args:
        registered: The pipeline's registered model.
        digest: Digest of the challenger's artifact.
        as_of: Its as-of day.
    """
    past = [registered.version(number) for number in reversed(registered.champions)]
    if past and past[0] is not None and not past[0].as_of:
        return past[0]
    others = (v for v in past if v is not None and v.digest != digest)
    return next((v for v in others if "" < v.as_of <= as_of), None)


def champion_before(registered: Registered, as_of: str) -> Version | None:
    """The last champion of an earlier as-of day, or None.

    A window that is validated again after its own model was promoted has the same champion as before.
    """
    past = (registered.version(number) for number in reversed(registered.champions))
    return next((v for v in past if v is not None and "" < v.as_of < as_of), None)


def champion_on(registered: Registered, day: str) -> Version | None:
    """The champion that a day is scored with, or None: that of the last change in force on it.

    A change by the stage is in force from the model's as-of day on, but never before the champion
    that it replaced; one by hand from the day that was given.

    Args:
        registered: The pipeline's registered model.
        day: First day of the scored partition, ``YYYY-MM-DD``.
    """
    in_force = (change for change in reversed(registered.changes) if change.from_day <= day)
    last = next(in_force, None)
    return registered.version(last.version) if last else None
