"""Mistakes in the limits for scored days: each is found, and says what to write instead."""

from dataclasses import replace

import pytest

from pipelines.core.errors import DeclarationError
from pipelines.spec import Limit, Retraining, Watch, load, require_valid

PIPELINE = load("fraud_detection")
WRONG = {
    "a negative number of weeks": ({"weeks_back": -1}, r"watch.weeks_back must be .*0.*got -1"),
    "weeks beyond any store": ({"weeks_back": 10**6}, "watch.weeks_back must be"),
    "a limit below 0": (
        {"psi": Limit(warn=-0.1)},
        "watch.psi: warn must be 0 or more; got -0.1",
    ),
    "not a number": (
        {"score_psi": Limit(refuse=float("nan"))},
        "watch.score_psi.refuse must be a number or None and finite; got nan",
    ),
    "a ratio below 1": (
        {"rows_ratio": Limit(warn=0.5)},
        "watch.rows_ratio: warn must be 1 or more; got 0.5",
    ),
    "a warning after the failure": (
        {"metric_loss": Limit(warn=0.3, refuse=0.1)},
        "watch.metric_loss: warn=0.3 is above refuse=0.1. Warn at the same value or below",
    ),
    "a limit on no feature": (
        {"psi_of": (("tx_amont", Limit(warn=1.0)),)},
        "watch.psi_of: feature 'tx_amont' is not declared. Did you mean 'tx_amount'",
    ),
    "two limits on a feature": (
        {"psi_of": (("tx_amount", Limit(warn=1.0)), ("tx_amount", Limit()))},
        "feature 'tx_amount' has 2 limits. Keep one",
    ),
    "a limit on a feature below 0": (
        {"psi_of": (("tx_amount", Limit(warn=-1.0)),)},
        "watch.psi_of 'tx_amount': warn must be 0 or more",
    ),
    "nothing to leave out": (
        {"not_watched": ("amount",)},
        "watch.not_watched: feature 'amount' is not declared",
    ),
    "an excused day that is none": ({"excused": ("2026-02-30",)}, "watch.excused"),
    "a deadline at once": (
        {"late_after_hours": 0.0},
        "watch.late_after_hours must be above 0 .*got 0.0. Omit it for no deadline",
    ),
    "a deadline in another age": (
        {"late_after_hours": 1e9},
        "watch.late_after_hours must be above 0 and at most 8784; got 1000000000.0",
    ),
    "an alarm that asks for nothing": (
        {"retraining": Retraining(on=("drif",))},
        "watch.retraining.on: 'drif' is no alarm that asks for a model. Did you mean 'drift'",
    ),
    "no cool-down": (
        {"retraining": Retraining(on=("drift",), cooldown_days=0)},
        "watch.retraining.cooldown_days must be",
    ),
    "decay without a limit": (
        {"retraining": Retraining(on=("decay",)), "metric_loss": Limit()},
        "no limit for it is declared, so nothing would ask. Declare watch.metric_loss",
    ),
    "a text for a limit": ({"psi": 0.25}, "watch.psi must be a Limit"),
    "one kind without a tuple": ({"retraining": Retraining(on="drift")}, "watch.retraining.on"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=[*WRONG])
def test_a_mistake_is_listed_with_what_to_write(changes, said):
    with pytest.raises(DeclarationError, match=said):
        require_valid(replace(PIPELINE, watch=replace(Watch(), **changes)))


def test_what_is_declared_well_is_valid():
    watch = Watch(
        weeks_back=0,
        psi_of=(("tx_amount", Limit(warn=1.0, refuse=1.0)),),
        not_watched=("tx_amount",),
        excused=("2026-12-25",),
        late_after_hours=0.5,
        retraining=Retraining(on=("drift", "decay"), cooldown_days=1),
    )
    assert require_valid(replace(PIPELINE, watch=watch)).watch == watch
