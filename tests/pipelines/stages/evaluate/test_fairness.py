"""Rates of decisions by group, beside those counted row by row."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.shared.metrics.bootstrap import resamples
from pipelines.spec import Evaluation, Subgroup
from pipelines.stages.evaluate.fairness import decisions_of, fairness_facts
from pipelines.stages.evaluate.heads import evaluation_of
from tests.pipelines.made_models import FRAUD
from tests.pipelines.stages.evaluate.test_importance import made_rows

DRAWN = np.random.default_rng(6)
ROWS = replace(made_rows(3000), counted=DRAWN.random(3000) < 0.9)
AMOUNT = DRAWN.normal(size=3000)
SCORE = (0.6 * (AMOUNT > 0) + DRAWN.random(3000)).astype(np.float32)
ALERT = SCORE >= 0.9
DECLARED = Subgroup("tx_amount", cuts=(0.0, 1.0))
PIPELINE = replace(
    FRAUD,
    evaluation=Evaluation(alert_entity="customer", alerts_per_day=20, fairness=(DECLARED,)),
)
COPIES = resamples(len(np.unique(ROWS.entity[ROWS.counted])), 60, 1)


def facts(rows=ROWS, amount=AMOUNT):
    head, scores = evaluation_of(PIPELINE.head), {"score": SCORE}

    def read(kinds):
        return dict.fromkeys(kinds, amount)

    return fairness_facts(PIPELINE, head, rows, scores, read, COPIES, 0.9)["fairness"]


def counted(here, rows=ROWS, weight=None):
    """The rates of some rows, one row after another."""
    sums = dict.fromkeys(("rows", "events", "alerts", "found"), 0.0)
    for n in np.flatnonzero(here & rows.counted):
        w = 1.0 if weight is None else weight[n]
        sums["rows"] += w
        sums["events"] += w * (rows.labels[n] > 0)
        sums["alerts"] += w * ALERT[n]
        sums["found"] += w * (rows.labels[n] > 0 and ALERT[n])
    without = sums["rows"] - sums["events"]
    return {
        "base_rate": sums["events"] / sums["rows"],
        "selection_rate": sums["alerts"] / sums["rows"],
        "true_positive_rate": sums["found"] / sums["events"],
        "false_positive_rate": (sums["alerts"] - sums["found"]) / without,
        "precision": sums["found"] / sums["alerts"],
    }


GROUPS = {
    "below 0": AMOUNT < 0,
    "0 to below 1": (AMOUNT >= 0) & (AMOUNT < 1),
    "1 and above": AMOUNT >= 1,
}


def test_rates_and_their_comparisons_are_those_counted_row_by_row():
    found = facts()
    assert found["decided_by"] == "threshold"
    rates = {name: counted(here) for name, here in GROUPS.items()}
    for each in found["groups"]:
        own, rest = rates[each["group"]], counted(~GROUPS[each["group"]])
        assert each["rates"] == pytest.approx(own)
        assert each["to_rest"]["rates"] == pytest.approx(
            {
                "demographic_parity_ratio": own["selection_rate"] / rest["selection_rate"],
                "equal_opportunity_difference": own["true_positive_rate"]
                - rest["true_positive_rate"],
            }
        )
    of = {name: [each[name] for each in rates.values()] for name in next(iter(rates.values()))}
    tpr, false = (np.ptp(of[name]) for name in ("true_positive_rate", "false_positive_rate"))
    (between,) = found["between"]
    assert between["rates"] == pytest.approx(
        {
            "demographic_parity_ratio": min(of["selection_rate"]) / max(of["selection_rate"]),
            "equal_opportunity_difference": tpr,
            "equalized_odds_difference": max(tpr, false),
        }
    )


def test_intervals_are_of_the_same_rates_on_resampled_entities():
    _, index = np.unique(ROWS.entity[ROWS.counted], return_inverse=True)
    low, high = facts()["groups"][0]["intervals"]["selection_rate"]
    values = []
    for copies in COPIES:
        weight = np.zeros(3000)
        weight[ROWS.counted] = copies[index]
        values.append(counted(GROUPS["below 0"], weight=weight)["selection_rate"])
    assert (low, high) == pytest.approx(tuple(np.percentile(values, (2.5, 97.5))))


def test_weights_of_rows_count_in_every_rate():
    weight = np.where(AMOUNT > 0.5, 2.0, 1.0)
    own = facts(replace(ROWS, weight=weight))["groups"][1]["rates"]
    assert own == pytest.approx(counted(GROUPS["0 to below 1"], weight=weight))


def test_without_a_threshold_the_highest_scores_of_the_budget_are_alerts():
    alert, by = decisions_of(ROWS, {"score": SCORE}, PIPELINE.evaluation, None)
    days = len(np.unique(ROWS.day[ROWS.counted]))
    assert by == "alerts_per_day"
    assert (alert & ROWS.counted).sum() == 20 * days
    assert SCORE[ROWS.counted & alert].min() > SCORE[ROWS.counted & ~alert].max()
    every, _ = decisions_of(ROWS, {"score": SCORE}, Evaluation(alerts_per_day=10_000), None)
    assert every[ROWS.counted].all()


def test_a_group_of_few_has_no_rates_and_no_count_gives_it_away():
    amount = AMOUNT.copy()
    amount[amount >= 1] = 0.5
    amount[np.flatnonzero(ROWS.counted)[:6]] = 2.0
    few = next(g for g in facts(amount=amount)["groups"] if g["group"] == "1 and above")
    assert few == {"column": "tx_amount", "group": "1 and above", "suppressed": True}
    for each in facts(amount=amount)["groups"]:
        assert each.get("rows", 0) % 10 == 0
    everybody = facts(amount=np.full(3000, -1.0))
    assert [g["group"] for g in everybody["groups"]] == ["below 0"]
    assert "to_rest" not in everybody["groups"][0]
    assert everybody["between"] == []


def test_nothing_is_said_where_nothing_is_declared():
    silent = replace(PIPELINE, evaluation=Evaluation(alert_entity="customer"))
    assert fairness_facts(silent, evaluation_of(FRAUD.head), ROWS, {}, dict, COPIES, None) == {}
