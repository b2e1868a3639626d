"""Defects planted on purpose in simulated days, and the record of where they are.

Why: a demo or a test of validation needs rows and files that are known to be bad, and to
    know which rule must find each of them.
Promise: what is planted follows from the day's random numbers; each planted row breaks
    one rule; ``planted.json`` names every one of them and is the same bytes for the same days.
Not here: when a day is written (``simulator.py``), the rules themselves (``declaration.py``).

Bad rows take the defects of ``DEFECTS`` in turn. A bad file (``truncated``, ``missing_column``,
``text_amount``, ``empty``) holds no bad rows besides, as no row of it can be validated.
"""

import difflib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

RECORD_NAME = "planted.json"
# Defect of a row -> the rule that must find it. NaN counts as null to the validators.
DEFECTS: Mapping[str, str] = {
    "negative_amount": "tx_amount.range",
    "null_customer": "customer_id.not_null",
    "null_amount": "tx_amount.not_null",
    "fraud_seven": "tx_fraud.values",
    "duplicate_id": "transaction_id.unique",
    "next_day": "tx_datetime.partition",
    "nan_amount": "tx_amount.not_null",
}
BAD_FILES = ("truncated", "missing_column", "text_amount", "empty")
MOSTLY_BAD, MOSTLY_BAD_SHARE = "mostly_bad", 0.05
BAD_DAYS = (*BAD_FILES, MOSTLY_BAD)

