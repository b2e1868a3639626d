"""However a training ends, its one run in MLflow says so, and the next try goes on with it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.core.errors import StageStoppedError, TrainingError
from pipelines.shared.registry.client import open_client
from pipelines.shared.tracking.sender import send
from pipelines.shared.tracking.spool import COMPLETE, FAILED, PRUNED, STOPPED, Spool
from pipelines.shared.tracking.system_metrics import SystemMetrics
from pipelines.shared.tracking.tracker import MAX_ERROR_CHARS, SPOOL, _end_of, tracking
from tests.pipelines.made_models import done, publish_training_set, work_on
from tests.pipelines.shared.tracking.made_runs import ABOUT, PLAN, runs_of, uri_of
from tests.pipelines.stages.train import train_process

ROOT = Path(__file__).resolve().parents[4]
START = {
    "experiment": "fraud_detection",
    "artifacts": None,
    "name": "a training",
    "params": {},
    "datasets": {},
    "source": "here",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A store whose MLflow database is there."""
    root = tmp_path_factory.mktemp("store")
    open_client(uri_of(root))
    return root


@pytest.fixture
def training(root, tmp_path, request):
    """A spool that begins, and how to begin again; its run is found by the test's name."""
    tags = {"digest": request.node.name}

    def begun(step):
        spool = Spool(tmp_path / SPOOL)
        spool.start(START | {"tags": tags, "artifacts": str(tmp_path / "artifacts")})
        spool.metrics(step, {"loss": 1 / step})
        return spool

    def sent():
        send(uri_of(root), tmp_path / SPOOL, lambda: False)
        (run,) = (r for r in runs_of(root) if r.data.tags["digest"] == tags["digest"])
        return run

    return begun, sent


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (COMPLETE, "FINISHED"),
        (FAILED, "FAILED"),
        (PRUNED, "KILLED"),
        (STOPPED, "KILLED"),
    ],
)
def test_each_end_has_its_status_and_its_tag(training, how, status):
    begun, sent = training
    begun(1).end(how, "TrainingError: one class" if how == FAILED else "")
    run = sent()
    assert (run.info.status, run.data.tags["ended"]) == (status, how)
    assert run.data.tags.get("error") == ("TrainingError: one class" if how == FAILED else None)
    assert abs(run.info.end_time - time.time() * 1000) < 60_000


def test_a_training_that_is_gone_without_an_end_was_killed(training):
    begun, sent = training
    begun(1)
    run = sent()
    assert (run.info.status, run.data.tags["ended"]) == ("KILLED", "killed")


def test_the_next_try_continues_the_run_and_removes_an_earlier_end(training, root):
    begun, sent = training
    begun(1).end(FAILED, "WorkerLostError: x")
    failed = sent()
    spool, seen = begun(1), []

    def alive():
        if not seen:
            seen.append(None)
            return True
        seen.append(open_client(uri_of(root)).get_run(failed.info.run_id))
        spool.metrics(2, {"loss": 0.25})
        spool.end(COMPLETE)
        return False

    send(uri_of(root), spool.path, alive)
    assert seen[1].info.status == "RUNNING"
    assert not {"error", "ended"} & set(seen[1].data.tags)
    ended = open_client(uri_of(root)).get_run(failed.info.run_id)
    assert (ended.info.status, ended.data.tags["ended"]) == ("FINISHED", "complete")
    curve = open_client(uri_of(root)).get_metric_history(failed.info.run_id, "loss")
    assert [(m.step, m.value) for m in curve] == [(1, 1.0), (2, 0.25)], (
        "steps done twice count once"
    )


def test_a_long_error_is_cut_to_its_first_line():
    how, said = _end_of(ValueError("a" * 2000 + "\nmore"))
    assert how == FAILED
    assert said.startswith("ValueError: aaa")
    assert len(said) == MAX_ERROR_CHARS
    assert _end_of(ValueError()) == (FAILED, "ValueError: ")
    assert _end_of(StageStoppedError("stopped")) == (STOPPED, "")
    assert _end_of(KeyboardInterrupt()) == (STOPPED, "")


def test_mlflow_being_away_for_a_while_is_waited_out_while_the_training_lives(
    training, tmp_path
):
    begun, _ = training
    spool, later, asked = begun(1), tmp_path / "later" / "store", []
    later.parent.write_text("")  # no folder: no database can be made below it

    def alive():
        asked.append(None)
        if len(asked) == 2:
            later.parent.unlink()
            spool.end(COMPLETE)
        return True

    send(uri_of(later), spool.path, alive)
    assert [run.info.status for run in runs_of(later)] == ["FINISHED"]


@pytest.mark.parametrize("ended", [True, False])
def test_the_end_is_reported_again_where_mlflow_was_away_at_that_moment(
    training, tmp_path, ended
):
    begun, _ = training
    spool, later, asked = begun(1), tmp_path / "later" / "store", []
    later.parent.write_text("")
    if ended:
        spool.end(COMPLETE)

    def alive():
        asked.append(None)
        if len(asked) == 2:
            later.parent.unlink()
        return ended

    send(uri_of(later), spool.path, alive, SystemMetrics(os.getpid()))
    assert [run.info.status for run in runs_of(later)] == ["FINISHED" if ended else "KILLED"]


def tracked(root, folder):
    argv = [sys.executable, "-m", "tests.pipelines.shared.tracking.made_runs"]
    return subprocess.Popen([*argv, str(root), str(folder)], cwd=ROOT, process_group=0)


