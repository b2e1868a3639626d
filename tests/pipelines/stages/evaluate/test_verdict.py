"""Every way to a verdict."""

import pytest

from pipelines.spec import Gates, Regression, Survival
from pipelines.stages.evaluate.verdict import BETTER, NOT_BETTER, REJECTED, decide

GATES = Gates(min_auc=0.8, min_average_precision=0.5, max_loss_to_champion=0.01)


def numbers(auc, average_precision):
    return {"auc": auc, "average_precision": average_precision}


@pytest.mark.parametrize(
    ("auc", "ap", "champion", "unknown", "verdict", "reason"),
    [
        (0.9, 0.6, None, "", BETTER, "There is no champion of an earlier day"),
        (0.8, 0.5, None, "", BETTER, "reach the gates"),
        (0.79, 0.6, None, "", REJECTED, "AUC 0.7900 is below the gate 0.8."),
        (0.9, 0.49, None, "", REJECTED, "Average precision 0.4900 is below the gate 0.5."),
        (float("nan"), 0.6, None, "", REJECTED, "AUC nan is below the gate"),
        (0.9, 0.6, 0.55, "", BETTER, "0.0500 above the champion's 0.5500 on the same rows"),
        (0.9, 0.6, 0.61, "", BETTER, "0.0100 below the champion's 0.6100"),
        (0.9, 0.6, 0.62, "", NOT_BETTER, "0.0200 below the champion's 0.6200"),
        (0.9, 0.4, 0.3, "", REJECTED, "below the gate 0.5"),
        (0.9, 0.6, None, "Its files are gone.", NOT_BETTER, "Its files are gone."),
    ],
)
def test_gates_come_first_then_the_champion(auc, ap, champion, unknown, verdict, reason):
    theirs = None if champion is None else numbers(0.9, champion)
    decided = decide(GATES, numbers(auc, ap), theirs, unknown)
    assert decided.name == verdict
    assert reason in " ".join(decided.reasons)


def test_every_failed_gate_is_named():
    assert len(decide(GATES, numbers(0.1, 0.1), None).reasons) == 2


@pytest.mark.parametrize(
    ("rmse", "champion", "verdict", "reason"),
    [
        (2.0, None, BETTER, "Rmse 2.0000 reaches the gate (3)."),
        (3.1, None, REJECTED, "Rmse 3.1000 is above the gate 3."),
        (2.0, 1.95, BETTER, "0.0500 above the champion's 1.9500 on the same rows; 0.1 above"),
        (2.0, 1.8, NOT_BETTER, "0.2000 above the champion's 1.8000"),
        (2.0, 2.5, BETTER, "0.5000 below the champion's 2.5000"),
    ],
)
def test_where_less_is_better_the_gate_and_the_comparison_turn_round(
    rmse, champion, verdict, reason
):
    gates = Gates(limits=(("rmse", 3.0),), max_loss_to_champion=0.1)
    theirs = None if champion is None else {"rmse": champion, "mae": 1.0}
    decided = decide(gates, {"rmse": rmse, "mae": 1.0}, theirs, head=Regression())
    assert decided.name == verdict
    assert reason in " ".join(decided.reasons)


def test_without_gates_it_says_so():
    decided = decide(Gates(), {"concordance": 0.7, "brier": 0.1}, None, head=Survival((1.0,)))
    assert decided.reasons[0] == "There are no gates."
