"""Visits whose features come from laboratory values and from patients: made rows of three tables."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from pipelines.spec import (
    Categorical,
    Column,
    Entity,
    Evaluation,
    Label,
    Numeric,
    Pipeline,
    Schedule,
    Sequence,
    Since,
    Source,
    Split,
    Table,
    Trailing,
    Visits,
    require_valid,
)
from tests.pipelines.stages.featurize.validated import (
    day_table,
    publish_validated,
    work_on,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PATIENTS = 6
TESTS = ("hdl", "ldl", None)
KEY = Column("patient", "integer", nullable=True)
LABS = Table(
    name="labs",
    columns=(
        Column("lab", "integer"),
        KEY,
        Column("taken", "timestamp"),
        Column("test", "text", nullable=True),
        Column("value", "number", decimals=2, nullable=True),
        Column("level", "integer", nullable=True),
    ),
    row_id="lab",
    source=Source(path="labs/*.parquet"),
    event_time="taken",
)
STATIC = Table(
    name="patients",
    columns=(
        Column("patient", "integer"),
        Column("born", "integer", nullable=True),
        Column("sex", "text", nullable=True),
        Column("entered", "timestamp", nullable=True),
    ),
    row_id="patient",
    source=Source(path="patients/*.parquet"),
    event_time=None,
)
VISITS = Table(
    name="visits",
    columns=(
        Column("visit", "integer"),
        KEY,
        Column("came", "timestamp"),
        Column("returned", "flag"),
        Column("referred", "timestamp", nullable=True),
    ),
    row_id="visit",
    source=Source(path="visits/*.parquet"),
    event_time="came",
)
EVERY = ("count", "sum", "mean", "min", "max", "last", "distinct", "days_since_last")
NUMBERS = ("min", "max", "last", "distinct", "std", "slope")
OF_SOME = ("count", "ever", "mean", *NUMBERS, "days_since_last", "days_since_first")
FEATURES = (
    Trailing("patient", EVERY, (1, 3), column="value", spans_s=(3600,), table="labs"),
    Trailing("patient", ("mean", "last"), (2,), column="level", delay_days=1, table="labs"),
    Trailing("patient", ("count",), (3,), where=("test", "hdl"), table="labs"),
    Trailing("patient", ("distinct",), (2,), column="test", table="labs"),
    Trailing(
        "patient",
        OF_SOME,
        (3,),
        column="value",
        where=("test", ("ldl", "hdl", "never")),
        table="labs",
        called="lipids",
    ),
    Trailing("patient", ("count",), (1,)),
    Sequence("patient", ("value",), steps=3, within_days=3, table="labs"),
    Visits(
        "patient",
        code="test",
        column="value",
        codes=("hdl",),
        events=("ldl",),
        steps=2,
        within_days=3,
        table="labs",
    ),
    Numeric("born", entity="patient", table="patients"),
    Categorical("sex", entity="patient", table="patients"),
    Since("entered", entity="patient", table="patients"),
    Since("referred", unit="days"),
)


def with_key(table, kind):
    """The table with patients of another type."""
    columns = [replace(c, type=kind) if c.name == "patient" else c for c in table.columns]
    return replace(table, columns=tuple(columns))


def clinic(visits="day", labs="month", zone="UTC", features=FEATURES, key="integer", **of_labs):
    """The declaration, with the grains of its tables and the type of patients."""
    tables = (replace(VISITS, grain=visits), replace(LABS, grain=labs, **of_labs), STATIC)
    tables = tuple(with_key(table, key) for table in tables)
    return require_valid(
        Pipeline(
            name="clinic",
            title="Returns to a clinic",
            tables=tables,
            examples="visits",
            entities=(Entity("patient", "patient"),),
            label=Label("returned", known_after_days=1),
            features=features,
            split=Split(train_days=60, gap_days=1, test_days=30),
            evaluation=Evaluation(alert_entity="patient"),
            schedule=Schedule(start="2025-01-01"),
            buckets=2,
            time_zone=zone,
        )
    )


@dataclass(frozen=True)
class Rows:
    """Rows of a table, by column."""

    columns: dict

    def of(self, partitions, time, key):
        """Those of a partition."""
        here = [partitions.of_time(at) == key for at in self.columns[time]]
        return Rows(
            {
                n: [v for v, is_in in zip(c, here, strict=True) if is_in]
                for n, c in self.columns.items()
            }
        )

    def listed(self):
        """One dictionary a row."""
        return [
            dict(zip(self.columns, row, strict=True))
            for row in zip(*self.columns.values(), strict=True)
        ]


def moments(rng, n_rows, first, last):
    """Times on half hours, so that ties are common."""
    halves = int((last - first) / timedelta(minutes=30))
    return [
        first + timedelta(minutes=30) * int(n) for n in np.sort(rng.integers(0, halves, n_rows))
    ]


def perhaps(rng, values):
    """Some of the values, null for the others, in no order."""
    return [None if rng.random() < 0.2 else values[n] for n in rng.permutation(len(values))]


def patients_of(rng, n_rows):
    """Patients, some rows of none."""
    found = rng.integers(0, PATIENTS, n_rows).tolist()
    return [None if rng.random() < 0.05 else each for each in found]


def made_labs(rng, n_rows, first, last):
    times = moments(rng, n_rows, first, last)
    return Rows(
        {
            "lab": rng.permutation(n_rows).tolist(),
            "patient": patients_of(rng, n_rows),
            "taken": times,
            "test": [TESTS[n] for n in rng.integers(0, 3, n_rows)],
            "value": [
                None if rng.random() < 0.2 else int(rng.integers(0, 9)) / 4 for _ in times
            ],
            "level": [None if rng.random() < 0.2 else int(rng.integers(-3, 3)) for _ in times],
        }
    )


def made_visits(rng, n_rows, first, last):
    return Rows(
        {
            "visit": list(range(n_rows)),
            "patient": patients_of(rng, n_rows),
            "came": moments(rng, n_rows, first, last),
            "returned": rng.integers(0, 2, n_rows).tolist(),
            "referred": perhaps(rng, moments(rng, n_rows, first - timedelta(days=9), last)),
        }
    )


def made_patients(rng):
    """All but two of the patients, some without values."""
    here = list(range(1, PATIENTS - 1))
    return Rows(
        {
            "patient": here,
            "born": [None if rng.random() < 0.3 else 1940 + n for n in here],
            "sex": [(None, "f", "m")[n] for n in rng.integers(0, 3, len(here))],
            # Some before 1970, and some after every visit.
            "entered": perhaps(
                rng,
                [
                    EPOCH + timedelta(days=int(n))
                    for n in rng.integers(-9_000, 30_000, len(here))
                ],
            ),
        }
    )


def publish(pipeline, root, table, key, rows, history_from="2025-01-01"):
    """Publish a partition as validated; None for a refused one."""
    work = work_on(pipeline, root, history_from, partition=key).of_table(table, key)
    made = (
        None if rows is None else day_table(work.pipeline, stored(work.pipeline, rows.columns))
    )
    publish_validated(work, key, made)


def stored(pipeline, columns):
    """Columns as arrays of the declared types."""
    kinds = {
        "integer": pa.int64(),
        "flag": pa.int64(),
        "text": pa.string(),
        "number": pa.float64(),
    }
    found = {}
    for column in pipeline.table.columns:
        values = columns[column.name]
        if column.name == "patient" and column.type == "text":
            values = [None if v is None else f"no. {v}" for v in values]
        if column.type == "timestamp":
            whole = [
                None if v is None else (v - EPOCH) // timedelta(microseconds=1) for v in values
            ]
            found[column.name] = pa.array(whole, pa.int64()).cast(pa.timestamp("us"))
        else:
            found[column.name] = pa.array(values, kinds[column.type])
    return found
