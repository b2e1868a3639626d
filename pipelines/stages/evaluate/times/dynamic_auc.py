"""Cumulative/dynamic AUC at a horizon: the chance that a row with the event by then has the higher risk.

Promise: tied risks count a half; a resample only weighs rows.
Source: H. Uno, T. Cai, L. Tian and L. J. Wei, "Evaluating prediction rules for t-year survivors with censored
    regression models", JASA 102, 2007; with competing events, after which a row counts as one without: P. Blanche,
    J.-F. Dartigues and H. Jacqmin-Gadda, "Estimating and comparing time-dependent areas under receiver operating
    characteristic curves for censored event times with competing risks", Statistics in Medicine 32, 2013.
"""

from dataclasses import dataclass

import numpy as np

from pipelines.shared.metrics.ranking import Ranking, ranking, roc_auc
from pipelines.stages.evaluate.times.follow_up import Floats, Status


@dataclass(frozen=True, slots=True)
class DynamicAuc:
    """Rows by falling risk.

    Attributes:
        ranked: Their order.
        case: Weight of each row as one with the event, in that order.
        control: The same as one without.
    """

    ranked: Ranking
    case: Floats
    control: Floats

    def value(self, copies: Floats) -> float:
        """For so many copies of each row; nan without any row of one kind."""
        there = copies[self.ranked.order]
        true, false = (
            np.cumsum(there * each)[self.ranked.last] for each in (self.case, self.control)
        )
        return roc_auc(true, false)


def dynamic_auc(status: Status, risk: Floats) -> DynamicAuc:
    """Sort rows by their risk at the horizon."""
    ranked = ranking(status.case, risk)
    case, control = (
        np.where(each, status.weight, 0.0)[ranked.order]
        for each in (status.case, status.control)
    )
    return DynamicAuc(ranked, case, control)
