"""A day passes through in blocks: the same bytes however its source is cut, in bounded memory."""

import json
import subprocess
import sys
import threading
import time
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import SchemaError, SourceUnreadableError
from pipelines.protocol import REFUSED, perform, stage_named
from pipelines.stages.ingest import day as day_module
from pipelines.stages.ingest.day import GROUP_ROWS, group_rows
from pipelines.stages.ingest.prefetch import prefetched
from tests.pipelines.shared.tables.made import (
    DAY,
    canonical,
    csv_pipeline,
    done,
    published,
    transactions,
    with_column,
    work_on,
    write_source,
)


def part(store):
    return (published(store, "ingested") / "part-0.parquet").read_bytes()


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(day_module, "GROUP_ROWS", 64)
    monkeypatch.setattr("pipelines.stages.ingest.formats.parquet.BLOCK_ROWS", 7)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("cuts", [[1000], [1, 999], [100, 0, 300, 250, 350]])
def test_the_bytes_depend_on_the_rows_and_not_on_files_blocks_or_threads(
    tmp_path, cuts, workers
):
    table, start = transactions(1000), 0
    for number, rows in enumerate(cuts):
        write_source(tmp_path / "cut", table.slice(start, rows), f"part-{number}.parquet")
        start += rows
    write_source(tmp_path / "whole", table)
    done("ingest", tmp_path / "a", tmp_path / "whole")
    work = work_on("ingest", tmp_path / "b", tmp_path / "cut")
    perform(stage_named("ingest"), replace(work, options={"workers": workers}))
    assert part(tmp_path / "a") == part(tmp_path / "b")
    with pq.ParquetFile(published(tmp_path / "a", "ingested") / "part-0.parquet") as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        assert groups == [64] * 15 + [40]
        assert file.read().equals(canonical(1000))


def test_a_row_group_holds_fewer_rows_of_a_wide_table():
    assert group_rows(7) == GROUP_ROWS
    assert group_rows(500) * 500 * 8 <= 256 << 20
    assert group_rows(10**9) == 1


@pytest.mark.usefixtures("small_blocks")
def test_a_bad_value_is_named_by_its_row_in_the_file_whatever_the_block(tmp_path):
    amounts = [1.0] * 200
    table = with_column(
        transactions(200), "CUSTOMER_ID", pa.array([*amounts[:150], 1.5, *amounts[151:]])
    )
    write_source(tmp_path, table)
    with pytest.raises(SchemaError, match=r"holds ••• .* in row 150 \(the first is 0\)"):
        done("ingest", tmp_path / "store", tmp_path)


def test_every_bad_file_of_a_day_is_listed_in_the_refusal(tmp_path):
    for number in range(4):
        path = write_source(tmp_path, transactions(50), f"part-{number}.parquet")
        if number in (1, 3):
            path.write_text("never was Parquet")
    with pytest.raises(
        SourceUnreadableError, match=r"part-1.parquet .*not Parquet.*1 more files"
    ):
        done("ingest", tmp_path / "store", tmp_path)
    folder = published(tmp_path / "store", "ingested")
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "refusal.json"]
    reported = json.loads((folder / "refusal.json").read_text())["files"]
    assert [file["file"] for file in reported] == [f"ds={DAY}/part-{n}.parquet" for n in (1, 3)]
    assert {file["error"] for file in reported} == {"SourceUnreadableError"}
    outcome = json.loads((folder / "manifest.json").read_text())["outcome"]
    assert (outcome["verdict"], outcome["rows"]) == (REFUSED, 0)


def test_a_refused_day_is_not_read_again_and_a_mended_one_is_taken_in(tmp_path, monkeypatch):
    path = write_source(tmp_path, transactions(50))
    path.write_text("never was Parquet")
    with pytest.raises(SourceUnreadableError, match="not Parquet"):
        done("ingest", tmp_path / "store", tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr("pipelines.stages.ingest.stage.run", None)
        with pytest.raises(SourceUnreadableError, match="not Parquet"):
            done("ingest", tmp_path / "store", tmp_path)
    write_source(tmp_path, transactions(50))
    assert done("ingest", tmp_path / "store", tmp_path)["rows"] == 50


def test_sources_are_read_in_order_and_an_error_comes_where_its_item_would(tmp_path):
    def numbers(start, fails=False):
        yield start
        time.sleep(0.01)
        if fails:
            raise KeyError(start)
        yield start + 1

    makes = [lambda n=n: numbers(10 * n, fails=n == 2) for n in range(5)]
    for threads in (1, 2, 8):
        seen = []
        with prefetched(makes, threads) as streams:
            for index, stream in enumerate(streams):
                if index == 2:
                    with pytest.raises(KeyError, match="20"):
                        seen.extend(stream)
                else:
                    seen.extend(stream)
        assert seen == [0, 1, 10, 11, 20, 30, 31, 40, 41]


def test_leaving_early_ends_the_threads_and_closes_what_they_read():
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    before = set(threading.enumerate())
    with prefetched([endless], 1) as (stream,):
        assert next(stream) == 1
    assert closed.wait(20)
    for thread in set(threading.enumerate()) - before:
        thread.join(20)
        assert not thread.is_alive()


PEAK = """
import resource, sys
from pathlib import Path
from tests.pipelines.shared.tables.made import csv_pipeline, done
result = done("ingest", Path(sys.argv[1]), sys.argv[2], csv_pipeline() if sys.argv[3] == "csv" else None)
print(result["rows"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def peak_of(store, source, kind):
    out = subprocess.run(
        [sys.executable, "-c", PEAK, str(store), str(source), kind],
        capture_output=True,
        text=True,
        check=True,
    )
    rows, peak = map(int, out.stdout.split())
    return rows, peak


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_a_day_of_four_times_the_rows_takes_no_more_memory(tmp_path, kind):
    rows = 1_000_000
    table = transactions(rows)
    name = "part-{}." + kind
    for folder, files in (("small", 2), ("large", 8)):
        first = write_source(tmp_path / folder, table, name.format(0))
        for number in range(1, files):
            first.with_name(name.format(number)).hardlink_to(first)
    small = peak_of(tmp_path / "a", tmp_path / "small", kind)
    large = peak_of(tmp_path / "b", tmp_path / "large", kind)
    assert (small[0], large[0]) == (2 * rows, 8 * rows)
    # The allocator's slack; four times the rows themselves would be 300 MiB.
    assert large[1] < small[1] + (100 << 20)
    assert large[1] < 1 << 30


def test_a_csv_day_gives_the_bytes_of_the_same_day_in_parquet_at_any_number_of_threads(
    tmp_path,
):
    for number in range(3):
        table = transactions(400, seed=number)
        write_source(tmp_path / "csv", table, f"part-{number}.csv")
        write_source(tmp_path / "pq", table, f"part-{number}.parquet")
    done("ingest", tmp_path / "a", tmp_path / "pq")
    work = work_on("ingest", tmp_path / "b", tmp_path / "csv", csv_pipeline())
    perform(stage_named("ingest"), replace(work, options={"workers": 3}))
    assert part(tmp_path / "a") == part(tmp_path / "b")
