"""Runs that are stopped or killed end as the unbroken run does, bit by bit."""

import random
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest

from pipelines.store import Store
from tests.pipelines.made_models import publish_training_set, weights_of, work_on
from tests.pipelines.training import children

# About 2,600 steps: long enough to be caught in the middle on a busy machine.
SETTINGS = ("training.epochs=60", "training.global_batch_rows=64", "model.hidden=64,32")
OFTEN = "training.checkpoint_every_s=0.3"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    root = tmp_path_factory.mktemp("prepared")
    publish_training_set(root)
    return root


@pytest.fixture(scope="module")
def unbroken(prepared, tmp_path_factory):
    root = tmp_path_factory.mktemp("unbroken") / "store"
    shutil.copytree(prepared, root)
    child = children.start(root, *SETTINGS, log=root / "log")
    assert children.finish(child)[0] == 0, (root / "log").read_text()
    return root


@pytest.fixture
def store(prepared, tmp_path):
    shutil.copytree(prepared, tmp_path / "store")
    return tmp_path / "store"


def manifest_of(root):
    _, work = work_on("train", root)
    return Store(str(root)).find(work.model_ref("models"))


def assert_same_model(root, other):
    for ours, theirs in zip(weights_of(root), weights_of(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert manifest_of(root).content == manifest_of(other).content
    assert manifest_of(root).digest == manifest_of(other).digest


def test_sigterm_leaves_a_checkpoint_within_4_s_and_the_next_try_ends_the_same(store, unbroken):
    log = store / "log"
    code, seconds = children.interrupt(store, 600, signal.SIGTERM, *SETTINGS, log=log)
    assert code == 4
    assert seconds < 4
    assert "a checkpoint is kept and the next try goes on from there" in log.read_text()
    stopped_at = children.reached(store)
    assert children.finish(children.start(store, *SETTINGS, log=log))[0] == 0, log.read_text()
    assert f"resumed after step {stopped_at:,} " in log.read_text()
    assert "; 0 steps of the try before were lost" in log.read_text()
    assert_same_model(store, unbroken)
    assert not list(Path(store).glob("fraud_detection/models/*/*/.scratch-*"))


@pytest.mark.slow
@pytest.mark.parametrize("replicas", [1, 2])
def test_kills_at_random_moments_change_no_bit(prepared, tmp_path, replicas):
    settings = (*SETTINGS, f"training.replicas={replicas}", OFTEN)
    roots = [tmp_path / "unbroken", tmp_path / "killed"]
    for root in roots:
        shutil.copytree(prepared, root)
    assert children.finish(children.start(roots[0], *settings, log=tmp_path / "log"))[0] == 0
    moments = sorted(random.Random(replicas).sample(range(100, 2200), 4))
    log = tmp_path / "killed-log"
    for step in moments:
        code, _ = children.interrupt(roots[1], step, signal.SIGKILL, *settings, log=log)
        assert code == -signal.SIGKILL
    assert children.finish(children.start(roots[1], *settings, log=log))[0] == 0
    assert log.read_text().count("resumed after step") >= len(moments) - 1
    assert_same_model(*roots)
