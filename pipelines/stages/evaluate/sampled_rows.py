"""A sample of the test rows that count, for what would cost too much on all of them.

Why: of a rare event a plain sample has hardly any, and so says nothing of the model.
Promise: seeded; weights make up for drawing rows with the event more often, so that a weighted metric of the sample
    estimates that of all rows.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipelines.spec import Binary, Head
from pipelines.stages.evaluate.rows import TestRows


def sampled_rows(rows: TestRows, most: int, head: Head, seed: int) -> TestRows:
    """At most so many of the rows that count; of an event up to half of them have it."""
    here = np.flatnonzero(rows.counted)
    draw = np.random.Generator(np.random.Philox(key=[seed, 1]))
    if len(here) <= most:
        return taken_rows(rows, here, np.ones(len(here)))
    if not isinstance(head, Binary):
        return taken_rows(rows, *_drawn(draw, here, most))
    happened = rows.events[here]
    events, weight = _drawn(draw, here[happened], most // 2)
    others, other_weight = _drawn(draw, here[~happened], most - len(events))
    chosen, weights = np.append(events, others), np.append(weight, other_weight)
    order = np.argsort(chosen)
    return taken_rows(rows, chosen[order], weights[order])


def _drawn(
    draw: np.random.Generator, rows: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    count = min(len(rows), most)
    chosen = draw.choice(rows, count, replace=False, shuffle=False)
    return np.sort(chosen), np.full(count, len(rows) / max(count, 1))


def taken_rows(
    rows: TestRows, chosen: NDArray[np.int64], weight: NDArray[np.float64]
) -> TestRows:
    """Some of the rows, all of which count, with these weights beside their own."""
    return replace(
        rows,
        inputs={name: values[chosen] for name, values in rows.inputs.items()},
        labels=rows.labels[chosen],
        competing=rows.competing[chosen],
        day=rows.day[chosen],
        entity=rows.entity[chosen],
        counted=np.ones(len(chosen), np.bool_),
        keys=rows.keys.take(chosen),
        weight=rows.weight[chosen] * weight,
    )
