"""``Trailing``: aggregates of an entity's rows in windows that end at the row or a delay before it.

The rows are those of the examples' table, or of another one.
"""

from collections.abc import Iterator

from pipelines.core.declared import declared
from pipelines.operators.aggregates import reads_column
from pipelines.operators.column_names import in_name, in_name_any
from pipelines.operators.operator import FeatureSource

DAY_S = 86_400
UNITS_S = {"h": 3_600, "min": 60, "s": 1}


@declared
class Trailing(FeatureSource):
    """Aggregates over an entity's rows in trailing windows.

    The window of a row at time t contains its entity's rows with time in (t - delay - span, t - delay],
    the row itself and its ties included where the delay is 0. A null is not a value. Rows of another
    table count by the same rule from when their partition is over, by the end of the row's own.

    Attributes:
        entity: Name of the declared entity.
        aggregates: Names of ``aggregates.AGGREGATES``; docs/features.md has what each of them is.
        spans_days: Window lengths in days.
        column: Column that every aggregate reads but ``count``, ``ever``, ``days_since_first`` and
            ``days_since_last``.
        delay_days: Days until a row's values are known. Aggregates of a label need the label's
            own delay.
        where: ``(column, value)``: only such rows are used (one test of a long-form table); or
            ``(column, (value, ...))``: rows with any of these values.
        spans_s: Additional window lengths, in seconds (3600 for an hour).
        table: Another declared table whose rows are aggregated, by event time; it must have the
            entity's columns. None for the examples' own.
        called: What stands for the values of ``where`` in the names, such as ``diabetes`` for ten codes;
            empty for the value itself.
    """

    entity: str
    aggregates: tuple[str, ...]
    spans_days: tuple[int, ...] = ()
    column: str | None = None
    delay_days: int = 0
    where: tuple[str, str | float | bool | tuple[str | float | bool, ...]] | None = None
    spans_s: tuple[int, ...] = ()
    table: str | None = None
    called: str = ""

    def wanted(self) -> tuple[str | float | bool, ...]:
        """The values of ``where``; none without it."""
        if self.where is None:
            return ()
        value = self.where[1]
        return value if isinstance(value, tuple) else (value,)

    def every_span_s(self) -> tuple[int, ...]:
        """Every window length in seconds, shorter units first."""
        return (*self.spans_s, *(days * DAY_S for days in self.spans_days))

    def names(self) -> tuple[str, ...]:
        """Names by span, then by aggregate: ``customer_count_1d``, ``customer_mean_tx_amount_1d``.

        Those over another table have its name behind the entity's: ``patient_labs_mean_value_30d``.
        """
        suffixes = [*map(_short, self.spans_s), *(f"{days}d" for days in self.spans_days)]
        return tuple(self._name(a, suffix) for suffix in suffixes for a in self.aggregates)

    def name(self, aggregate: str, span_days: int) -> str:
        """Output column of one aggregate over one span of days."""
        return self._name(aggregate, f"{span_days}d")

    def look_back_days(self) -> int:
        """Number of days before the row's own day that a window can reach."""
        return -(-max(self.every_span_s(), default=0) // DAY_S) + self.delay_days

    def problems(self) -> Iterator[str]:
        """Missing spans, or numbers out of range."""
        if not self.every_span_s() or min(self.every_span_s()) < 1 or self.delay_days < 0:
            yield (
                f"Trailing({self.entity}): spans_days and spans_s must be 1 or more, at least one "
                f"of them given, and delay_days 0 or more."
            )
        yield from self._unnamed()

    def _unnamed(self) -> Iterator[str]:
        if self.called and self.where is None:
            yield f"Trailing({self.entity}): called={self.called!r} without where, whose values it stands for."
        elif self.called != in_name(self.called):
            yield (
                f"Trailing({self.entity}): called={self.called!r} must be letters, digits and underscores, "
                f"such as {in_name(self.called)!r}."
            )

    def _name(self, aggregate: str, suffix: str) -> str:
        of = f"_{self.column}" if reads_column(aggregate) else ""
        values = self.called or (in_name_any(self.wanted()) if self.wanted() else "")
        only = f"_{values}" if values else ""
        whose = f"{self.entity}_{self.table}" if self.table else self.entity
        return f"{whose}_{aggregate}{of}{only}_{suffix}"


def _short(span_s: int) -> str:
    """A length in the largest unit of which it is a multiple: 5400 is ``90min``."""
    unit, size = next((u, s) for u, s in UNITS_S.items() if span_s % s == 0)
    return f"{span_s // size}{unit}"
