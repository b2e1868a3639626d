"""Made tables of many shapes: kinds of columns, formats, headers, words for nulls."""

import csv
import gzip
import io
import json
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2026, 1, 1, 6, tzinfo=UTC)

# Values of row n, as text; what a column of these is declared as.
IDS = {
    "whole": lambda n, _: str(1000 + n),
    "code": lambda n, _: f"A-{n:04}",
    "zeros": lambda n, _: f"{n:06}",
    "uuid": lambda n, _: str(uuid.UUID(int=n * 7919)),
}
TIMES = {
    "iso": "%Y-%m-%d %H:%M:%S",
    "iso_t": "%Y-%m-%dT%H:%M:%S",
    "zoned": "%Y-%m-%dT%H:%M:%SZ",
    "date": "%Y-%m-%d",
    "german": "%d.%m.%Y %H:%M",
    "american": "%m/%d/%Y %H:%M:%S",
    "british": "%d/%m/%Y",
    "compact": "%Y%m%d",
    "epoch_s": "epoch",
    "epoch_ms": "epoch_ms",
    "clock_12h": "%m/%d/%Y %I:%M %p",
}
LABELS = {
    "digits": ("0", "1"),
    "yes": ("no", "yes"),
    "Yes": ("No", "Yes"),
    "truth": ("false", "true"),
    "letters": ("N", "Y"),
    "two_classes": ("kept", "churned"),
    "classes": ("low", "middle", "high"),
}
COLUMNS = {
    "counts": lambda n, draw: str(int(draw.integers(0, 50))),
    "negative": lambda n, draw: str(int(draw.integers(-50, 50))),
    "decimals": lambda n, draw: f"{draw.uniform(0, 100):.2f}",
    "ragged_decimals": lambda n, draw: repr(
        round(float(draw.uniform(-1, 1)), int(draw.integers(1, 9)))
    ),
    "exponents": lambda n, draw: f"{draw.uniform(1, 9):.3e}",
    "classes": lambda n, draw: str(draw.choice(["red", "green", "blue"])),
    "words": lambda n, draw: str(draw.choice(["yes", "no"])),
    "truth": lambda n, draw: str(draw.choice(["True", "False"])),
    "texts": lambda n, draw: f'{n}, say "a; b|c", µ\t{draw.integers(0, 9)}',
    "codes": lambda n, draw: f"{draw.integers(0, 999):03}",
    "constant": lambda n, draw: "1",
    "empty": lambda n, draw: "",
    "other_time": lambda n, draw: f"2026-01-0{draw.integers(1, 9)}",
}
NULLABLE = {"counts", "decimals", "classes", "other_time", "words"}
NULLS = ("", "?", "NA", "NULL")
HEADERS = (
    *(
        "plain",
        "With Space",
        "CamelCase",
        "UPPER_CASE",
        "9lives",
        "Größe (m²)",
        "a-b",
        "_hidden",
    ),
    *("class", "event", "x", "Lab Value (mg/dl)", "semi;colon", "quote's"),
)


def times_of(name, rows, step):
    """The event times as text; each later than the one before."""
    each = [START + step * n for n in range(rows)]
    form = TIMES[name]
    if form.startswith("epoch"):
        scale = 1000 if form == "epoch_ms" else 1
        return [str(int(t.timestamp() * scale)) for t in each]
    return [t.strftime(form) for t in each]


def made_columns(
    rows, seed, *, row_id, time, entity, label, kinds, headers, null, step=timedelta(hours=5)
):
    """Columns of texts by header; a null is the word for one."""
    draw = np.random.default_rng(seed)
    classes = LABELS[label]
    columns = {
        "Row ID": [IDS[row_id](n, draw) for n in range(rows)],
        "event_time": times_of(time, rows, step),
        "customer_id": [
            IDS[entity](int(draw.integers(0, max(2, rows // 4))), draw) for _ in range(rows)
        ],
        "outcome": [classes[n % len(classes)] for n in range(rows)],
    }
    for header, kind in zip(headers, kinds, strict=False):
        values = [COLUMNS[kind](n, draw) for n in range(rows)]
        if kind in NULLABLE:
            values = [null if draw.random() < 0.2 else value for value in values]
        columns[header] = values
    return columns


def as_csv(columns, delimiter):
    """The bytes of a CSV file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def write(folder, columns, form, delimiter=","):
    """One file of a table."""
    folder.mkdir(parents=True, exist_ok=True)
    if form == "csv":
        path = folder / "visits.csv"
        path.write_bytes(as_csv(columns, delimiter))
    elif form == "csv.gz":
        path = folder / "visits.csv.gz"
        path.write_bytes(gzip.compress(as_csv(columns, delimiter)))
    elif form == "jsonl":
        path = folder / "visits.jsonl"
        rows = zip(*columns.values(), strict=True)
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        path.write_text("\n".join(lines) + "\n")
    else:
        path = folder / "visits.parquet"
        pq.write_table(
            pa.table({name: typed(values) for name, values in columns.items()}), path
        )
    return path


def typed(values):
    """Texts as a program that has types would write them."""
    known = [None if value in NULLS else value for value in values]
    for parse in (int, float, _time):
        try:
            return pa.array([None if v is None else parse(v) for v in known])
        except ValueError:
            continue
    return pa.array(known, pa.string())


def _time(text):
    return datetime.fromisoformat(text).astimezone(UTC)
