"""What each operator costs a row, beside a plain copy of the bytes it reads.

Run: ``python tests/benchmarks/bench_operators.py [rows, 524288]``. Prints one JSON line an operator:
nanoseconds of CPU a row to learn (null where it learns nothing) and to transform, the copy's, and
how many copies they are. Each is the median of several runs on one thread, the first left out;
columns are in memory; ``read`` is a number's column from Parquet. To transform is to put the outputs into
the model's matrix too, which ``As``, that does nothing else, shows. Sources are what ``featurize``
computes: windows with their sort (``timeline`` alone is the sort), a span of seven days.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pyarrow as pa

from pipelines.operators.aggregates import AGGREGATES
from pipelines.operators.program import program_of
from pipelines.operators.values import Words
from pipelines.shared.tables.history import TIME_S
from pipelines.shared.tables.schema import write_table
from pipelines.shared.tables.values import read_rows
from pipelines.spec import (
    As,
    Bucketize,
    Categorical,
    Clip,
    Cyclic,
    Fill,
    Hash,
    Hour,
    Log,
    Night,
    Numeric,
    QuantileBuckets,
    QuantileNormal,
    Ratio,
    Standardise,
    Vocabulary,
    Weekday,
    Weekend,
)
from pipelines.stages.featurize.entity_program import (
    DAY_S,
    EntityProgram,
    EventSequence,
    HistoryColumn,
    RowFilter,
    TrailingWindow,
    VisitSequence,
)
from pipelines.stages.featurize.rows import row_features
from pipelines.stages.featurize.timeline import timeline
from pipelines.stages.featurize.visits import visits_on
from pipelines.stages.featurize.windows import block_on, trailing
from tests.pipelines.stages.featurize.validated import small_pipeline

REPEATS = 15
N_WORDS, N_IDS, ROWS_PER_ENTITY = 20, 20_000, 100
TYPES = {"word": "text", "id": "integer"}
OPERATORS = {
    "As": Numeric("amount") >> As("same"),
    "Fill, a number": Numeric("score") >> Fill(0.0),
    "Fill, the mean, and a flag": Numeric("score") >> Fill("mean", flag=True),
    "Fill, the median": Numeric("score") >> Fill("median"),
    "Clip": Numeric("amount") >> Clip(1.0, 100.0),
    "Log": Numeric("amount") >> Log(),
    "Standardise": Numeric("amount") >> Standardise(),
    "Bucketize, 3 edges": Numeric("amount") >> Bucketize((5.0, 20.0, 80.0)),
    "Bucketize, 23 whole edges": Numeric("hour") >> Bucketize(tuple(range(1, 24))),
    "QuantileBuckets, 10": Numeric("amount") >> QuantileBuckets(10),
    "QuantileNormal": Numeric("amount") >> QuantileNormal(),
    f"Vocabulary, {N_WORDS} words": Categorical("word") >> Vocabulary(),
    f"Vocabulary, {N_IDS:,} whole numbers": Categorical("id") >> Vocabulary(),
    f"Hash, {N_WORDS} words": Categorical("word") >> Hash(1 << 17),
    "Hash, whole numbers": Categorical("id") >> Hash(1 << 17),
    "Cyclic": Numeric("hour") >> Cyclic(24),
    "Ratio": Ratio("amount", "score") >> As("per"),
}
CALENDAR = {
    source.__name__: source("tx_datetime") for source in (Hour, Weekday, Weekend, Night)
}


def columns_of(n_rows, seed=0):
    """Skewed numbers, words and ids; a twentieth of the scores unknown."""
    rng = np.random.default_rng(seed)
    score = rng.normal(0.0, 3.0, n_rows)
    score[rng.random(n_rows) < 0.05] = np.nan
    words = pa.array([f"word {n:02d}" for n in range(N_WORDS)])
    return {
        "amount": np.round(rng.lognormal(3, 1, n_rows), 2),
        "score": score,
        "hour": rng.integers(0, 24, n_rows).astype(float),
        "word": Words(words, (rng.power(0.4, n_rows) * N_WORDS).astype(np.int32)),
        "id": (rng.power(0.5, n_rows) * N_IDS).astype(np.int64),
    }


def cpu_ns(function, n_rows):
    """Median CPU of some calls, in nanoseconds a row."""
    function()
    taken = []
    for _ in range(REPEATS):
        started = time.process_time_ns()
        function()
        taken.append(time.process_time_ns() - started)
    return statistics.median(taken) / n_rows


def print_line(name, n_rows, arrays, learn, transform):
    """One operator's line; the copy is measured next to it, under the same load."""
    # Into memory that is there: what new pages cost is the kernel's, and varies.
    pairs = [(np.empty_like(array), array) for array in arrays]
    copy = cpu_ns(lambda: [np.copyto(*pair) for pair in pairs], n_rows)
    learns = cpu_ns(learn, n_rows) if learn else None
    transforms = cpu_ns(transform, n_rows)
    line = {"operator": name, "learn_ns": learns and round(learns, 1)}
    line |= {"transform_ns": round(transforms, 1), "copy_ns": round(copy, 2)}
    line |= {"copies": round(((learns or 0) + transforms) / copy, 1)}
    print(json.dumps(line), flush=True)


