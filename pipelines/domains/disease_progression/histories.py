"""What happens to patients: their ways through the stages, their visits and their tests.

Promise: exact draws of the latent model, without time steps; what happens by a day is the same whatever
    the last day of the simulation is.
Not here: the model (``progression.py``), the rows that records consist of (``records.py``).

Times are years since the first day of the simulation.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.domains.disease_progression import progression as model
from pipelines.domains.disease_progression.draws import DrawnFor, Draws, Floats
from pipelines.domains.disease_progression.patients import Patients

MOST_VISITS_A_YEAR = max(model.VISIT_RATES)
CANDIDATES = 64
NEVER = np.inf


@dataclass(frozen=True, slots=True)
class Histories:
    """The truth about patients, and the visits that show some of it.

    Attributes:
        patients: Whose.
        stage_times: When each stage was entered, ``(n_patients, 5)``: the entry for the stage at the entry,
            minus infinity for those before, infinity for those that are not reached.
        died: Time of death, ``(n_patients,)``; infinity beyond all bounds.
        lost: Time of the loss to follow-up.
        pressure: Time of the diagnosis of hypertension; infinity for none.
        last: End of the simulation.
        visits: Times of visits, ``(n_patients, n_visits)``; infinity behind the last one. The first is the entry.
        candidates: Position of each visit among the random numbers of its patient.
    """

    patients: Patients
    stage_times: Floats
    died: Floats
    lost: Floats
    pressure: Floats
    last: float
    visits: Floats
    candidates: NDArray[np.int64]

    @property
    def end(self) -> Floats:
        """When each record ends, ``(n_patients,)``."""
        return np.minimum(np.minimum(self.died, self.lost), self.last)

    def stages(self, times: Floats) -> NDArray[np.int64]:
        """Stage of each patient at some times, ``(n_patients, n)``."""
        return stages_at(self.stage_times, times)


def draw_histories(patients: Patients, last: float) -> Histories:
    """Draw the ways of patients, and their visits up to the end of each record."""
    stage_times, died, pressure = _ways(patients)
    lost = patients.entry + patients.draws.exponential(DrawnFor.LOSS)[:, 0] / model.LOSS_RATE
    end = np.minimum(np.minimum(died, lost), last)
    visits, candidates = _visits(patients, stage_times, end)
    return Histories(patients, stage_times, died, lost, pressure, last, visits, candidates)


def stages_at(stage_times: Floats, times: Floats) -> NDArray[np.int64]:
    """Stage at some times, ``(n_patients, n)``."""
    found = np.zeros(times.shape, np.int64)
    for stage in range(1, model.LIVING):
        found += times >= stage_times[:, stage, None]
    return found


def lab_values(histories: Histories, nth: int) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each visit has a test, and its value, ``(n_patients, n_visits)``."""
    test, patients = model.TESTS[nth], histories.patients
    stages = histories.stages(histories.visits)
    done = _at(patients.draws, "uniform", DrawnFor.TEST_DONE + nth, histories.candidates)
    noise = _at(patients.draws, "normal", DrawnFor.TEST_NOISE + nth, histories.candidates)
    means = np.array(test.means)[stages] + test.habit * patients.habit[:, None]
    values = np.round(means + test.deviation * noise, test.decimals)
    return (done < np.array(test.chances)[stages]) & np.isfinite(histories.visits), values


def smoking_noted(histories: Histories) -> NDArray[np.bool_]:
    """Whether smoking is noted at each visit, ``(n_patients, n_visits)``."""
    draws = histories.patients.draws
    noted = _at(draws, "uniform", DrawnFor.SMOKING_NOTED, histories.candidates)
    return (noted < model.SMOKING_NOTED) & np.isfinite(histories.visits)


def body_masses(histories: Histories) -> tuple[NDArray[np.bool_], Floats]:
    """Whether each visit weighs the patient, and the body mass index, ``(n_patients, n_visits)``."""
    patients = histories.patients
    done = _at(patients.draws, "uniform", DrawnFor.WEIGHED, histories.candidates)
    noise = _at(patients.draws, "normal", DrawnFor.WEIGHT, histories.candidates)
    values = np.round(patients.traits.bmi[:, None] + model.WEIGHT_DEVIATION * noise, 1)
    return (done < model.WEIGHED) & np.isfinite(histories.visits), values


def _at(draws: Draws, kind: str, purpose: int, positions: NDArray[np.int64]) -> Floats:
    """Random numbers at positions, of the same shape."""
    every = getattr(draws, kind)(purpose, int(positions.max(initial=0)) + 1)
    found: Floats = np.take_along_axis(every, positions, axis=1)
    return found


