"""Observed incidence of an event: Aalen-Johansen, and Kaplan-Meier which takes competing events for censoring.

Source: O. O. Aalen and S. Johansen, "An empirical transition matrix for non-homogeneous Markov chains based on censored
    observations", Scandinavian Journal of Statistics 5, 1978.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipelines.shared.metrics.survival_curves import cumulative_incidence
from pipelines.stages.evaluate.times.follow_up import Floats, FollowUp


def incidence(rows: FollowUp, at: Sequence[float]) -> Floats:
    """Share of rows that have the event by each time; a competing event makes it impossible.

    Without competing events it is one minus the Kaplan-Meier estimate.
    """
    ended = rows.event | rows.competing
    times, happened = cumulative_incidence(rows.days, rows.event, ended)
    found = np.append(0.0, happened)
    return np.asarray(found[np.searchsorted(times, np.asarray(at), side="right")])


def naive_incidence(rows: FollowUp, at: Sequence[float]) -> Floats:
    """The same with competing events taken for censoring, which overstates it."""
    return incidence(replace(rows, competing=np.zeros(len(rows.days), bool)), at)
