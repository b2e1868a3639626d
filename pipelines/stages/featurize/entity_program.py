"""Windows and sequences of one entity as plain values, which travel to a worker.

Why: a worker needs to know columns, spans and scales, and not the pipeline.
Not here: making them from a declaration (``feature_plan.py``), the arithmetic (``windows.py``).
"""

from dataclasses import dataclass

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Separation:
    """Seconds from the rows of a partition to the rows that ask: ``nearest_s`` to below ``farthest_s``."""

    nearest_s: int
    farthest_s: int


@dataclass(frozen=True, slots=True)
class HistoryColumn:
    """A history column that windows read.

    Attributes:
        column: Its name in the history file.
        scale: Stored whole numbers per unit (100 for cents); 0 where it holds floats.
    """

    column: str
    scale: int


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Rows that count: those whose stored column equals any of some values (a text, its hash)."""

    column: str
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class TrailingWindow:
    """The outputs of one declared ``Trailing``.

    Attributes:
        names: Output columns, by span and then by aggregate.
        aggregates: As declared.
        spans_s: Window lengths in seconds.
        delay_s: Seconds until a row's values are known.
        source: What the aggregates read that read a column.
        only: Which rows count; None for all.
    """

    names: tuple[str, ...]
    aggregates: tuple[str, ...]
    spans_s: tuple[int, ...]
    delay_s: int
    source: HistoryColumn | None
    only: RowFilter | None

    def reach_s(self) -> int:
        """Seconds back from a row to the far end of its longest window."""
        return max(self.spans_s) + self.delay_s

    def columns(self) -> tuple[str, ...]:
        """History columns that it reads."""
        return tuple(part.column for part in (self.source, self.only) if part is not None)


@dataclass(frozen=True, slots=True)
class EventSequence:
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
    sources: tuple[HistoryColumn, ...]

    @property
    def width(self) -> int:
        """Numbers of the block in a row."""
        return self.steps * (len(self.sources) + 1)

    def reach_s(self) -> int:
        """Seconds back from a row to the oldest event it can hold."""
        return self.within_s + self.delay_s

    def columns(self) -> tuple[str, ...]:
        """History columns that it reads."""
        return tuple(source.column for source in self.sources)


@dataclass(frozen=True, slots=True)
class VisitSequence:
    """The block of one declared ``Visits``.

    Attributes:
        names: Column of the block, column of its length.
        steps: Most visits in it.
        delay_s: Seconds until a row's values are known.
        within_s: Seconds it reaches back beyond the delay.
        code: Column that says what a row is about.
        source: What is measured; None where nothing is.
        codes: Rows of each code that has values.
        events: Rows of each code that has none.
        zone: Time zone of the days.
    """

    names: tuple[str, str]
    steps: int
    delay_s: int
    within_s: int
    code: str
    source: HistoryColumn | None
    codes: tuple[RowFilter, ...]
    events: tuple[RowFilter, ...]
    zone: str

    @property
    def width(self) -> int:
        """Numbers of the block in a row: values, flags, and two times a step."""
        return self.steps * (2 * len(self.codes) + len(self.events) + 2)

    def reach_s(self) -> int:
        """Seconds back from a row to the oldest row of a visit."""
        return self.within_s + self.delay_s

    def columns(self) -> tuple[str, ...]:
        """History columns that it reads."""
        return (self.code, *((self.source.column,) if self.source else ()))


Part = TrailingWindow | EventSequence | VisitSequence


@dataclass(frozen=True, slots=True)
class EntityProgram:
    """Every window and sequence over one entity's rows in a table, which are read and sorted once.

    Attributes:
        entity: Name of the entity.
        windows: Its windows.
        sequences: Its sequences.
        hashed: Whether histories have two hashes of the entity, which is a text.
        table: Whose rows they are over; None for the examples' own.
    """

    entity: str
    windows: tuple[TrailingWindow, ...]
    sequences: tuple[EventSequence | VisitSequence, ...] = ()
    hashed: bool = False
    table: str | None = None

    @property
    def name(self) -> str:
        """What distinguishes it from the other programs of a pipeline."""
        return self.entity if self.table is None else f"{self.entity} {self.table}"

    def parts(self) -> tuple[Part, ...]:
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

    def columns(self, distance: Separation | None = None) -> tuple[str, ...]:
        """History columns needed of a partition so far away, each once, in order of first use.

        None for all of them: the columns of every partition become one.
        """
        used = [p.columns() for p in self.parts() if distance is None or _reads(p, distance)]
        return tuple(dict.fromkeys(name for names in used for name in names))

    def reads(self, distance: Separation) -> bool:
        """Whether some row that asks can see a row of a partition so far away."""
        return any(_reads(part, distance) for part in self.parts())


def _reads(part: Part, distance: Separation) -> bool:
    """Whether seconds between two rows so far apart can lie in [delay, reach)."""
    return max(part.delay_s, distance.nearest_s) < min(part.reach_s(), distance.farthest_s)
