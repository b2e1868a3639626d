"""A shop's orders of two weeks, as rows of two database tables."""

from datetime import UTC, datetime, timedelta

import numpy as np

DAYS, ROWS = 15, 3000
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = ("shoes", "books", "lamps")
TABLES = (
    "CREATE TABLE articles (article_id integer PRIMARY KEY, kind text)",
    "CREATE TABLE orders (order_id bigint PRIMARY KEY, ordered timestamptz, customer_id integer, "
    "article_id integer, amount numeric(10, 2), sent_back integer)",
)


def articles():
    """The kinds of articles, as rows."""
    return list(enumerate(KINDS))


def orders(seed=0):
    """Orders in no order of time; dear ones, and shoes, are sent back."""
    rng = np.random.default_rng(seed)
    seconds = rng.integers(0, DAYS * 86_400, ROWS)
    kind = rng.choice(len(KINDS), ROWS, p=[0.3, 0.4, 0.3])
    amount = rng.gamma(2, 20, ROWS).round(2)
    odds = np.exp((amount - 50) / 20 + 1.5 * (kind == 0))
    back = (rng.random(ROWS) < odds / (1 + odds)).astype(int)
    times = [FIRST + timedelta(seconds=int(each)) for each in seconds]
    customers = rng.integers(0, 80, ROWS)
    columns = (range(ROWS), times, customers.tolist(), kind.tolist())
    return list(zip(*columns, amount.tolist(), back.tolist(), strict=True))
