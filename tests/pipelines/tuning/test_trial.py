"""Trials as the processes they are: killed, resumed, found ended, and their winner used."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipelines.spec import load, search_day
from tests.pipelines.made_models import AS_OF, publish_training_set

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = ("training.epochs=4", "training.global_batch_rows=64", "search.first_epochs=4")


def command(root, *words):
    sets = [w for s in (*SETTINGS, "search.trials=1") for w in ("--set", s)]
    return [
        *(sys.executable, "-m", "pipelines", *words, "--as-of", AS_OF, "--store", str(root)),
        *("--option", "track=false", *sets),
    ]


def finished(argv):
    ran = subprocess.run(
        argv, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def journal(root):
    found = list(Path(root).glob("fraud_detection/tunings/*/.scratch-*/study.jsonl"))
    return found[0].read_text() if found else ""


@pytest.mark.slow
def test_a_trial_killed_after_an_epoch_ends_as_the_unbroken_one_and_its_winner_is_used(
    tmp_path,
):
    trial = ("trial", "fraud_detection", "--number", "0", "--json")
    told = {}
    for name in ("unbroken", "killed"):
        root = tmp_path / name
        publish_training_set(root, as_of=search_day(load("fraud_detection"), AS_OF))
        if name == "killed":
            child = subprocess.Popen(command(root, *trial), cwd=ROOT, stderr=subprocess.DEVNULL)
            deadline = time.monotonic() + 300
            while '"intermediate_value":' not in journal(root):
                assert child.poll() is None, "the trial ended before it was to be killed"
                assert time.monotonic() < deadline
                time.sleep(0.01)
            child.send_signal(signal.SIGKILL)
            child.wait()
        told[name] = finished(command(root, *trial))
    assert told["killed"]["by_epoch"] == told["unbroken"]["by_epoch"]
    assert told["killed"]["settings"] == told["unbroken"]["settings"]
    assert len(told["killed"]["by_epoch"]) == 4
    root = tmp_path / "killed"
    assert finished(command(root, *trial))["cached"] is True
    winner = finished(command(root, "stage", "tune", "fraud_detection", "--json"))
    assert winner["metrics"]["complete"] == 1.0
    publish_training_set(root)
    model = finished(
        command(
            root, "stage", "train", "fraud_detection", "--json", "--option", f"tuned={AS_OF}"
        )
    )
    manifest = json.loads(
        (Path(model["uri"].removeprefix("file://")) / "manifest.json").read_text()
    )
    drawn = dict(s.split("=") for s in told["killed"]["settings"])
    assert manifest["config"]["model"]["kind"] == drawn["model"]
    assert manifest["config"]["training"]["learning_rate"] == float(
        drawn["training.learning_rate"]
    )
