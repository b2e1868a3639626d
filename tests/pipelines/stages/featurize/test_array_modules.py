"""The same kernels on another array module: one that has CuPy's manners, and CuPy itself."""

import importlib

import numpy as np
import pytest

from pipelines.operators.aggregates import AGGREGATES
from pipelines.operators.values import NULL_WHOLE, on_host
from pipelines.shared.tables.history import history_name
from pipelines.shared.tables.reading import read_bucket, reader_of
from pipelines.spec import Trailing
from pipelines.stages.featurize import aggregates
from pipelines.stages.featurize.entity_program import (
    EntityProgram,
    EventSequence,
    HistoryColumn,
    RowFilter,
    TrailingWindow,
    VisitSequence,
)
from pipelines.stages.featurize.timeline import timeline
from pipelines.stages.featurize.views import views
from pipelines.stages.featurize.visits import visits_on
from pipelines.stages.featurize.windows import block_on, windows_on
from tests.pipelines import strict_arrays
from tests.pipelines.shared.tables.histories import write_histories
from tests.pipelines.stages.featurize.validated import FIRST, rows_of, small_pipeline

# A rate is of flags alone.
EVERY = tuple(name for name in AGGREGATES if name != "rate")


def made(n_rows=400, wide=1):
    """Rows with ties, nulls and few values; wide ids sort by another way."""
    rng = np.random.default_rng(3)
    whole = rng.integers(-5, 5, n_rows)
    whole[rng.random(n_rows) < 0.1] = NULL_WHOLE
    floats = rng.normal(size=n_rows)
    floats[rng.random(n_rows) < 0.1] = np.nan
    return {
        "_entity": rng.integers(0, 9, n_rows) * wide,
        "_time_s": rng.integers(0, 40, n_rows),
        "whole": whole,
        "float": floats,
        "flag": rng.integers(0, 2, n_rows),
        "_known_day": rng.integers(0, 3, n_rows).astype(np.int32),
        "_until_day": rng.integers(2, 5, n_rows).astype(np.int32),
    }


PROGRAM = EntityProgram(
    "_entity",
    (
        TrailingWindow((), EVERY, (5, 17), 0, HistoryColumn("whole", 100), None),
        TrailingWindow(
            (), (*EVERY, "rate"), (9,), 3, HistoryColumn("float", 0), RowFilter("flag", (1,))
        ),
        TrailingWindow((), ("count", "rate"), (9,), 3, HistoryColumn("flag", 1), None),
    ),
    (
        EventSequence(
            ("seq", "len"),
            4,
            0,
            20,
            True,
            (HistoryColumn("whole", 100), HistoryColumn("float", 0)),
        ),
        VisitSequence(
            ("seq_visits", "len_visits"),
            4,
            0,
            20,
            "whole",
            HistoryColumn("float", 0),
            (RowFilter("whole", (1, 2)), RowFilter("whole", (-3,))),
            (RowFilter("whole", (0,)),),
            "Asia/Kathmandu",
        ),
    ),
)


def computed(xp, columns, n_own):
    """Every window and sequence of every view, on the host."""
    found = []
    for view in views(
        xp, {name: xp.asarray(values) for name, values in columns.items()}, n_own
    ):
        seen = view.columns
        line = timeline(
            xp, seen["_entity"], seen["_time_s"], len(view.own), PROGRAM.reach_s(), view.asks
        )
        values = _windows(line, seen)
        found += [view.own, values]
        for read, events in zip((block_on, visits_on), PROGRAM.sequences, strict=True):
            block = read(line, events, seen)
            found += [on_host(a) for a in (block.steps, block.length)]
    return found


def _windows(line, columns):
    names = {
        w: tuple(map(str, range(len(w.aggregates) * len(w.spans_s)))) for w in PROGRAM.windows
    }
    named = [
        TrailingWindow(n, w.aggregates, w.spans_s, w.delay_s, w.source, w.only)
        for w, n in names.items()
    ]
    return on_host(windows_on(line, EntityProgram("entity", tuple(named)), columns))


def without_versions(columns):
    return {n: c for n, c in columns.items() if n not in ("_known_day", "_until_day")}


@pytest.mark.parametrize("wide", [1, 2**59], ids=["packed", "wide"])
@pytest.mark.parametrize("versioned", [False, True])
def test_kernels_use_nothing_that_cupy_lacks_or_refuses(wide, versioned):
    columns = made(wide=wide) if versioned else without_versions(made(wide=wide))
    ours = computed(np, columns, 150)
    strict = computed(strict_arrays, columns, 150)
    assert len(ours) == len(strict) >= 4
    for one, other in zip(ours, strict, strict=True):
        np.testing.assert_array_equal(one, other)


def test_every_aggregate_that_may_be_declared_is_computed():
    assert tuple(AGGREGATES) == tuple(aggregates.AGGREGATES)


def test_the_check_refuses_what_cupy_refuses():
    array = strict_arrays.asarray(np.arange(3))
    with pytest.raises(TypeError, match="Unsupported type"):
        array + np.arange(3)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(array)
    with pytest.raises(AttributeError, match="may not use nanmax"):
        _ = strict_arrays.nanmax


@pytest.mark.gpu("cupy")
def test_cupy_gives_equal_integers_and_floats_to_a_tolerance():
    cupy = importlib.import_module("cupy")
    for columns in (made(50_000), without_versions(made(50_000, 2**59))):
        for one, other in zip(
            computed(np, columns, 9000), computed(cupy, columns, 9000), strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.gpu("cupy")
def test_both_readers_give_the_same_arrays(tmp_path):
    pipeline = small_pipeline(
        features=(Trailing("customer", ("sum",), (1,), column="tx_amount"),), buckets=2
    )
    amounts = [None, *rows_of(pipeline, FIRST)["tx_amount"].to_pylist()[1:]]
    write_histories(rows_of(pipeline, FIRST, tx_amount=amounts), pipeline, tmp_path)
    path, names = tmp_path / history_name("customer"), ["_entity", "_time_s", "tx_amount"]
    for bucket in range(2):
        device = reader_of("cupy")(path, bucket, names)
        for name, values in read_bucket(path, bucket, names).items():
            np.testing.assert_array_equal(on_host(device[name]), values)
