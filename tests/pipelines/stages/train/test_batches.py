"""The order of rows and their steps, without TensorFlow."""

import json
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ArtifactError
from pipelines.spec import ModelDays
from pipelines.stages.train import batches, epoch_order
from pipelines.stages.train.batches import Feed
from pipelines.stages.train.cursor import Cursor
from pipelines.stages.train.shards import Shards, open_shards, open_sides

DAYS = (7, 1, 30, 12)
ROW_BYTES = 4 * 2 + 4 * 3 + 4 * 4 * 2 + 4 + 4  # x, ids, seq_visits, len_visits, y


def shards(sizes=DAYS):
    starts = np.append(0, np.cumsum(sizes)).astype(np.int64)
    rows = np.arange(starts[-1])
    days = []
    for day in (slice(a, b) for a, b in pairwise(starts)):
        n = rows[day]
        days.append(
            {
                "x": np.stack([n, -n], axis=1).astype(np.float32),
                "ids": np.stack([n, n + 1, n + 2], axis=1).astype(np.int32),
                "seq_visits": np.tile(n[:, None, None], (1, 4, 2)).astype(np.float32),
                "len_visits": (n % 5).astype(np.int32),
                "y": (n % 2).astype(np.float32),
            }
        )
    return Shards(tuple(days), starts)


START = Cursor()


def read(blocks):
    """Rows of each step, read back from the blocks; every input must have the same rows."""
    found = []
    for block in blocks:
        for step, size in enumerate(block.rows):
            rows = block.step(step)
            n = rows["x"][:, 0].astype(int)
            assert len(n) == size
            np.testing.assert_array_equal(rows["x"][:, 1], -n)
            np.testing.assert_array_equal(rows["ids"], np.stack([n, n + 1, n + 2], axis=1))
            np.testing.assert_array_equal(rows["seq_visits"][:, 3, 1], n)
            np.testing.assert_array_equal(rows["len_visits"], n % 5)
            np.testing.assert_array_equal(rows["y"], n % 2)
            weight = block.weight[:, step].reshape(-1)
            assert (weight[:size] == 1).all()
            assert not weight[size:].any()
            assert block.total[step] == size
            # Padding must be rows that occur in the data, and use no other embedding.
            every = block.inputs["ids"][:, step].reshape(-1, 3)
            assert (every[size:] == every[0]).all()
            found.append(n.tolist())
        assert not block.weight[:, len(block.rows) :].any()
    return found


def steps(feed, cursor=START, epochs=1):
    return read(feed.blocks(cursor, epochs))


@pytest.fixture(params=["one pool", "many pools"])
def pool_bytes(request, monkeypatch):
    if request.param == "one pool":
        return 1 << 20
    monkeypatch.setattr(epoch_order, "BLOCK_ROWS", 4)
    return 10 * ROW_BYTES


@pytest.mark.parametrize("replicas", [1, 2, 3])
@pytest.mark.parametrize("batch_rows", [1, 16, 49, 50, 100])
def test_each_epoch_visits_every_row_once_in_full_batches_but_the_last(
    replicas, batch_rows, pool_bytes
):
    feed = Feed(shards(), 5, batch_rows, replicas, pool_bytes=pool_bytes)
    for epoch in range(2):
        visited = steps(feed, Cursor(epoch=epoch), epoch + 1)
        assert sorted(chain(*visited)) == list(range(50))
        assert [len(s) for s in visited[:-1]] == [batch_rows] * (len(visited) - 1)


