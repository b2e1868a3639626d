"""A pipeline whose rows say when they became known, late rows and corrections of it."""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipelines.core.days import parse_day
from pipelines.spec import Column, Numeric, Split, Trailing, require_valid
from tests.pipelines.stages.featurize.validated import rows_of, small_pipeline

FEATURES = (
    Numeric("tx_amount"),
    Trailing("customer", ("count", "sum", "last"), (2,), column="tx_amount"),
    Trailing("terminal", ("rate",), (2,), column="tx_fraud", delay_days=1),
)


def corrected_pipeline(features=FEATURES):
    pipeline = small_pipeline(
        features=features,
        split=Split(train_days=3, gap_days=1, test_days=2),
    )
    known = Column("known_at", "timestamp", nullable=True)
    columns = (*pipeline.table.columns, known)
    table = replace(pipeline.table, columns=columns, known_time="known_at")
    return require_valid(replace(pipeline, tables=(table,)))


PIPELINE = corrected_pipeline()


def at(day, hour=12):
    return np.datetime64(day, "us") + np.timedelta64(hour, "h")


def on_time(day):
    """Rows that are known on their day, some of them without saying so."""
    known = np.array([None if nth % 7 == 0 else at(day, 23) for nth in range(40)], object)
    return rows_of(PIPELINE, day, n_rows=40, known_at=pa.array(known, pa.timestamp("us")))


def came_later(day, known, seed=1):
    """New rows of a day, and corrections of four it has: another customer, amount and label."""
    known_at = pa.array(np.full(12, at(known)), pa.timestamp("us"))
    first = parse_day(day).toordinal() * 1000
    ids = np.append(np.arange(4), np.arange(4, 12) + 100 * seed) + first
    fraud = np.ones(12, np.int64)
    return rows_of(
        PIPELINE, day, 12, seed, known_at=known_at, transaction_id=ids, tx_fraud=fraud
    )


def with_late_rows(day, *known):
    late = [came_later(day, when, seed) for seed, when in enumerate(known, 1)]
    return pa.concat_tables([on_time(day), *late])
