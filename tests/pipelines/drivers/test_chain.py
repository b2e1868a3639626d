"""From raw files to a registered model by one command, on a small table with a bad day."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.pipelines.cli.test_usage import ROOT, millrace

SHARED_MEMORY = Path("/dev/shm")

# Labels known a day later, so that eight days hold a whole window.
SETTINGS = [
    *(
        "label.known_after_days=1",
        "split.train_days=3",
        "split.gap_days=1",
        "split.test_days=2",
    ),
    *("training.epochs=2", "model.hidden=16", "evaluation.bootstrap_samples=20"),
]
SET = [word for setting in SETTINGS for word in ("--set", setting)]
FIRST, BAD, LAST = "2026-01-01", "2026-01-03", "2026-01-08"


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    made = millrace(
        *("simulate", "fraud_detection", "--from", FIRST, "--to", LAST, "--out", folder),
        *("--rows-per-day", 1500, "--plant", f"rows=4,mostly_bad={BAD}"),
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="module", autouse=True)
def temporary(tmp_path_factory):
    """The temporary folder of every stage, and what is in shared memory before."""
    folder = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        yield folder, set(SHARED_MEMORY.iterdir())


def left_over(temporary, store):
    """What stages left beside what they published."""
    folder, shared = temporary
    # Other programs of the machine use shared memory too; ours would be named after us.
    new = {p for p in set(SHARED_MEMORY.iterdir()) - shared if "millrace" in p.name}
    # What names a stage's code is kept there for the next process, on purpose.
    left = [p for p in folder.rglob("*") if "millrace-identity" not in p.as_posix()]
    return [*left, *new] + [
        p for p in store.rglob("*") if p.name.startswith((".staging-", ".scratch-"))
    ]


def chain(source, store):
    return (
        *("run", "fraud_detection", "--source", source, "--store", store, "--json"),
        *("--from", FIRST, "--to", LAST, *SET),
    )


def kill_in_the_middle(source, store):
    """Kill a chain and the stage at work in it, with a version half written."""
    argv = [sys.executable, "-m", "pipelines", *map(str, chain(source, store))]
    with subprocess.Popen(argv, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while not list(store.glob("*/validated/*/.staging-*/*")):
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.01)
        for each in [*psutil.Process(process.pid).children(recursive=True), process]:
            os.kill(each.pid, signal.SIGKILL)


def run(source, store, *more):
    ended = millrace(*chain(source, store), *more)
    summary = json.loads(ended.stdout.splitlines()[-1]) if ended.stdout else None
    return ended, summary


@pytest.fixture(scope="module")
def first_run(source, tmp_path_factory):
    store = tmp_path_factory.mktemp("chain") / "store"
    return store, *run(source, store)


def test_the_chain_ends_with_an_evaluated_model_and_reports_the_refused_day(first_run):
    _, ended, summary = first_run
    assert ended.returncode == 3, ended.stderr
    assert BAD in ended.stderr
    assert summary["refused"] == [BAD]
    assert summary["verdict"] in {"BETTER", "NOT_BETTER", "REJECTED"}
    assert 0 <= summary["metrics"]["auc"] <= 1
    assert set(summary["stages"]) >= {"ingest", "validate", "featurize", "train", "promote"}


def test_every_ingested_row_is_kept_or_quarantined(first_run):
    store, _, summary = first_run
    for day in ("2026-01-01", "2026-01-02"):
        explained = json.loads(
            millrace(
                "why", f"fraud_detection/validated/ds={day}", "--store", store, "--json"
            ).stdout
        )
        facts = explained["outcome"]["metrics"]
        assert facts["rows_in"] == explained["outcome"]["rows"] + facts["rows_quarantined"]
    assert summary["quarantined"]["tx_amount.range"] > 0


def test_a_second_run_finds_everything_published(first_run, source):
    store, _, first = first_run
    _, again = run(source, store)
    assert all(stage["cached"] == stage["work"] for stage in again["stages"].values())
    assert again["model"] == first["model"]


def test_nothing_is_left_of_a_chain_beside_what_it_published(first_run, temporary):
    store, ended, _ = first_run
    assert ended.returncode == 3
    assert left_over(temporary, store) == []


def test_two_stores_get_the_same_bytes_and_one_was_killed_on_the_way(
    first_run, source, temporary, tmp_path
):
    _, _, first = first_run
    kill_in_the_middle(source, tmp_path / "other")
    _, other = run(source, tmp_path / "other")
    assert left_over(temporary, tmp_path / "other") == []
    assert other["model"]["content"] == first["model"]["content"]
    assert other["metrics"] == first["metrics"]


def test_a_mended_day_is_admitted_by_replay_and_later_days_follow(first_run, source, tmp_path):
    store, _, _ = first_run
    mended = tmp_path / "mended"
    made = millrace(
        *("simulate", "fraud_detection", "--from", BAD, "--to", BAD, "--out", mended),
        *("--rows-per-day", 1500),
    )
    assert made.returncode == 0, made.stderr
    ended = millrace(
        *("replay", "fraud_detection", "--store", store, "--source", mended),
        *("--partition", BAD, "--history-from", FIRST, "--json", *SET),
    )
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout.splitlines()[-1])
    assert summary["refused"] == []
    assert sum(summary["quarantined_before"].values()) > 0
    later = json.loads(
        millrace(
            "why", "fraud_detection/features/ds=2026-01-04", "--store", store, "--json"
        ).stdout
    )
    assert any(BAD in text for old in later["earlier"] for text in old["differs"])
