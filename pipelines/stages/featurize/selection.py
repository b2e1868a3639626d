"""The rows that a window counts and the values it reads, each made once when first asked for.

Why: aggregates over the same window share masks, running sums and positions.
Promise: nulls do not count as values and leave no trace; sums are made on whole numbers, so they depend
    on no order of rows. Floats without declared decimals are summed in units of 2**-62, so their
    sums too depend on no order; digits below that are dropped.
"""

from functools import cached_property
from typing import Any

from pipelines.core.errors import ConfigError
from pipelines.operators.array_types import Array
from pipelines.operators.values import NULL_WHOLE
from pipelines.stages.featurize.entity_program import TrailingWindow
from pipelines.stages.featurize.timeline import Span, Timeline

# A float is cut into whole units, units of 2**-31 and units of 2**-62. A window of up to 2**31
# rows then sums without overflow; larger values than this do not fit the first.
FLOAT_UNIT = 2.0**-31
FLOAT_LIMIT = 2.0**62


class Selection:
    """Rows of one declared window on a timeline.

    Attributes:
        line: The rows in order.
        window: What is declared of them.
        scale: Divides whole values; 1 where they are floats.
    """

    def __init__(self, line: Timeline, window: TrailingWindow, columns: dict[str, Any]) -> None:
        self.line, self.window, self._columns = line, window, columns
        self.scale = window.source.scale or 1 if window.source else 1

    @cached_property
    def counts(self) -> Array:
        """Which rows count, by row; None where all do."""
        only = self.window.only
        return (
            None
            if only is None
            else equal_any(self.line.xp, self._columns[only.column], only.values)
        )

    @cached_property
    def has_value(self) -> Array:
        """Which rows count and have a value, by row; None where all do."""
        known = is_known(self.line.xp, self._raw)
        if bool(known.all()):
            return self.counts
        return known if self.counts is None else known & self.counts

    @cached_property
    def values(self) -> Array:
        """Values by row, 0 where a row has none or does not count."""
        if self.has_value is None:
            return self._raw
        return self.line.xp.where(self.has_value, self._raw, self.line.xp.zeros_like(self._raw))

    @cached_property
    def valued_positions(self) -> Array:
        """Positions of the rows that count and have a value, ascending."""
        return self._positions(self.has_value)

    @cached_property
    def counted_positions(self) -> Array:
        """Positions of the rows that count, ascending."""
        return self._positions(self.counts)

    @cached_property
    def ones(self) -> Array:
        """Running number of rows whose value is 1."""
        return self.line.running(self.values == self.scale)

    @cached_property
    def parts(self) -> tuple[tuple[Any, float], ...]:
        """``(running sum, weight)``: a value is the sum of part times weight."""
        xp, values = self.line.xp, self.values
        whole = [(values.astype(xp.int64), 1.0)] if self.is_exact else _float_parts(xp, values)
        return tuple((self.line.running(part), weight) for part, weight in whole)

    @property
    def is_exact(self) -> bool:
        """Whether values are whole numbers, or are stored as such."""
        source = self.window.source
        return self.values.dtype.kind != "f" or bool(source and source.scale)

    def valued_range(self, span: Span) -> tuple[Array, Array]:
        """First and last (exclusive) of the ``valued_positions`` in each window."""
        return self.running_values[span.start], self.running_values[span.end]

    def counted_rows(self, span: Span) -> Array:
        """Rows of the window that count."""
        return span.rows() if self.counts is None else span.total(self.running_counts)

    def valued_rows(self, span: Span) -> Array:
        """Rows of the window that count and have a value."""
        return span.rows() if self.has_value is None else span.total(self.running_values)

    @cached_property
    def running_values(self) -> Array:
        """Running number of rows that count and have a value."""
        return self._running(self.has_value)

    @cached_property
    def running_counts(self) -> Array:
        """Running number of rows that count."""
        return self._running(self.counts)

    @cached_property
    def _raw(self) -> Array:
        assert self.window.source is not None, "checks.py asks for a column"
        return self._columns[self.window.source.column]

    def _running(self, mask: Any) -> Array:
        xp, n_rows = self.line.xp, len(self.line.order)
        return xp.arange(n_rows + 1) if mask is None else self.line.running(mask)

    def _positions(self, mask: Any) -> Array:
        xp, order = self.line.xp, self.line.order
        return xp.arange(len(order)) if mask is None else xp.flatnonzero(mask[order])


def equal_any(xp: Any, column: Any, values: tuple[float, ...]) -> Array:
    """Which rows of a column have one of the values: whole numbers are compared as such."""
    if len(values) == 1:
        return column == values[0]
    return xp.isin(column, xp.asarray(list(values), column.dtype))


def is_known(xp: Any, values: Any) -> Array:
    """Which values are neither null, NaN nor infinite; whole numbers mark a null by one number."""
    return xp.isfinite(values) if values.dtype.kind == "f" else values != NULL_WHOLE


def require_summable(xp: Any, values: Any) -> None:
    """Check that floats are small enough to be summed as whole numbers.

    Raises:
        ConfigError: One is not.
    """
    largest = float(xp.abs(values).max()) if len(values) else 0.0
    if largest >= FLOAT_LIMIT:
        raise ConfigError(
            f"A window sums values up to {largest:g}; they must stay below {FLOAT_LIMIT:g}. "
            "Declare the column in a larger unit, or give it a high."
        )


def _float_parts(xp: Any, values: Any) -> list[tuple[Any, float]]:
    """Floats as whole numbers of three units, exactly but for digits below 2**-62."""
    require_summable(xp, values)
    parts, weight = [], 1.0
    for _ in range(3):
        whole = xp.trunc(values)
        parts.append((whole.astype(xp.int64), weight))
        values = (values - whole) / FLOAT_UNIT
        weight *= FLOAT_UNIT
    return parts
