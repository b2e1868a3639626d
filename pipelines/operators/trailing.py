"""``Trailing``: what an entity did lately, in windows that end at the row or a delay before it."""

from collections.abc import Iterator

from pipelines.declared import declared
from pipelines.operators.operator import FeatureSource

AGGREGATES = (
    "count",
    "sum",
    "mean",
    "rate",
    "min",
    "max",
    "last",
    "days_since_last",
    "distinct",
)
WITHOUT_COLUMN = ("count", "days_since_last")
NOT_YET = ("min", "max", "last", "days_since_last", "distinct")


@declared
class Trailing(FeatureSource):
    """Aggregates over an entity's rows in trailing windows.

    A row at time t sees its entity's rows with time in (t - delay - span, t - delay], its own
    row and its ties included where the delay is 0.

    Attributes:
        entity: Name of the declared entity.
        aggregates: Any of ``count``; ``sum`` and ``mean`` of ``column``; ``rate`` (share of rows
            where ``column`` is 1; 0 where the window is empty, as ``mean`` is); ``min``,
            ``max``, ``last`` and ``distinct`` of ``column``; ``days_since_last``.
        spans_days: Window lengths in days.
        column: Column that every aggregate but ``count`` and ``days_since_last`` reads.
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
        of = "" if aggregate in WITHOUT_COLUMN else f"_{self.column}"
        only = f"_{self.where[1]}" if self.where else ""
        return f"{self.entity}_{aggregate}{of}{only}_{span_days}d"

    def look_back_days(self) -> int:
        """Whole days before the row's own day that a window can reach."""
        return max(self.spans_days) + self.delay_days

    def problems(self) -> Iterator[str]:
        """Aggregates that no kernel computes."""
        for aggregate in self.aggregates or ():
            if aggregate in NOT_YET:
                yield f"Trailing({self.entity}): aggregate {aggregate!r} is not available yet."
