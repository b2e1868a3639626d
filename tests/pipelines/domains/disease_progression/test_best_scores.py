"""The best reachable score: calibrated, in order, below what the hidden state gives, found by landmark."""

import numpy as np
import pytest

from pipelines.core.errors import ConfigError
from pipelines.domains.disease_progression.best_scores import best_scores, oracle_scores
from pipelines.domains.disease_progression.draws import Draws
from pipelines.domains.disease_progression.histories import draw_histories, lab_values
from pipelines.domains.disease_progression.landmark_scores import landmark_scores
from pipelines.domains.disease_progression.patients import draw_patients
from pipelines.domains.disease_progression.simulator import Cohort, simulate_cohort
from pipelines.drivers.reachable import concordance

YEARS, N = 3.0, 1_500


@pytest.fixture(scope="module")
def scored():
    """A landmark at the last visit by year 6 of each patient without the outcome, and all its scores."""
    histories = draw_histories(draw_patients(Draws(11, np.arange(N))), 30.0)
    by_then = np.where(histories.visits <= 6.0, histories.visits, -np.inf).max(axis=1)
    diagnosed = histories.stage_times[:, 4]
    patients = np.flatnonzero(np.isfinite(by_then) & (diagnosed > by_then))
    times = by_then[patients]
    happened = diagnosed[patients] <= np.minimum(times + YEARS, histories.died[patients])
    until = np.minimum(np.minimum(diagnosed, histories.died)[patients] - times, YEARS)
    return {
        "histories": histories,
        "patients": patients,
        "times": times,
        "happened": happened,
        "until": until,
        "recorded": best_scores(histories, patients, times, YEARS),
        "hidden": oracle_scores(histories, patients, times, YEARS),
    }


@pytest.mark.parametrize("kind", ["recorded", "hidden"])
def test_scores_are_the_shares_of_those_with_the_outcome(scored, kind):
    score, happened = scored[kind], scored["happened"]
    order = np.argsort(score)
    for group in np.array_split(order, 6):
        expected, deviation = (
            score[group].sum(),
            np.sqrt((score[group] * (1 - score[group])).sum()),
        )
        assert abs(happened[group].sum() - expected) < 3.5 * max(deviation, 1.0)


def test_records_order_patients_better_than_a_last_value_and_worse_than_the_hidden_stage(
    scored,
):
    histories, patients = scored["histories"], scored["patients"]
    done, values = lab_values(histories, 0)
    seen = done & (histories.visits <= 6.0)
    at = np.where(seen, np.arange(seen.shape[1]), -1).max(axis=1)
    last = np.where(at >= 0, values[np.arange(N), at], np.nan)[patients]
    last = np.where(np.isnan(last), np.nanmean(last), last)
    found = [
        concordance(scored["until"], scored["happened"], score)
        for score in (last, scored["recorded"], scored["hidden"])
    ]
    assert found == sorted(found)
    assert 0.7 < found[0] < found[1] - 0.01
    assert found[1] < found[2] < 0.99


def test_a_score_depends_on_no_other_landmark(scored):
    some = slice(0, 200, 7)
    alone = best_scores(
        scored["histories"], scored["patients"][some], scored["times"][some], YEARS
    )
    np.testing.assert_allclose(alone, scored["recorded"][some], rtol=1e-9)


def test_landmarks_are_found_by_patient_and_day(tmp_path):
    cohort = Cohort(first="2010-01-01", last="2015-12-31", patients=40, seed=3)
    simulate_cohort(cohort, tmp_path)
    histories = cohort.histories(0, 40)
    at = np.flatnonzero(histories.patients.entry < 4.0)
    days = np.datetime64("2010-01-01") + np.floor(histories.visits[at, 0] * 365.25).astype(
        "timedelta64[D]"
    )
    found = landmark_scores(
        tmp_path, [f"{n + 1}@{day}" for n, day in zip(at, days, strict=True)]
    )
    wanted = best_scores(histories, at, histories.visits[at, 0] + 1e-9, 1_095 / 365.25)
    # The end of the day, and what else is recorded in it, are not quite the visit.
    np.testing.assert_allclose(found.recorded, wanted, rtol=0.02, atol=1e-4)
    assert (found.hidden >= 0).all()


@pytest.mark.parametrize("row_id", ["41@2012-01-01", "0@2012-01-01", "x@2012-01-01", "7"])
def test_an_id_that_is_no_landmark_of_the_source_is_refused(tmp_path, row_id):
    simulate_cohort(
        Cohort(first="2010-01-01", last="2011-12-31", patients=40, seed=3), tmp_path
    )
    with pytest.raises(ConfigError, match="is not a landmark of 40 simulated patients"):
        landmark_scores(tmp_path, ["1@2011-01-01", row_id])
    with pytest.raises(ConfigError, match="has no simulated records"):
        landmark_scores(tmp_path / "data", ["1@2011-01-01"])
