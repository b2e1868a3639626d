"""Days that are broken as a whole though each row is good: one function a fault.

Each takes a day's table as ingest writes it, and that of the day before; used by tests, and by the
benchmark that measures how often a fault is found (``tests/benchmarks/bench_day_faults.py``).
"""

import numpy as np
import pyarrow as pa


def _with(table, name, values):
    return table.set_column(table.column_names.index(name), name, pa.array(values))


def _amounts(change):
    return lambda table, _: _with(
        table, "tx_amount", change(table["tx_amount"].to_numpy()).astype(float)
    )


def _labels(change):
    return lambda table, _: _with(table, "tx_fraud", change(table["tx_fraud"].to_numpy()))


def _half_lost(labels):
    labels = labels.copy()
    labels[np.flatnonzero(labels)[::2]] = 0
    return labels


def _nulls(share):
    def lose(table, _):
        lost = np.random.default_rng(1).random(len(table)) < share
        amounts = pa.array(table["tx_amount"].to_numpy(), mask=lost)
        return table.set_column(table.column_names.index("tx_amount"), "tx_amount", amounts)

    return lose


def _constant(name):
    return lambda table, _: _with(table, name, np.full(len(table), table[name][0].as_py()))


# By name: what breaks the day, the limit that it is beyond, and whether a window is to be refused.
FAULTS = {
    "labels all 0": (_labels(lambda y: y * 0), "label_odds", True),
    "labels all 1": (_labels(lambda y: y * 0 + 1), "label_odds", True),
    "labels flipped": (_labels(lambda y: 1 - y), "label_odds", True),
    "half of the labels lost": (_labels(_half_lost), "label_odds", False),
    "amounts x 100": (_amounts(lambda a: a * 100), "moved_share", True),
    "amounts x 10": (_amounts(lambda a: a * 10), "moved_share", True),
    "amounts x 0.01": (_amounts(lambda a: np.round(a / 100, 2)), "moved_share", True),
    "sign of amounts flipped": (_amounts(lambda a: -a), "moved_share", True),
    "amounts x 2": (_amounts(lambda a: a * 2), "moved_share", False),
    "amounts constant": (_constant("tx_amount"), "moved_share", True),
    "one customer alone": (_constant("customer_id"), "moved_share", True),
    "60 % of amounts missing": (_nulls(0.6), "missing_share", True),
    "20 % of amounts missing": (_nulls(0.2), "missing_share", False),
    "one row in 300": (lambda t, _: t.slice(0, max(1, len(t) // 300)), "rows_ratio", True),
    "one row": (lambda t, _: t.slice(0, 1), "rows_ratio", True),
    "half of the rows": (lambda t, _: t.slice(0, len(t) // 2), "rows_ratio", False),
    "every row twice": (lambda t, _: pa.concat_tables([t, t]), "rows_ratio", False),
    "the day before again": (lambda _, before: before, "repeated", False),
}
