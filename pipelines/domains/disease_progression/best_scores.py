"""The best score that the records allow: the chance of the outcome, given what was recorded until a landmark.

Why: a concordance says nothing without the highest one that the noise of the tests leaves.
Promise: the score is the conditional probability under the model that made the records (Bayes' rule, not a
    fit), to the quadrature of the two hidden traits: no model has a higher expected concordance by chance
    alone. It also has the body mass index and smoking of patients where no visit noted them.
Not here: the model (``progression.py``), which landmarks (``landmark_scores.py``).

A hidden Markov model in continuous time: the hidden state is the stage, on a grid of genetic risk and habit.
Between two records the stages move, and nobody dies, visits or is diagnosed; that nothing was recorded, and that
something was, are evidence as well as the values.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipelines.domains.disease_progression import progression as model
from pipelines.domains.disease_progression.draws import Floats
from pipelines.domains.disease_progression.histories import Histories, lab_values, stages_at
from pipelines.domains.disease_progression.progression import Traits

GENE_POINTS, HABIT_POINTS = 5, 13
STEPS_A_YEAR = 2


@dataclass(slots=True)
class _Belief:
    """What is believed of patients after some of their records.

    Attributes:
        histories: Their records.
        gene: Points of the genetic risk, ``(n_genes,)``.
        habit: Points of the habit, ``(n_habits,)``.
        weights: Weight of each state, ``(n_patients, n_genes, n_habits, 4)``.
        time: Up to when it holds, ``(n_patients,)``.
    """

    histories: Histories
    gene: Floats
    habit: Floats
    weights: Floats
    time: Floats
    tests: list[tuple[NDArray[np.bool_], Floats]] = field(default_factory=list)

    def traits(self, rows: NDArray[np.int64]) -> Traits:
        """Traits of some patients at each point of the genetic risk, ``(n, n_genes)``."""
        own = self.histories.patients.traits
        return Traits(
            own.bmi[rows, None], own.smokes[rows, None], own.male[rows, None], self.gene
        )

    def ages(self, rows: NDArray[np.int64], times: Floats) -> Floats:
        """Ages at some times, ``(n, 1)``."""
        patients = self.histories.patients
        return (patients.age[rows] + times - patients.entry[rows])[:, None]


def best_scores(
    histories: Histories, patients: NDArray[np.int64], times: Floats, years: float
) -> Floats:
    """Chance of the outcome within some years after landmarks, of patients without it so far.

    Args:
        histories: The records.
        patients: Position of each landmark's patient among them, ``(n,)``.
        times: Time of each landmark, ``(n,)``.
        years: The horizon.
    """
    scores = np.zeros(len(times))
    visits, pressure = histories.visits, histories.pressure
    events = np.concatenate([visits, pressure[:, None]], axis=1)
    order = np.argsort(events, axis=1, kind="stable")
    ordered = np.take_along_axis(events, order, axis=1)
    # The number of records up to each landmark.
    upto = (ordered[patients] <= times[:, None]).sum(axis=1)
    needed = np.zeros(len(ordered), np.int64)
    np.maximum.at(needed, patients, upto)
    belief = _first_belief(histories)
    for nth in range(int(upto.max(initial=0))):
        rows = np.flatnonzero(nth < needed)
        _move(belief, rows, ordered[rows, nth])
        _see(belief, rows, order[rows, nth])
        asked = np.flatnonzero(upto == nth + 1)
        scores[asked] = _risks(belief, patients[asked], times[asked], years)
    return scores


def oracle_scores(
    histories: Histories, patients: NDArray[np.int64], times: Floats, years: float
) -> Floats:
    """The same chance for who knows the hidden stage and the genetic risk: a bound that no record reaches."""
    own = histories.patients
    traits = Traits(
        *(
            v[patients]
            for v in (own.traits.bmi, own.traits.smokes, own.traits.male, own.traits.gene)
        )
    )
    ages = own.age[patients] + times - own.entry[patients]
    stages = stages_at(histories.stage_times[patients], times[:, None])[:, 0]
    chances = outcome_chances(ages, traits, years)
    return chances[np.arange(len(times)), np.minimum(stages, model.HIDDEN - 1)]


def outcome_chances(ages: Floats, traits: Traits, years: float) -> Floats:
    """Chance of a diagnosis before death within some years, by hidden stage, ``(..., 4)``."""
    n = max(1, round(years * STEPS_A_YEAR))
    pace, frailty = traits.pace(), traits.frailty()
    shape = np.broadcast_shapes(ages.shape, pace.shape)
    whole = np.broadcast_to(np.eye(model.LIVING), (*shape, model.LIVING, model.LIVING))
    for nth in range(n):
        middle = np.broadcast_to(ages + (nth + 0.5) * years / n, shape)
        exits = np.broadcast_to(
            model.death_rates(middle, frailty), (*shape, model.LIVING)
        ).copy()
        exits[..., model.DIAGNOSED] = 0.0
        steps = model.step_rates(middle, np.broadcast_to(pace, shape))
        whole = whole @ model.transitions(np.full(shape, years / n), steps, exits)
    return whole[..., : model.HIDDEN, model.DIAGNOSED]


def _first_belief(histories: Histories) -> _Belief:
    """Before the first visit: the stages of those who live at that age, and the family history."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(GENE_POINTS)
    habit = np.linspace(-3.0, 3.0, HABIT_POINTS)
    prior = np.exp(-(habit**2) / 2)
    patients = histories.patients
    belief = _Belief(histories, nodes, habit, np.empty(0), patients.entry.copy())
    every = np.arange(len(patients.age))
    traits = belief.traits(every)
    stages = model.entry_stages(patients.age[:, None], traits.pace(), traits.frailty())
    known = traits.family_chance()
    family = np.where(patients.family[:, None], known, 1 - known)
    of_gene = (family * weights / weights.sum())[:, :, None, None]
    of_habit = (prior / prior.sum())[None, None, :, None]
    belief.weights = of_gene * of_habit * stages[:, :, None, : model.HIDDEN]
    belief.tests = [lab_values(histories, nth) for nth in range(len(model.TESTS))]
    return belief


