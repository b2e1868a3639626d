"""The order of rows, block by block, without TensorFlow."""

import json
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import ArtifactError
from pipelines.training import batches
from pipelines.training.batches import Cursor, Feed, Shards, open_shards

DAYS = (7, 1, 30, 12)


def shards(sizes=DAYS):
    starts = np.append(0, np.cumsum(sizes)).astype(np.int64)
    rows = np.arange(starts[-1], dtype=np.float32)
    days = [slice(a, b) for a, b in pairwise(starts)]
    x = tuple(np.stack([rows[d], -rows[d]], axis=1) for d in days)
    return Shards(x, tuple(rows[d] % 2 for d in days), starts)


START = Cursor()


def steps(feed, cursor=START, epochs=1):
    """Rows of each step, read back from the blocks."""
    found = []
    for block in feed.blocks(cursor, epochs):
        for step, size in enumerate(block.rows):
            real = block.weight[step].reshape(-1) > 0
            x = block.x[step].reshape(-1, 2)
            assert real.sum() == size
            assert not x[~real].any()
            np.testing.assert_array_equal(block.y[step].reshape(-1)[real], x[real, 0] % 2)
            found.append(x[real, 0].astype(int).tolist())
        assert not block.weight[len(block.rows) :].any()
    return found


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("batch_rows", [1, 16, 49, 50, 100])
def test_each_epoch_visits_every_row_once_in_full_batches_but_the_last(replicas, batch_rows):
    feed = Feed(shards(), seed=5, batch_rows=batch_rows, replicas=replicas)
    for epoch in range(2):
        visited = steps(feed, Cursor(epoch=epoch), epoch + 1)
        assert sorted(chain(*visited)) == list(range(50))
        assert [len(s) for s in visited[:-1]] == [batch_rows] * (len(visited) - 1)


@settings(max_examples=25, deadline=None)
@given(step=st.integers(0, 12), replicas=st.integers(1, 3))
def test_any_step_is_reached_directly(step, replicas):
    feed = Feed(shards(), seed=1, batch_rows=8, replicas=replicas)
    per_epoch = 7
    cursor = Cursor(step=step, epoch=step // per_epoch, position=step % per_epoch * 8)
    assert steps(feed, cursor, 2) == steps(feed, START, 2)[step:]


def test_the_order_follows_from_seed_and_epoch_alone():
    feeds = [Feed(shards(), seed, 8, replicas) for seed, replicas in ((1, 1), (1, 2), (2, 1))]
    one, two, other = (steps(feed) for feed in feeds)
    assert one == two
    assert one != other
    assert steps(feeds[0], Cursor(epoch=1), 2) != one


def test_a_block_holds_no_more_than_its_bytes(monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1000)
    feed = Feed(shards(), seed=1, batch_rows=8, replicas=1)
    assert feed.block_steps == 1000 // (4 * 8 * 4)
    assert sorted(chain(*steps(feed))) == list(range(50))


@given(st.lists(st.integers(0, 49), max_size=60))
def test_rows_are_taken_across_days_in_the_order_asked(rows):
    x, y = shards().take(np.array(rows, np.int64))
    np.testing.assert_array_equal(x[:, 0], rows)
    np.testing.assert_array_equal(y, np.array(rows) % 2)


def test_the_cursor_means_losses_by_rows_and_ends_epochs():
    cursor = Cursor().after(1.0, 8, 10).after(4.0, 2, 10)
    assert (cursor.step, cursor.epoch, cursor.position) == (2, 1, 0)
    assert cursor.losses == ((8 * 1.0 + 2 * 4.0) / 10,)


def test_a_shard_of_another_shape_than_its_index_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 2), np.float32))
    np.save(tmp_path / "y.npy", np.zeros(3, np.float32))
    day = {"day": "2026-01-01", "rows": 4, "x": "x.npy", "y": "y.npy"}
    (tmp_path / "index.json").write_text(json.dumps({"features": ["a", "b"], "train": [day]}))
    with pytest.raises(
        ArtifactError, match=r"x.npy is float32 \(3, 2\); its index says .*\(4, 2\)"
    ):
        open_shards(tmp_path)