def wait_until(condition, what, seconds=120):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return found


def ended_of(client, run):
    found = client.get_run(run.info.run_id)
    return found if "ended" in found.data.tags else None


def ends_of(root):
    return [(run.info.status, run.data.tags.get("ended")) for run in runs_of(root)]


def status_of(client, run):
    return client.get_run(run.info.run_id).info.status


def senders_of(folder):
    spool = str(folder / SPOOL)
    found = (p for p in psutil.process_iter(["cmdline"]) if spool in (p.info["cmdline"] or []))
    return list(found)


def test_killed_with_its_whole_group_a_training_is_reported_as_killed_and_the_next_as_failed(
    root, tmp_path
):
    client = open_client(uri_of(root))
    child = tracked(root, tmp_path)

    def tracked_runs():
        return [r for r in runs_of(root, client) if r.data.metrics.get("loss") == 0.5]

    (run,) = wait_until(tracked_runs, "the training is not tracked")
    assert run.info.status == "RUNNING"
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    killed = wait_until(lambda: ended_of(client, run), "the kill is not recorded")
    assert killed.data.tags["ended"] == "killed"
    assert wait_until(lambda: status_of(client, run) == "KILLED", "it is not closed", 10)
    wait_until(lambda: not senders_of(tmp_path), "the sender lives on", 10)
    refused = TrainingError("0 of 400 training rows have label 1.\nWiden split.train_days.")
    work = work_on("train", root)[1]
    with pytest.raises(TrainingError, match="0 of 400"), tracking(work, PLAN, tmp_path, ABOUT):
        raise refused
    failed = wait_until(
        lambda: (
            client.get_run(run.info.run_id).info.status == "FAILED"
            and client.get_run(run.info.run_id)
        ),
        "the failure is not recorded",
    )
    assert failed.data.tags["ended"] == "failed"
    assert failed.data.tags["error"] == "TrainingError: 0 of 400 training rows have label 1."
    assert tracked_runs()[0].info.run_id == run.info.run_id
    assert len(tracked_runs()) == 1
    wait_until(lambda: not senders_of(tmp_path), "the sender lives on", 10)


SETTINGS = ("training.epochs=30", "training.global_batch_rows=64", "split.validation_days=2")


@pytest.mark.slow
def test_a_training_killed_stopped_and_done_is_one_run_with_one_curve(tmp_path):
    root, log = tmp_path / "store", tmp_path / "log"
    made = publish_training_set(root)
    for number, how in ((signal.SIGKILL, "killed"), (signal.SIGTERM, "stopped")):
        child = train_process.start(root, *SETTINGS, log=log, options=())
        train_process.wait_for_step(child, root, train_process.reached(root) + 150)
        os.kill(child.pid, number)
        train_process.finish(child)
        assert wait_until(lambda e=how: ends_of(root) == [("KILLED", e)], how)
    (run,), client = runs_of(root), open_client(uri_of(root))
    child = train_process.start(root, *SETTINGS, log=log, options=())
    assert wait_until(lambda: status_of(client, run) == "RUNNING", "it does not go on")
    assert train_process.finish(child)[0] == 0, log.read_text()
    (run,) = runs_of(root)
    assert (run.info.status, run.data.tags["ended"]) == ("FINISHED", "complete")
    assert run.data.params["training.epochs"] == "30"
    (dataset,) = run.inputs.dataset_inputs
    assert dataset.dataset.digest == made.content[:36]
    files = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert files == {"history.json", "timing.json", "millrace.json"}
    history = json.loads(next(root.glob("**/seed=0/*/history.json")).read_text())
    curve = sorted(
        client.get_metric_history(run.info.run_id, "loss"), key=lambda point: point.step
    )
    assert [point.value for point in curve] == history["loss"]
    validation = client.get_metric_history(run.info.run_id, "validation_loss")
    validation = sorted(validation, key=lambda point: point.step)
    assert [point.value for point in validation] == [
        each["loss"] for each in history["validation"]
    ]
    assert run.data.metrics["system/cpu_percent"] > 1


@pytest.mark.slow
def test_a_training_that_its_rows_refuse_is_a_failed_run(tmp_path):
    def spoil(_day, _x, y):
        y[:] = 0

    publish_training_set(tmp_path, rows=50, spoil=spoil)
    with pytest.raises(TrainingError, match="0 of 350 training rows have label 1"):
        done("train", tmp_path)
    assert wait_until(lambda: ends_of(tmp_path) == [("FAILED", "failed")], "not tracked")
    assert "0 of 350 training rows" in runs_of(tmp_path)[0].data.tags["error"]


HASTY = "import pipelines.shared.tracking.sender as sender; sender.WAIT_S = 1.0; sender.main()"


@pytest.mark.slow
def test_a_sender_whose_mlflow_never_answers_does_not_outlive_its_training_for_long(tmp_path):
    Spool(tmp_path / SPOOL).start(START | {"tags": {"digest": "x"}})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        uri = f"http://127.0.0.1:{silent.getsockname()[1]}"
        gone = "1"  # not the parent of what this test starts
        sender = subprocess.run(
            [sys.executable, "-c", HASTY, uri, str(tmp_path / SPOOL), gone],
            cwd=ROOT,
            timeout=60,
            check=False,
            capture_output=True,
        )
    assert sender.returncode == 1
    assert sender.stderr == b"", "it was ended, it did not end by an error"