def _move(belief: _Belief, rows: NDArray[np.int64], times: Floats) -> None:
    """Let the stages move until the next record, with nothing recorded before it."""
    years = times - belief.time[rows]
    middle = belief.ages(rows, belief.time[rows] + years / 2)
    traits = belief.traits(rows)
    pace = traits.pace()
    age = np.broadcast_to(middle, pace.shape)
    exits = model.death_rates(age, np.broadcast_to(traits.frailty(), pace.shape))
    exits = exits[..., : model.HIDDEN] + np.array(model.VISIT_RATES[: model.HIDDEN])
    open_ = (belief.histories.pressure[rows] >= times)[:, None, None]
    exits = exits + open_ * model.pressure_rates(age)
    moves = model.transitions(
        np.broadcast_to(years[:, None], pace.shape), model.step_rates(age, pace), exits
    )
    belief.weights[rows] = belief.weights[rows] @ moves
    belief.time[rows] = times


def _see(belief: _Belief, rows: NDArray[np.int64], which: NDArray[np.int64]) -> None:
    """Take in a visit with its tests, or the diagnosis of hypertension."""
    n_visits = belief.histories.visits.shape[1]
    factors = np.where(
        (which < n_visits)[:, None],
        np.array(model.VISIT_RATES[: model.HIDDEN]),
        np.array(model.PRESSURE_FACTORS[: model.HIDDEN]),
    )[:, None, :]
    factors = np.where((which == 0)[:, None, None], 1.0, factors)  # the entry is no evidence
    visit = np.minimum(which, n_visits - 1)
    for test, (done, values) in zip(model.TESTS, belief.tests, strict=True):
        likelihood = _likelihood(test, belief.habit, done[rows, visit], values[rows, visit])
        is_visit = (which < n_visits)[:, None, None]
        factors = factors * np.where(is_visit, likelihood, 1.0)
    weights = belief.weights[rows] * factors[:, None]
    belief.weights[rows] = weights / weights.sum(axis=(1, 2, 3), keepdims=True)


def _likelihood(
    test: model.LabTest, habit: Floats, done: NDArray[np.bool_], values: Floats
) -> Floats:
    """Likelihood of a test, or of its absence, by habit and stage, ``(n, n_habits, 4)``."""
    chance = np.array(test.chances[: model.HIDDEN])
    means = np.array(test.means[: model.HIDDEN]) + test.habit * habit[:, None]
    far = (values[:, None, None] - means) / test.deviation
    seen = chance * np.exp(-np.minimum(far**2 / 2, 300.0))
    return np.where(done[:, None, None], seen, 1 - chance)


def _risks(belief: _Belief, rows: NDArray[np.int64], times: Floats, years: float) -> Floats:
    """Chance of the outcome after a landmark, by what is believed at its last record."""
    chances = outcome_chances(belief.ages(rows, times), belief.traits(rows), years)
    found: Floats = np.einsum("nghs,ngs->n", belief.weights[rows], chances)
    return found
