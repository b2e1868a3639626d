"""Records of any number of patients over years: the source for demonstrations, tests and benchmarks.

Why: real records may not be passed on, and their truth is not known: which score could be reached, which rows
    are bad.
Promise: a patient's rows follow from the seed, the patient's number and the days, not from the number of
    patients or of processes; memory holds a block of patients a process. The folder is complete once
    ``metadata/dataset.json`` is there.
Not here: the model of the disease (``progression.py``), the interface to commands (``simulation.py``).

The folder is a dataset of the Medical Event Data Standard, with the truth beside it in ``truth/``.
"""

import json
import shutil
from collections import Counter
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.core.days import parse_day, shift
from pipelines.core.errors import ConfigError, WorkerLostError
from pipelines.domains.disease_progression import codes
from pipelines.domains.disease_progression.draws import Draws
from pipelines.domains.disease_progression.histories import Histories, draw_histories
from pipelines.domains.disease_progression.patients import draw_patients
from pipelines.domains.disease_progression.planting import with_bad_rows
from pipelines.domains.disease_progression.records import (
    CODES,
    STATIC,
    YEAR_S,
    RecordRows,
    rows_of,
)
from pipelines.spec.simulation import Progress

if TYPE_CHECKING:
    import pyarrow as pa

MAX_PATIENTS = 100_000_000
BLOCK_PATIENTS = 2_500
FIRST_SUBJECT = 1
DATASET = Path("metadata") / "dataset.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cohort:
    """What is simulated.

    Attributes:
        first: First day of the records.
        last: Last day.
        patients: Number of patients; those whose record begins after the last day have no rows.
        seed: Seed of all randomness, 0 to 2**64 - 1.
        planted: Share of the patients with a bad row.
    """

    first: str
    last: str
    patients: int
    seed: int
    planted: float = 0.0

    def __post_init__(self) -> None:
        if parse_day(self.last) <= parse_day(self.first):
            raise ConfigError(
                f"The last day {self.last} is not after the first, {self.first}. Patients are simulated "
                f"over years: choose a later last day."
            )
        _check_whole("patients", self.patients, 1, MAX_PATIENTS)
        _check_whole("seed", self.seed, 0, 2**64 - 1)

    @property
    def years(self) -> float:
        """From the first day to the last second of the last."""
        days = parse_day(shift(self.last, 1)) - parse_day(self.first)
        return float((days.total_seconds() - 1) / YEAR_S)

    def blocks(self) -> list[tuple[int, int]]:
        """The first patient of each block, and the one after its last."""
        starts = range(0, self.patients, BLOCK_PATIENTS)
        return [(start, min(start + BLOCK_PATIENTS, self.patients)) for start in starts]

    def histories(self, first: int, end: int) -> Histories:
        """The truth about some patients."""
        return self.histories_of(np.arange(first, end))

    def histories_of(self, patients: np.ndarray) -> Histories:
        """The truth about patients by their numbers."""
        return draw_histories(draw_patients(Draws(self.seed, patients)), self.years)


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockWritten:
    """A block of patients that was written.

    Attributes:
        name: Its file.
        rows: Number of rows, bad ones included.
        positives: Patients who were diagnosed after their record began.
        planted: Number of bad rows by kind.
    """

    name: str
    rows: int
    positives: int
    planted: Counter[str]


def simulate_cohort(
    cohort: Cohort, out: Path, *, processes: int = 1, progress: Progress | None = None
) -> list[BlockWritten]:
    """Write a dataset of all patients, in place of one that is there.

    Raises:
        WorkerLostError: A process died, most often for memory.
    """
    _check_whole("processes", processes, 1, 1_024)
    (out / DATASET).unlink(missing_ok=True)
    for folder in ("data", "truth", "metadata"):
        shutil.rmtree(out / folder, ignore_errors=True)
        (out / folder).mkdir(parents=True)
    blocks, written, rows = cohort.blocks(), list[BlockWritten](), 0
    work = partial(_write_block, cohort, out)
    with closing(_each_block(work, blocks, min(processes, len(blocks)))) as results:
        for block in results:
            written.append(block)
            rows += block.rows
            if progress is not None:
                progress(len(written), len(blocks), rows)
    _write_metadata(cohort, out, written)
    return written


