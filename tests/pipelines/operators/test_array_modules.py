"""Operators on another array module: one that has CuPy's manners, and CuPy itself."""

import importlib
import math

import numpy as np
import pyarrow as pa
import pytest

from pipelines import operators
from pipelines.operators.operator import Operator
from pipelines.operators.program import program_of
from pipelines.operators.state import write_program
from pipelines.operators.times import TimeSource
from pipelines.operators.values import Words, on_host
from pipelines.spec import (
    Bucketize,
    Categorical,
    Hour,
    Night,
    Numeric,
    QuantileBuckets,
    Vocabulary,
    Weekday,
    Weekend,
)
from pipelines.stages.preprocess.row_ranges import StatisticsTask, row_ranges_of, summarize
from pipelines.stages.preprocess.shards import ShardTask, make_files, write_rows
from tests.pipelines import strict_arrays
from tests.pipelines.operators.rows import (
    ARROW,
    PROGRAM,
    TYPES,
    columns_of,
    drawn,
    fitted_on,
)

STRICT = "tests.pipelines.strict_arrays"
# Edges and vocabularies beyond what is compared, or looked up, in place.
MORE = program_of(
    [
        Numeric("amount") >> QuantileBuckets(n=100),
        Numeric("balance") >> Bucketize(tuple(map(float, range(-20, 21)))),
        Categorical("shop") >> Vocabulary(min_count=1000),
        Categorical("merchant") >> Vocabulary(min_count=1000),
    ],
    TYPES,
)
PROGRAMS = pytest.mark.parametrize("program", [PROGRAM, MORE], ids=["every", "many edges"])


def plain(state):
    """A statistic's JSON values, and its table as lists."""
    table = {name: values.tolist() for name, values in state.get("table", {}).items()}
    return {name: value for name, value in state.items() if name != "table"} | table


def statistics_of(xp, program, rows):
    """The statistics of rows on an array module; none of them may stay on the device."""
    found = program.partials(xp, columns_of(rows, program, xp))
    tables = [state["table"] for state in found.values() if "table" in state]
    assert all(isinstance(v, np.ndarray | pa.Array) for t in tables for v in t.values())
    return {name: plain(state) for name, state in found.items()}


def inputs_on(xp, fitted, rows):
    found = fitted.transform(xp, columns_of(rows, fitted.program, xp))
    return {name: on_host(values) for name, values in found.items()}


def test_every_operator_is_in_the_table_that_these_tests_run():
    declared = {each for each in vars(operators).values() if isinstance(each, type)}
    steps = {each for each in declared if issubclass(each, Operator) and each is not Operator}
    used = {type(step) for line in PROGRAM.lines for step in line.steps}
    assert steps <= used, f"add to rows.py: {steps - used}"


@PROGRAMS
@pytest.mark.parametrize("n_rows", [1, 700])
def test_statistics_on_an_array_module_like_cupy_are_those_on_numpy(program, n_rows):
    rows = drawn(n_rows, seed=5)
    assert statistics_of(strict_arrays, program, rows) == statistics_of(np, program, rows)


@PROGRAMS
@pytest.mark.parametrize("n_rows", [1, 700])
def test_model_inputs_on_an_array_module_like_cupy_are_those_on_numpy(program, n_rows):
    fitted, rows = fitted_on([drawn(900, seed=6)], program), drawn(n_rows, seed=7)
    ours, strict = inputs_on(np, fitted, rows), inputs_on(strict_arrays, fitted, rows)
    assert ours.keys() == strict.keys()
    for name, values in ours.items():
        assert strict[name].dtype == values.dtype
        np.testing.assert_array_equal(strict[name], values)


@pytest.mark.parametrize(
    "source", [Hour("t"), Weekday("t"), Weekend("t"), Night("t")], ids=repr
)
def test_the_calendar_on_an_array_module_like_cupy_is_that_on_numpy(
    source: TimeSource,
):
    time_s = np.array([0.0, 86_399.0, 86_400.0, 1.7e9, -1.0, math.nan])
    strict = source.of(strict_arrays, strict_arrays.asarray(time_s)).get()
    np.testing.assert_array_equal(strict, source.of(np, time_s))


