"""Whole DAGs from the stages' records, and tasks of one's own in and beside them."""

from dataclasses import replace

import pytest
from airflow.sdk import DAG, TriggerRule
from airflow.sdk.bases.operator import BaseOperator

from millrace.airflow.dags import data_dag, model_dag, tune_dag
from millrace.airflow.operator import StageOperator
from millrace.airflow.tasks import approval, assets, await_partitions, stage
from pipelines.core.errors import ConfigError
from pipelines.protocol import chain_stages, stage_named
from pipelines.protocol.stage import SCOPES
from pipelines.spec import Split, load

PIPELINE = load("fraud_detection")


@pytest.fixture(scope="module")
def dags():
    made = data_dag(PIPELINE), model_dag(PIPELINE), tune_dag(PIPELINE)
    return {dag.dag_id.removeprefix("fraud_detection_"): dag for dag in made}


def names(tasks):
    return sorted(task.task_id for task in tasks)


def test_each_stage_of_the_chain_is_a_task_of_its_dag_with_what_its_record_says(dags):
    for record in chain_stages(*SCOPES, pipeline=PIPELINE):
        task = dags[record.dag].get_task(record.name)
        assert isinstance(task, StageOperator)
        assert (task.execution_timeout, task.pool) == (record.timeout, record.pool)
        assert (task.retries, task.doc_md) == (record.retries, record.does)
        assert task.new_interpreter is record.heavy
        asked = [option.split("=")[0] for option in task.options]
        assert asked == [o.name for o in record.options if o.service or o.form or o.of_answer]
        holders = [dag for dag in ("data", "model") if dags[dag].has_task(record.name)]
        assert holders == [record.dag]


def test_tasks_follow_one_another_as_the_records_say(dags):
    order = [
        "await_partitions",
        "validate_window",
        "preprocess",
        "train",
        "evaluate",
        "approve",
    ]
    for before, after in zip(order, [*order[1:], "promote"], strict=True):
        assert names(dags["model"].get_task(before).downstream_list) == [after]
    assert names(dags["tune"].get_task("tune").upstream_list) == ["trial"]
    assert dags["data"].get_task("featurize").trigger_rule == TriggerRule.ALL_DONE
    assert dags["model"].get_task("promote").trigger_rule == TriggerRule.NONE_FAILED


def test_a_cohort_is_a_task_where_the_pipeline_has_one_and_nowhere_else(dags):
    assert not any(dag.has_task("cohort") for dag in dags.values())
    split = Split(
        train_days=30, gap_days=0, test_days=0, by="entity", entity="customer", folds=3
    )
    divided = replace(PIPELINE, split=split)
    made = model_dag(divided)
    assert names(made.get_task("validate_window").downstream_list) == ["cohort"]
    assert names(made.get_task("cohort").downstream_list) == ["preprocess"]
    inputs = [each.split("=")[0] for each in made.get_task("preprocess").inputs]
    assert inputs == ["window_validation", "model_cohort"]
    searched = tune_dag(divided)
    assert names(searched.get_task("cohort").downstream_list) == ["preprocess"]


def test_what_a_stage_may_be_asked_by_a_person_is_in_the_form(dags):
    form = dags["model"].params
    assert form.get_param("promote_older").schema["title"].startswith("Let an older model")
    assert form.get_param("tuned").schema["format"] == "date"
    assert form.get_param("approve").value is False
    assert set(dags["data"].params) == {"partition", "settings", "branch"}


def test_a_task_of_ones_own_follows_one_of_ours_and_arguments_are_replaced():
    with data_dag(PIPELINE, dag_id="own", schedule=None, max_active_runs=1) as dag:
        dag.get_task("validate") >> BaseOperator(task_id="mail")
    assert names(dag.get_task("validate").downstream_list) == ["featurize", "mail"]
    assert (dag.dag_id, dag.max_active_runs) == ("own", 1)


def test_a_dag_that_is_wired_by_hand_takes_single_tasks():
    with DAG("by_hand", schedule=list(assets(PIPELINE).values())) as dag:
        waits, train = await_partitions(PIPELINE), stage(PIPELINE, "train", pool="a100")
        waits >> train >> approval(PIPELINE, "promote")
    assert dag.get_task("train").pool == "a100"
    assert {"features", "good_partitions", "model", "scores"} <= set(assets(PIPELINE))
    with pytest.raises(ConfigError, match=r"There is no stage 'trainin'. Did you mean 'train'"):
        stage(PIPELINE, "trainin")


def test_no_stage_that_is_run_on_demand_is_in_a_scheduled_dag(dags):
    record = stage_named("tune")
    assert record.on_demand
    assert dags["tune"].dag_id == f"fraud_detection_{record.dag}"
    assert not any(dags[dag].has_task(record.name) for dag in ("data", "model"))
