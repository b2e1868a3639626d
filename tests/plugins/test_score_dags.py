"""The DAGs that score: when they run, their tasks, forms, and what is skipped."""

import dataclasses
import itertools

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from millrace.airflow.dags import on_demand_dags
from millrace.airflow.operator import StageOperator
from millrace.airflow.partition_range import PartitionRangeOperator
from millrace.airflow.score_dags import grouped_stages, score_dag, score_days_dag
from millrace.airflow.tasks import assets
from pipelines.core import errors
from pipelines.protocol import stage_of
from pipelines.protocol.stage import SCORE_DAG
from pipelines.spec import load
from tests.plugins.test_operator import toy

PIPELINE = load("fraud_detection")
SCORE = stage_of("scores").name


def test_a_day_is_scored_when_its_features_are_published():
    dag = score_dag(PIPELINE)
    assert dag.dag_id == "fraud_detection_score"
    assert dag.timetable.asset_condition == assets(PIPELINE)["features"]
    names = [each.name for each in grouped_stages(PIPELINE)]
    assert names[0] == SCORE
    assert sorted(dag.task_ids) == sorted(names)
    for before, after in itertools.pairwise(names):
        assert [each.task_id for each in dag.get_task(after).upstream_list] == [before]
    assert dag.get_task(SCORE).outlets == [assets(PIPELINE)["scores"]]


def test_the_form_asks_for_day_version_and_challengers():
    assert {"partition", "version", "shadow"} <= set(score_dag(PIPELINE).params)
    params = score_days_dag(PIPELINE).params
    assert {"first", "last", "version", "shadow"} <= set(params)
    asked = score_dag(PIPELINE).get_task(SCORE).options
    assert "version={{ params.get('version') or '' }}" in asked
    assert "shadow={{ params.get('shadow') or '' }}" in asked


def test_days_of_a_form_are_mapped_over_the_same_tasks():
    dag = score_days_dag(PIPELINE)
    assert dag.schedule is None
    names = [f"day.{each.name}" for each in grouped_stages(PIPELINE)]
    assert sorted(dag.task_ids) == sorted(["partitions", *names])
    for name in names:
        assert isinstance(dag.get_task(name), StageOperator)
        assert "partitions" in dag.get_task(name).get_flat_relative_ids(upstream=True)


def test_stages_that_share_a_dag_have_none_of_their_own():
    assert not any(dag.dag_id.endswith(SCORE_DAG) for dag in on_demand_dags(PIPELINE))


@pytest.mark.parametrize("error", ["NoChampionError", "NothingToScoreError"])
def test_a_day_that_cannot_be_scored_is_skipped_and_says_why(monkeypatch, error):
    operator = toy(SCORE)
    raised = getattr(errors, error)("There is nothing; do this.")

    def run_child(*_args):
        raise raised

    monkeypatch.setattr(operator, "run_child", run_child)
    with pytest.raises(AirflowSkipException, match=r"There is nothing; do this\."):
        operator.execute({})


def test_a_task_with_a_reason_to_skip_starts_no_process(monkeypatch):
    operator = toy("validate", skip_where=" It was asked for otherwise. ")
    monkeypatch.setattr(operator, "run_child", lambda *_: pytest.fail("it was started"))
    with pytest.raises(AirflowSkipException, match="It was asked for otherwise"):
        operator.execute({})


def test_scores_of_a_chosen_version_are_no_event_of_the_asset():
    operator = toy(SCORE, options=["version=3"])
    operator.outlets = [assets(PIPELINE)["scores"]]
    operator._announce({"outlet_events": {}}, {"rows": 7, "digest": "ab"})
    assert operator.outlets == []


def keys_of(first, last, monkeypatch=None, pipeline=None):
    if pipeline is not None:
        monkeypatch.setattr("millrace.airflow.partition_range.load", lambda _name: pipeline)
    operator = PartitionRangeOperator(
        task_id="partitions", pipeline="fraud_detection", first=first, last=last
    )
    return operator.execute({})


def test_the_form_of_several_days_names_each_partition(monkeypatch):
    assert keys_of("2026-01-30", "2026-02-01") == ["2026-01-30", "2026-01-31", "2026-02-01"]
    table = dataclasses.replace(PIPELINE.table, grain="month")
    monthly = dataclasses.replace(PIPELINE, tables=(table,))
    keys = keys_of("2026-01-30", "2026-03", monkeypatch, monthly)
    assert keys == ["2026-01", "2026-02", "2026-03"]


@pytest.mark.parametrize(
    ("first", "last", "says"),
    [
        ("", "2026-01-01", "are empty and 2026-01-01. Give both"),
        ("2026-01-02", "2026-01-01", "is before the first. Swap them"),
        ("2026-02-30", "2026-03-01", "2026-02-30"),
        ("2020-01-01", "2026-01-01", "a run has 1,000 at most"),
    ],
)
def test_a_range_that_cannot_be_used_says_what_to_give(first, last, says):
    with pytest.raises(errors.ConfigError, match=says):
        keys_of(first, last)
