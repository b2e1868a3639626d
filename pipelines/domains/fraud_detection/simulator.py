"""Card transactions of any volume with known fraud: the source for demos, tests and benchmarks.

Why: a pipeline that claims a million rows needs a million rows whose truth is known, whose
    shape is that of published data, and which cost nothing to make again.
Promise: a day's bytes follow from (rows_per_day, seed, day) and the versions of NumPy and
    pyarrow: not from the range asked for, the order of days or the number of processes.
Not here: the population (``population.py``), what its customers do (``genuine.py``), fraud
    (``compromises.py``), planted defects (``planting.py``).

Our own code from the description in the Fraud Detection Handbook, chapter 3.2.
"""

import os
from collections.abc import Callable, Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.core.days import days_between, parse_day
from pipelines.core.errors import ConfigError, WorkerLostError
from pipelines.domains.fraud_detection.compromises import with_frauds
from pipelines.domains.fraud_detection.genuine import genuine_transactions
from pipelines.domains.fraud_detection.planting import (
    Plant,
    PlantedDay,
    record_planted,
    spoil_columns,
    spoil_file,
    spoil_table,
)
from pipelines.domains.fraud_detection.population import (
    DAY_SECONDS,
    Purpose,
    population_of,
    stream,
)

EPOCH = date(1970, 1, 1)
# transaction_id = days since 1970 * IDS_PER_DAY + position in the day: below 2**53 until the year
# 9999, so that a reader which turns it into a float keeps it exact.
IDS_PER_DAY = 2**28
MAX_ROWS_PER_DAY = 250_000_000  # the number of rows is random; IDS_PER_DAY is 1,000 sd above

# Half of the write time and two thirds of the size of dictionaries everywhere.
DICTIONARY_COLUMNS = ["tx_amount", "tx_fraud", "tx_fraud_scenario"]
DELTA_COLUMNS = ("transaction_id", "tx_datetime", "customer_id", "terminal_id")

