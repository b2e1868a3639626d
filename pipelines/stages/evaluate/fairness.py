"""The fairness block: how often each declared group is alerted, and how often rightly, beside all other rows.

Why: a model with equal precision everywhere may still stop one group's cards twice as often.
Promise: rates are of decisions at the model's threshold, with 95 % intervals by resampling entities, the same
    resamples for a group and the rest; small groups have no numbers (``subgroups.py``). Nothing here says what is
    fair: which of these rates should be equal is not for a program to decide, and they cannot all be where base rates
    differ.
Source: the rates and their comparisons between groups are those of fairlearn
    (``fairlearn.metrics``: ``selection_rate``, ``demographic_parity_ratio``, ``equal_opportunity_difference``,
    ``equalized_odds_difference``), which compares the smallest group with the largest; the same definitions are also
    given for each group and all other rows. That they cannot all be equal: A. Chouldechova, "Fair prediction with
    disparate impact", Big Data 5, 2017.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.bootstrap import interval
from pipelines.shared.metrics.row_groups import RARE, RowGroup, groups_of
from pipelines.shared.scoring.decision import Decision
from pipelines.spec import Evaluation, Pipeline, Subgroup
from pipelines.spec.checks.evaluation import subgroup_kinds
from pipelines.stages.evaluate.decisions import SCORE, probability_of
from pipelines.stages.evaluate.heads.protocol import (
    Floats,
    HeadEvaluation,
    Predictions,
    ReadRaw,
)
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.subgroups import chosen_rows, has_too_few, shown_counts

RATES = (
    "base_rate",
    "selection_rate",
    "true_positive_rate",
    "false_positive_rate",
    "precision",
)
RATIO, OPPORTUNITY, ODDS = (
    "demographic_parity_ratio",
    "equal_opportunity_difference",
    "equalized_odds_difference",
)

Rates = Mapping[str, Floats]
"""Each rate of all rows, then of each resample, ``(1 + samples,)``."""


def fairness_facts(
    pipeline: Pipeline,
    head: HeadEvaluation,
    rows: TestRows,
    predictions: Predictions,
    read: ReadRaw,
    copies: Floats,
    threshold: float | None,
) -> dict[str, Any]:
    """What ``metrics.json`` holds under ``fairness``; nothing where no groups are declared for it.

    Args:
        pipeline: As declared.
        head: How the model is evaluated.
        rows: All test rows.
        predictions: The model's.
        read: Reads raw columns of them.
        copies: Copies of each entity of the counted rows in each resample.
        threshold: Probability from which a row is alerted; None where there is none.
    """
    declared = pipeline.evaluation.fairness
    if not declared:
        return {}
    kinds = subgroup_kinds(pipeline)
    columns = read({each.column: kinds[each.column] for each in declared})
    alert, by = decisions_of(rows, predictions, pipeline.evaluation, threshold)
    sums = EntitySums(rows, alert, copies)
    found = [_of_column(each, columns[each.column], head, rows, sums) for each in declared]
    return {
        "fairness": {
            "decided_by": by,
            "groups": [group for groups, _ in found for group in groups],
            "between": [between for _, between in found if between],
        }
    }


def decisions_of(
    rows: TestRows, predictions: Predictions, evaluation: Evaluation, threshold: float | None
) -> tuple[NDArray[np.bool_], str]:
    """Whether each row is alerted, and by what: the threshold, or without one the budget of all days together."""
    if threshold is not None:
        return Decision(threshold=threshold).decides(probability_of(predictions)), "threshold"
    score, here = predictions[SCORE], rows.counted
    budget = min(evaluation.alerts_per_day * len(np.unique(rows.day[here])), int(here.sum()))
    least = np.partition(score[here], -budget)[-budget]
    return np.asarray(score >= least), "alerts_per_day"


class EntitySums:
    """Sums of each entity's rows, of which any rate is made, for all rows and each resample."""

    def __init__(self, rows: TestRows, alert: NDArray[np.bool_], copies: Floats) -> None:
        here = rows.counted
        _, self.entity = np.unique(rows.entity[here], return_inverse=True)
        self.here, self.copies = here, np.vstack([np.ones(copies.shape[1]), copies])
        happened, alerted, weight = rows.events[here], alert[here], rows.weight[here]
        each = (np.ones(len(weight)), happened, alerted, happened & alerted)
        self.parts = [part * weight for part in each]

    def rates(self, chosen: NDArray[np.bool_]) -> Rates:
        """The rates of some of all test rows."""
        some = chosen[self.here]
        size = self.copies.shape[1]
        rows, events, alerts, found = (
            self.copies @ np.bincount(self.entity[some], part[some], size).astype(np.float64)
            for part in self.parts
        )
        values = (
            _share(events, rows),
            _share(alerts, rows),
            _share(found, events),
            _share(alerts - found, rows - events),
            _share(found, alerts),
        )
        return dict(zip(RATES, values, strict=True))


def _share(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _of_column(
    subgroup: Subgroup,
    values: NDArray[Any],
    head: HeadEvaluation,
    rows: TestRows,
    sums: EntitySums,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The groups of a column, and how far those that are shown are apart."""
    groups = [*groups_of(subgroup, values)]
    small = [has_too_few(chosen_rows(rows, group.rows), head) for group in groups]
    rates = [None if few else sums.rates(g.rows) for g, few in zip(groups, small, strict=True)]
    shown = [
        _group(group, own, head, rows, sums, rounded=any(small))
        for group, own in zip(groups, rates, strict=True)
    ]
    known = [each for each in rates if each is not None]
    if len(known) < 2:  # noqa: PLR2004  nothing to compare
        return shown, {}
    return shown, {"column": subgroup.column, **_summary(_between(known))}


def _group(
    group: RowGroup,
    own: Rates | None,
    head: HeadEvaluation,
    rows: TestRows,
    sums: EntitySums,
    *,
    rounded: bool,
) -> dict[str, Any]:
    named = {"column": group.column, "group": group.name}
    if own is None:
        return (named | {"group": RARE} if group.is_value else named) | {"suppressed": True}
    counts = shown_counts(rows, group.rows, rounded=rounded)
    found = named | {"suppressed": False, **counts, **_summary(own)}
    if has_too_few(chosen_rows(rows, ~group.rows), head):
        return found
    return found | {"to_rest": _summary(_to_rest(own, sums.rates(~group.rows)))}


def _to_rest(own: Rates, rest: Rates) -> Rates:
    """A group beside all other rows."""
    return {
        RATIO: _share(own["selection_rate"], rest["selection_rate"]),
        OPPORTUNITY: own["true_positive_rate"] - rest["true_positive_rate"],
    }


def _between(groups: Sequence[Rates]) -> Rates:
    """The smallest beside the largest rate among groups, as fairlearn compares them."""
    least, most = (
        {name: np.min([g[name] for g in groups], axis=0) for name in RATES},
        {name: np.max([g[name] for g in groups], axis=0) for name in RATES},
    )
    apart = {name: most[name] - least[name] for name in RATES}
    return {
        RATIO: _share(least["selection_rate"], most["selection_rate"]),
        OPPORTUNITY: apart["true_positive_rate"],
        ODDS: np.maximum(apart["true_positive_rate"], apart["false_positive_rate"]),
    }


def _summary(rates: Rates) -> dict[str, Any]:
    """Those that are defined, with their intervals."""
    known = {name: each for name, each in rates.items() if np.isfinite(each[0])}
    return {
        "rates": {name: float(each[0]) for name, each in known.items()},
        "intervals": {name: list(interval(each[1:].tolist())) for name, each in known.items()},
    }
