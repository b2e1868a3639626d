"""From an alarm to the model DAG: who is called, what is published, and the run that it starts."""

import dataclasses
import json

import pytest
from airflow.sdk import BaseNotifier
from airflow.sdk.exceptions import AirflowSkipException
from airflow.serialization.serialized_objects import DagSerialization

from millrace.airflow.dags import data_dag, model_dag
from millrace.airflow.late_days import LateNotifier
from millrace.airflow.retraining import (
    RetrainingOperator,
    retraining_asset,
    retraining_dags,
)
from millrace.airflow.score_dags import score_dag, score_days_dag
from pipelines.spec import Retraining, Watch, load
from tests.pipelines.stages.watch.watched_days import put
from tests.plugins.test_score_dags import Events

PIPELINE = load("fraud_detection")
ASKING = dataclasses.replace(
    PIPELINE, watch=Watch(retraining=Retraining(on=("drift",)), late_after_hours=6.0)
)


class Note(BaseNotifier):
    """A team's own: it keeps what it was called with."""

    template_fields = ("message",)

    def __init__(self, message):
        super().__init__()
        self.message, self.said = message, []

    def notify(self, context):
        self.said.append(f"{self.message}: {context['exception']}")


def test_nothing_asks_for_a_model_unless_it_is_declared():
    assert retraining_dags(PIPELINE) == []
    assert "ask_for_model" not in score_dag(PIPELINE).task_ids
    assert score_dag(PIPELINE).deadline is None


def test_asking_comes_after_watch_whatever_became_of_it_and_hides_no_failure():
    dag = score_dag(ASKING)
    watch, asking = dag.get_task("watch"), dag.get_task("ask_for_model")
    assert asking.upstream_task_ids == {"watch"}
    assert (asking.is_teardown, asking.on_failure_fail_dagrun) == (True, False)
    assert asking.outlets == [retraining_asset(ASKING)]
    assert watch.outlets[0].name == "fraud_detection_monitoring"
    assert not any("ask_for_model" in name for name in score_days_dag(ASKING).task_ids)


def test_the_asset_starts_one_run_of_the_model_dag_for_an_as_of_day():
    (dag,) = retraining_dags(ASKING)
    assert dag.dag_id == "fraud_detection_retraining"
    assert dag.timetable.asset_condition == retraining_asset(ASKING)
    start = dag.get_task("start_model")
    assert start.trigger_dag_id == model_dag(ASKING).dag_id
    assert "as_of" in model_dag(ASKING).params
    assert start.conf == {"as_of": "{{ dag_run.partition_key }}"}
    assert start.trigger_run_id == "retraining__{{ dag_run.partition_key }}"
    assert start.skip_when_already_exists


@pytest.mark.parametrize("asked", ["2026-04-07", ""])
def test_a_partition_that_asks_publishes_its_as_of_day_and_no_other_does(tmp_path, asked):
    outcome = {"asked_as_of": asked, "alarms": ["drift of tx_amount"], "verdict": "refused"}
    put(tmp_path, "monitoring", "ds=2026-04-06", lambda out: None, outcome=outcome)
    asset, events = retraining_asset(ASKING), Events()
    task = RetrainingOperator(
        task_id="ask",
        pipeline=PIPELINE.name,
        store=str(tmp_path),
        partition="2026-04-06",
        outlets=[asset],
    )
    if not asked:
        with pytest.raises(AirflowSkipException, match="2026-04-06 asks for no new model"):
            task.execute({"outlet_events": events})
        assert events == {}
        return
    assert task.execute({"outlet_events": events}) == asked
    assert events[asset].keys == ["2026-04-07"]
    assert events[asset].extra["alarms"] == ["drift of tx_amount"]
    task.partition = "2026-04-05"
    with pytest.raises(AirflowSkipException):
        task.execute({"outlet_events": events})


def test_a_notifier_is_called_with_the_alarm_of_a_failed_task():
    note = Note("fraud")
    for given in (note, [note], (note,)):
        (called,) = score_dag(PIPELINE, on_alarm=given).get_task("watch").on_failure_callback
        called({"exception": ValueError("tx_amount drifted")})
    assert note.said == ["fraud: tx_amount drifted"] * 3
    assert not score_dag(PIPELINE).get_task("watch").on_failure_callback


@pytest.mark.parametrize(
    ("make", "what"), [(score_dag, "scored"), (data_dag, "taken in")], ids=["score", "data"]
)
def test_a_late_partition_has_a_deadline_that_says_what_is_late(make, what):
    (alert,) = deadlines(make(ASKING))
    assert alert.interval.total_seconds() == 6 * 3600
    assert alert.callback.path == "millrace.airflow.late_days.LateNotifier"
    assert f"is not {what} 6 hours after its run was due" in alert.callback.kwargs["text"]
    assert not deadlines(make(ASKING, deadline=None))


def test_a_late_partition_is_logged(capsys):
    note = LateNotifier(text="2026-04-06 is not scored")
    note.notify({})
    assert "2026-04-06 is not scored" in capsys.readouterr().out


def test_the_dags_that_ask_and_start_can_be_serialized():
    for dag in (score_dag(ASKING), *retraining_dags(ASKING)):
        written = json.dumps(DagSerialization.to_dict(dag), default=str)
        assert "millrace://fraud_detection/retraining" in written
    assert "LateNotifier" in json.dumps(
        DagSerialization.to_dict(score_dag(ASKING)), default=str
    )


def deadlines(dag):
    found = dag.deadline
    return list(found) if isinstance(found, list | tuple) else [found] if found else []