@settings(max_examples=40)
@given(
    step=st.integers(0, 12),
    replicas=st.integers(1, 3),
    pool_rows=st.integers(1, 60),
    block_rows=st.integers(1, 12),
)
def test_any_step_is_reached_directly(step, replicas, pool_rows, block_rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(epoch_order, "BLOCK_ROWS", block_rows)
        feed = Feed(shards(), 1, 8, replicas, pool_bytes=pool_rows * ROW_BYTES)
        per_epoch = 7
        cursor = Cursor(step=step, epoch=step // per_epoch, position=step % per_epoch * 8)
        assert steps(feed, cursor, 2) == steps(feed, START, 2)[step:]


def test_the_order_follows_from_seed_and_epoch_alone(pool_bytes):
    feeds = [
        Feed(shards(), seed, 8, replicas, micro, pool_bytes)
        for seed, replicas, micro in ((1, 1, 1), (1, 2, 4), (2, 1, 1))
    ]
    one, two, other = (steps(feed) for feed in feeds)
    assert one == two
    assert one != other
    assert steps(feeds[0], Cursor(epoch=1), 2) != one


def test_rows_that_fit_the_pool_have_the_plain_permutation_of_seed_and_epoch():
    found = steps(Feed(shards(), 7, 8, 1), Cursor(epoch=3), 4)
    plain = np.random.Generator(np.random.Philox(key=[7, 3])).permutation(50)
    np.testing.assert_array_equal(list(chain(*found)), plain)


def test_blocks_of_distant_days_are_mixed_in_every_pool(monkeypatch):
    monkeypatch.setattr(epoch_order, "BLOCK_ROWS", 4)
    many = shards((400, 400, 400, 400))
    found = list(chain(*steps(Feed(many, 3, 8, 1, pool_bytes=160 * ROW_BYTES))))
    for start in range(0, 1600, 160):
        pool = np.array(found[start : start + 160])
        assert set(pool // 400) == {0, 1, 2, 3}
        assert (np.diff(pool) == 1).mean() < 0.1


def test_rows_in_order_are_those_of_the_table(pool_bytes):
    feed = Feed(shards(), 1, 8, 2, pool_bytes=pool_bytes)
    assert list(chain(*read(feed.in_order()))) == list(range(50))


def test_a_block_holds_no_more_than_its_bytes(monkeypatch):
    monkeypatch.setattr(batches, "BLOCK_BYTES", 1000)
    feed = Feed(shards(), seed=1, batch_rows=8, replicas=1)
    assert feed.block_steps == 1000 // (8 * (ROW_BYTES + 4))
    assert sorted(chain(*steps(feed))) == list(range(50))


def test_class_weights_are_those_of_the_label_and_padding_stays_at_zero():
    feed = Feed(shards(), 1, 16, 2, micro_batches=3, class_weights=(0.5, 4.0))
    for block in feed.blocks(START, 1):
        for step, size in enumerate(block.rows):
            weight = block.weight[:, step].reshape(-1)
            label = block.y[:, step].reshape(-1)
            np.testing.assert_array_equal(weight[:size], np.where(label[:size] == 1, 4.0, 0.5))
            assert not weight[size:].any()
            assert block.total[step] == weight.sum()


def test_the_cursor_means_losses_by_rows_and_ends_epochs():
    cursor = Cursor().after(1.0, 8, 10).after(4.0, 2, 10)
    assert (cursor.step, cursor.epoch, cursor.position) == (2, 1, 0)
    assert cursor.losses == ((8 * 1.0 + 2 * 4.0) / 10,)


def test_the_cursor_goes_through_json_unchanged():
    cursor = Cursor(3, 1, 8, 2.5, (0.5,), ({"loss": 0.4},), 1, 0.4, 12.5, "time limit")
    assert Cursor.from_json(json.loads(json.dumps(cursor.to_json()))) == cursor


def written(folder, name, values):
    np.save(folder / f"{name}.npy", values)
    return f"{name}.npy"


def test_every_kind_of_input_is_mapped_by_its_name(tmp_path):
    rows = shards((5,)).days[0]
    day = {"day": "2026-01-01", "rows": 5} | {
        n: written(tmp_path, n, v) for n, v in rows.items()
    }
    index = {"features": ["a", "b"], "inputs": {"numeric": ["a", "b"]}, "train": [day]}
    (tmp_path / "index.json").write_text(json.dumps(index))
    found = open_shards(tmp_path)
    assert found.inputs == ("x", "ids", "seq_visits", "len_visits")
    assert (found.features, found.row_bytes, len(found.maps)) == (("a", "b"), ROW_BYTES, 5)
    found.release()  # the maps are still readable
    assert list(chain(*steps(Feed(found, 1, 2, 1)))) != []


def test_only_the_requested_days_are_opened(tmp_path):
    y, x = np.array([0, 1, 1], np.float32), np.zeros((3, 1), np.float32)
    files = {"x": written(tmp_path, "x", x), "y": written(tmp_path, "y", y)}
    days = [{"day": f"2026-01-0{n}", "rows": 3, **files} for n in (1, 2, 3)]
    (tmp_path / "index.json").write_text(json.dumps({"features": ["a"], "train": days}))
    assert open_shards(tmp_path, {"2026-01-01", "2026-01-03"}).rows == 6
    with pytest.raises(
        ArtifactError, match=r"none of the 3 training days has the requested rows"
    ):
        open_shards(tmp_path, {"2026-02-01"})


def test_a_shard_of_another_shape_than_its_index_is_refused(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((3, 2), np.float32))
    np.save(tmp_path / "y.npy", np.zeros(3, np.float32))
    day = {"day": "2026-01-01", "rows": 4, "x": "x.npy", "y": "y.npy"}
    (tmp_path / "index.json").write_text(json.dumps({"features": ["a", "b"], "train": [day]}))
    with pytest.raises(
        ArtifactError, match=r"x.npy is float32 \(3, 2\); its index says .*\(4, 2\)"
    ):
        open_shards(tmp_path)


@pytest.mark.parametrize("replicas", [1, 3])
def test_weights_of_rows_stay_with_their_rows_and_padding_keeps_none(replicas):
    plain = shards()
    starts = plain.starts
    weights = [np.arange(a, b, dtype=np.float32) / 8 + 0.5 for a, b in pairwise(starts)]
    both = [
        {**day, "w": weight, "y": np.stack([day["y"], 1 - day["y"]], axis=1)}
        for day, weight in zip(plain.days, weights, strict=True)
    ]
    weighted = Shards(tuple(both), starts)
    assert weighted.inputs == plain.inputs
    assert weighted.row_bytes == plain.row_bytes + 8
    assert weighted.positives() == plain.positives()
    feeds = [Feed(each, 3, 16, replicas) for each in (weighted, plain)]
    blocks = [list(feed.blocks(START, 1)) for feed in feeds]
    for own, other in zip(*blocks, strict=True):
        assert own.y.shape == (*other.y.shape, 2)
        np.testing.assert_array_equal(own.y[..., 0], other.y)
        for step, size in enumerate(own.rows):
            here = own.step(step)["x"][:, 0]
            np.testing.assert_array_equal(own.weights(step), here / 8 + 0.5)
            padding = own.weight[:, step].reshape(-1)[size:]
            assert not padding.any()
            assert own.total[step] == pytest.approx(own.weights(step).sum(), rel=1e-6)


def test_the_parts_of_a_cohort_are_opened_by_their_names(tmp_path):
    for part, rows in (("train", 5), ("validation", 2)):
        (tmp_path / part).mkdir()
        for name, width in (("x", (3,)), ("y", ()), ("w", ())):
            np.save(tmp_path / part / f"{name}.npy", np.zeros((rows, *width), np.float32))
    entries = {
        part: [{"day": "2026", "rows": rows, **{n: f"{part}/{n}.npy" for n in "xyw"}}]
        for part, rows in (("train", 5), ("validation", 2))
    }
    (tmp_path / "index.json").write_text(json.dumps({"features": ["a", "b", "c"], **entries}))
    days = ModelDays(train=("2026",), gap=(), test=("2026",))
    train, held_out = open_sides(tmp_path, days)
    assert (train.rows, held_out.rows) == (5, 2)
    (tmp_path / "index.json").write_text(
        json.dumps({"features": ["a", "b", "c"], **entries, "validation": []})
    )
    assert open_sides(tmp_path, days)[1] is None