def written(folder, rows):
    """Rows as a day's feature table in three row groups."""
    import pyarrow.parquet as pq

    table = pa.table(
        {
            n: pa.array([row[n] for row in rows], ARROW[kind])
            for n, kind in PROGRAM.kinds.items()
        }
    )
    table = table.append_column(
        "label", pa.array([n % 2 for n in range(len(rows))], pa.int64())
    )
    pq.write_table(table, folder / "part-0.parquet", row_group_size=len(rows) // 3)
    return row_ranges_of("2024-01-01", folder / "part-0.parquet")


def preprocessed(folder, row_ranges, array_module):
    """What the tasks of ``preprocess`` make on an array module: statistics, and files."""
    states = [
        summarize(StatisticsTask(row_range, PROGRAM, array_module)).states
        for row_range in row_ranges
    ]
    steps = PROGRAM.statistics()
    merged = {name: steps[name][-1].merge([s[name] for s in states]) for name in steps}
    fitted = PROGRAM.fitted(merged)
    rows = sum(row_range.rows for row_range in row_ranges)
    out, program = folder / "train", folder / "program"
    out.mkdir(parents=True)
    program.mkdir()
    write_program(program, fitted)
    some = fitted.transform(np, columns_of(drawn(1), PROGRAM)) | {"y": np.zeros(1, np.float32)}
    shapes = {n: ((rows, *v.shape[1:]), v.dtype.name) for n, v in some.items()}
    make_files(out, row_ranges[0].day, shapes)
    for row_range in row_ranges:
        task = ShardTask(
            row_range=row_range,
            day_rows=rows,
            out=str(out),
            program=str(program),
            keys=("label",),
            label=("label",),
            array_module=array_module,
        )
        write_rows(task)
    found = {path.name: np.load(path) for path in sorted(out.glob("*.npy"))}
    return {name: plain(state) for name, state in merged.items()}, found


def test_the_tasks_of_preprocess_on_an_array_module_like_cupy_write_the_bytes_of_numpy(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("pipelines.stages.preprocess.row_ranges.RANGE_ROWS", 100)
    row_ranges = written(tmp_path, drawn(300, seed=9))
    assert len(row_ranges) == 3
    states, files = preprocessed(tmp_path / "numpy", row_ranges, "numpy")
    strict_states, strict_files = preprocessed(tmp_path / "strict", row_ranges, STRICT)
    assert strict_states == states
    assert {n: v.tobytes() for n, v in strict_files.items()} == {
        n: v.tobytes() for n, v in files.items()
    }


def test_words_stay_on_the_host_and_their_codes_do_not():
    values = columns_of(drawn(20), PROGRAM, strict_arrays)["merchant"]
    assert isinstance(values, Words)
    assert isinstance(values.words, pa.Array)
    assert isinstance(values.code, strict_arrays.Array)


@pytest.mark.gpu("cupy")
def test_cupy_has_equal_counts_and_moments_to_a_tolerance():
    cupy = importlib.import_module("cupy")
    rows = drawn(20_000, seed=5)
    for program in (PROGRAM, MORE):
        ours, theirs = statistics_of(np, program, rows), statistics_of(cupy, program, rows)
        assert ours.keys() == theirs.keys()
        for name, state in ours.items():
            for key, value in state.items():
                floats = key in ("mean", "m2")
                wanted = pytest.approx(value, rel=1e-10) if floats else value
                assert theirs[name][key] == wanted, name


@pytest.mark.gpu("cupy")
def test_cupy_gives_equal_ids_and_numbers_to_a_unit_in_the_last_digit():
    cupy = importlib.import_module("cupy")
    for program in (PROGRAM, MORE):
        fitted, rows = fitted_on([drawn(900, seed=6)], program), drawn(20_000, seed=7)
        ours, theirs = inputs_on(np, fitted, rows), inputs_on(cupy, fitted, rows)
        for name, values in ours.items():
            if values.dtype == np.int32:
                np.testing.assert_array_equal(theirs[name], values)
            else:
                np.testing.assert_allclose(theirs[name], values, rtol=2**-22, atol=1e-12)


@pytest.mark.gpu("cupy")
def test_the_tasks_of_preprocess_on_cupy_write_equal_integers_and_close_numbers(tmp_path):
    row_ranges = written(tmp_path, drawn(3_000, seed=9))
    _, files = preprocessed(tmp_path / "numpy", row_ranges, "numpy")
    _, theirs = preprocessed(tmp_path / "cupy", row_ranges, "cupy")
    assert files.keys() == theirs.keys()
    for name, values in files.items():
        if values.dtype == np.int32:
            np.testing.assert_array_equal(theirs[name], values)
        else:
            # Mean and deviation differ in their last digits, and with them what is near 0.
            np.testing.assert_allclose(theirs[name], values, rtol=1e-5, atol=1e-6)
