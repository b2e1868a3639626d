"""In how many pieces a try works after one that found no memory, and after other ends."""

import os
import signal

import pytest

from pipelines.core.errors import StageStoppedError
from pipelines.core.oom_kills import OomKills
from pipelines.stages.train.micro_batches import Pieces


def killed_try(folder, kills):
    """A try in a child of its own that is killed with -9; the count was ``kills`` as it began."""
    pid = os.fork()
    if not pid:
        with Pieces(folder, 1, lambda: OomKills("here", kills)).trying():
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def next_try(folder, kills, place="here"):
    return Pieces(folder, 1, lambda: OomKills(place, kills))


def test_after_a_kill_for_want_of_memory_the_pieces_are_twice_as_many_and_once_only(tmp_path):
    killed_try(tmp_path, 3)
    pieces = next_try(tmp_path, 4)
    assert pieces.learn(8) == (
        "the try before ended without a word in 1 piece a replica, and the kernel counted 1 "
        "out-of-memory kill meanwhile: working through 2 pieces, the batch staying the same"
    )
    assert pieces.count == 2
    assert next_try(tmp_path, 4).count == 2
    assert next_try(tmp_path, 9).learn(8) == ""


@pytest.mark.parametrize(("kills", "place"), [(3, "here"), (9, "elsewhere"), (0, "")])
def test_a_kill_without_evidence_of_memory_changes_nothing(tmp_path, kills, place):
    killed_try(tmp_path, 3)
    pieces = next_try(tmp_path, kills, place)
    assert pieces.learn(8) == ""
    assert pieces.count == 1


@pytest.mark.parametrize("error", [StageStoppedError("asked to"), MemoryError(), None])
def test_a_try_that_told_its_end_was_not_killed(tmp_path, error):
    try:
        with next_try(tmp_path, 0).trying():
            if error:
                raise error
    except (StageStoppedError, MemoryError):
        pass
    assert next_try(tmp_path, 5).learn(8) == ""


def test_a_piece_of_a_single_row_is_not_cut(tmp_path):
    killed_try(tmp_path, 0)
    assert "a piece is a single row" in next_try(tmp_path, 1).learn(1)
    assert next_try(tmp_path, 1).count == 1
    assert (
        next_try(tmp_path, 1).next_try(1)
        == "A piece is a single row: the network itself is too large."
    )


def test_what_a_kill_left_of_the_note_does_not_end_the_next_try(tmp_path):
    for name in (".micro_batches", ".begun.json"):
        (tmp_path / name).write_text("12")
    assert next_try(tmp_path, 1).learn(8) == ""
