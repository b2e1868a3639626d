"""A day's genuine transactions: who pays, when, how much and where.

Why: the cost of a simulation is here, so each step is a few NumPy calls over all rows.
Promise: the Handbook's distributions, customer by customer; each of the four questions has
    its own random numbers, so that none can shift another's.
Not here: fraud (``compromises.py``), the order and the columns of a file (``simulator.py``).

Source:
    Fraud Detection Handbook, chapter 3.2, section "Generation of transactions".
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.domains.fraud_detection.population import (
    DAY_SECONDS,
    STRIPS,
    TIME_SD_S,
    Population,
    Purpose,
    stream,
)

# Terminals drawn outside of the circle are drawn again; one in four is, so this is never met
# where a terminal is in reach, and ends the loop for the rare customer who has none.
TERMINAL_ROUNDS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Genuine:
    """Transactions of one day in map order of their customers, each array ``(n_rows,)``.

    Attributes:
        customer: Positions in the population's ``customer_id``.
        second: Second of the day, 1 to 86,399.
        terminal: Positions in the population's ``terminal_id``.
        amount: In whole cents, 0 or more.
    """

    customer: NDArray[np.int64]
    second: NDArray[np.int64]
    terminal: NDArray[np.int64]
    amount: NDArray[np.float64]


def genuine_transactions(population: Population, seed: int, day_number: int) -> Genuine:
    """Draw one day's transactions before any fraud."""
    customer = _who_pays(population, stream(seed, day_number, Purpose.COUNTS))
    return Genuine(
        customer=customer,
        second=_seconds(customer.size, stream(seed, day_number, Purpose.TIMES)),
        terminal=_terminals(population, customer, stream(seed, day_number, Purpose.TERMINALS)),
        amount=_amounts(population, customer, stream(seed, day_number, Purpose.AMOUNTS)),
    )


def _who_pays(population: Population, rng: np.random.Generator) -> NDArray[np.int64]:
    """Position in ``customer_id`` of each transaction's customer, in map order."""
    counts = rng.poisson(population.daily_rate)
    return np.repeat(np.arange(counts.size), counts)


def _seconds(rows: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Seconds of the day: normal around noon, drawn again outside of the day."""
    second = np.zeros(rows, dtype=np.int64)
    todo: slice | NDArray[np.int64] = slice(None)
    left = rows
    while left:
        noise = rng.standard_normal(left, dtype=np.float32)
        second[todo] = noise * np.float32(TIME_SD_S) + np.float32(DAY_SECONDS / 2)
        # Truncation takes (-1, 0) to 0: the first second is refused, as in the Handbook.
        todo = np.flatnonzero((second <= 0) | (second >= DAY_SECONDS))
        left = todo.size
    return second


def _amounts(
    population: Population, customer: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Normal amounts of sd mean / 2; negative ones uniform in 0 to 2 means; in whole cents."""
    mean = population.mean_amount[customer]
    amount = mean * (1.0 + 0.5 * rng.standard_normal(customer.size))
    negative = np.flatnonzero(amount < 0)
    amount[negative] = rng.random(negative.size) * 2.0 * mean[negative]
    return np.rint(amount * 100) / 100


def _terminals(
    population: Population, customer: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Position in ``terminal_id`` of a terminal within the customer's radius, uniformly."""
    terminal = _candidates(population, customer, rng)
    outside = np.flatnonzero(_is_outside(population, customer, terminal))
    for _ in range(TERMINAL_ROUNDS):
        if not outside.size:
            break
        again = _candidates(population, customer[outside], rng)
        terminal[outside] = again
        outside = outside[_is_outside(population, customer[outside], again)]
    return terminal


def _candidates(
    population: Population, customer: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """A terminal in the strips around each customer's circle, uniformly."""
    ends = population.reach_end
    near = ends[-1][customer]
    pick = (rng.random(customer.size) * near).astype(np.int32)
    cell = customer.copy()
    for nth in range(STRIPS - 1):
        cell += (pick >= ends[nth][customer]) * population.daily_rate.size
    # A customer with no terminal near lands beyond its strips; the clip gives it a close one.
    last = population.terminal_id.size - 1
    position: NDArray[np.int64] = np.clip(pick + population.reach_shift[cell], 0, last)
    return position


def _is_outside(
    population: Population, customer: NDArray[np.int64], terminal: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Whether each terminal is farther from its customer than the radius."""
    dx = population.customer_xy[0][customer] - population.terminal_xy[0][terminal]
    dy = population.customer_xy[1][customer] - population.terminal_xy[1][terminal]
    outside: NDArray[np.bool_] = dx * dx + dy * dy > np.float32(population.radius**2)
    return outside
