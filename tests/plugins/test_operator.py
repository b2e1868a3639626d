"""The operator and real child processes: what comes back, and how each of them ends."""

import os
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout

from millrace.airflow.assets import assets
from millrace.airflow.operator import StageOperator
from millrace.airflow.progress_xcom import PROGRESS_KEY, ProgressXCom
from millrace_plugin import MillracePlugin
from pipelines.core import errors
from pipelines.protocol import stages
from pipelines.spec import load

NOW = datetime(2026, 2, 1, 0, 5, tzinfo=UTC)


def toy(stage="validate", **more):
    return StageOperator(
        task_id=stage,
        stage=stage,
        pipeline="fraud_detection",
        module="tests.plugins.toy_stage",
        new_interpreter=True,
        **({"partition": "2026-01-05", "store": "/tmp/unused"} | more),
    )


def wait_for(path: Path, seconds: float = 120) -> int:
    deadline = time.monotonic() + seconds
    while not (path.exists() and path.read_text()):
        assert time.monotonic() < deadline, f"{path} was not written in {seconds} s"
        time.sleep(0.02)
    return int(path.read_text())


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_the_result_comes_back_and_events_and_lines_are_logged(capsys):
    result = toy().execute({})
    assert result["rows"] == 7
    logged = capsys.readouterr().out
    assert "toy ds=2026-01-05: half is done" in logged
    assert "a line of a library" in logged


def test_progress_is_one_line_with_rate_and_time_left(capsys):
    event = {"event": "progress", "work": "train as_of=2026-02-01", "done": 50, "total": 100}
    toy()._log_event(event | {"unit": "steps", "per_s": 25.0, "eta_s": 2.0, "note": ""})
    assert (
        "train as_of=2026-02-01: 50 of 100 steps, 25 steps/s, 2 s left"
        in capsys.readouterr().out
    )


class Task:
    """What a running task offers, with what was pushed through it."""

    def __init__(self, fails=False):
        self.fails, self.pushed = fails, {}

    def xcom_push(self, key, value):
        if self.fails:
            raise RuntimeError("404: the task was cleared")
        self.pushed[key] = value


@pytest.mark.parametrize(
    ("url", "at_the_end"),
    [
        ("http://127.0.0.1:34567/status", ""),
        ("http://dask.example:8787/status", "http://dask.example:8787/status"),
    ],
)
def test_the_dashboard_is_a_button_while_the_work_goes_on(capsys, url, at_the_end):
    operator, task = toy("featurize", options=[f"dashboard={url}"]), Task()
    operator.execute({"ti": task})
    (link,) = operator.operator_extra_links
    assert task.pushed == {link.xcom_key: url}
    assert f"Dask's dashboard: {url}" in capsys.readouterr().out
    assert link.get_link(operator, ti_key=None) == at_the_end
    assert type(link) in {type(each) for each in MillracePlugin.operator_extra_links}


def test_a_button_that_cannot_be_set_does_not_end_the_work():
    operator = toy("featurize", options=["dashboard=http://127.0.0.1:1/status"])
    assert operator.execute({"ti": Task(fails=True)})["rows"] == 7


PROGRESS = {
    "event": "progress",
    "work": "train as_of=2026-02-01",
    "unit": "rows",
    "per_s": 25.0,
    "total": 100,
    "eta_s": 2.0,
    "note": "",
    "values": {"epoch": 2, "loss": 0.5},
}


def test_progress_is_shown_now_and_then_and_its_end_in_any_case():
    task = Task()
    progress = ProgressXCom(task)
    shown = []
    for done in (10, 20, 30, 100):
        progress.progress(PROGRESS | {"done": done})
        shown.append(task.pushed[PROGRESS_KEY]["done"])
    assert shown == [10, 10, 10, 100]
    assert task.pushed[PROGRESS_KEY]["values"] == {"epoch": 2, "loss": 0.5}


def test_progress_that_cannot_be_shown_is_not_tried_again_at_once(caplog):
    progress = ProgressXCom(Task(fails=True))
    for done in (10, 20, 30):
        progress.progress(PROGRESS | {"done": done})
    assert caplog.messages == [
        f"The web interface could not be given {PROGRESS_KEY}: 404: the task was cleared"
    ]


@pytest.mark.parametrize(
    "name", ["PartitionRefusedError", "SourceNotReadyError", "OutOfMemoryError", "ConfigError"]
)
def test_an_error_of_the_stage_is_raised_as_its_own_class(name):
    with pytest.raises(getattr(errors, name), match="three rows of four"):
        toy(options=[f"raise={name}", "message=three rows of four"]).execute({})


def test_a_child_killed_by_anybody_is_a_lost_worker():
    with pytest.raises(errors.WorkerLostError, match=r"killed \(SIGKILL\)"):
        toy(options=["do=die"]).execute({})


def test_a_day_whose_history_is_not_validated_is_skipped_and_says_who_does_it():
    with pytest.raises(
        AirflowSkipException, match=r"2026-01-04.*will do featurize for this partition too"
    ):
        toy("featurize", options=["raise=HistoryNotReadyError", "message=2026-01-04."]).execute(
            {}
        )


def test_a_partition_that_another_table_keeps_waiting_is_tried_again():
    with pytest.raises(errors.TableNotReadyError, match="labs 2025"):
        toy("featurize", options=["raise=TableNotReadyError", "message=labs 2025"]).execute({})


