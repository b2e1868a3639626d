"""What a day's features are made of: one plan from the declaration, made once and passed along.

Why: reading, computing, writing and describing must agree on columns and their order, so they
    read the same plan instead of asking the declaration again.
Not here: windows and sequences (``window_plan.py``), what is wrong with a declaration
    (``pipelines/spec/checks/features.py``), the arithmetic (``windows.py``,
    ``rows.py``).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from pipelines.core.zones import zone_table
from pipelines.operators import Categorical, Numeric, Since
from pipelines.operators.events import EventSource
from pipelines.operators.operator import CATEGORICAL, SEQUENCE, FeatureSource
from pipelines.operators.times import TimeSource
from pipelines.spec import Label, Pipeline
from pipelines.spec.tables import Table
from pipelines.stages.featurize.entity_program import EntityProgram, VisitSequence
from pipelines.stages.featurize.window_plan import programs_of

VALUE_BYTES, EVENT_BYTES = 8, 4


@dataclass(frozen=True, slots=True)
class AttributeColumn:
    """A column of a static table.

    Attributes:
        name: The feature.
        table: The static table.
        key: The stored column that identifies the entity, of both tables.
        column: The column.
        is_category: Whether it stays as it is; else it is a number.
        since: What makes a number of a timestamp and the example's time; None for other columns.
    """

    name: str
    table: str
    key: str
    column: str
    is_category: bool
    since: Since | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeaturePlan:
    """What every partition of a pipeline's features is made of.

    Attributes:
        table: The declared table of the rows.
        buckets: Hash buckets of every history.
        copied_columns: Columns copied beside the features: row id, event time, entities, label.
        label: The one of them that holds the label; None where it is an event of another table.
        may_lack_label: Whether it may be null.
        read_columns: Columns of the validated table that are read.
        row_sources: Sources that read their row alone.
        categories: Features that are columns of the table as they are.
        attributes: Features that are columns of static tables.
        programs: Windows and sequences, by entity and table.
        versioned_tables: Other tables whose rows say when they were known.
        names: Every feature, in the order of the declaration.
        described: Those that statistics are kept of.
        time_zone: Whose calendar the features of a time are of.
        row_bytes: About what a row takes in memory; a text counts as a number.
    """

    table: Table
    buckets: int
    copied_columns: tuple[str, ...]
    label: str | None
    may_lack_label: bool
    read_columns: tuple[str, ...]
    row_sources: tuple[Numeric | TimeSource | Since, ...]
    categories: tuple[str, ...]
    attributes: tuple[AttributeColumn, ...]
    programs: tuple[EntityProgram, ...]
    versioned_tables: frozenset[str]
    names: tuple[str, ...]
    described: tuple[str, ...]
    time_zone: str
    row_bytes: int

    def clock(self) -> str:
        """The offsets of the zone, which features depend on; empty where there are none."""
        sequences = [each for program in self.programs for each in program.sequences]
        calendar = any(isinstance(source, TimeSource) for source in self.row_sources)
        visits = any(isinstance(each, VisitSequence) for each in sequences)
        by_days = self.table.known_time is not None
        return zone_table(self.time_zone).digest() if calendar or visits or by_days else ""

    def programs_without(self, names: Collection[str]) -> tuple[EntityProgram, ...]:
        """Windows and sequences but those whose outputs are all among ``names``."""
        done = frozenset(names)
        left = (_without(program, done) for program in self.programs)
        return tuple(program for program in left if program.every_name())


def plan_features(pipeline: Pipeline) -> FeaturePlan:
    """Work out what a pipeline's features are made of."""
    sources, names = pipeline.sources(), pipeline.feature_names()
    label = pipeline.label.column if isinstance(pipeline.label, Label) else None
    keys = _unique((*_identity(pipeline), *filter(None, [label])))
    of_row = [s for s in sources if s not in pipeline.attributes()]
    categories = _unique(s.column for s in of_row if isinstance(s, Categorical))
    return FeaturePlan(
        table=pipeline.table,
        buckets=pipeline.buckets,
        copied_columns=keys,
        label=label,
        may_lack_label=pipeline.may_lack_label,
        read_columns=_unique((*keys, *_read_by(sources))),
        row_sources=tuple(s for s in of_row if isinstance(s, Numeric | TimeSource | Since)),
        categories=categories,
        attributes=tuple(map(partial(_attribute, pipeline), pipeline.attributes())),
        programs=programs_of(pipeline),
        versioned_tables=frozenset(t.name for t in pipeline.tables if t.known_time is not None),
        names=names,
        described=_described(sources),
        time_zone=pipeline.time_zone,
        row_bytes=VALUE_BYTES * (len(keys) + len(names)) + EVENT_BYTES * _steps(sources),
    )


def _identity(pipeline: Pipeline) -> tuple[str, ...]:
    entities = (entity.key for entity in pipeline.entities)
    return pipeline.table.id_column, pipeline.table.time_column, *entities


def _described(sources: Iterable[FeatureSource]) -> tuple[str, ...]:
    """Features that are numbers, each once."""
    numbers = (s for s in sources if s.kind not in (SEQUENCE, CATEGORICAL))
    return _unique(name for source in numbers for name in source.names())


def _attribute(pipeline: Pipeline, source: Numeric | Categorical | Since) -> AttributeColumn:
    return AttributeColumn(
        name=source.names()[0],
        table=source.table or pipeline.examples,
        key=pipeline.entity(source.entity or "").key,
        column=source.column,
        is_category=isinstance(source, Categorical),
        since=source if isinstance(source, Since) else None,
    )


def _read_by(sources: Iterable[FeatureSource]) -> Iterator[str]:
    return (column for source in sources for column in source.reads())


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _steps(sources: Iterable[FeatureSource]) -> int:
    """Numbers in a row's sequences."""
    events = (s for s in sources if isinstance(s, EventSource))
    return sum(each.steps * len(each.features()) for each in events)


def _without(program: EntityProgram, done: frozenset[str]) -> EntityProgram:
    return replace(
        program,
        windows=tuple(w for w in program.windows if not done.issuperset(w.names)),
        sequences=tuple(s for s in program.sequences if not done.issuperset(s.names)),
    )
