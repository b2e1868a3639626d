import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipelines.core.errors import ArtifactError, InputMissingError, PartitionRefusedError
from pipelines.core.store import Store
from pipelines.protocol import perform, refusal
from tests.pipelines.protocol.conftest import TOY

DRIVER = """
import sys
from pipelines.core.events import Reporter
from pipelines.spec import load
from pipelines.protocol import Stage, Work, perform
from pipelines.core.store import Store
import pipelines.core.store.store as store_module, os, signal
if os.environ.get("TOY_KILL_AT") == "point":
    def killed(*_): os.kill(os.getpid(), signal.SIGKILL)
    Store.point = killed
stage = Stage(record="tests.pipelines.protocol.toy.record", dataset="doubled",
              scope="partition", does="Doubles.")
perform(stage, Work(pipeline=load("fraud_detection"), store=Store(sys.argv[1]),
        report=Reporter("toy"), partition="2026-01-01", history_from="2026-01-01"))
"""


def times_worked(log: Path) -> int:
    return len(log.read_text().splitlines())


def test_the_same_work_is_done_once(toy_work, toy_log):
    first = perform(TOY, toy_work(number=4))
    second = perform(TOY, toy_work(number=4))
    assert (first["cached"], second["cached"]) == (False, True)
    assert first["digest"] == second["digest"]
    assert times_worked(toy_log) == 1


def test_the_same_inputs_give_the_same_content_in_another_store(toy_work, tmp_path):
    here = perform(TOY, toy_work(number=4))
    there = perform(TOY, toy_work(number=4, store=tmp_path / "other"))
    assert here["content"] == there["content"]


def test_going_back_to_an_earlier_input_finds_its_version(toy_work, toy_log):
    first = perform(TOY, toy_work(number=4))
    perform(TOY, toy_work(number=5))
    again = perform(TOY, toy_work(number=4))
    assert again["cached"]
    assert again["uri"] == first["uri"]
    assert times_worked(toy_log) == 2


def test_a_reader_keeps_its_version_while_another_is_published(toy_work):
    work = toy_work(number=4)
    perform(TOY, work)
    held = work.store.open(work.need(work.partition_ref("doubled")))
    perform(TOY, toy_work(number=5))
    assert (held / "number.txt").read_text() == "8"


def test_a_refused_partition_is_published_and_refused_again_without_work(toy_work, toy_log):
    for _ in range(2):
        with pytest.raises(
            PartitionRefusedError, match=r"ds=2026-01-01: refused. -3 is below 0"
        ):
            perform(TOY, toy_work(number=-3))
    assert times_worked(toy_log) == 1
    assert refusal(TOY, toy_work(number=-3))["verdict"] == "refused"


@pytest.mark.parametrize("moment", ["run", "point"])
def test_killed_at_any_point_nothing_is_half_and_the_next_try_publishes_the_same(
    moment, toy_work, toy_log, tmp_path
):
    store = tmp_path / "killed"
    command = [sys.executable, "-c", DRIVER, str(store)]
    env = os.environ | {"PYTHONPATH": ".", "TOY_KILL_AT": moment}
    killed = subprocess.run(command, env=env, check=False)
    assert killed.returncode == -signal.SIGKILL
    ref = toy_work().partition_ref("doubled")
    assert Store(str(store)).find(ref) is None

    subprocess.run(command, env=env | {"TOY_KILL_AT": ""}, check=True)
    whole = perform(TOY, toy_work())
    again = Store(str(store)).find(ref)
    assert again.content == whole["content"]
    # A kill between the rename and the pointer loses no work.
    assert times_worked(toy_log) == (2 if moment == "point" else 3)
    left = [p.name for p in (store / ref.path()).iterdir() if p.name.startswith(".staging")]
    assert left == []


def test_two_processes_asked_at_once_do_the_work_once(toy_work, toy_log, tmp_path):
    store = tmp_path / "raced"
    command = [sys.executable, "-c", DRIVER, str(store)]
    env = os.environ | {"PYTHONPATH": "."}
    racing = [subprocess.Popen(command, env=env) for _ in range(3)]
    assert [process.wait(60) for process in racing] == [0, 0, 0]
    assert times_worked(toy_log) == 1


def test_threads_of_readers_see_the_old_version_or_the_new(toy_work):
    work = toy_work(number=1)
    perform(TOY, work)
    ref, seen, stop = work.partition_ref("doubled"), set(), threading.Event()

    def read():
        while not stop.is_set():
            folder = work.store.open(work.store.find(ref))
            seen.add((folder / "number.txt").read_text())

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(2, 12):
        perform(TOY, toy_work(number=number))
    stop.set()
    for reader in readers:
        reader.join()
    assert seen <= {str(2 * n) for n in range(1, 12)}


def test_a_damaged_artifact_is_reported_when_it_is_opened(toy_work):
    work = toy_work(number=4)
    perform(TOY, work)
    manifest = work.need(work.partition_ref("doubled"))
    (work.store.open(manifest) / "number.txt").write_text("")
    with pytest.raises(
        ArtifactError, match=r"number.txt has 0 bytes and not 1.* Run toy for it again"
    ):
        work.store.open(manifest)


def test_a_missing_input_says_which_stage_makes_it(toy_work):
    work = toy_work()
    with pytest.raises(InputMissingError, match="Run ingest for it first"):
        work.need(work.partition_ref("ingested"))
