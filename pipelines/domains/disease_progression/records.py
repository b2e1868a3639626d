"""The rows of records: what a history leaves behind, in the columns of the Medical Event Data Standard.

Promise: rows are ordered by patient and time; those of a patient follow from the history alone.
Not here: what happens (``histories.py``), bad rows (``planting.py``), files (``simulator.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.domains.disease_progression import codes
from pipelines.domains.disease_progression import progression as model
from pipelines.domains.disease_progression.draws import Floats, Wholes
from pipelines.domains.disease_progression.histories import (
    Histories,
    body_masses,
    lab_values,
    smoking_noted,
)

YEAR_S, DAY_S = 365.25 * 86_400, 86_400
STATIC = np.iinfo(np.int64).min
"""The second of rows that have no time."""
CODES = (*codes.MEANINGS, "")
"""All codes, by their number; the last is none."""


@dataclass(frozen=True, slots=True)
class RecordRows:
    """RecordRows of some patients, arrays of shape ``(n_rows,)``.

    Attributes:
        patient: Number of the patient, from 0.
        second: Seconds since 1970; ``STATIC`` for none.
        code: Position in ``CODES``.
        value: The number, NaN for none.
    """

    patient: Wholes
    second: Wholes
    code: Wholes
    value: Floats

    def take(self, rows: NDArray[np.intp]) -> "RecordRows":
        """Some of them."""
        return RecordRows(
            self.patient[rows], self.second[rows], self.code[rows], self.value[rows]
        )


def seconds_of(years: Floats, first_day: np.datetime64) -> Wholes:
    """Seconds since 1970 of some years after the first day."""
    start = first_day.astype("datetime64[s]").astype(np.int64)
    whole: Wholes = start + np.floor(years * YEAR_S).astype(np.int64)
    return whole


def years_of(seconds: Wholes, first_day: np.datetime64) -> Floats:
    """Years after the first day; the second's end, so that what happened in it has happened."""
    start = first_day.astype("datetime64[s]").astype(np.int64)
    years: Floats = (seconds - start + 1) / YEAR_S
    return years


def rows_of(histories: Histories, first_day: np.datetime64) -> RecordRows:
    """The rows of some records, those of a patient in order of time."""
    parts = list(_parts(histories, first_day))
    # Of one second, rows keep the order in which they are listed.
    joined = concatenated(parts)
    return joined.take(np.lexsort((joined.second, joined.patient)))


def concatenated(parts: list[RecordRows]) -> RecordRows:
    """RecordRows one after another."""
    return RecordRows(
        np.concatenate([each.patient for each in parts]),
        np.concatenate([each.second for each in parts]),
        np.concatenate([each.code for each in parts]),
        np.concatenate([each.value for each in parts]),
    )


def _parts(histories: Histories, first_day: np.datetime64) -> Iterator[RecordRows]:
    """The rows by what they are, of those whose record has begun."""
    patients, end = histories.patients, histories.end
    begun = patients.entry <= end
    sex = np.where(patients.traits.male > 0, _number(codes.MALE), _number(codes.FEMALE))
    yield _static(histories, begun, sex)
    yield _static(histories, begun & patients.family, _number(codes.FAMILY))
    birth = seconds_of(patients.entry - patients.age, first_day) // DAY_S * DAY_S
    yield _timed(histories, begun, birth, codes.BIRTH)
    for seconds, code, where, values in _at_visits(histories, first_day):
        patient, visit = np.nonzero(where)
        yield RecordRows(
            patients.draws.patients[patient],
            seconds[patient, visit],
            np.full(len(patient), _number(code)),
            values[patient, visit] if values is not None else np.full(len(patient), np.nan),
        )
    diagnosed = np.maximum(histories.stage_times[:, model.DIAGNOSED], patients.entry)
    for times, code in (
        (histories.pressure, codes.HYPERTENSION),
        (diagnosed, codes.DIABETES),
        (np.where(histories.died > end, np.inf, histories.died), codes.DEATH),
        (end, codes.END),
    ):
        there = begun & (times <= end)
        yield _timed(histories, there, seconds_of(np.where(there, times, 0.0), first_day), code)


def _at_visits(
    histories: Histories, first_day: np.datetime64
) -> Iterator[tuple[Wholes, str, NDArray[np.bool_], Floats | None]]:
    there = np.isfinite(histories.visits)
    seconds = seconds_of(np.where(there, histories.visits, 0.0), first_day)
    yield seconds, codes.VISIT, there, None
    for nth, test in enumerate(model.TESTS):
        done, values = lab_values(histories, nth)
        yield seconds, test.code, done, values
    weighed, masses = body_masses(histories)
    yield seconds, codes.BODY_MASS, weighed, masses
    noted, smokes = smoking_noted(histories), histories.patients.traits.smokes[:, None] > 0
    yield seconds, codes.SMOKER, noted & smokes, None
    yield seconds, codes.NON_SMOKER, noted & ~smokes, None


def _static(histories: Histories, who: NDArray[np.bool_], code: Wholes | int) -> RecordRows:
    patient = histories.patients.draws.patients[who]
    of_each = np.broadcast_to(code, who.shape)[who].astype(np.int64)
    nothing = np.full(len(patient), np.nan)
    return RecordRows(patient, np.full(len(patient), STATIC), of_each, nothing)


def _timed(
    histories: Histories, who: NDArray[np.bool_], seconds: Wholes, code: str
) -> RecordRows:
    patient = histories.patients.draws.patients[who]
    n = len(patient)
    return RecordRows(patient, seconds[who], np.full(n, _number(code)), np.full(n, np.nan))


def _number(code: str) -> int:
    return CODES.index(code)
