"""A program with every operator, and rows for it made of plain Python values."""

import math

import numpy as np
import pyarrow as pa

from pipelines.operators.program import program_of
from pipelines.shared.tables.values import column_values
from pipelines.spec import (
    As,
    Bucketize,
    Categorical,
    Clip,
    Cyclic,
    Fill,
    Hash,
    Hour,
    Log,
    Numeric,
    QuantileBuckets,
    QuantileNormal,
    Ratio,
    Sequence,
    Standardise,
    Visits,
    Vocabulary,
)

STEPS, WIDTH = 3, 2
EVENTS, LENGTH = "seq_card_last_3", "len_card_last_3"
# Of a visit a value and its flag, a flag, and two times.
VISITS, VISITS_LENGTH, VISIT_WIDTH = "seq_card_visits_3", "len_card_visits_3", 5
FLAGS = (1, 2)
FEATURES = (
    Numeric("amount"),
    Numeric("amount") >> Fill("median", flag=True) >> Log() >> Standardise(),
    Numeric("amount") >> Fill("mean") >> As("amount_filled"),
    Numeric("amount") >> Fill(-1.0) >> Clip(low=-0.5, high=50.0) >> As("amount_clipped"),
    Numeric("amount") >> QuantileBuckets(n=5),
    Numeric("balance") >> Bucketize((-10.0, 0.0, 10.0)),
    Numeric("balance")
    >> Fill("mean", flag=True)
    >> QuantileNormal(n=20)
    >> As("balance_normal"),
    Ratio("amount", "balance") >> Clip(-100.0, 100.0) >> Standardise(),
    Hour("when") >> Cyclic(24),
    Categorical("merchant") >> Vocabulary(min_count=2, max_size=3),
    Categorical("merchant") >> Hash(97),
    Categorical("shop"),
    Categorical("shop") >> Hash(1 << 20),
    Sequence("card", ("amount",), steps=STEPS) >> Fill("mean") >> Log() >> Standardise(),
    Visits("card", code="kind", column="amount", codes=("a",), events=("b",), steps=STEPS)
    >> Fill("mean")
    >> Standardise(),
)
TYPES = {"amount": "number", "balance": "number", "merchant": "text", "shop": "integer"}
PROGRAM = program_of(FEATURES, TYPES)
ARROW = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "text": pa.string(),
    "block": pa.list_(pa.float32()),
    "length": pa.int32(),
}


def columns_of(rows, program=PROGRAM, xp=np):
    """Columns as operators take them, from one dict a row with None for null."""
    arrays = {
        name: pa.chunked_array([pa.array([row[name] for row in rows], ARROW[kind])])
        for name, kind in program.kinds.items()
    }
    return {n: column_values(xp, arrays[n], kind) for n, kind in program.kinds.items()}


def visits_drawn(rng, number):
    """Steps of unknown values among others, and flags of 1 and 0."""
    steps = [
        float(rng.integers(2)) if nth % VISIT_WIDTH in FLAGS else number(5.0)
        for nth in range(STEPS * VISIT_WIDTH)
    ]
    return [math.nan if value is None else value for value in steps]


def drawn(n_rows, seed=0):
    """Rows with nulls, NaN, infinities, rare words and unseen ones."""
    rng = np.random.default_rng(seed)
    words = ["", "books", "books", "Büro", "fuel", "fuel", "fuel", "日本", None, "a" * 70]
    odd = [None, math.nan, math.inf, -math.inf, 0.0, -0.0, 1e100, -1e100, 1e-300]

    def number(scale):
        return odd[rng.integers(len(odd))] if rng.random() < 0.2 else rng.normal() * scale

    return [
        {
            "amount": number(20.0),
            "balance": number(10.0),
            "hour": float(rng.integers(24)),
            "merchant": words[rng.integers(len(words))],
            EVENTS: [number(5.0) or 0.0 for _ in range(STEPS * WIDTH)],
            LENGTH: int(rng.integers(STEPS + 1)),
            VISITS: visits_drawn(rng, number),
            VISITS_LENGTH: int(rng.integers(STEPS + 1)),
            "shop": [None, 7, -(2**63), 2**62, int(rng.integers(50))][rng.integers(5)],
        }
        for _ in range(n_rows)
    ]


def fitted_on(parts, program=PROGRAM):
    """The program fitted on parts of rows, each its own partition."""
    found = [program.partials(np, columns_of(rows, program)) for rows in parts]
    return program.fitted(
        {s: steps[-1].merge([f[s] for f in found]) for s, steps in program.statistics().items()}
    )
