"""Who is compromised on which day, and what that makes of a day's transactions.

Why: a day must be made alone, in any order, yet fraud lasts for weeks: so each day's draw
    is a function of the day, and a day draws again for the weeks before it.
Promise: the Handbook's three scenarios in its order (each overrides the one before), at its
    rate of compromises per terminal and per customer, on every day, the first included.
Not here: the genuine transactions (``genuine.py``), the population (``population.py``).

Source:
    Fraud Detection Handbook, chapter 3.2, section "Fraud scenarios generation".
"""

import numpy as np
from numpy.typing import NDArray

from pipelines.domains.fraud_detection.genuine import Genuine
from pipelines.domains.fraud_detection.population import (
    HANDBOOK_CUSTOMERS,
    HANDBOOK_TERMINALS,
    Population,
    Purpose,
    stream,
)

LARGE_AMOUNT = 220.0  # scenario 1: any amount above it is fraud
TERMINAL_DAYS, TERMINALS_A_DAY = 28, 2  # scenario 2, of HANDBOOK_TERMINALS
CUSTOMER_DAYS, CUSTOMERS_A_DAY = 14, 3  # scenario 3, of HANDBOOK_CUSTOMERS
MISUSED_SHARE, MISUSED_FACTOR = 1 / 3, 5.0


def terminals_drawn(population: Population, seed: int, day_number: int) -> NDArray[np.int64]:
    """Positions in ``terminal_id`` of those compromised from this day on, for 28 days."""
    size = population.terminal_id.size
    count = _quota(size * TERMINALS_A_DAY, HANDBOOK_TERMINALS, day_number)
    rng = stream(seed, day_number, Purpose.COMPROMISED_TERMINALS)
    return rng.choice(size, min(count, size), replace=False, shuffle=False)


def customers_drawn(population: Population, seed: int, day_number: int) -> NDArray[np.int64]:
    """Positions in ``customer_id`` of those compromised from this day on, for 14 days."""
    size = population.customer_id.size
    count = _quota(size * CUSTOMERS_A_DAY, HANDBOOK_CUSTOMERS, day_number)
    rng = stream(seed, day_number, Purpose.COMPROMISED_CUSTOMERS)
    return rng.choice(size, min(count, size), replace=False, shuffle=False)


def _quota(numerator: int, denominator: int, day_number: int) -> int:
    """This day's whole number of draws, whose running mean is the exact rate.

    A population of a tenth of the Handbook's has 0.2 terminals a day: one each fifth day.
    """
    return (day_number + 1) * numerator // denominator - day_number * numerator // denominator


def with_frauds(
    population: Population, seed: int, day_number: int, genuine: Genuine
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Return each row's amount and scenario (0 where genuine) after the day's frauds.

    The Handbook takes a third of a compromised customer's transactions over the 14 days,
    which needs the other days; here each is taken with probability 1/3. A customer drawn
    twice within 14 days is misused once, where the Handbook multiplies the amount again.
    """
    amount = genuine.amount.copy()
    scenario = (amount > LARGE_AMOUNT).astype(np.int8)
    bad_terminal = np.zeros(population.terminal_id.size, dtype=np.bool_)
    for day in range(day_number - TERMINAL_DAYS + 1, day_number + 1):
        bad_terminal[terminals_drawn(population, seed, day)] = True
    scenario[bad_terminal[genuine.terminal]] = 2
    bad_customer = np.zeros(population.customer_id.size, dtype=np.bool_)
    for day in range(day_number - CUSTOMER_DAYS + 1, day_number + 1):
        bad_customer[customers_drawn(population, seed, day)] = True
    exposed = np.flatnonzero(bad_customer[genuine.customer])
    chance = stream(seed, day_number, Purpose.MISUSE).random(exposed.size)
    misused = exposed[chance < MISUSED_SHARE]
    amount[misused] = np.rint(amount[misused] * (MISUSED_FACTOR * 100)) / 100
    scenario[misused] = 3
    return amount, scenario