def operators(n_rows):
    every = columns_of(n_rows)
    for name, feature in OPERATORS.items():
        program = program_of([feature], TYPES)
        columns = {n: every[n] for n in program.kinds}
        found = program.partials(np, columns)
        states = {
            said: steps[-1].merge([found[said]]) for said, steps in program.statistics().items()
        }
        fitted = program.fitted(states)
        arrays = [v.code if isinstance(v, Words) else v for v in columns.values()]
        learn = (lambda p=program, c=columns: p.partials(np, c)) if states else None
        print_line(name, n_rows, arrays, learn, lambda f=fitted, c=columns: f.transform(np, c))


def reading(n_rows):
    amount = columns_of(n_rows)["amount"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part-0.parquet"
        write_table(pa.table({"amount": amount}), path)
        kinds = {"amount": "number"}
        print_line(
            "read", n_rows, [amount], None, lambda: read_rows(np, path, 0, n_rows, kinds)
        )


def calendar(n_rows):
    us = np.random.default_rng(1).integers(0, 1 << 51, n_rows)
    rows = pa.table({"tx_datetime": pa.array(us.astype("M8[us]"))})
    for name, source in CALENDAR.items():
        pipeline = small_pipeline(features=(source,))
        print_line(name, n_rows, [us], None, lambda p=pipeline: row_features(rows, p.sources()))


def windows(n_rows):
    rng = np.random.default_rng(2)
    entity = rng.integers(0, max(1, n_rows // ROWS_PER_ENTITY), n_rows)
    time_s = np.sort(rng.integers(0, 38 * DAY_S, n_rows))
    columns = {"cents": rng.integers(1, 50_000, n_rows), "flag": rng.integers(0, 2, n_rows)}
    columns |= {TIME_S: time_s, "code": rng.integers(0, 10, n_rows)}
    keys, span_s = [entity, time_s], 7 * DAY_S

    def line():
        return timeline(np, entity, time_s, n_rows, span_s)

    print_line("timeline", n_rows, keys, None, line)
    for aggregate in AGGREGATES:
        column = "flag" if aggregate == "rate" else "cents"
        window = TrailingWindow(
            (aggregate,), (aggregate,), (span_s,), 0, HistoryColumn(column, 1), None
        )
        program = EntityProgram("entity", (window,))
        arrays = [*keys, columns[column]]
        run = lambda p=program: trailing(np, p, columns, entity, time_s, n_rows)  # noqa: E731
        print_line(f"Trailing, {aggregate}", n_rows, arrays, None, run)
    events = EventSequence(
        ("block", "length"), 8, 0, span_s, True, (HistoryColumn("cents", 100),)
    )
    arrays = [*keys, columns["cents"]]
    print_line(
        "Sequence, 8 steps", n_rows, arrays, None, lambda: block_on(line(), events, columns)
    )
    one, two, three, event = (RowFilter("code", (code,)) for code in range(4))
    visits = VisitSequence(
        names=("block", "length"),
        steps=8,
        delay_s=0,
        within_s=span_s,
        code="code",
        source=HistoryColumn("cents", 100),
        codes=(one, two, three),
        events=(event,),
        zone="UTC",
    )
    arrays.append(columns["code"])
    print_line(
        "Visits, 8 steps", n_rows, arrays, None, lambda: visits_on(line(), visits, columns)
    )


def main(n_rows=1 << 19):
    reading(n_rows)
    operators(n_rows)
    calendar(n_rows)
    windows(n_rows)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
