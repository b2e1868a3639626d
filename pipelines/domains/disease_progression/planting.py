"""Bad rows that are added on purpose to simulated records, and the list of them.

Why: a demonstration or a test of the gate needs rows that are known to be bad, and which rule finds each.
Promise: rows are added and none is changed, so that what passes the gate is what it would be without them;
    a patient's bad row follows from the seed and the patient.
Not here: the rules (``declaration.py``).
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.core.errors import ConfigError
from pipelines.domains.disease_progression import codes
from pipelines.domains.disease_progression.draws import DrawnFor, Draws
from pipelines.domains.disease_progression.histories import Histories
from pipelines.domains.disease_progression.records import CODES, DAY_S, RecordRows, concatenated

DEFECTS: Mapping[str, str] = {
    "impossible_pressure": "pressure.range",
    "negative_glucose": "glucose.range",
    "missing_hba1c": "hba1c.not_null",
    "no_code": "code.not_null",
    "repeated": "repeat.range",
    "after_death": "time.not_after",
}
"""The rule that finds each kind of defect."""
OF_PATIENTS = 1_000
AFTER_DEATH_DAYS = 3
IMPOSSIBLE, NEGATIVE = 13_682.0, -5.0


def planted_share(text: str | None) -> float:
    """Share of the patients with a bad row, of a text such as ``rows=20``: 20 of 1,000.

    Raises:
        ConfigError: It is written otherwise.
    """
    if text is None:
        return 0.0
    found = re.fullmatch(r"rows=(\d+)", text)
    if found is None or not 0 < int(found[1]) <= OF_PATIENTS:
        raise ConfigError(
            f"plant {text!r} plants nothing. Write rows=N, the number of bad rows for {OF_PATIENTS:,} "
            f"patients, from 1 to {OF_PATIENTS:,}."
        )
    return int(found[1]) / OF_PATIENTS


def with_bad_rows(
    rows: RecordRows, histories: Histories, share: float
) -> tuple[RecordRows, Counter[str]]:
    """The rows of some patients with bad ones among them, and how many are of each kind."""
    if not share:
        return rows, Counter()
    bad, kinds = _bad_rows(rows, histories, share)
    every = concatenated([rows, bad])
    return every.take(np.lexsort((every.second, every.patient))), Counter(kinds)


def _bad_rows(
    rows: RecordRows, histories: Histories, share: float
) -> tuple[RecordRows, list[str]]:
    draws: Draws = histories.patients.draws
    chosen, kind = draws.uniform(DrawnFor.PLANT, 2).T
    others = [name for name in DEFECTS if name != "after_death"]
    found: list[tuple[int, int, int, float]] = []
    kinds: list[str] = []
    for at in np.flatnonzero((chosen < share) & (histories.patients.entry <= histories.end)):
        own = np.flatnonzero(rows.patient == draws.patients[at])
        name = others[int(kind[at] * len(others))]
        if histories.died[at] <= histories.end[at]:
            name = "after_death"
        row = _bad_row(name, rows, own)
        if row is not None:
            found.append(row)
            kinds.append(name)
    patient, second, code, value = zip(*found, strict=True) if found else ((), (), (), ())
    return RecordRows(
        np.array(patient, np.int64),
        np.array(second, np.int64),
        np.array(code, np.int64),
        np.array(value, np.float64),
    ), kinds


def _bad_row(
    kind: str, rows: RecordRows, own: Sequence[int] | np.ndarray
) -> tuple[int, int, int, float] | None:
    """A bad row, at the patient's last visit; a repeated one is the first test that has a number."""
    of_visits = [n for n in own if CODES[rows.code[n]] == codes.VISIT]
    tests = [n for n in own if not np.isnan(rows.value[n])]
    patient, second = int(rows.patient[of_visits[-1]]), int(rows.second[of_visits[-1]])
    if kind == "after_death":
        second = int(rows.second[own].max()) + AFTER_DEATH_DAYS * DAY_S
        return patient, second, CODES.index(codes.VISIT), np.nan
    if kind == "repeated":
        n = tests[0] if tests else of_visits[0]
        return patient, int(rows.second[n]), int(rows.code[n]), float(rows.value[n])
    code, value = {
        "impossible_pressure": (codes.PRESSURE, IMPOSSIBLE),
        "negative_glucose": (codes.GLUCOSE, NEGATIVE),
        "missing_hba1c": (codes.HBA1C, np.nan),
        "no_code": ("", np.nan),
    }[kind]
    return patient, second, CODES.index(code), value
