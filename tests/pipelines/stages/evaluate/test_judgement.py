"""What every head's judgement shares: resamples with the champion, and champions not to be met."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.spec import Gates, Regression
from pipelines.stages.evaluate.head_metrics import judgeable
from pipelines.stages.evaluate.judgement import numbers_of, rival_of
from tests.pipelines.made_models import FRAUD, publish_model, publish_training_set, work_on

FACTS = {"as_of": "2026-01-31", "seed": "0"}
AMOUNTS = replace(FRAUD, head=Regression(), gates=Gates())
DRAWN = np.random.default_rng(4)
Y, ENTITY = DRAWN.normal(size=600), DRAWN.integers(0, 40, 600)
NOISE = DRAWN.normal(size=600)


@pytest.fixture
def work(tmp_path):
    publish_training_set(tmp_path)
    publish_model(tmp_path)
    return work_on("evaluate", tmp_path, pipeline=AMOUNTS)[1]


@pytest.fixture
def champion(work):
    return FACTS, work.find(work.model_ref("models"))


def off_by(share):
    return judgeable(Regression(), Y, {"score": Y + share * NOISE}, ENTITY)


def test_a_model_differs_from_itself_by_nothing_in_every_resample(work, champion):
    rival = rival_of(champion, lambda folder: off_by(1.0), work)
    told = numbers_of(work, off_by(1.0), rival)
    assert told["champion"]["metrics"]["rmse"] == pytest.approx(np.sqrt((NOISE**2).mean()))
    assert told["champion"]["difference_intervals"] == {"rmse": (0.0, 0.0), "mae": (0.0, 0.0)}
    low, high = told["intervals"]["rmse"]
    assert low < told["metrics"]["rmse"] < high
    assert told["verdict"] == "PROMOTE"


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "PROMOTE"), (2.0, "HOLD")])
def test_less_error_than_the_champions_promotes_and_more_holds(work, champion, share, verdict):
    told = numbers_of(work, off_by(share), rival_of(champion, lambda folder: off_by(1.0), work))
    low, high = told["champion"]["difference_intervals"]["rmse"]
    assert (high < 0) if share < 1 else (low > 0)
    assert told["verdict"] == verdict


@pytest.mark.parametrize("error", [KeyError("balance"), IndexError("balance")])
def test_a_champion_that_reads_or_says_something_else_holds_the_model(work, champion, error):
    def measured(_folder):
        raise error

    told = numbers_of(work, off_by(1.0), rival_of(champion, measured, work))
    assert (told["verdict"], told["champion"]) == ("HOLD", None)
    assert "as of 2026-01-31, seed 0) cannot be compared" in told["reasons"][-1]
    assert "(balance)" in told["reasons"][-1]


def test_a_champion_that_is_gone_holds_the_model_and_no_champion_promotes_it(work):
    gone = rival_of((FACTS, None), lambda folder: off_by(1.0), work)
    told = numbers_of(work, off_by(1.0), gone)
    assert told["verdict"] == "HOLD"
    assert "no longer in the store" in told["reasons"][-1]
    first = numbers_of(work, off_by(1.0), rival_of(None, lambda folder: off_by(1.0), work))
    assert first["verdict"] == "PROMOTE"