def test_on_kill_stops_the_child_at_once_without_waiting(tmp_path):
    operator = toy(options=["do=wait", f"pid={tmp_path / 'pid'}"])
    took = []

    def kill():
        wait_for(tmp_path / "pid")
        started = time.monotonic()
        operator.on_kill()
        operator.on_kill()
        took.append(time.monotonic() - started)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(errors.StageStoppedError, match=r"stopped after .* s"):
        operator.execute({})
    killer.join()
    assert took[0] < 2  # the child's grace is longer
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_a_timeout_of_the_task_ends_the_child_and_is_raised(tmp_path):
    def expire(_signum, _frame):
        raise AirflowTaskTimeout("Timeout")

    before = signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, 2.0)
    try:
        with pytest.raises(AirflowTaskTimeout, match="Timeout"):
            toy(options=["do=wait", f"pid={tmp_path / 'pid'}"]).execute({})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not is_running(int((tmp_path / "pid").read_text()))


def test_on_kill_before_there_is_a_child_does_nothing():
    toy().on_kill()


def test_the_child_gets_the_same_arguments_as_by_hand():
    operator = toy("train", partition=None, as_of="2026-02-01", history_from="2026-01-01")
    operator.settings = ["training.epochs=3", "split.train_days=2\n\nmodel.hidden=8,4\n", ""]
    operator.options = ["promote_older=false"]
    operator.inputs = ["training_set=0123456789abcdef", "model="]  # the last one made nothing
    assert operator.command(NOW) == [
        *("stage", "train", "fraud_detection", "--store", "/tmp/unused"),
        *("--history-from", "2026-01-01", "--as-of", "2026-02-01"),
        *("--set", "training.epochs=3", "--set", "split.train_days=2"),
        *("--set", "model.hidden=8,4", "--option", "promote_older=false"),
        *("--input", "training_set=0123456789abcdef"),
    ]


def test_a_stage_that_is_heavy_by_its_record_gets_a_new_interpreter_and_no_other():
    for stage in stages():
        operator = StageOperator(task_id="t", stage=stage.name, pipeline="p", store="s")
        assert operator.new_interpreter is stage.heavy
    assert {stage.heavy for stage in stages()} == {True, False}


def test_an_unset_source_is_refused_with_the_variable_to_set():
    with pytest.raises(errors.ConfigError, match="Variable millrace_source"):
        toy("ingest", source="").command(NOW)


@pytest.mark.parametrize("day", ["2026-02-01", "2026-02-02"])
def test_a_day_that_is_not_over_is_waited_for(day):
    with pytest.raises(
        errors.SourceNotReadyError, match=r"is not over \(it is 2026-02-01 00:05"
    ):
        toy("ingest", source="s", partition=day).command(NOW)


def test_the_day_that_has_just_closed_is_taken_in():
    command = toy("ingest", source="s", partition="2026-01-31").command(NOW)
    assert command[-2:] == ["--source", "s"]


def test_an_unknown_stage_is_found_when_the_dag_is_parsed():
    with pytest.raises(errors.ConfigError, match="Did you mean 'featurize'"):
        toy("featurise")


class OutletEvents(dict):
    """As in Airflow's context: one accessor an outlet."""

    def __missing__(self, asset):
        from airflow.sdk.definitions.asset import AssetUniqueKey
        from airflow.sdk.execution_time.context import OutletEventAccessor

        self[asset] = OutletEventAccessor(key=AssetUniqueKey.from_asset(asset))
        return self[asset]


def test_the_asset_event_carries_the_day_and_what_was_published():
    from airflow.sdk import Asset

    asset, events = Asset("features", uri="millrace://x/features"), OutletEvents()
    toy("featurize", outlets=[asset]).execute({"outlet_events": events})
    assert events[asset].partition_keys == {"2026-01-05"}
    assert events[asset].extra == {"uri": "file:///x", "digest": "d", "rows": 7}


@pytest.mark.parametrize(("branch", "events"), [("main", 1), ("looser", 0)])
def test_a_day_of_a_branch_has_no_event_so_nothing_of_production_starts(branch, events):
    from airflow.sdk import Asset

    asset, found = Asset("features", uri="millrace://x/features"), OutletEvents()
    task = toy("featurize", outlets=[asset], store=f"/store?branch={branch}")
    running = task.prepare_for_execution()
    running.execute({"outlet_events": found})
    assert (len(found), running.outlets) == (events, [asset] * events)


@pytest.mark.parametrize(
    ("fate", "announced"),
    [("promoted", ["model", "evaluated_model"]), ("superseded", ["evaluated_model"])],
)
def test_the_models_asset_has_an_event_where_the_champion_changed_and_no_other(fate, announced):
    found, events = assets(load("fraud_detection")), OutletEvents()
    declared = [found["model"], found["evaluated_model"]]
    task = toy("promote", partition=None, as_of="2026-02-01", outlets=declared)
    task.options = [f"answered_why={fate}"]
    running = task.prepare_for_execution()
    assert running.execute({"outlet_events": events})["fate"] == fate
    assert running.outlets == [found[name] for name in announced]
    assert {a.name: e.extra["fate"] for a, e in events.items()} == {
        found[name].name: fate for name in announced
    }
    assert task.outlets == declared


def test_later_partitions_that_a_refused_one_made_due_are_noted_for_whoever_announces_them():
    running = Task()
    with pytest.raises(errors.PartitionRefusedError):
        toy(options=["raise=PartitionRefusedError", "also=2026-01-06,2026-01-07"]).execute(
            {"ti": running}
        )
    assert running.pushed == {"also": ["2026-01-06", "2026-01-07"]}


def test_a_day_that_waits_and_makes_later_ones_is_no_skip_and_says_both():
    task = toy("featurize", options=["raise=HistoryNotReadyError", "message=2026-01-04."])
    task.options.append("also=2026-01-06")
    result = task.execute({"ti": Task()})
    assert result["also"] == ["2026-01-06"]
    assert "2026-01-04" in result["left"]
