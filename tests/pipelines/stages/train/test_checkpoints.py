"""Checkpoints as files, with variables of our own: no TensorFlow."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from pipelines.core.errors import TrainingError
from pipelines.stages.train.checkpoints import Checkpoints, CheckpointSettings
from pipelines.stages.train.cursor import Cursor


class Variable:
    """The interface of a variable that a checkpoint uses."""

    def __init__(self, path, value):
        self.path, self.held = path, np.array(value)

    def numpy(self):
        return self.held

    def assign(self, value):
        self.held = np.array(value)


def variables(value=0.0):
    seed = Variable("seed", np.array([3, 4], np.uint32))
    return [Variable("kernel", np.full((3, 2), value, np.float32)), seed]


def opened(folder, held, digest="a" * 64, newest=2, devices="1 CPU"):
    settings = CheckpointSettings(digest=digest, devices=devices, newest=newest)
    return Checkpoints(folder, held, held[:1], settings)


def saved(folder, *steps, **more):
    held = variables()
    checkpoints = opened(folder, held, **more)
    for step in steps:
        held[0].assign(np.full((3, 2), step, np.float32))
        checkpoints.mark(step)
        checkpoints.save(Cursor(step=step))
    checkpoints.wait()
    return checkpoints


def test_what_was_saved_comes_back_with_its_cursor_and_the_steps_that_were_lost(tmp_path):
    saved(tmp_path, 10, 20).mark(27)
    held = variables()
    found = opened(tmp_path, held, devices="2 GPUs").restore()
    assert (found.cursor, found.lost_steps, found.devices) == (Cursor(step=20), 7, "1 CPU")
    np.testing.assert_array_equal(held[0].held, np.full((3, 2), 20, np.float32))
    assert held[1].held.dtype == np.uint32


def test_the_copy_is_of_the_moment_of_saving_though_training_goes_on(tmp_path):
    held = variables(1.0)
    checkpoints = opened(tmp_path, held)
    checkpoints.save(Cursor(step=1))
    held[0].held += 5.0  # in place, while the writer may still be at work
    checkpoints.wait()
    opened(tmp_path, held).restore()
    np.testing.assert_array_equal(held[0].held, np.ones((3, 2), np.float32))


@pytest.mark.parametrize("newest", [1, 3])
def test_the_newest_ones_are_kept(tmp_path, newest):
    saved(tmp_path, 10, 20, 30, 40, newest=newest)
    steps = [int(p.name.split("-")[1]) for p in sorted(tmp_path.glob("step-*"))]
    assert steps == [10, 20, 30, 40][-newest:]


def test_the_last_finite_one_is_the_newest_without_non_finite_values(tmp_path):
    held = variables()
    checkpoints = opened(tmp_path, held)
    assert checkpoints.last_finite() == "none yet"
    for step, value in ((10, 1.0), (20, np.nan)):
        held[0].assign(np.full((3, 2), value, np.float32))
        checkpoints.save(Cursor(step=step))
    checkpoints.wait()
    older, newer = sorted(tmp_path.glob("step-*"))
    assert "000020" in newer.name
    assert checkpoints.last_finite() == str(older)
    (older / "values.npy").write_bytes(b"cut")
    assert checkpoints.last_finite() == "none yet"


@pytest.mark.parametrize("damage", ["cut short", "one bit", "no state"])
def test_a_damaged_one_is_skipped_for_the_previous_one(tmp_path, damage):
    saved(tmp_path, 10, 20)
    newest = max(tmp_path.glob("step-*"))
    raw = bytearray((newest / "values.npy").read_bytes())
    if damage == "cut short":
        (newest / "values.npy").write_bytes(raw[:-9])
    elif damage == "one bit":
        raw[140] ^= 1
        (newest / "values.npy").write_bytes(raw)
    else:
        (newest / "state.json").unlink()
    found = opened(tmp_path, variables()).restore()
    assert found.cursor.step == 10
    assert found.damaged == (newest.name,)


def test_staging_directories_of_killed_saves_are_removed_and_never_read(tmp_path):
    (tmp_path / "staging-step-000000000099-000000-7").mkdir(parents=True)
    assert opened(tmp_path, variables()).restore() is None
    assert not list(tmp_path.glob("staging-*"))


def test_a_checkpoint_of_other_work_is_refused(tmp_path):
    saved(tmp_path, 10)
    with pytest.raises(
        TrainingError, match=r"belongs to work aaaa.*, and this is bbbb.*Delete"
    ):
        opened(tmp_path, variables(), digest="b" * 64).restore()


def test_a_checkpoint_of_another_network_is_refused(tmp_path):
    saved(tmp_path, 10)
    with pytest.raises(TrainingError, match=r"holds 2 variables that are not this network's 1"):
        opened(tmp_path, variables()[:1]).restore()


def test_the_best_epoch_is_kept_as_long_as_a_checkpoint_refers_to_it(tmp_path):
    held = variables()
    checkpoints = opened(tmp_path, held)
    for epoch in (1, 2, 3, 4):
        held[0].assign(np.full((3, 2), epoch, np.float32))
        checkpoints.keep_best(epoch)
        checkpoints.save(Cursor(step=epoch * 10, epoch=epoch, best_epoch=epoch, best=0.5))
    checkpoints.wait()
    # A run that is killed here resumes from epoch 4, or from 3 where that one is damaged.
    assert [p.name for p in sorted(tmp_path.glob("best-*"))] == ["best-000003", "best-000004"]
    checkpoints.restore_best(3)
    np.testing.assert_array_equal(held[0].held, np.full((3, 2), 3, np.float32))


def test_a_save_that_failed_raises_at_the_next_one(tmp_path):
    checkpoints = saved(tmp_path / "folder", 10)
    for path in sorted((tmp_path / "folder").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (tmp_path / "folder").rmdir()
    checkpoints.save(Cursor(step=20))
    with pytest.raises(OSError, match="staging-step-000000000020"):
        checkpoints.wait()


def test_a_state_is_plain_json(tmp_path):
    saved(tmp_path, 10)
    state = json.loads((max(tmp_path.glob("step-*")) / "state.json").read_text())
    assert state["variables"] == ["kernel", "seed"]
    assert state["cursor"]["step"] == 10


def test_all_of_a_checkpoint_is_on_the_disk_before_its_name_and_then_the_name(
    tmp_path, monkeypatch
):
    synced, final = [], tmp_path / "step-000000000001-000000"

    def fsync(held, really=os.fsync):
        path = Path(f"/proc/self/fd/{held}").readlink()
        synced.append((path.name.partition("-")[0], final.exists()))
        really(held)

    checkpoints = Checkpoints(
        tmp_path, variables(), [], CheckpointSettings(digest="d", devices="1 CPU")
    )
    monkeypatch.setattr(os, "fsync", fsync)
    checkpoints.save(Cursor(epoch=0, step=1))
    checkpoints.wait()
    before, after = synced[:-1], synced[-1]
    assert sorted(before) == [("staging", False), ("state.json", False), ("values.npy", False)]
    assert after == (tmp_path.name.partition("-")[0], True)
