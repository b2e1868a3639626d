"""Scoring a range of days by one call."""

import re

import pytest

from pipelines import api
from pipelines.core.errors import ConfigError
from pipelines.protocol import stage_named
from tests.pipelines.stages.score.scored_days import (
    DAY,
    EARLY,
    publish_day,
    publish_dense,
    register,
)

BEFORE, AFTER = "2026-02-28", "2026-03-02"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    root = tmp_path_factory.mktemp("scored")
    publish_day(root, DAY, rows=50)
    publish_day(root, AFTER, rows=70)
    publish_day(root, BEFORE, refused=True)
    publish_day(root, "2026-01-20", rows=20)
    register(root, publish_dense(root, as_of=EARLY), publish_dense(root, seed=1))
    return root


def test_days_that_cannot_be_scored_are_listed_and_stop_no_other(store, monkeypatch):
    # Watching reads the training days of the champion, which this store has not.
    both = [stage_named("score"), stage_named("settle")]
    monkeypatch.setattr("pipelines.api.scoring._stages", lambda *_args, **_named: both)
    lines = []
    summary = api.score(
        "fraud_detection", store, from_=BEFORE, to=AFTER, in_process=True, on_event=lines.append
    )
    refused, *scored = summary["days"]
    assert "was refused, so it has no scores" in refused["left"]
    assert [(day["partition"], day["rows"], day["model_version"]) for day in scored] == [
        (DAY, 50, 1),
        (AFTER, 70, 1),
    ]
    assert summary["rows"] == 120
    assert summary["stages"]["score"]["left"] == 1
    assert summary["stages"]["settle"]["done"] == 2
    last = [line["message"] for line in lines if line["event"] == "log"][-1]
    assert re.fullmatch(r"settle: 2 of 2 partitions, .* rows/s, 0 s left", last)


def test_a_day_before_every_champion_is_left_out(store):
    (day,) = api.score(
        "fraud_detection", store, from_="2026-01-20", to="2026-01-20", in_process=True
    )["days"]
    assert "no version of fraud_detection was the champion on 2026-01-20" in day["left"]


def test_a_chosen_version_scores_days_beside_the_champions(store):
    summary = api.score(
        "fraud_detection", store, from_=DAY, to=DAY, version=2, shadow=[1], in_process=True
    )
    assert summary["days"][0]["model_version"] == 2
    assert list(summary["stages"]) == ["score"]


@pytest.mark.parametrize("version", [0, -1, "2", True, 1.0])
def test_a_version_that_is_not_a_whole_number_is_refused(store, version):
    with pytest.raises(ConfigError, match="A version is a whole number from 1 on"):
        api.score("fraud_detection", store, from_=DAY, to=DAY, version=version, in_process=True)
