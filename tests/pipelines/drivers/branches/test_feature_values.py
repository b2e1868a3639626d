"""Features of main and of a branch, compared with a comparison row by row."""

import math
import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.drivers.branches.feature_values import compared

VALUES = st.none() | st.sampled_from([0.0, 1.0, math.nan])
ROW = st.fixed_dictionaries({"a": VALUES, "b": VALUES, "w": st.none() | st.sampled_from("xy")})
SIDE = st.dictionaries(st.integers(0, 6), ROW, max_size=6)


def written(folder, rows, drop=()):
    names = [name for name in ("a", "b", "w") if name not in drop]
    types = {"a": pa.float64(), "b": pa.float64(), "w": pa.string()}
    columns = {n: pa.array([row[n] for row in rows.values()], types[n]) for n in names}
    table = pa.table({"id": pa.array(list(rows), pa.int64()), **columns})
    folder.mkdir()
    half = len(rows) // 2
    pq.write_table(table.slice(0, half), folder / "part-0.parquet")
    pq.write_table(table.slice(half), folder / "part-1.parquet")
    pq.write_table(table.slice(0, 0), folder / "part-known=2026-01-02.parquet")


def same(one, other):
    both_nan = all(isinstance(v, float) and math.isnan(v) for v in (one, other))
    return both_nan or one == other


@settings(max_examples=20, deadline=None)
@given(main=SIDE, branch=SIDE, removed=st.sampled_from([(), ("b",)]))
def test_rows_and_values_that_differ_are_those_of_a_look_at_each_row(main, branch, removed):
    with tempfile.TemporaryDirectory() as root:
        folders = Path(root, "main"), Path(root, "branch")
        written(folders[0], main)
        written(folders[1], branch, drop=removed)
        found = compared("ds=1", *folders, "id")
    both = main.keys() & branch.keys()
    assert (found.rows, found.removed, found.added) == (len(both), removed, ())
    assert (found.only_main, found.only_branch) == (
        len(main) - found.rows,
        len(branch) - found.rows,
    )
    expected = {}
    for name in {"a", "b", "w"} - set(removed):
        differ = sum(not same(main[each][name], branch[each][name]) for each in both)
        if differ:
            expected[name] = differ / len(both)
    assert found.changed == expected


def test_a_column_of_another_type_is_compared_by_its_values(tmp_path):
    for name, kind in (("main", pa.int32()), ("branch", pa.float64())):
        (tmp_path / name).mkdir()
        table = pa.table({"id": [1, 2], "n": pa.array([1, 2], kind), "l": [[1], [2, None]]})
        pq.write_table(table, tmp_path / name / "part-0.parquet")
    found = compared("ds=1", tmp_path / "main", tmp_path / "branch", "id")
    assert found.changed == {}


def test_a_partition_that_one_side_refused_has_no_row_in_common(tmp_path):
    (tmp_path / "refused").mkdir()
    written(tmp_path / "main", {1: {"a": 1.0, "b": 1.0, "w": "x"}})
    found = compared("ds=1", tmp_path / "main", tmp_path / "refused", "id")
    assert (found.rows, found.only_main, found.only_branch, found.changed) == (0, 1, 0, {})
