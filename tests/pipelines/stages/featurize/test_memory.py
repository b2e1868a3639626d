"""A day is made in the memory of a group of rows and of a bucket, however many rows it has."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.days import parse_day
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables import schema
from pipelines.spec import Trailing
from pipelines.stages.featurize.bucket import BucketResult
from pipelines.stages.featurize.groups import in_groups
from pipelines.stages.featurize.spill import Spill
from tests.benchmarks.measuring import measured
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    publish_validated,
    rows_of,
    small_pipeline,
    work_on,
)

AGGREGATES = ("sum", "mean", "min", "max", "last", "distinct")
WIDE = tuple(
    Trailing(entity, AGGREGATES, (1,), column="tx_amount", spans_s=(3600, 7200))
    for entity in ("customer", "terminal")
)
FEATURIZE = """
import sys
from pipelines.core.memory import peak_memory_bytes
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables import schema
from tests.pipelines.stages.featurize.test_memory import work_of
schema.GROUP_ROWS = 1 << 14
_, root, in_process_below, *sizes = sys.argv
for rows in map(int, sizes):
    options = {"workers": 1, "in_process_below_rows": int(in_process_below)}
    perform(stage_named("featurize"), work_of(root, rows, options=options), reach=False)
    print(peak_memory_bytes(), flush=True)
"""


def work_of(root, rows, bucket_rows=20_000, **given):
    """A day in a store of its own, its buckets of about as many rows whatever the day has."""
    pipeline = small_pipeline(features=WIDE, buckets=rows // bucket_rows)
    return work_on(pipeline, Path(root) / str(rows), partition=FIRST, **given)


def publish(root, rows, bucket_rows=20_000):
    rng, work = np.random.default_rng(0), work_of(root, rows, bucket_rows)
    many = {"customer_id": rng.integers(0, rows // 9, rows)}
    many["terminal_id"] = rng.integers(0, rows // 90, rows)
    # The ids of a day of ``rows_of`` are a thousand apart from the next day's.
    many["transaction_id"] = parse_day(FIRST).toordinal() * 1_000_000 + np.arange(rows)
    publish_validated(work, FIRST, rows_of(work.pipeline, FIRST, rows, **many))


def command(root, in_process_below, *sizes):
    arguments = (root, in_process_below, *sizes)
    return [sys.executable, "-c", FEATURIZE, *map(str, arguments)]


def test_a_day_of_four_times_the_rows_takes_no_more_memory(tmp_path):
    sizes = 60_000, 240_000
    for rows in sizes:
        publish(tmp_path, rows)
    ran = subprocess.run(
        command(tmp_path, 10**9, *sizes), capture_output=True, text=True, check=True
    )
    small, large = map(int, ran.stdout.split())
    # The features of the larger day alone are 80 MiB.
    assert large < small + (48 << 20)


@pytest.mark.slow
def test_a_day_of_eight_times_the_rows_takes_no_more_memory_of_stage_or_worker(tmp_path):
    used = []
    for rows in (300_000, 2_400_000):
        publish(tmp_path, rows)
        used.append(measured(command(tmp_path, 0, rows), PYTHONPATH=os.pathsep.join(sys.path)))
    small, large = used
    assert large.own_bytes < 1.15 * small.own_bytes
    assert large.started_bytes < 1.15 * small.started_bytes


@given(
    rows=st.integers(0, 40),
    group_rows=st.integers(1, 50),
    results=st.integers(1, 5),
    seed=st.integers(0, 9),
)
def test_a_spill_gives_every_row_back_in_its_group(
    tmp_path_factory, rows, group_rows, results, seed
):
    rng = np.random.default_rng(seed)
    of_row, number, block = (
        rng.integers(0, results, rows),
        rng.random((rows, 2)),
        rng.random((rows, 3)),
    )
    found = np.full((rows, 5), -1.0)
    with Spill(tmp_path_factory.getbasetemp(), rows, group_rows) as spill:
        for nth in rng.permutation(results):
            at = rng.permutation(np.flatnonzero(of_row == nth)).astype(np.int32)
            spill.add(BucketResult(str(nth), at, number[at], 0, {"seq": block[at]}))
        for group in range(max(1, -(-rows // group_rows))):
            for result in spill.of(group):
                assert result.position.max() < group_rows
                at = result.position + group * group_rows
                assert set(of_row[at]) == {int(result.program)}
                found[at] = np.hstack([result.values, result.blocks["seq"]])
    np.testing.assert_array_equal(found, np.hstack([number, block]))


def test_a_spill_has_no_name_that_a_kill_could_leave_behind(tmp_path):
    with Spill(tmp_path, 3, 2) as spill:
        at = np.arange(3, dtype=np.int32)
        spill.add(BucketResult("customer", at, np.zeros((3, 1)), 0))
        assert list(tmp_path.iterdir()) == []


@given(cuts=st.lists(st.integers(0, 7), min_size=1, max_size=9), rows=st.integers(1, 9))
def test_groups_are_the_rows_in_order_whatever_the_parts(cuts, rows):
    ends = np.cumsum(cuts)
    whole = pa.table({"a": np.arange(ends[-1]), "b": pa.array(["x"] * ends[-1], pa.string())})
    parts = [whole.slice(end - cut, cut) for end, cut in zip(ends, cuts, strict=True)]
    groups = list(in_groups(parts, rows))
    full, left = divmod(whole.num_rows, rows)
    assert [g.num_rows for g in groups] == [rows] * full + ([left] if left or not full else [])
    assert pa.concat_tables(groups).equals(whole)
    assert all(column.num_chunks <= 1 for group in groups for column in group.columns)


def test_a_group_of_wide_rows_has_fewer_of_them_and_holds_whole_chunks():
    assert schema.group_rows(200) == schema.GROUP_ROWS
    for row_bytes in (513, 4_000, 100_000):
        rows = schema.group_rows(row_bytes)
        assert rows * row_bytes <= schema.GROUP_BYTES < 2 * rows * row_bytes
        assert schema.GROUP_ROWS % rows == 0
    assert schema.group_rows(1 << 40) == 1


KILLED = """
import os, signal, sys
from pipelines.stages.featurize import day
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables import schema
from tests.pipelines.stages.featurize.test_memory import work_of
_, root, when = sys.argv
schema.GROUP_ROWS = 256

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

if when == "before the table":
    day.Spill.of = die
else:
    of = day.Spill.of
    day.Spill.of = lambda spill, group: of(spill, group) if group < 2 else die()
perform(stage_named("featurize"), work_of(root, 1000, 100))
"""


@pytest.mark.parametrize("when", ["before the table", "in the table"])
def test_a_kill_while_windows_wait_on_disk_leaves_nothing_half(tmp_path, monkeypatch, when):
    publish(tmp_path, 1000, 100)
    work = work_of(tmp_path, 1000, 100)
    folder = work.store.folder(work.partition_ref("features"))
    child = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), when], check=False)
    assert child.returncode == -signal.SIGKILL
    (staged,) = folder.glob(".staging-*")
    assert {path.name for path in staged.iterdir()} <= {"part-0.parquet"}
    assert work.find(work.partition_ref("features")) is None
    monkeypatch.setattr(schema, "GROUP_ROWS", 256)
    assert perform(stage_named("featurize"), work)["rows"] == 1000
    assert not list(folder.glob(".staging-*"))
    part = work.store.open(work.find(work.partition_ref("features"))) / "part-0.parquet"
    assert pq.read_metadata(part).num_row_groups == 4