def _ways(patients: Patients) -> tuple[Floats, Floats, Floats]:
    """Times of the stages, of death and of hypertension, stage by stage."""
    draws, n = patients.draws, len(patients.age)
    onset = draws.exponential(DrawnFor.ONSET, model.LIVING)
    death = draws.exponential(DrawnFor.DEATH, model.LIVING)
    times = np.where(np.arange(model.LIVING) < patients.stage[:, None], -np.inf, NEVER)
    times[np.arange(n), patients.stage] = patients.entry
    died = np.full(n, NEVER)
    for stage in range(model.LIVING):
        here = np.isfinite(times[:, stage])
        begin = np.where(here, times[:, stage], patients.entry)
        age = patients.age + begin - patients.entry
        leaves = begin + _step_years(patients, stage, age, onset[:, stage])
        dies = begin + _death_years(patients, stage, age, death[:, stage])
        died = np.where(here & (dies <= leaves), dies, died)
        if stage + 1 < model.LIVING:
            times[here & (leaves < dies), stage + 1] = leaves[here & (leaves < dies)]
    return times, died, _pressure(patients, times, died)


def _pressure(patients: Patients, times: Floats, died: Floats) -> Floats:
    """When hypertension is diagnosed: its rate grows with age, and by stage."""
    left = patients.draws.exponential(DrawnFor.PRESSURE)[:, 0]
    found, slope = np.full(len(left), NEVER), model.PRESSURE_SLOPE
    ends = np.minimum(np.column_stack([times[:, 1:], np.full(len(left), NEVER)]), died[:, None])
    for stage, factor in enumerate(model.PRESSURE_FACTORS):
        here = np.isfinite(times[:, stage])
        begin = np.where(here, times[:, stage], patients.entry)
        age = patients.age + begin - patients.entry
        rate = model.PRESSURE_RATE * factor * np.exp(slope * (age - model.AGE_CENTER))
        falls = begin + _years(left, rate, slope)
        found = np.where(here & (falls < ends[:, stage]), np.minimum(found, falls), found)
        years = np.where(here, ends[:, stage] - begin, 0.0)
        left = np.maximum(left - rate * np.expm1(slope * years) / slope, 0.0)
    return found


def _step_years(patients: Patients, stage: int, age: Floats, spent: Floats) -> Floats:
    """Years until the next stage would be entered, if death did not come first."""
    if stage == model.DIAGNOSED:
        return np.full(len(age), NEVER)
    rate = model.step_rates(age, patients.traits.pace())[:, stage]
    return spent / rate if stage == model.HIDDEN - 1 else _years(spent, rate, model.AGE_SLOPE)


def _death_years(patients: Patients, stage: int, age: Floats, spent: Floats) -> Floats:
    rate = model.death_rates(age, patients.traits.frailty())[:, stage]
    return _years(spent, rate, model.DEATH_SLOPE)


def _years(spent: Floats, rate: Floats, slope: float) -> Floats:
    """Years in which a rate that grows exponentially, by a slope, comes to a cumulative hazard."""
    return np.log1p(slope * spent / rate) / slope


def _visits(
    patients: Patients, stage_times: Floats, end: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Visits by thinning: candidates at the highest rate, kept by the rate of their stage."""
    times = _candidates(patients, end)
    kept = patients.draws.uniform(DrawnFor.VISIT, times.shape[1]) * MOST_VISITS_A_YEAR
    rates = np.array(model.VISIT_RATES)[stages_at(stage_times, times)]
    wanted = (kept < rates) & (times <= end[:, None])
    # The entry is a visit, whatever was drawn for it.
    wanted[:, 0] = patients.entry <= end
    times = np.where(wanted, times, NEVER)
    order = np.argsort(times, axis=1, kind="stable")
    n = max(1, int(wanted.sum(axis=1).max(initial=0)))
    return np.take_along_axis(times, order, axis=1)[:, :n], order[:, :n]


def _candidates(patients: Patients, end: Floats) -> Floats:
    """Times of possible visits, beyond the end of each record, ``(n_patients, n)``."""
    every = [patients.entry[:, None]]
    while (every[-1][:, -1] <= end).any():
        first = (len(every) - 1) * CANDIDATES
        gaps = patients.draws.exponential(DrawnFor.VISIT_GAP, CANDIDATES, first)
        every.append(every[-1][:, -1:] + np.cumsum(gaps, axis=1) / MOST_VISITS_A_YEAR)
    return np.concatenate(every, axis=1)
