"""Write the three tables of the NAFLD cohort as a MEDS dataset.

The tables are ``nafld1`` (subjects), ``nafld2`` (values of tests) and ``nafld3`` (diagnoses) of the R package
``survival`` as Parquet files. They have no dates, only days since each subject entered the cohort, so everybody enters on the
same day here. Nothing is corrected: what is wrong in the tables is for the gate to find.

    python docs/examples/nafld/convert.py TABLES MEDS
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ENTRY = np.datetime64("2000-01-01", "us")
DAYS_A_YEAR = 365.25
SCHEMA = pa.schema(
    [
        ("subject_id", pa.int64()),
        ("time", pa.timestamp("us")),
        ("code", pa.string()),
        ("numeric_value", pa.float32()),
    ]
)


def convert(tables: Path, out: Path) -> int:
    """Write the dataset; returns its number of rows."""
    subjects, values, diagnoses = (
        pq.read_table(tables / f"nafld{number}.parquet") for number in (1, 2, 3)
    )
    parts = [*_subjects(subjects), _values(values), _diagnoses(diagnoses)]
    events = pa.concat_tables(parts).sort_by(
        [(name, "ascending") for name in ("subject_id", "time", "code")]
    )
    (out / "data").mkdir(parents=True, exist_ok=True)
    (out / "metadata").mkdir(exist_ok=True)
    pq.write_table(events, out / "data" / "0.parquet")
    described = {"dataset_name": "nafld", "meds_version": "0.4.0"}
    (out / "metadata" / "dataset.json").write_text(json.dumps(described) + "\n")
    return events.num_rows


def _subjects(table: pa.Table) -> Iterator[pa.Table]:
    """Birth, sex, entry, body mass index at entry, and death or the end of follow-up."""
    subject, until = table["id"], table["futime"]
    entry = pa.array(np.zeros(table.num_rows, np.int64))
    born = pc.cast(pc.round(pc.multiply(table["age"], -DAYS_A_YEAR)), pa.int64())
    sex = pc.if_else(pc.equal(table["male"], 1), "GENDER//M", "GENDER//F")
    yield _events(subject, born, "MEDS_BIRTH")
    yield _events(subject, None, sex)
    yield _events(subject, entry, "COHORT_ENTRY")
    measured = table.filter(pc.is_valid(table["bmi"]))
    yield _events(measured["id"], entry[: measured.num_rows], "bmi", measured["bmi"])
    died = pc.equal(table["status"], 1)
    yield _events(subject.filter(died), until.filter(died), "MEDS_DEATH")
    yield _events(subject, until, "FOLLOW_UP_END")


def _values(table: pa.Table) -> pa.Table:
    return _events(table["id"], table["days"], table["test"], table["value"])


def _diagnoses(table: pa.Table) -> pa.Table:
    codes = pc.binary_join_element_wise("DIAGNOSIS", table["event"], "//")
    return _events(table["id"], table["days"], codes)


def _events(
    subject: pa.Array, days: pa.Array, code: pa.Array | str, value: pa.Array = None
) -> pa.Table:
    """Rows of the dataset; without days they are static."""
    rows = len(subject)
    times = pa.nulls(rows, pa.timestamp("us"))
    if days is not None:
        times = pa.array(ENTRY + np.asarray(days).astype("timedelta64[D]"))
    codes = pa.array([code] * rows) if isinstance(code, str) else code
    numbers = pa.nulls(rows, pa.float32()) if value is None else value
    columns = [subject, times, codes, numbers]
    return pa.table(
        [
            pa.chunked_array(column).cast(field.type)
            if isinstance(column, list)
            else column.cast(field.type)
            for column, field in zip(columns, SCHEMA, strict=True)
        ],
        schema=SCHEMA,
    )


if __name__ == "__main__":
    print(f"{convert(Path(sys.argv[1]), Path(sys.argv[2])):,} events")  # noqa: T201
