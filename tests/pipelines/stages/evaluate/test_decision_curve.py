"""Net benefit against its definition, and what a good and a useless model come to."""

import numpy as np
import pytest

from pipelines.stages.evaluate.decision_curve import decision_curve, decision_plot

DRAW = np.random.default_rng(7)
N = 500
RISK = np.round(DRAW.beta(1, 5, N), 2)  # many at a threshold
HAPPENED = DRAW.random(N) < RISK
ONES = np.ones(N)


def by_definition(weight, threshold):
    acts = threshold <= RISK
    true = (weight * (acts & HAPPENED)).sum() / weight.sum()
    false = (weight * (acts & ~HAPPENED)).sum() / weight.sum()
    return true - false * threshold / (1 - threshold)


@pytest.mark.parametrize("weight", [ONES, DRAW.uniform(0, 2, N)], ids=["ones", "weighed"])
def test_net_benefit_is_its_definition_at_every_threshold(weight):
    table = decision_curve(weight * HAPPENED, weight * ~HAPPENED, RISK)
    assert len(table) == 50
    share = (weight * HAPPENED).sum() / weight.sum()
    for row in table:
        assert row["model"] == pytest.approx(by_definition(weight, row["threshold"]))
        odds = row["threshold"] / (1 - row["threshold"])
        assert row["all"] == pytest.approx(share - (1 - share) * odds)


def test_to_know_the_outcome_is_worth_the_share_of_events_at_any_threshold():
    table = decision_curve(1.0 * HAPPENED, 1.0 * ~HAPPENED, HAPPENED.astype(float))
    assert {round(row["model"], 12) for row in table} == {round(HAPPENED.mean(), 12)}


def test_acting_on_everybody_is_what_a_risk_of_one_for_everybody_comes_to():
    table = decision_curve(1.0 * HAPPENED, 1.0 * ~HAPPENED, ONES)
    assert all(row["model"] == pytest.approx(row["all"]) for row in table)


def test_the_plot_has_the_three_ways_to_act_and_no_rows_have_no_curve():
    table = decision_curve(1.0 * HAPPENED, 1.0 * ~HAPPENED, RISK)
    plot = decision_plot(table, "Decision curve")
    assert [each.label for each in plot.series] == ["nobody", "everybody", "this model"]
    assert "<svg" in plot.svg()
    none = np.zeros(0)
    assert decision_curve(none, none, none) == []
