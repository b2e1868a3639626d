"""A cross-validation by one command, on simulated patients; a second call makes nothing."""

import json

import pytest

from tests.pipelines.cli.test_usage import millrace

FIRST, LAST = "2010-01-01", "2022-12-31"


@pytest.mark.slow
def test_a_cross_validation_tests_each_fold_once_and_is_found_again(tmp_path):
    source = tmp_path / "source"
    days = ("--from", FIRST, "--to", LAST)
    made = millrace("simulate", "disease_progression", *days, "--out", source, "--size", 1000)
    assert made.returncode == 0, made.stderr
    settings = ("training.epochs=1", "split.folds=2", "evaluation.bootstrap_samples=5")
    run = (
        *("run", "disease_progression", "--source", source, "--store", tmp_path / "store"),
        *days,
        *(word for setting in settings for word in ("--set", setting)),
        *("--folds", "--json"),
    )
    first, second = (millrace(*run) for _ in range(2))
    assert first.returncode == 0, first.stderr
    found, again = (json.loads(each.stdout) for each in (first, second))
    assert [each["fold"] for each in found["folds"]] == [0, 1]
    aucs = [each["metrics"]["auc"] for each in found["folds"]]
    assert aucs[0] != aucs[1]
    assert found["over_folds"]["auc"]["mean"] == pytest.approx(sum(aucs) / 2)
    assert "promote" not in found["stages"]
    assert found["stages"]["cohort"]["work"] == 2
    assert all(facts["work"] == facts["cached"] for facts in again["stages"].values())
    assert again["folds"] == found["folds"]
