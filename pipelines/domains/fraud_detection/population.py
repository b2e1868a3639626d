"""The simulated world: customers and terminals on a map, and who can reach which.

Why: the Fraud Detection Handbook draws 5,000 customers and 10,000 terminals on a map of
    100 x 100; here the population follows the declared rows a day, so each customer's and
    each terminal's traffic, and with them the fraud rate, are the same at any size.
Promise: everything follows from (rows_per_day, seed); it takes about 50 bytes a row of a day.
Not here: what a day's transactions are (``simulator.py``).

Source:
    Le Borgne, Siblini, Lebichot, Bontempi, "Reproducible Machine Learning for Credit Card
    Fraud Detection - Practical Handbook", chapter 3.2 (the description, not the code).
"""

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

MAP_SIDE = 100.0
HANDBOOK_CUSTOMERS, HANDBOOK_TERMINALS, HANDBOOK_RADIUS = 5_000, 10_000, 5.0
MEAN_DAILY_RATE = 2.0  # transactions a customer, the mean of uniform(0, 4)
DAY_SECONDS = 86_400
TIME_SD_S = 20_000.0
# The Handbook drops what falls outside of the day, so a customer makes this share of its rate.
INSIDE_DAY = erf(DAY_SECONDS / 2 / TIME_SD_S / sqrt(2))
# Each radius is cut into this many strips: more fit the circle better and cost more lookups.
STRIPS_PER_RADIUS = 2
STRIPS = 2 * STRIPS_PER_RADIUS + 1  # the most that one customer's circle can touch
STRIP_KEY_SPAN = 128.0  # above MAP_SIDE, so that one sorted key orders by (strip, x)


class Purpose(IntEnum):
    """What a stream of random numbers is for; each (seed, day, purpose) has its own."""

    POPULATION = 0
    COUNTS = 1
    TIMES = 2
    AMOUNTS = 3
    TERMINALS = 4
    COMPROMISED_TERMINALS = 5
    COMPROMISED_CUSTOMERS = 6
    MISUSE = 7
    PLANT = 8


def stream(seed: int, day_number: int, purpose: Purpose) -> np.random.Generator:
    """Random numbers that depend on nothing but these three."""
    key = np.array([seed, day_number << 8 | purpose], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """Customers and terminals, held in map order so that neighbours share cache lines.

    Their ids are a random order of 0..n-1, as ids do not reveal where someone lives.

    Attributes:
        radius: How far a customer goes, in map units.
        customer_id: Shape ``(n_customers,)``.
        customer_xy: Map position, shape ``(2, n_customers)``.
        mean_amount: Mean amount; the standard deviation is half of it.
        daily_rate: Expected transactions a day; they sum to the declared rows per day.
        terminal_id: Shape ``(n_terminals,)``, ordered by (strip, x).
        terminal_xy: Map position, shape ``(2, n_terminals)``.
        reach_end: Terminals near a customer up to each strip, cumulative, shape
            ``(STRIPS, n_customers)``: the circle's bounding strips, so some are outside it.
        reach_shift: What turns a number below ``reach_end`` into a position in
            ``terminal_id``, flat, strip after strip, shape ``(STRIPS * n_customers,)``.
    """

    radius: float
    customer_id: NDArray[np.int32]
    customer_xy: NDArray[np.float32]
    mean_amount: NDArray[np.float64]
    daily_rate: NDArray[np.float64]
    terminal_id: NDArray[np.int32]
    terminal_xy: NDArray[np.float32]
    reach_end: NDArray[np.int32]
    reach_shift: NDArray[np.int32]


def n_customers(rows_per_day: int) -> int:
    """Customers that make so many transactions a day."""
    return max(1, round(rows_per_day / (MEAN_DAILY_RATE * INSIDE_DAY)))


# Two, so that a comparison of two simulations does not rebuild each for each day.
@lru_cache(maxsize=2)
def population_of(rows_per_day: int, seed: int) -> Population:
    """Draw the customers and terminals of a simulation; cached, as all days share them."""
    rng = stream(seed, 0, Purpose.POPULATION)
    customers = n_customers(rows_per_day)
    terminals = customers * HANDBOOK_TERMINALS // HANDBOOK_CUSTOMERS
    # The density grows with the population: the radius shrinks, so that a customer reaches
    # about as many terminals as in the Handbook (78, fewer near the edge of the map).
    radius = HANDBOOK_RADIUS * sqrt(HANDBOOK_TERMINALS / terminals)
    customer_id, customer_xy, _ = _settle(rng, customers, radius)
    terminal_id, terminal_xy, keys = _settle(rng, terminals, radius)
    reach_end, reach_shift = _reach(customer_xy, keys, radius)
    rate = rng.random(customers) + 1e-9  # above 0, so that one customer alone can be scaled
    return Population(
        radius=radius,
        customer_id=customer_id,
        customer_xy=customer_xy,
        mean_amount=rng.uniform(5.0, 100.0, customers),
        daily_rate=rate * (rows_per_day / rate.sum()),
        terminal_id=terminal_id,
        terminal_xy=terminal_xy,
        reach_end=reach_end,
        reach_shift=reach_shift,
    )


def _settle(
    rng: np.random.Generator, n: int, radius: float
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float64]]:
    """Draw ``n`` points on the map; return ids, positions and keys, sorted by key."""
    xy = rng.random((2, n), dtype=np.float32) * np.float32(MAP_SIDE)
    x, y = xy.astype(np.float64)
    keys = np.floor(y / (radius / STRIPS_PER_RADIUS)) * STRIP_KEY_SPAN + x
    order = np.argsort(keys, kind="stable")
    return order.astype(np.int32), np.take(xy, order, axis=1), keys[order]


def _reach(
    customer_xy: NDArray[np.float32], keys: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """For each customer and strip, the run of terminals that holds the circle's part of it.

    A list of each customer's terminals would take 78 numbers a customer; the runs take 10,
    and a terminal drawn outside of the circle (one in four) is drawn again.
    """
    x, y = customer_xy.astype(np.float64)
    height = radius / STRIPS_PER_RADIUS
    lowest = np.floor((y - radius) / height)
    end = np.zeros((STRIPS, x.size), dtype=np.int32)
    shift = np.zeros((STRIPS, x.size), dtype=np.int32)
    total = np.zeros(x.size, dtype=np.int32)
    for nth in range(STRIPS):
        strip = lowest + nth
        gap = np.maximum(np.maximum(strip * height - y, y - (strip + 1) * height), 0.0)
        half = np.sqrt(np.maximum(radius**2 - gap**2, 0.0))
        base = strip * STRIP_KEY_SPAN
        first = np.searchsorted(keys, base + np.maximum(x - half, 0.0), side="left")
        last = np.searchsorted(keys, base + np.minimum(x + half, MAP_SIDE), side="right")
        shift[nth] = first - total
        total += (last - first).astype(np.int32)
        end[nth] = total
    return end, shift.reshape(-1)
