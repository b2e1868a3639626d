"""What a training tracks reaches MLflow once, and an unreachable MLflow stops nothing."""

import errno
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from pipelines.shared.registry.client import open_client
from pipelines.shared.tracking.params import flat_params
from pipelines.shared.tracking.spool import Spool, read_lines
from pipelines.shared.tracking.tracker import SENDER_LOG, SPOOL, keep_spool, tracking
from pipelines.stages.train.stage import effects_stand
from tests.pipelines.made_models import publish, work_on
from tests.pipelines.shared.tracking.made_runs import ABOUT, PLAN, runs_of, uri_of

ROOT = Path(__file__).resolve().parents[4]
LOAD = {"system/cpu_percent", "system/memory_bytes"}


def tracked_messages(root, folder, then=lambda: None, **options):
    """A tracked block's messages."""
    folder.mkdir(exist_ok=True)
    messages = []
    _, work = work_on("train", root, options=options, sink=messages.append)
    with tracking(work, PLAN, folder, ABOUT) as tracker:
        report = tracker.tap(work.report)
        for step in (10, 20):
            report.metrics(step, {"loss": 1.0 / step})
        (folder / "history.json").write_text("{}")
        tracker.file(folder / "history.json")
        then()
    return [m["message"] for m in messages if m["event"] == "log"], messages


def wait_for_system_metrics(root):
    """Wait until MLflow has the training's system metrics."""
    client, deadline = open_client(uri_of(root)), time.monotonic() + 60
    while not any(set(run.data.metrics) >= LOAD for run in runs_of(root, client)):
        assert time.monotonic() < deadline, "MLflow has no system metrics"
        time.sleep(0.1)


def test_a_training_has_one_run_with_settings_curves_datasets_and_files(tmp_path):
    root, folder = tmp_path / "store", tmp_path / "scratch"
    root.mkdir()
    said, events = tracked_messages(root, folder, lambda: wait_for_system_metrics(root))
    assert said == []
    assert [e["step"] for e in events if e["event"] == "metric"] == [10, 20]
    # Sent again, as after a kill or by hand, it adds nothing.
    again = [sys.executable, "-m", "pipelines.shared.tracking.sender", uri_of(root)]
    again.append(str(folder / SPOOL))
    subprocess.run(again, cwd=ROOT, check=True, capture_output=True, timeout=120)
    client, runs = open_client(uri_of(root)), runs_of(root)
    assert len(runs) == 1
    run = runs[0]
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "model.kind": "dense",
        "model.hidden": "[8]",
        "validation": "[]",
    }
    assert flat_params(json.loads(json.dumps(PLAN.config))) == flat_params(PLAN.config)
    assert run.data.tags["digest"] == PLAN.digest()
    curve = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in curve] == [(10, 0.1), (20, 0.05)]
    used = run.data.metrics
    assert 50 << 20 < used["system/memory_bytes"] < 8 << 30
    assert 0 <= used["system/cpu_percent"] < 100 * (os.cpu_count() + 1)
    dataset = run.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("training_set", ("ab" * 32)[:36])
    assert [f.path for f in client.list_artifacts(run.info.run_id)] == ["history.json"]
    database = Path(uri_of(root).removeprefix("sqlite:///"))
    published = published_training(root, folder)
    assert found_published(root, published) == []
    database.unlink()
    (said,) = found_published(root, published)
    assert "was sent the published runs that it was missing: 1" in said
    # MLflow's client in this process still has the lost database open.
    with closing(sqlite3.connect(database)) as made:
        query = "SELECT step, value FROM metrics WHERE key='loss' ORDER BY step"
        assert made.execute(query).fetchall() == [(10, 0.1), (20, 0.05)]
    assert found_published(root, published) == []
    (said,) = found_published(root, published, mlflow_uri="http://127.0.0.1:9")
    assert "could not be sent the published runs again" in said


def published_training(root, folder):
    """A published model with what its training reported."""

    def write(out):
        assert not keep_spool(folder, out)
        shutil.copy(folder / "history.json", out)

    return publish(root, "train", work_on("train", root)[1], write)


def found_published(root, manifest, **options):
    """What is said when a training is found published."""
    said = []
    _, work = work_on("train", root, options=options, sink=said.append)
    assert effects_stand(work, PLAN, manifest)
    return [event["message"] for event in said]


def test_mlflow_being_away_is_reported_and_what_was_to_be_sent_is_kept(tmp_path):
    root, folder, out = tmp_path / "store", tmp_path / "scratch", tmp_path / "out"
    root.mkdir()
    out.mkdir()
    said, _ = tracked_messages(root, folder, mlflow_uri="sqlite:////proc/nowhere/mlflow.db")
    assert len(said) == 1
    assert "did not receive all of this training" in said[0]
    assert "python -m pipelines.shared.tracking.sender" in said[0]
    assert keep_spool(folder, out)
    lines, _ = read_lines(out / SPOOL, 0)
    assert [line["kind"] for line in lines] == ["start", "metrics", "metrics", "file", "end"]


def test_track_false_starts_and_writes_nothing(tmp_path):
    root = tmp_path / "store"
    root.mkdir()
    assert tracked_messages(root, tmp_path / "scratch", track=False)[0] == []
    assert not (tmp_path / "scratch" / SPOOL).exists()


def test_a_line_that_a_kill_truncated_is_skipped_and_the_next_try_continues(tmp_path):
    path = tmp_path / SPOOL
    Spool(path).metrics(1, {"loss": 0.5})
    with path.open("a") as file:
        file.write('{"kind": "metr')
    assert len(read_lines(path, 0)[0]) == 1
    Spool(path).metrics(2, {"loss": 0.4})
    lines, offset = read_lines(path, 0)
    assert [line["step"] for line in lines] == [1, 2]
    assert read_lines(path, offset) == ([], offset)


def test_a_training_whose_sender_cannot_be_started_continues_and_logs_it(tmp_path):
    folder = tmp_path / "scratch"
    (folder / SENDER_LOG).mkdir(parents=True)
    messages, _ = tracked_messages(tmp_path, folder)
    assert any("does not track this training: " in message for message in messages)


def test_a_training_whose_spool_is_full_continues_and_logs_it(tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    folder.mkdir()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name in ("metrics", "end"):
        monkeypatch.setattr(Spool, name, full)
    messages, _ = tracked_messages(tmp_path, folder)
    assert any(
        "did not receive all of this training (OSError: [Errno 28]" in m for m in messages
    )


def test_an_offset_that_cannot_be_read_keeps_no_result_from_being_published(tmp_path):
    (tmp_path / SPOOL).write_text("{}\n")
    (tmp_path / SPOOL).with_suffix(".sent").write_text("torn")
    assert keep_spool(tmp_path, tmp_path) is False
