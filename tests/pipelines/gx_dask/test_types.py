"""Columns of every type, columns named twice, and what aggregates return, on both engines."""

import json
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from great_expectations.expectations.row_conditions import Column
from great_expectations.render.renderer import ValidationResultsPageRenderer
from great_expectations.render.util import num_to_str
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.gx_dask.validation import validate_files
from tests.pipelines.gx_dask import tables
from tests.pipelines.gx_dask.same import Ours, Stock, differences, suite_of

ROWS = 12
MOMENT = datetime(2026, 1, 2)  # noqa: DTZ001 some columns have no zone
NUMBERS = [1, 3, 3, 7]
FLOATS = [1.5, 0.1, 0.1, -3.0]
TEXTS = ["a", "bb", "a"]
DAYS = [date(2026, 1, day) for day in (1, 2, 2)]
PAIR = pa.struct({"a": pa.int64(), "b": pa.string()})

# Not here: durations, periods and intervals, whose results Great Expectations itself cannot serialise.
ARROW: dict[str, tuple[Sequence[Any], pa.DataType]] = {
    "int8": (NUMBERS, pa.int8()),
    "uint64": ([2**63 + 5, 2**63 + 6, 2**64 - 1], pa.uint64()),
    "int64 whose sum wraps": ([2**62, 2**62, 3], pa.int64()),
    "float16": ([np.float16(each) for each in FLOATS], pa.float16()),
    "float32": (FLOATS, pa.float32()),
    "large_string": (TEXTS, pa.large_string()),
    "binary": ([b"a", b"bb", b"a"], pa.binary()),
    "decimal": ([Decimal("1.10"), Decimal("2.20"), Decimal("1.10")], pa.decimal128(10, 2)),
    "date64": (DAYS, pa.date64()),
    "time": ([time(1), time(2), time(1)], pa.time64("us")),
    "zoned": ([MOMENT, MOMENT + timedelta(hours=1)], pa.timestamp("us", "Europe/Berlin")),
    "dictionary": (TEXTS, pa.dictionary(pa.int32(), pa.string())),
    "dictionary of numbers": (NUMBERS, pa.dictionary(pa.int32(), pa.int64())),
    "list": ([[1], [1, 2], [1]], pa.list_(pa.int64())),
    "list with a null in one": ([[1], [1, 2], [None, 4]], pa.list_(pa.int64())),
    "struct": ([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], PAIR),
    "map": ([[("a", 1)], [("b", 2)], [("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "null": ([None], pa.null()),
}
PANDAS: dict[str, tuple[Sequence[Any], Any]] = {
    "Int64": ([1, None, 3, 2**53 + 1], "Int64"),
    "UInt8": (NUMBERS, "UInt8"),
    "Float32": (FLOATS, "Float32"),
    "boolean": ([True, None, False], "boolean"),
    "string[python]": (TEXTS, "string[python]"),
    "string[pyarrow]": (TEXTS, "string[pyarrow]"),
    "category": (TEXTS, "category"),
    "int64[pyarrow]": (NUMBERS, "int64[pyarrow]"),
}
# One of each way that columns take through the engine.
USUAL = ("Int64", "boolean", "float16", "list with a null in one", "struct")


def table_of(name: str, missing: Sequence[int]) -> tuple[pa.Table, Sequence[Any]]:
    """Columns x, with some values missing, and y, with none but its type's own."""
    own = name in PANDAS
    values, kind = PANDAS[name] if own else ARROW[name]
    whole = [values[row % len(values)] for row in range(ROWS)]
    some = [None if row in missing else value for row, value in enumerate(whole)]
    if own:
        frame = pd.DataFrame(
            {n: pd.Series(v, dtype=kind) for n, v in (("x", some), ("y", whole))}
        )
        table = pa.Table.from_pandas(frame, preserve_index=False)
    else:
        table = pa.table({"x": _array(some, kind), "y": _array(whole, kind)})
    return table.append_column("n", pa.array(range(ROWS))), values


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind):
        return pa.array(values, kind.value_type).dictionary_encode()
    return pa.array(values, kind)


def about(values: Sequence[Any]) -> Iterator[tuple[str, dict]]:
    """Expectations of every shape on x and y."""
    plain = [v for v in values if isinstance(v, int | float | str | date) and v is not None]
    texts = not plain or isinstance(plain[0], str)
    ends = {"max_value": 3} if texts else {"min_value": min(plain), "max_value": max(plain)}
    known = {"value_set": plain[:1] or ["a"]}
    some, late = {"column": "x"}, {"row_condition": Column("n") > 3}
    for kwargs in (some, some | late):
        yield "expect_column_values_to_be_unique", kwargs
        yield "expect_column_values_to_be_increasing", kwargs
        yield "expect_column_unique_value_count_to_be_between", kwargs | {"max_value": 1}
    yield "expect_column_values_to_not_be_null", some
    yield "expect_column_values_to_be_null", some
    yield "expect_column_values_to_be_in_set", some | known
    yield "expect_column_distinct_values_to_be_in_set", some | known
    yield "expect_column_most_common_value_to_be_in_set", some | known
    yield "expect_column_value_lengths_to_equal", some | {"value": 1}
    yield "expect_column_values_to_match_regex", some | {"regex": "1"}
    yield "expect_column_values_to_be_of_type", some | {"type_": "int64"}
    if plain:  # of lists the stock condition makes lists, and its other metrics raise of those
        yield "expect_column_values_to_be_between", some | ends
    if not isinstance(values[0], bool):
        yield "expect_column_max_to_be_between", some | ends
        for what in ("mean", "sum", "stdev", "median"):
            yield f"expect_column_{what}_to_be_between", some | {"max_value": 3}
    for right in ("x", "y"):
        pair = {"column_A": "x", "column_B": right}
        yield "expect_column_pair_values_to_be_equal", pair
        yield "expect_column_pair_values_a_to_be_greater_than_b", pair | {"or_equal": True}
    yield "expect_compound_columns_to_be_unique", {"column_list": ["x", "y"]}
    yield "expect_select_column_values_to_be_unique_within_record", {"column_list": ["x", "y"]}


def compared(
    table: pa.Table, entries: Sequence[tuple[str, dict]], folder: Path, relative: float = 1e-12
) -> None:
    """Fail on any difference of results, whole."""
    paths = tables.write(table, folder, files=2, group_rows=4)
    suite = suite_of(entries)
    stock = Stock(tables.whole_frame(paths)).validate(suite, "COMPLETE")
    ours = Ours(paths, partition_rows=4).validate(suite, "COMPLETE")
    found = differences(ours, stock, relative)
    assert not found, f"{len(found)} differ\n" + "\n".join(found[:5])


@pytest.mark.parametrize("name", USUAL)
def test_a_column_of_any_type_gives_the_stock_results(name: str, tmp_path: Path) -> None:
    table, values = table_of(name, missing=(2, 3, 9))
    compared(table, list(about(values)), tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("missing", [(), (2, 3, 9)], ids=["whole", "with nulls"])
@pytest.mark.parametrize("name", [*ARROW, *PANDAS])
def test_every_type_gives_the_stock_results(
    name: str, missing: tuple[int, ...], tmp_path: Path
) -> None:
    table, values = table_of(name, missing)
    # The stock engine adds numbers of 32 bits with 32 bits.
    compared(table, list(about(values)), tmp_path, 1e-6 if "32" in name else 1e-12)


MANY = ("compound_columns_to_be_unique", "multicolumn_values_to_be_equal",
        "select_column_values_to_be_unique_within_record")  # fmt: skip


@pytest.mark.parametrize("names", [("k", "g"), ("f", "h"), ("s", "c")])
def test_a_column_named_twice_counts_twice_as_in_the_stock_engine(
    names: tuple[str, str], tmp_path: Path
) -> None:
    one, two = names
    lists = [[one, one], [one, two, one]]
    ignored = [{}, {"ignore_row_if": "any_value_is_missing"}]
    entries: list[tuple[str, dict]] = [
        (f"expect_{each}", {"column_list": columns} | ignore)
        for each in MANY
        for columns in lists
        for ignore in ignored
    ]
    sums = {"column_list": [one, two, one], "sum_total": 4}
    same = {"column_A": one, "column_B": one}
    pairs = {"value_pairs_set": [(1, 1), ("a", "a")]}
    entries += [
        ("expect_multicolumn_sum_to_equal", sums),
        ("expect_column_pair_values_to_be_equal", same),
        (
            "expect_column_pair_values_a_to_be_greater_than_b",
            same | {"ignore_row_if": "neither"},
        ),
        ("expect_column_pair_values_to_be_in_set", same | pairs),
    ]
    compared(tables.dirty(24), entries, tmp_path)


def exact_deviation(values: Sequence[float]) -> float:
    """The deviation in rational numbers, rounded once."""
    each = [Fraction(value) for value in values]
    mean = sum(each) / len(each)
    return math.sqrt(sum((value - mean) ** 2 for value in each) / (len(each) - 1))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(
    offset=st.sampled_from([0.0, 1.0, 1e9, -1e12]),
    steps=st.lists(st.integers(-50, 50), min_size=6, max_size=40).filter(
        lambda each: len(set(each)) > 1
    ),
    ordered=st.booleans(),
)
def test_a_deviation_over_partitions_is_the_true_one_to_its_last_digits(
    tmp_path_factory: pytest.TempPathFactory, offset: float, steps: list[int], ordered: bool
) -> None:
    values = [offset + step / 64 for step in (sorted(steps) if ordered else steps)]
    folder = tmp_path_factory.mktemp("deviation")
    pq.write_table(pa.table({"x": values}), folder / "t.parquet", row_group_size=5)
    entries = [("expect_column_stdev_to_be_between", {"column": "x", "max_value": 1})]
    validated = validate_files([folder], suite_of(entries), partition_rows=5)
    observed = validated.result.results[0].result["observed_value"]
    assert observed == pytest.approx(exact_deviation(values), rel=1e-13)


def test_results_hold_pythons_numbers_and_data_docs_show_them_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = tables.write(tables.clean(20), tmp_path)
    quartiles = {"quantiles": [0.25, 0.5], "value_ranges": [[None, 1]] * 2}
    between = {"min_value": -9.5, "max_value": 9.5}
    aggregates = [
        gxe.ExpectColumnMeanToBeBetween(column="f", **between),
        gxe.ExpectColumnStdevToBeBetween(column="f", **between),
        gxe.ExpectColumnSumToBeBetween(column="k", **between),
        gxe.ExpectColumnMinToBeBetween(column="f", **between),
        gxe.ExpectColumnMaxToBeBetween(column="g", **between),
        gxe.ExpectColumnMedianToBeBetween(column="k", **between),
        gxe.ExpectColumnUniqueValueCountToBeBetween(column="k", min_value=1),
        gxe.ExpectColumnProportionOfUniqueValuesToBeBetween(column="f", min_value=0.5),
        gxe.ExpectColumnQuantileValuesToBeBetween(column="f", quantile_ranges=quartiles),
        gxe.ExpectColumnDistinctValuesToBeInSet(column="k", value_set=[*range(5)]),
        gxe.ExpectColumnMostCommonValueToBeInSet(column="k", value_set=[1]),
        gxe.ExpectTableRowCountToEqual(value=20),
    ]
    suite = suite_of([])
    suite.expectations = aggregates
    result = validate_files(paths, suite).result
    for each in result.results:
        assert not _numpy_in(each.result), each
    rendered = ValidationResultsPageRenderer().render(result).to_json_dict()
    page = json.dumps(rendered, ensure_ascii=False)
    observed = [each.result["observed_value"] for each in result.results]
    for value in [each for each in observed if isinstance(each, int | float)]:
        assert f'"{num_to_str(value, precision=10, use_locale=True)}"' in page
    assert "rendering" not in caplog.text


def _numpy_in(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_numpy_in, [*value.keys(), *value.values()]))
    if isinstance(value, list | tuple):
        return any(map(_numpy_in, value))
    return isinstance(value, np.generic)
