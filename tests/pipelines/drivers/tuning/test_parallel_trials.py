"""Two parallel trials share one study: a killed trial, a killed search, nothing lost."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipelines.domains.fraud_detection.simulator import Simulation, simulate

ROOT = Path(__file__).resolve().parents[4]
TRIALS = 4


DAYS, AS_OF = ("2026-01-03", "2026-01-08"), "2026-01-09"
# Labels known at once, so that six days hold the windows of a search and of its model.
SETTINGS = (
    *(
        "label.known_after_days=0",
        "split.gap_days=0",
        "split.test_days=2",
        "split.train_days=2",
    ),
    *("training.epochs=12", "search.first_epochs=12", "training.checkpoint_every_steps=5"),
    f"search.trials={TRIALS}",
)


def millrace(*arguments):
    sets = [word for setting in SETTINGS for word in ("--set", setting)]
    return [sys.executable, "-m", "pipelines", *map(str, arguments), *sets]


def search(root):
    store = ("--store", root / "store", "--history-from", DAYS[0], "--option", "track=false")
    return millrace(
        *("tune", "fraud_detection", "--as-of", AS_OF, "--at-once", "2", "--json"), *store
    )


def journal(root):
    found = list(root.glob("store/fraud_detection/tunings/*/.scratch-*/study.jsonl"))
    return found[0].read_text() if found else ""


@pytest.fixture
def root(tmp_path):
    source, store = ("--source", tmp_path / "source"), ("--store", tmp_path / "store")
    simulate(Simulation(rows_per_day=1500, seed=3), *DAYS, tmp_path / "source")
    for stage in ("ingest", "validate", "featurize"):
        days = ("--from", DAYS[0], "--to", DAYS[1], "--history-from", DAYS[0])
        argv = millrace("stage", stage, "fraud_detection", *days, *store)
        argv += map(str, source) if stage == "ingest" else ()
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    return tmp_path


def trials_of(parent):
    """The processes that run trials below a search, by trial number."""
    found = {}
    for child in parent.children(recursive=True):
        try:
            command = child.cmdline()
        except psutil.Error:
            continue
        if "trial" in command and "--number" in command:
            found[int(command[command.index("--number") + 1])] = child
    return found


def wait_until(reached, what):
    deadline = time.monotonic() + 400
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_a_search_of_two_at_once_loses_nothing_to_a_killed_trial_and_a_killed_search(root):
    begun = subprocess.Popen(
        search(root), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    parent = psutil.Process(begun.pid)
    wait_until(lambda: len(trials_of(parent)) == 2, "two trials run in parallel")
    wait_until(lambda: '"intermediate_value":' in journal(root), "a trial reported an epoch")
    victim = next(iter(trials_of(parent).values()))
    victim.kill()
    wait_until(lambda: set(trials_of(parent)) - {0, 1}, "the others go on after one is killed")
    left = list(trials_of(parent).values())
    os.kill(begun.pid, signal.SIGKILL)
    begun.wait()
    _, alive = psutil.wait_procs(left, timeout=20)
    assert not alive, "trials outlived the search that began them"
    ended = subprocess.run(
        search(root), cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    result = json.loads(ended.stdout.splitlines()[-1])
    assert [trial["trial"] for trial in result["trials"]] == list(range(TRIALS))
    assert {trial["state"] for trial in result["trials"]} == {"complete"}
    for trial in result["trials"]:
        assert len(trial["by_epoch"]) == 12
