"""Made times until an event, and until one that competes with it."""

import numpy as np

from pipelines.stages.train.label_criteria import comparable_pairs, concordance, levels, ranks

CUTS = tuple(182.5 * n for n in range(1, 11))


def drawing(seed):
    return np.random.Generator(np.random.Philox(key=[seed, 1]))


def times(rows, seed):
    """Ten inputs, signed days, and the risk by which events were drawn; 15 % have one in five years."""
    draw = drawing(seed)
    x = draw.normal(size=(rows, 10)).astype(np.float32)
    risk = 0.9 * x[:, 0] - 0.6 * x[:, 1] + 0.5 * np.abs(x[:, 2])
    event = -np.log(draw.random(rows)) * 365 * 40 * np.exp(-risk)
    lost = draw.uniform(30, 365 * 6, rows)
    return x, np.where(event < lost, event, -lost).astype(np.float32), risk


def two_events(rows, seed):
    """Labels ``(n_rows, 2)`` of two events with hazards of their own, and rows that are lost."""
    draw = drawing(seed)
    event = 365 * 9 * draw.weibull(1.6, rows)
    other = 365 * 12 * draw.weibull(0.9, rows)
    lost = draw.uniform(100, 365 * 12, rows)
    first = np.minimum(np.minimum(event, other), lost)
    days = np.where(event == first, first, -first)
    return np.stack([days, other == first], 1).astype(np.float32)


def concordance_of(y, score):
    """Harrell's, of a score that is high where the event is early."""
    first, second = comparable_pairs(np.abs(y), y > 0)
    return concordance(second, first, ranks(levels(score)))


def aalen_johansen(y, cuts):
    """Cumulative incidence of each of two events at the cuts, ``(2, cuts)``, one time after another."""
    days, kinds = np.abs(y[:, 0]), np.where(y[:, 1] > 0, 2, (y[:, 0] > 0).astype(int))
    free, incidence, found, order = 1.0, [0.0, 0.0], [], np.argsort(days, kind="stable")
    cuts = list(cuts)
    for nth, row in enumerate(order):
        while cuts and days[row] > cuts[0]:
            found.append(list(incidence))
            cuts.pop(0)
        hazard = 1 / (len(order) - nth)
        if kinds[row]:
            incidence[kinds[row] - 1] += free * hazard
            free *= 1 - hazard
    return np.array(found + [list(incidence)] * len(cuts)).T
