"""Where training starts, and how few epochs that leaves; what two competing events make of it."""

import math

import numpy as np
import pytest

from tests.pipelines.stages.train import train_process
from tests.pipelines.stages.train.declared_networks import MODELS
from tests.pipelines.stages.train.labels import HEADS
from tests.pipelines.stages.train.times import CUTS, aalen_johansen

CUTS_OF_HEADS = (1.0, 2.0, 5.0)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = str(tmp_path_factory.mktemp("store"))
    return train_process.results_of("base_rate_case", {"root": root})[-1]


def entropy(shares):
    return -sum(p * math.log(p) for p in shares if p)


def of_classes(y):
    return entropy(np.unique(y, return_counts=True)[1] / len(y))


def of_grades(y):
    above = [np.mean(np.array(y) > k) for k in range(3)]
    return sum(entropy([p, 1 - p]) for p in above)


def of_squares(y):
    return np.var((np.array(y) - 2.0) / 3.0)


def of_huber(y):
    """Of the best constant, found by trying many."""
    values = (np.array(y) - 2.0) / 0.5
    each = np.abs(values[:, None] - np.linspace(-20, 60, 8001))
    return np.where(each <= 1, each**2 / 2, each - 0.5).mean(axis=0).min()


def of_hazards(y):
    """Of what becomes of the rows at risk in each interval, by the share of rows that are."""
    y, total = np.atleast_2d(np.array(y).T).T, 0.0
    days, ended = np.abs(y[:, 0]), (y[:, 0] > 0) | (y[:, -1] == 1)
    kind = np.where(y[:, -1] == 1, 2, 1) if y.shape[1] > 1 else np.ones(len(y))
    for begin, end in zip((0.0, *CUTS_OF_HEADS), CUTS_OF_HEADS, strict=False):
        here = ended & (days >= begin) & (days < end)
        seen = np.where(ended, days >= end, days >= (begin + end) / 2)
        counts = np.array([seen.sum(), *((here & (kind == k)).sum() for k in (1, 2))])
        if counts.sum():
            total += entropy(counts / counts.sum()) * counts.sum() / len(y)
    return total


ENTROPIES = {
    "binary": of_classes,
    "multi_class": of_classes,
    "squared": of_squares,
    "huber": of_huber,
    "ordinal": of_grades,
    "survival": of_hazards,
    "competing": of_hazards,
}


@pytest.mark.parametrize("head", HEADS)
def test_the_first_epochs_loss_is_that_of_the_base_rate(results, head):
    found = results["heads"][head]
    wanted = ENTROPIES[head](found["labels"])
    # Nothing is to be learnt from these inputs: an epoch neither gains nor loses more than noise.
    assert found["first_loss"] == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("head", HEADS)
def test_no_other_constant_fits_the_rows_better_with_weights_of_classes_too(results, head):
    found = results["heads"][head]
    assert found["slope"] < 2e-5
    assert found["slope_weighed"] < 2e-5


@pytest.mark.parametrize("head", [name for name in HEADS if name != "huber"])
def test_the_start_does_not_depend_on_how_rows_are_cut_into_days(results, head):
    found = results["heads"][head]
    np.testing.assert_allclose(found["start"], found["of_three_days"], rtol=1e-12)


def test_the_start_of_the_focal_loss_is_its_own_best_constant_and_nearer_to_zero(results):
    log_odds = results["heads"]["binary"]["start"][0]
    for at, slope in results["focal"].values():
        assert slope < 2e-5
        assert abs(at) < abs(log_odds)
        assert at * log_odds > 0


@pytest.mark.parametrize("network", MODELS)
def test_every_kind_of_network_starts_there(results, network):
    assert max(results["networks"][network].values()) < 1e-6


def test_labels_that_do_not_occur_count_a_half_and_every_start_is_finite(results):
    odd = results["odd"]
    assert all(math.isfinite(value) for start in odd.values() for value in start)
    assert odd["no event"] == pytest.approx([math.log(0.5 / 9)])
    assert odd["events alone"] == pytest.approx([math.log(9 / 0.5)])
    assert np.exp(odd["one class"]) == pytest.approx([0.05, 0.05, 0.9])
    assert odd["one grade"] == sorted(odd["one grade"], reverse=True)
    assert odd["far outliers"] == pytest.approx([0.0], abs=1e-3)  # the median is center
    assert odd["weighed rows"] == pytest.approx([math.log(1.5 / 4.5)])
    assert odd["both weighed"] == pytest.approx([math.log(9 / 4.5)])
    # Two thirds of a year are seen by nobody: the hazard of the half year before stands.
    assert len(set(odd["before the first cut"])) == 1


def test_a_competing_loss_and_its_slope_are_finite_far_from_zero(results):
    assert results["far"]
    assert all(results["far"])


def test_fifteen_epochs_order_times_as_well_as_can_be_and_from_zeros_they_do_not(results):
    found = results["times"]
    assert found["base_rate"] > found["best"] - 0.025
    assert found["zeros"] < found["best"] - 0.05


def test_the_mean_survival_of_fifteen_epochs_is_the_observed_one(results):
    y = np.array(results["times"]["labels"])
    observed = aalen_johansen(np.stack([y, 0 * y], 1), CUTS)[0]
    np.testing.assert_allclose(
        1 - np.array(results["times"]["base_rate_survival"]), observed, atol=0.03
    )


@pytest.mark.parametrize("start", ["zeros", "base_rate"])
def test_a_network_that_reads_nothing_has_the_incidences_of_aalen_and_johansen(results, start):
    found = results["two_events"]
    observed = aalen_johansen(np.array(found["labels"]), CUTS)
    assert (observed[:, -1] > 0.2).all()
    np.testing.assert_allclose(found[start], observed, atol=0.006)


def test_a_model_of_two_events_is_trained_published_and_served_alike(results):
    found = results["stage"]
    names = [f"{name}_{n}" for name in ("competing", "survival") for n in range(3)]
    assert found["names"] == found["about"] == sorted([*names, "score"])
    assert max(found["apart"].values()) < 1e-5
    assert found["left"] > 0  # neither event, by the last cut
    assert found["falls"]
    assert found["loss"] < 3 * math.log(3)


def test_the_incidences_of_rows_that_nobody_loses_are_their_shares():
    y = np.array([[1, 0], [-2, 1], [3, 0], [-9, 0]])
    np.testing.assert_allclose(
        aalen_johansen(y, (1.0, 2.5, 5.0)), [[0.25, 0.25, 0.5], [0, 0.25, 0.25]]
    )
