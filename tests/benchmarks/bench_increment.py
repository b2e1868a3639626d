"""What a new day costs beside the window it joins: features, statistics, and the fit.

Run: ``python tests/benchmarks/bench_increment.py [rows a day]``. Thirty days are made with what
they look back on; then one more arrives. Prints CPU-seconds of both and their ratio, then what a
changed window costs, and a changed step after the windows, which makes no features again.
"""

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from pipelines.core.days import days_between, shift
from pipelines.protocol import perform, stage_named
from pipelines.shared.compute import open_compute
from pipelines.shared.tables.window import window_of
from pipelines.spec import Clip, Numeric, Split, Standardise, Trailing
from pipelines.stages.preprocess.statistics import day_statistics, merge_statistics
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    publish_validated,
    rows_of,
    small_pipeline,
)
from tests.pipelines.stages.featurize.validated import work_on as any_work_on

SPAN_DAYS, WINDOW_DAYS = 7, 30
FIRST_KEPT = shift(FIRST, SPAN_DAYS + 1)
FEATURES = (
    Numeric("tx_amount"),
    Trailing("customer", ("count", "mean"), (1, SPAN_DAYS), column="tx_amount"),
    Trailing("terminal", ("count", "rate"), (1, SPAN_DAYS), column="tx_fraud", delay_days=1),
)


def pipeline_of(features=FEATURES):
    split = Split(train_days=WINDOW_DAYS, gap_days=1, test_days=1)
    return small_pipeline(features=features, split=split, buckets=4)


def work_on(root, pipeline=None, **given):
    return any_work_on(pipeline or pipeline_of(), root, **given)


def make(root, days, pipeline=None):
    for day in days:
        work = work_on(root, pipeline, partition=day)
        perform(stage_named("featurize"), work, reach=False)


def fit(root, as_of, pipeline=None):
    window = window_of(work_on(root, pipeline, as_of=as_of))
    program, train = window.work.pipeline.program(), window.work.days().train
    with open_compute(0) as compute:
        folders = day_statistics(window, program, list(train), compute, lambda rows: None)
    return merge_statistics(folders, program)


def cpu(what, *given):
    started = time.process_time()
    what(*given)
    return time.process_time() - started


def print_line(name, seconds, whole):
    print(
        json.dumps(
            {
                "work": name,
                "cpu_s": round(seconds, 2),
                "of_the_window": round(seconds / whole, 3),
            }
        ),
        flush=True,
    )


def main(rows_a_day):
    """Measure the window, one day more, and two changed declarations."""
    pipeline = pipeline_of()
    as_of = shift(FIRST_KEPT, WINDOW_DAYS + 3)
    every = days_between(FIRST, shift(as_of, 0))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for day in every:
            rows = rows_of(pipeline, day, rows_a_day)
            publish_validated(work_on(root, partition=day), day, rows)
        make(root, every[:2])  # imports are not part of it
        before = days_between(FIRST, shift(FIRST_KEPT, -1))
        make(root, before)
        days = days_between(FIRST_KEPT, shift(as_of, -1))
        whole = cpu(make, root, days) + cpu(fit, root, as_of)
        print_line(f"window of {WINDOW_DAYS} days", whole, whole)
        print_line(
            "one day more", cpu(make, root, [as_of]) + cpu(fit, root, shift(as_of, 1)), whole
        )
        longer = replace(FEATURES[2], spans_days=(1, SPAN_DAYS - 1))
        changed = pipeline_of((*FEATURES[:2], longer))
        print_line("one of two windows changed", cpu(make, root, days, changed), whole)
        clipped = (
            FEATURES[0] >> Clip(low=0, high=100) >> Standardise(),
            *FEATURES[1:2],
            longer,
        )
        step = pipeline_of(clipped)
        print_line(
            "one step changed", cpu(make, root, days, step) + cpu(fit, root, as_of, step), whole
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
