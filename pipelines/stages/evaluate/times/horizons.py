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
    followed = min(chance.last, float(tested.days.max()) if len(tested.days) else 0.0)
    covered = {c for c in cuts_days if exact(c) <= followed and chance.covers(exact(c))}
    cuts = tuple((n, cut) for n, cut in enumerate(cuts_days) if cut in covered)
    wanted = set(horizons_days or cuts_days[-1:])
    return Horizons(
        chance=chance,
        cuts=cuts,
        own=tuple((n, cut) for n, cut in cuts if cut in wanted),
        beyond=tuple(cut for cut in cuts_days if cut not in covered),
        followed_days=followed,
    )
