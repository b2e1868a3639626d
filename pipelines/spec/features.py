"""Declared features: what a model sees of a row, by name.

Why: the same declaration drives the Dask program, the training shards and the serving graph.
Promise: ``names()`` gives a feature's output columns in a fixed order, without computing any.
Not here: the arithmetic (``pipelines/features/``).
"""

from pipelines.spec.declared import declared

AGGREGATES = ("count", "sum", "mean", "rate")


@declared
class Numeric:
    """A numeric column of the row itself."""

    column: str

    def names(self) -> tuple[str, ...]:
        """The column's own name."""
        return (self.column,)


@declared
class Weekend:
    """1.0 where a timestamp falls on Saturday or Sunday, UTC."""

    column: str

    def names(self) -> tuple[str, ...]:
        """One flag."""
        return ("during_weekend",)


@declared
class Night:
    """1.0 where a timestamp's hour is ``last_hour`` or earlier, UTC (06:59 is night at 6)."""

    column: str
    last_hour: int = 6

    def names(self) -> tuple[str, ...]:
        """One flag."""
        return ("during_night",)


@declared
class Trailing:
    """Aggregates over an entity's rows in trailing windows.

    A row at time t sees its entity's rows with time in (t - delay - span, t - delay], its own
    row and its ties included where the delay is 0.

    Attributes:
        entity: Name of the declared entity.
        aggregates: Any of ``count``; ``sum`` and ``mean`` of ``column``; ``rate`` (share of rows
            where ``column`` is 1; 0 where the window is empty, as ``mean`` is).
        spans_days: Window lengths in days.
        column: Column that ``sum``, ``mean`` and ``rate`` read.
        delay_days: Days until a row's values are known. Anything from a label needs the
            label's own delay.
        where: ``(column, value)``: only such rows are counted (one test of a long-form table).
    """

    entity: str
    aggregates: tuple[str, ...]
    spans_days: tuple[int, ...]
    column: str | None = None
    delay_days: int = 0
    where: tuple[str, object] | None = None

    def names(self) -> tuple[str, ...]:
        """Names by span, then by aggregate: ``customer_count_1d``, ``customer_mean_tx_amount_1d``."""
        return tuple(
            self.name(aggregate, span)
            for span in self.spans_days
            for aggregate in self.aggregates
        )

    def name(self, aggregate: str, span_days: int) -> str:
        """Output column of one aggregate over one span."""
        of = "" if aggregate == "count" else f"_{self.column}"
        only = f"_{self.where[1]}" if self.where else ""
        return f"{self.entity}_{aggregate}{of}{only}_{span_days}d"

    def look_back_days(self) -> int:
        """Whole days before the row's own day that a window can reach."""
        return max(self.spans_days) + self.delay_days


Feature = Numeric | Weekend | Night | Trailing