Columns = dict[str, np.ndarray]
Nulls = dict[str, NDArray[np.bool_]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plant:
    """What to break.

    Attributes:
        rows: Bad rows a day, on each day that is not bad by ``bad_days``.
        bad_days: Pairs of (day, kind), kinds as in ``BAD_DAYS``; each day once.
    """

    rows: int = 0
    bad_days: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        if not isinstance(self.rows, int) or isinstance(self.rows, bool) or self.rows < 0:
            raise ConfigError(
                f"plant rows must be a whole number, 0 or more; got {self.rows!r}."
            )
        for day, kind in self.bad_days:
            parse_day(day, f"plant {kind}")
            if kind not in BAD_DAYS:
                raise ConfigError(f"plant {kind!r} is not a kind of bad day. {_nearest(kind)}")
        for day, times in Counter(day for day, _ in self.bad_days).items():
            if times > 1:
                raise ConfigError(f"plant names {day} {times} times; a day is bad in one way.")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Build from ``rows=20,truncated=2026-01-05,mostly_bad=2026-01-09``.

        Raises:
            ConfigError: A part is not ``name=value``, or names nothing that can be planted.
        """
        rows, bad_days = None, []
        for name, value in _named_values(text):
            if name in BAD_DAYS:
                bad_days.append((value, name))
            elif name != "rows":
                raise ConfigError(f"plant {name!r} is not something to plant. {_nearest(name)}")
            elif rows is not None:
                raise ConfigError(f"plant gives rows twice, {rows} and {value}. Keep one.")
            else:
                rows = _whole(value)
        if rows is None and not bad_days:
            raise ConfigError(f"plant {text!r} plants nothing. Write rows=N or KIND=DAY.")
        return cls(rows=rows or 0, bad_days=tuple(sorted(bad_days)))

    def kind_of(self, day: str) -> str | None:
        """The kind of bad day, or None."""
        return dict(self.bad_days).get(day)

    def check_range(self, first_day: str, last_day: str) -> None:
        """Refuse a bad day that will not be written, most often a mistyped one.

        Raises:
            ConfigError: A bad day is outside of the range.
        """
        for day, kind in self.bad_days:
            if not first_day <= day <= last_day:
                raise ConfigError(
                    f"plant {kind}={day} is outside of {first_day} to {last_day}. "
                    "Simulate that day too, or leave it out of the plant."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedRow:
    """One bad row.

    Attributes:
        row: Position in the file, from 0.
        transaction_id: As written; a duplicate carries its twin's.
        defect: Key of ``DEFECTS``.
        rule: Rule that must refuse the row.
        twin_row: Sound row with the same id, which the rule refuses too; else None.
    """

    row: int
    transaction_id: int
    defect: str
    rule: str
    twin_row: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedDay:
    """What was planted on one day.

    Attributes:
        kind: ``rows``, or a kind of bad day.
        rows: Bad rows in the order of the file.
    """

    kind: str
    rows: tuple[PlantedRow, ...] = ()

    def refused_rows(self) -> dict[str, int]:
        """Rows each rule must refuse: a duplicate id counts its twin."""
        count: Counter[str] = Counter()
        for planted in self.rows:
            count[planted.rule] += 1 if planted.twin_row is None else 2
        return dict(sorted(count.items()))


def spoil_columns(
    plant: Plant, day: str, columns: Columns, rng: np.random.Generator
) -> tuple[Columns, Nulls, PlantedDay | None]:
    """Break some rows of a day, leaving the given arrays as they are.

    Returns:
        The columns, a null mask for each column that has nulls, and what was planted.

    Raises:
        ConfigError: The day has fewer rows than there are to break.
    """
    kind = plant.kind_of(day) or "rows"
    rows = columns["transaction_id"].size
    count = int(np.ceil(rows * MOSTLY_BAD_SHARE)) if kind == MOSTLY_BAD else plant.rows
    if kind in BAD_FILES:
        return columns, {}, PlantedDay(kind=kind)
    if not count:
        return columns, {}, None
    spoilt = {name: values.copy() for name, values in columns.items()}
    nulls = {name: np.zeros(rows, dtype=np.bool_) for name in ("customer_id", "tx_amount")}
    planted = tuple(
        _spoil_row(spoilt, nulls, row, defect, twin)
        for row, defect, twin in _choose(rows, count, day, rng)
    )
    return spoilt, nulls, PlantedDay(kind=kind, rows=planted)


def _choose(
    rows: int, count: int, day: str, rng: np.random.Generator
) -> list[tuple[int, str, int | None]]:
    """Rows to break, each with a defect; rows and twins are all different rows."""
    names = list(DEFECTS)
    defects = [names[nth % len(names)] for nth in range(count)]
    twins = defects.count("duplicate_id")
    if count + twins > rows:
        raise ConfigError(
            f"{day} has {rows} rows, and planting {count} bad ones takes {count + twins}. "
            "Plant fewer, or simulate more rows per day."
        )
    chosen = rng.choice(rows, count + twins, replace=False).tolist()
    spare = iter(chosen[count:])
    pairs = zip(chosen[:count], defects, strict=True)
    return sorted((r, d, next(spare) if d == "duplicate_id" else None) for r, d in pairs)


def _spoil_row(
    columns: Columns, nulls: Nulls, row: int, defect: str, twin: int | None
) -> PlantedRow:
    if defect == "negative_amount":
        columns["tx_amount"][row] = -1.0 - columns["tx_amount"][row]
    elif defect == "null_customer":
        nulls["customer_id"][row] = True
    elif defect == "null_amount":
        nulls["tx_amount"][row] = True
    elif defect == "nan_amount":
        columns["tx_amount"][row] = np.nan
    elif defect == "fraud_seven":
        columns["tx_fraud"][row] = 7
    elif defect == "next_day":
        columns["tx_datetime"][row] += np.timedelta64(1, "D")
    else:
        columns["transaction_id"][row] = columns["transaction_id"][twin]
    written_id = int(columns["transaction_id"][row])
    return PlantedRow(
        row=row,
        transaction_id=written_id,
        defect=defect,
        rule=DEFECTS[defect],
        twin_row=twin,
    )


def spoil_table(kind: str, table: "pa.Table") -> "pa.Table":
    """Give the table the day's defect of schema or size, if its kind has one."""
    if kind == "missing_column":
        return table.drop_columns(["terminal_id"])
    if kind == "empty":
        return table.slice(0, 0)
    if kind == "text_amount":
        index = table.schema.get_field_index("tx_amount")
        return table.set_column(index, "tx_amount", table["tx_amount"].cast("string"))
    return table


def spoil_file(kind: str, path: Path) -> None:
    """Cut the file in the middle, if its kind says so."""
    if kind == "truncated":
        os.truncate(path, path.stat().st_size // 2)


def record_planted(out: Path, days: Mapping[str, PlantedDay | None]) -> None:
    """Set the days' entries in ``<out>/planted.json``; days not given keep theirs.

    A day written without defects loses its entry; a record without days is removed.
    """
    path = out / RECORD_NAME
    record = json.loads(path.read_text("utf-8"))["days"] if path.exists() else {}
    for day, planted in days.items():
        record.pop(day, None)
        if planted is not None:
            record[day] = _as_json(planted)
    if not record:
        path.unlink(missing_ok=True)
        return
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(json.dumps({"days": record}, indent=1, sort_keys=True) + "\n", "utf-8")
    staged.replace(path)


def _as_json(planted: PlantedDay) -> dict[str, object]:
    rows = [asdict(row) for row in planted.rows]
    return {"kind": planted.kind, "refused_rows": planted.refused_rows(), "rows": rows}


def _named_values(text: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, map(str.strip, text.split(","))):
        name, _, value = map(str.strip, part.partition("="))
        if not value:
            raise ConfigError(f"plant {part!r} is not name=value, such as rows=20.")
        yield name, value


def _whole(value: str) -> int:
    if not value.isdecimal():
        raise ConfigError(f"plant rows={value!r} is not a whole number, such as rows=20.")
    return int(value)


def _nearest(name: str) -> str:
    known = ("rows", *BAD_DAYS)
    close = difflib.get_close_matches(name, known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known: {', '.join(known)}."
