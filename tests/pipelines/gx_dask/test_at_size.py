"""Rules that small tables do not reach: sketches that leave values out, ranges, collisions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.gx_dask import quantiles, row_keys
from tests.pipelines.gx_dask import tables
from tests.pipelines.gx_dask.same import Ours, Stock, differences, suite_of

ROWS = 60_000
SHARES = [0.0, 0.001, 0.25, 0.29, 0.5, 0.75, 0.999, 1.0]
RANGES = {"quantiles": SHARES, "value_ranges": [[None, 1]] * len(SHARES)}
ENTRIES = [
    *[
        (
            "expect_column_quantile_values_to_be_between",
            {"column": column, "quantile_ranges": RANGES, "allow_relative_error": how},
        )
        for column in ("x", "few")
        for how in ("linear", "lower", "higher", "midpoint", "nearest")
    ],
    ("expect_column_median_to_be_between", {"column": "x", "max_value": 0}),
    ("expect_column_mean_to_be_between", {"column": "x", "max_value": 0}),
    ("expect_column_stdev_to_be_between", {"column": "x", "max_value": 0}),
    ("expect_column_values_to_not_be_outliers", {"column": "x", "multiplier": 1.0}),
    (
        "expect_column_value_z_scores_to_be_less_than",
        {"column": "x", "threshold": 1, "double_sided": True},
    ),
    ("expect_column_values_to_be_unique", {"column": "id"}),
    ("expect_column_values_to_be_unique", {"column": "word"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["id", "word"]}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["few", "x"]}),
    ("expect_column_unique_value_count_to_be_between", {"column": "word", "max_value": 1}),
    ("expect_column_unique_value_count_to_be_between", {"column": "id", "max_value": 1}),
    ("expect_column_values_to_be_in_set", {"column": "few", "value_set": [1, 2]}),
    ("expect_column_values_to_match_regex", {"column": "word", "regex": "7$"}),
]


def large() -> pa.Table:
    """Shuffled ids of which 50 occur twice, words with nulls, numbers with many ties."""
    at = np.random.default_rng(3)
    ids = at.permutation(ROWS)
    ids[:50] = ids[-50:]
    words = np.array([f"w{n}" for n in at.integers(0, ROWS * 4, ROWS)], dtype=object)
    words[at.random(ROWS) < 0.01] = None
    return pa.table(
        {
            "id": ids,
            "few": at.integers(0, 5, ROWS),
            "x": at.normal(loc=5, size=ROWS).round(3),
            "word": pa.array(words, pa.string()),
        }
    )


def compare(table: pa.Table, folder: Path, entries: Any) -> None:
    paths = tables.write(table, folder, files=4, group_rows=5_000)
    suite = suite_of(entries)
    stock = Stock(tables.whole_frame(paths)).validate(suite, "SUMMARY")
    found = differences(Ours(paths, partition_rows=10_000).validate(suite, "SUMMARY"), stock)
    assert not found, "\n".join(found[:5])


def test_sixty_thousand_rows_in_many_partitions_give_the_stock_results(tmp_path: Path) -> None:
    compare(large(), tmp_path, ENTRIES)


def test_rows_whose_hashes_collide_are_compared_by_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashes = row_keys._hashes

    def coarse(name: str, rows: Any) -> Any:
        return hashes(name, rows) % np.uint64(5)

    monkeypatch.setattr(row_keys, "_hashes", coarse)
    table = large().slice(0, 2_000)
    about_text = [e for e in ENTRIES if "word" in str(e[1]) or "compound" in e[0]]
    compare(pa.concat_tables([table, table.slice(0, 3)]), tmp_path, about_text)


@settings(max_examples=50, derandomize=True)
@given(
    parts=st.lists(st.lists(st.integers(-50, 50), max_size=80), min_size=1, max_size=5).filter(
        any
    ),
    kept=st.integers(2, 9),
    share=st.floats(0, 1),
)
def test_the_value_at_a_rank_is_the_one_that_sorting_finds(
    parts: list[list[int]], kept: int, share: float
) -> None:
    arrays = [np.sort(np.array(part, dtype=np.int64)) for part in parts]
    every = np.sort(np.concatenate(arrays))
    rank = int(share * (len(every) - 1))
    sketches = []
    for array in arrays:
        ends = np.linspace(0, len(array) - 1, min(len(array), kept)) if len(array) else []
        ranks = np.unique(np.asarray(ends, dtype=np.int64))
        sketches.append(quantiles.Sketch(len(array), ranks, array[ranks]))
    ((low, high),) = quantiles.brackets(sketches, np.array([rank]))
    slices = []
    for array in arrays:
        inside = pd.Series(array[(array >= low) & (array <= high)]).value_counts().sort_index()
        below = int((array < low).sum())
        slices.append(quantiles.Slice(below, inside.index.to_numpy(), inside.to_numpy()))
    assert quantiles.pick(rank, slices) == every[rank]
