"""The number of micro-batches of a try after one that ran out of memory, and after other ends."""

import os
import signal

import pytest

from pipelines.core.errors import StageStoppedError
from pipelines.core.oom_kills import OomKills
from pipelines.stages.train.micro_batches import MicroBatches


def killed_try(folder, kills):
    """A try in a child process that is killed with SIGKILL; ``kills`` is the count at its start."""
    pid = os.fork()
    if not pid:
        with MicroBatches(folder, 1, lambda: OomKills("here", kills)).attempt():
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def next_try(folder, kills, boot="here"):
    return MicroBatches(folder, 1, lambda: OomKills(boot, kills))


def test_after_an_out_of_memory_kill_the_micro_batches_are_doubled_once(tmp_path):
    killed_try(tmp_path, 3)
    micro_batches = next_try(tmp_path, 4)
    assert micro_batches.double_after_kill(8) == (
        "the previous try ended without an error with 1 micro-batch a replica, and the kernel counted "
        "1 out-of-memory kill meanwhile: now using 2 micro-batches, the batch size stays the same"
    )
    assert micro_batches.count == 2
    assert next_try(tmp_path, 4).count == 2
    assert next_try(tmp_path, 9).double_after_kill(8) == ""


@pytest.mark.parametrize(("kills", "boot"), [(3, "here"), (9, "elsewhere"), (0, "")])
def test_a_kill_without_evidence_of_memory_changes_nothing(tmp_path, kills, boot):
    killed_try(tmp_path, 3)
    micro_batches = next_try(tmp_path, kills, boot)
    assert micro_batches.double_after_kill(8) == ""
    assert micro_batches.count == 1


@pytest.mark.parametrize("error", [StageStoppedError("asked to"), MemoryError(), None])
def test_a_try_that_ended_by_itself_was_not_killed(tmp_path, error):
    try:
        with next_try(tmp_path, 0).attempt():
            if error:
                raise error
    except (StageStoppedError, MemoryError):
        pass
    assert next_try(tmp_path, 5).double_after_kill(8) == ""


def test_a_micro_batch_of_a_single_row_is_not_divided(tmp_path):
    killed_try(tmp_path, 0)
    assert "a micro-batch is a single row" in next_try(tmp_path, 1).double_after_kill(1)
    assert next_try(tmp_path, 1).count == 1
    assert (
        next_try(tmp_path, 1).next_try(1)
        == "A micro-batch is a single row: the network itself is too large."
    )


def test_a_half_written_file_of_a_killed_try_does_not_fail_the_next(tmp_path):
    for name in (".micro_batches", ".started.json"):
        (tmp_path / name).write_text("12")
    assert next_try(tmp_path, 1).double_after_kill(8) == ""
