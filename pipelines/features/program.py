"""What is to be computed, taken from the declaration: plain values that travel to a worker.

Why: a worker needs to know columns, spans and scales, and not the pipeline.
Promise: what a declaration asks for that cannot be computed is found here, before any row is
    read, and all of it at once.
Not here: the arithmetic (``windows.py``, ``rows.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.errors import DeclarationError
from pipelines.spec import Categorical, Column, Label, Numeric, Pipeline, Trailing

DAY_S = 86_400
NUMERIC_TYPES = ("integer", "number", "flag")


@dataclass(frozen=True, slots=True)
class Source:
    """A history column that windows read.

    Attributes:
        column: Its name in the history file.
        scale: Stored whole numbers per unit (100 for cents); 0 where it holds floats.
    """

    column: str
    scale: int


@dataclass(frozen=True, slots=True)
class Only:
    """Rows that count: those whose stored column equals a value."""

    column: str
    value: float


@dataclass(frozen=True, slots=True)
class Window:
    """The outputs of one declared ``Trailing``.

    Attributes:
        names: Output columns, by span and then by aggregate.
        aggregates: ``count``, ``sum``, ``mean``, ``rate``.
        spans_s: Window lengths in seconds.
        delay_s: Seconds until a row's values are known.
        source: What ``sum``, ``mean`` and ``rate`` read; None for counts alone.
        only: Which rows count; None for all.
    """

    names: tuple[str, ...]
    aggregates: tuple[str, ...]
    spans_s: tuple[int, ...]
    delay_s: int
    source: Source | None
    only: Only | None

    def reach_s(self) -> int:
        """Seconds back from a row to the far end of its longest window."""
        return max(self.spans_s) + self.delay_s


@dataclass(frozen=True, slots=True)
class EntityProgram:
    """Every window over one entity, so that its rows are read and sorted once."""

    entity: str
    windows: tuple[Window, ...]

    def columns(self) -> tuple[str, ...]:
        """History columns that the windows read, each once, in order of first use."""
        used = [w.source.column for w in self.windows if w.source]
        used += [w.only.column for w in self.windows if w.only]
        return tuple(dict.fromkeys(used))

    def names(self) -> tuple[str, ...]:
        """Output columns of every window, in order."""
        return tuple(name for window in self.windows for name in window.names)

    def reads(self, days_back: int) -> bool:
        """Whether a window of some row of a day can hold a row of so many days before it."""
        nearest_s = min(window.delay_s for window in self.windows)
        farthest_s = max(window.reach_s() for window in self.windows)
        return nearest_s <= days_back * DAY_S <= farthest_s


def programs_of(pipeline: Pipeline) -> tuple[EntityProgram, ...]:
    """One program for each entity that has windows.

    Raises:
        DeclarationError: Features that cannot be computed; every one is listed.
    """
    problems = list(_problems(pipeline))
    if problems:
        raise DeclarationError(pipeline.name, problems)
    found: dict[str, list[Window]] = {}
    for feature in pipeline.sources():
        if isinstance(feature, Trailing):
            found.setdefault(feature.entity, []).append(_window(pipeline, feature))
    return tuple(EntityProgram(entity, tuple(windows)) for entity, windows in found.items())


def label_column(pipeline: Pipeline) -> str:
    """The column that holds the label.

    Raises:
        DeclarationError: The label is an event in another table.
    """
    if isinstance(pipeline.label, Label):
        return pipeline.label.column
    raise DeclarationError(
        pipeline.name,
        [
            f"label: an Outcome in table {pipeline.label.table!r} is no column of "
            f"{pipeline.examples!r}. featurize needs a Label(column, known_after_days)."
        ],
    )


def key_columns(pipeline: Pipeline) -> tuple[str, ...]:
    """Columns carried beside the features: row id, event time, entities, label."""
    entities = (entity.column for entity in pipeline.entities)
    table = pipeline.table
    named = (table.row_id, table.event_time, *entities, label_column(pipeline))
    return tuple(dict.fromkeys(named))


def _window(pipeline: Pipeline, feature: Trailing) -> Window:
    table = pipeline.table
    return Window(
        names=feature.names(),
        aggregates=feature.aggregates,
        spans_s=tuple(days * DAY_S for days in feature.spans_days),
        delay_s=feature.delay_days * DAY_S,
        source=None if feature.column is None else _source(table.column(feature.column)),
        only=None
        if feature.where is None
        else _only(table.column(feature.where[0]), feature.where[1]),
    )


def _source(column: Column) -> Source:
    if column.type == "number":
        return Source(column.name, 0 if column.decimals is None else 10**column.decimals)
    return Source(column.name, 1)


def _only(column: Column, value: object) -> Only:
    number = float(value)  # type: ignore[arg-type]  # checked by _problems
    return Only(
        column.name, round(number * (_source(column).scale)) if column.decimals else number
    )


def _problems(pipeline: Pipeline) -> Iterator[str]:
    taken = set(key_columns(pipeline))
    for feature in pipeline.sources():
        for name in feature.names():
            # A key that is a category too is in the table already.
            if name in taken and not isinstance(feature, Categorical):
                yield f"feature {name!r} has the name of a key or label column."
        if isinstance(feature, Numeric):
            yield from _not_a_number(pipeline, f"Numeric({feature.column!r})", feature.column)
        if isinstance(feature, Trailing):
            yield from _trailing_problems(pipeline, feature)


def _trailing_problems(pipeline: Pipeline, feature: Trailing) -> Iterator[str]:
    where = f"Trailing({feature.entity!r})"
    columns = [feature.column, feature.where[0] if feature.where else None]
    for name in (name for name in columns if name is not None):
        yield from _not_a_number(pipeline, where, name)
        if name in (pipeline.table.row_id, pipeline.entity(feature.entity).column):
            yield f"{where}: column {name!r} names the row or the entity, so it is not in its history."
    if feature.where and not isinstance(feature.where[1], int | float):
        yield f"{where}: where value {feature.where[1]!r} must be a number."


def _not_a_number(pipeline: Pipeline, where: str, name: str) -> Iterator[str]:
    kind = pipeline.table.column(name).type
    if kind not in NUMERIC_TYPES:
        yield f"{where}: column {name!r} is of type {kind!r}. Use {', '.join(NUMERIC_TYPES)}."
