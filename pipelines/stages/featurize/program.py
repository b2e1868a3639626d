"""What is to be computed, taken from the declaration: plain values that travel to a worker.

Why: a worker needs to know columns, spans and scales, and not the pipeline.
Promise: what a declaration asks for that cannot be computed is found here, before any row is
    read, and all of it at once.
Not here: the arithmetic (``windows.py``, ``rows.py``), what is wrong (``problems.py``).
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from pipelines.core.errors import DeclarationError
from pipelines.operators import Sequence, Trailing
from pipelines.operators.hashing import hash_word
from pipelines.spec import Column, Label, Pipeline
from pipelines.stages.featurize.problems import problems_of

DAY_S = 86_400
VALUE_BYTES, EVENT_BYTES = 8, 4
T = TypeVar("T", Trailing, Sequence)


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
    """Rows that count: those whose stored column equals a value (a text, its hash)."""

    column: str
    value: float


@dataclass(frozen=True, slots=True)
class Window:
    """The outputs of one declared ``Trailing``.

    Attributes:
        names: Output columns, by span and then by aggregate.
        aggregates: As declared.
        spans_s: Window lengths in seconds.
        delay_s: Seconds until a row's values are known.
        source: What every aggregate but ``count`` and ``days_since_last`` reads.
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

    def columns(self) -> tuple[str, ...]:
        """History columns that it reads."""
        return tuple(part.column for part in (self.source, self.only) if part is not None)


@dataclass(frozen=True, slots=True)
class Events:
    """The block of one declared ``Sequence``.

    Attributes:
        names: Column of the block, column of its length.
        steps: Most events in it.
        delay_s: Seconds until a row's values are known.
        within_s: Seconds it reaches back beyond the delay.
        own: Whether it ends with the row itself where there is no delay.
        sources: What a step holds, before its age.
    """

    names: tuple[str, str]
    steps: int
    delay_s: int
    within_s: int
    own: bool
    sources: tuple[Source, ...]

    def reach_s(self) -> int:
        """Seconds back from a row to the oldest event it can hold."""
        return self.within_s + self.delay_s

    def columns(self) -> tuple[str, ...]:
        """History columns that it reads."""
        return tuple(source.column for source in self.sources)


@dataclass(frozen=True, slots=True)
class EntityProgram:
    """Every window and sequence over one entity, so that its rows are read and sorted once."""

    entity: str
    windows: tuple[Window, ...]
    sequences: tuple[Events, ...] = ()

    def parts(self) -> "tuple[Window | Events, ...]":
        """Its windows and its sequences."""
        return (*self.windows, *self.sequences)

    def names(self) -> tuple[str, ...]:
        """Output columns of every window, in order."""
        return tuple(name for window in self.windows for name in window.names)

    def every_name(self) -> tuple[str, ...]:
        """Output columns of every window and sequence."""
        return (*self.names(), *(name for events in self.sequences for name in events.names))

    def reach_s(self) -> int:
        """Seconds back from a row to the oldest row it can see."""
        return max(part.reach_s() for part in self.parts())

    def columns(self, days_back: int = 0) -> tuple[str, ...]:
        """History columns needed of a day so many days back, each once, in order of first use.

        The day itself needs them all: its rows are what the others are laid beside.
        """
        used = [p.columns() for p in self.parts() if not days_back or _reads(p, days_back)]
        return tuple(dict.fromkeys(name for names in used for name in names))

    def reads(self, days_back: int) -> bool:
        """Whether some row of a day can see a row of so many days before it."""
        return any(_reads(part, days_back) for part in self.parts())


def programs_of(pipeline: Pipeline) -> tuple[EntityProgram, ...]:
    """One program for each entity that has windows or sequences.

    Raises:
        DeclarationError: Features that cannot be computed; every one is listed.
    """
    problems = list(problems_of(pipeline))
    if problems:
        raise DeclarationError(pipeline.name, problems)
    sources = [s for s in pipeline.sources() if isinstance(s, Trailing | Sequence)]
    return tuple(
        EntityProgram(
            entity,
            tuple(_window(pipeline, s) for s in _of(sources, Trailing, entity)),
            tuple(_events(pipeline, s) for s in _of(sources, Sequence, entity)),
        )
        for entity in dict.fromkeys(source.entity for source in sources)
    )


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


def row_bytes(pipeline: Pipeline) -> int:
    """About what a row of the feature table takes in memory; a text counts as a number."""
    values = len(key_columns(pipeline)) + len(pipeline.feature_names())
    events = (s for s in pipeline.sources() if isinstance(s, Sequence))
    steps = sum(each.steps * (len(each.columns) + 1) for each in events)
    return VALUE_BYTES * values + EVENT_BYTES * steps


def _reads(part: Window | Events, days_back: int) -> bool:
    """Whether seconds between two rows so many days apart can lie in [delay, reach)."""
    nearest_s, farthest_s = (days_back - 1) * DAY_S + 1, (days_back + 1) * DAY_S
    return max(part.delay_s, nearest_s) < min(part.reach_s(), farthest_s)


def _of(sources: list[Any], kind: type[T], entity: str) -> list[T]:
    return [s for s in sources if isinstance(s, kind) and s.entity == entity]


def _window(pipeline: Pipeline, feature: Trailing) -> Window:
    table, only = pipeline.table, feature.where
    return Window(
        names=feature.names(),
        aggregates=feature.aggregates,
        spans_s=feature.every_span_s(),
        delay_s=feature.delay_days * DAY_S,
        source=None if feature.column is None else _source(table.column(feature.column)),
        only=None if only is None else _only(table.column(only[0]), only[1]),
    )


def _events(pipeline: Pipeline, feature: Sequence) -> Events:
    return Events(
        names=feature.names(),
        steps=feature.steps,
        delay_s=feature.delay_days * DAY_S,
        within_s=feature.within_days * DAY_S,
        own=feature.own,
        sources=tuple(_source(pipeline.table.column(name)) for name in feature.columns),
    )


def _source(column: Column) -> Source:
    if column.type == "number":
        return Source(column.name, 0 if column.decimals is None else 10**column.decimals)
    return Source(column.name, 1)


def _only(column: Column, value: object) -> Only:
    if isinstance(value, str):
        return Only(column.name, hash_word(value))
    number = float(value)  # type: ignore[arg-type]  # checked by problems_of
    return Only(
        column.name, round(number * (_source(column).scale)) if column.decimals else number
    )