def written_cohort(out: Path) -> Cohort | None:
    """What the dataset in a folder is of; None if there is no complete one of this simulator."""
    try:
        settings: dict[str, Any] = json.loads((out / DATASET).read_text())["simulated"]
        return Cohort(**settings)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write_block(cohort: Cohort, out: Path, block: tuple[int, int]) -> BlockWritten:
    import pyarrow.parquet as pq

    histories, first_day = cohort.histories(*block), np.datetime64(cohort.first, "D")
    clean = rows_of(histories, first_day)
    rows, planted = with_bad_rows(clean, histories, cohort.planted)
    name = f"{block[0] // BLOCK_PATIENTS:05d}.parquet"
    pq.write_table(_events(rows), out / "data" / name, compression="zstd")
    pq.write_table(_truth(histories), out / "truth" / name, compression="zstd")
    diagnosed = histories.stage_times[:, -1]
    incident = (diagnosed > histories.patients.entry) & (diagnosed <= histories.end)
    return BlockWritten(
        name=name, rows=len(rows.code), positives=int(incident.sum()), planted=planted
    )


def _events(rows: RecordRows) -> "pa.Table":
    import pyarrow as pa

    none = len(CODES) - 1
    codes_ = pa.array(rows.code.astype(np.int32), mask=rows.code == none)
    words = pa.DictionaryArray.from_arrays(codes_, pa.array(CODES[:none]))
    static = rows.second == STATIC
    micros = np.where(static, 0, rows.second) * 1_000_000
    return pa.table(
        {
            "subject_id": rows.patient + FIRST_SUBJECT,
            "time": pa.array(micros, mask=static).cast(pa.timestamp("us")),
            "code": words.cast(pa.string()),
            "numeric_value": pa.array(rows.value.astype(np.float32), mask=np.isnan(rows.value)),
        }
    )


def _truth(histories: Histories) -> "pa.Table":
    """What no record says, in years since the first day."""
    import pyarrow as pa

    patients = histories.patients
    columns = {
        "subject_id": patients.draws.patients + FIRST_SUBJECT,
        "entry": patients.entry,
        "gene": patients.traits.gene,
        "habit": patients.habit,
        "bmi": patients.traits.bmi,
        "smokes": patients.traits.smokes > 0,
        "died": histories.died,
        "lost": histories.lost,
    }
    times = histories.stage_times.T
    return pa.table(columns | {f"stage_{n}": each for n, each in enumerate(times)})


def _write_metadata(cohort: Cohort, out: Path, written: list[BlockWritten]) -> None:
    """The files that the standard wants, the one that says that all is there last."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parents = pa.array([None] * len(codes.MEANINGS), pa.list_(pa.string()))
    described = {
        "code": list(codes.MEANINGS),
        "description": list(codes.MEANINGS.values()),
        "parent_codes": parents,
    }
    pq.write_table(pa.table(described), out / "metadata" / "codes.parquet")
    planted = sum((block.planted for block in written), Counter[str]())
    facts = {
        "dataset_name": "simulated disease progression",
        "etl_name": "millrace simulate",
        "meds_version": "0.4.0",
        "simulated": asdict(cohort),
        "planted": dict(sorted(planted.items())),
    }
    staged = out / "metadata" / ".dataset.json"
    staged.write_text(json.dumps(facts, indent=1) + "\n")
    staged.replace(out / DATASET)


def _each_block(
    work: "partial[BlockWritten]", blocks: list[tuple[int, int]], processes: int
) -> Generator[BlockWritten]:
    """Results in the order of blocks; spawned processes, as a fork would copy threads' locks."""
    if processes == 1:
        yield from map(work, blocks)
        return
    pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
    try:
        yield from pool.map(work, blocks)
    except BrokenProcessPool as error:
        raise WorkerLostError(
            f"A process died while simulating {len(blocks)} blocks of patients in {processes} processes, "
            f"most often for lack of memory. Try again with fewer processes."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _check_whole(name: str, value: object, least: int, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(
            f"{name} must be a whole number from {least} to {most}; got {value!r}."
        )