Progress = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What is simulated.

    Attributes:
        rows_per_day: Expected transactions a day; the population is scaled to it. A day is
            made whole in memory, about 180 bytes a row at the peak.
        seed: Of every random number, 0 to 2**64 - 1.
    """

    rows_per_day: int
    seed: int

    def __post_init__(self) -> None:
        _check_whole("rows_per_day", self.rows_per_day, 1, MAX_ROWS_PER_DAY)
        _check_whole("seed", self.seed, 0, 2**64 - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayWritten:
    """One day's file as it was published.

    Attributes:
        day: ``YYYY-MM-DD``.
        rows: Rows simulated; a truncated or emptied file holds fewer.
        frauds: Fraudulent rows among them, before anything was planted.
        bytes: Size of the file.
        planted: What was broken on purpose; None if nothing was.
    """

    day: str
    rows: int
    frauds: int
    bytes: int
    planted: PlantedDay | None


def day_columns(simulation: Simulation, day: str) -> dict[str, np.ndarray]:
    """Simulate one day, ordered by time.

    Returns:
        ``transaction_id``, ``tx_datetime`` (datetime64[us], naive UTC, whole seconds),
        ``customer_id``, ``terminal_id``, ``tx_amount`` (2 decimals), ``tx_fraud`` (0 or 1)
        and ``tx_fraud_scenario`` (0 to 3), each of shape ``(n_rows,)``.

    Raises:
        ConfigError: The day is not ``YYYY-MM-DD`` or is before 1970-01-01.
    """
    number, seed = _day_number(day), simulation.seed
    population = population_of(simulation.rows_per_day, seed)
    genuine = genuine_transactions(population, seed, number)
    amount, scenario = with_frauds(population, seed, number, genuine)
    order = _by_second(genuine.second)
    in_order = scenario[order].astype(np.int64)
    epoch_second = genuine.second[order] + _days_since_epoch(day) * DAY_SECONDS
    return {
        "transaction_id": _days_since_epoch(day) * IDS_PER_DAY + np.arange(order.size),
        "tx_datetime": (epoch_second * 1_000_000).view("datetime64[us]"),
        "customer_id": population.customer_id[genuine.customer][order].astype(np.int64),
        "terminal_id": population.terminal_id[genuine.terminal][order].astype(np.int64),
        "tx_amount": amount[order],
        "tx_fraud": (in_order > 0).astype(np.int64),
        "tx_fraud_scenario": in_order,
    }


def write_day(
    simulation: Simulation, day: str, out: Path, plant: Plant | None = None
) -> DayWritten:
    """Simulate one day into ``<out>/ds=<day>/part-0.parquet``, replacing what was there.

    Raises:
        ConfigError: The day is malformed, or too short for the rows to plant.
    """
    columns = day_columns(simulation, day)
    rows, frauds = columns["tx_fraud"].size, int(columns["tx_fraud"].sum())
    nulls: dict[str, NDArray[np.bool_]] = {}
    planted = None
    if plant is not None:
        rng = stream(simulation.seed, _day_number(day), Purpose.PLANT)
        columns, nulls, planted = spoil_columns(plant, day, columns, rng)
    kind = planted.kind if planted else "rows"
    size = _publish(columns, nulls, kind, out / f"ds={day}" / "part-0.parquet")
    return DayWritten(day=day, rows=rows, frauds=frauds, bytes=size, planted=planted)


def simulate(
    simulation: Simulation,
    first_day: str,
    last_day: str,
    out: Path,
    *,
    processes: int = 1,
    plant: Plant | None = None,
    progress: Progress | None = None,
) -> list[DayWritten]:
    """Write every day from the first to the last, both included, in as many processes.

    ``progress`` is called after each day, in order, with (days done, days, rows done).
    ``<out>/planted.json`` says what ``plant`` broke, and is kept right when days are rewritten.

    Raises:
        ConfigError: A day is malformed, the last is before the first, ``processes`` is not
            1 or more, or ``plant`` names a day outside of the range.
        WorkerLostError: A process died, most often for memory.
    """
    _check_whole("processes", processes, 1, 1_024)
    for day in (first_day, last_day):
        _day_number(day)
    days = days_between(first_day, last_day)
    if not days:
        raise ConfigError(
            f"The last day {last_day} is before the first, {first_day}. Swap the two."
        )
    if plant is not None:
        plant.check_range(first_day, last_day)
    work = partial(write_day, simulation, out=out, plant=plant)
    written: list[DayWritten] = []
    rows = 0
    try:
        with closing(_each_day(work, days, min(processes, len(days)))) as results:
            for one in results:
                written.append(one)
                rows += one.rows
                if progress is not None:
                    progress(len(written), len(days), rows)
    finally:  # what was planted before an error is planted all the same
        record_planted(out, {one.day: one.planted for one in written})
    return written


def _each_day(
    work: Callable[[str], DayWritten], days: list[str], processes: int
) -> Generator[DayWritten]:
    """Results in the order of days; spawned processes, as a fork would copy threads' locks."""
    if processes == 1:
        yield from map(work, days)
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        yield from pool.map(work, days)
    except BrokenProcessPool as error:
        raise WorkerLostError(
            f"A process died while simulating {days[0]} to {days[-1]} in {processes} "
            "processes, most often for lack of memory. Try again with fewer processes."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _by_second(second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Stable order by second.

    A stable argsort of 16-bit numbers is a radix sort, a fifth of the time of one of wider
    ones: so the rows before second 65,536 are ordered first, then the others.
    """
    low, late = second.astype(np.uint16), second >= 2**16
    halves = (np.flatnonzero(~late), np.flatnonzero(late))
    return np.concatenate([rows[np.argsort(low[rows], kind="stable")] for rows in halves])


def _publish(
    columns: dict[str, np.ndarray],
    nulls: dict[str, NDArray[np.bool_]],
    kind: str,
    path: Path,
) -> int:
    """Write a staged file and rename it, so that a reader never sees half of one."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(a, mask=nulls.get(name)) for name, a in columns.items()}
    table = spoil_table(kind, pa.table(arrays))
    path.parent.mkdir(parents=True, exist_ok=True)
    # A leading dot hides it from readers of the folder; two writers never share it.
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        pq.write_table(
            table,
            staged,
            compression="zstd",
            compression_level=1,
            use_dictionary=DICTIONARY_COLUMNS,
            column_encoding={n: "DELTA_BINARY_PACKED" for n in DELTA_COLUMNS if n in columns},
        )
        spoil_file(kind, staged)
        size = staged.stat().st_size
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    return size


def _day_number(day: str) -> int:
    """The day's ordinal, which keys its random numbers."""
    parsed = parse_day(day)
    if parsed < EPOCH:
        raise ConfigError(
            f"day {day} is before {EPOCH}, where transaction ids begin. Use a later day."
        )
    return parsed.toordinal()


def _days_since_epoch(day: str) -> int:
    return _day_number(day) - EPOCH.toordinal()


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(
            f"{name} must be a whole number from {least} to {most}; got {value!r}."
        )
