"""What every head's evaluation shares: resamples with the champion, and champions not to be met."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.spec import Gates, Regression
from pipelines.stages.evaluate.comparison import Champion, compare, measure_champion
from pipelines.stages.evaluate.heads import evaluation_of
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
    return Champion(FACTS, work.find(work.model_ref("models")))


def off_by(share):
    _, index = np.unique(ENTITY, return_inverse=True)
    return evaluation_of(Regression()).terms(Y, {"score": Y + share * NOISE}, index)


def served(_folder):
    return {}, off_by(1.0)


def test_a_model_differs_from_itself_by_nothing_in_every_resample(work, champion):
    rival = measure_champion(champion, served, work)
    found = compare(work, off_by(1.0), rival)
    assert found["champion"]["metrics"]["rmse"] == pytest.approx(np.sqrt((NOISE**2).mean()))
    assert found["champion"]["difference_intervals"] == {"rmse": (0.0, 0.0), "mae": (0.0, 0.0)}
    low, high = found["intervals"]["rmse"]
    assert low < found["metrics"]["rmse"] < high
    assert found["verdict"] == "BETTER"


@pytest.mark.parametrize(("share", "verdict"), [(0.5, "BETTER"), (2.0, "NOT_BETTER")])
def test_less_error_than_the_champions_promotes_and_more_holds(work, champion, share, verdict):
    found = compare(work, off_by(share), measure_champion(champion, served, work))
    low, high = found["champion"]["difference_intervals"]["rmse"]
    assert (high < 0) if share < 1 else (low > 0)
    assert found["verdict"] == verdict


@pytest.mark.parametrize("error", [KeyError("balance"), IndexError("balance")])
def test_a_champion_that_reads_or_says_something_else_holds_the_model(work, champion, error):
    def measured(_folder):
        raise error

    found = compare(work, off_by(1.0), measure_champion(champion, measured, work))
    assert (found["verdict"], found["champion"]) == ("NOT_BETTER", None)
    assert "as of 2026-01-31, seed 0) cannot be compared" in found["reasons"][-1]
    assert "(balance)" in found["reasons"][-1]


def test_a_champion_that_is_gone_holds_the_model_and_no_champion_promotes_it(work):
    gone = measure_champion(Champion(FACTS, None), served, work)
    found = compare(work, off_by(1.0), gone)
    assert found["verdict"] == "NOT_BETTER"
    assert "no longer in the store" in found["reasons"][-1]
    first = compare(work, off_by(1.0), measure_champion(None, served, work))
    assert first["verdict"] == "BETTER"
