"""Which cuts of a head can be evaluated: those by which rows are still in sight.

Promise: a cut beyond what training or test rows were followed is left out, and named; it is never evaluated on rows that
    nobody saw for so long.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.stages.evaluate.times.follow_up import FollowUp, InSight, exact, in_sight


@dataclass(frozen=True, slots=True)
class Horizons:
    """The times at which predictions are evaluated.

    Attributes:
        chance: Chance of training rows to be in sight.
        cuts: Number and days of each cut that can be evaluated, ascending.
        own: Of these, the declared horizons.
        beyond: Cuts that cannot be.
        followed_days: How long training and test rows were followed, the shorter of both.
    """

    chance: InSight
    cuts: tuple[tuple[int, float], ...]
    own: tuple[tuple[int, float], ...]
    beyond: tuple[float, ...]
    followed_days: float

    @property
    def last_days(self) -> float:
        """The last cut that can be evaluated."""
        return exact(self.cuts[-1][1])


def horizons(
    cuts_days: Sequence[float],
    horizons_days: Sequence[float],
    training: FollowUp,
    tested: FollowUp,
) -> Horizons:
    """Find the cuts that rows were followed to.

    Args:
        cuts_days: Those of the head.
        horizons_days: Declared ones; empty for the last cut.
        training: Training rows.
        tested: Test rows that count.
    """
    chance = in_sight(training)
    followed = min(chance.last, _longest(tested))
    numbered = [(n, cut) for n, cut in enumerate(cuts_days)]
    cuts = tuple(each for each in numbered if _is_covered(exact(each[1]), followed, chance))
    wanted = set(horizons_days or cuts_days[-1:])
    return Horizons(
        chance=chance,
        cuts=cuts,
        own=tuple(each for each in cuts if each[1] in wanted),
        beyond=tuple(cut for n, cut in numbered if (n, cut) not in cuts),
        followed_days=followed,
    )


def _longest(rows: FollowUp) -> float:
    return float(rows.days.max()) if len(rows.days) else 0.0


def _is_covered(days: float, followed: float, chance: InSight) -> bool:
    return days <= followed and chance.covers(days)
