"""What landmarks need of the rows of their events' table: first days, excluding days and visits, by entity.

Why: the rows of decades do not fit into memory; a few numbers for each entity do.
Promise: a result does not depend on the order of rows, nor on how they are divided into blocks; a row
    without its entity counts for nothing.
Not here: reading the rows (``derive.py``), which visits are landmarks (``filters.py``).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.shared.tables.schema import canonical_type
from pipelines.spec import Entity, Landmarks, Table
from pipelines.spec.conditions import alternatives
from pipelines.stages.ingest.landmarks.local_days import days_of

# Names that no declared column has, as those begin with a letter.
DAY, FREE = "_day", "_free_"
NEVER = int(np.iinfo(np.int32).max)
COMPACT_ROWS = 1 << 20
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CandidateVisits:
    """Entities, and their days with a visit; days are numbers since 1970.

    Attributes:
        entities: The columns that identify each entity, in the order of its key.
        first: Day of each entity's first row, or first row of ``since``, ``NEVER`` for none, shape
            ``(n_entities,)``.
        excluded: For each condition of ``free_of`` the day of each entity's first such row, ``NEVER`` for none.
        entity: Index of each visit's entity, ascending, shape ``(n_visits,)``.
        day: Day of each visit, ascending within an entity.
    """

    entities: pa.Table
    first: Numbers
    excluded: tuple[Numbers, ...]
    entity: Numbers
    day: Numbers


class VisitsFound:
    """Collects visits from blocks of rows.

    Args:
        landmarks: Their declaration.
        entity: The entity.
        events: The table of the rows.
        zone: Time zone of the days.
        between: First and last day of the visits that are kept.
    """

    def __init__(
        self,
        landmarks: Landmarks,
        entity: Entity,
        events: Table,
        zone: str,
        between: tuple[int, int],
    ) -> None:
        self._landmarks, self._events, self._zone, self._between = (
            landmarks,
            events,
            zone,
            between,
        )
        self._key = entity.key
        self._names = list(dict.fromkeys([entity.key, *entity.columns()]))
        self._days = [DAY, *(f"{FREE}{n}" for n in range(len(landmarks.free_of)))]
        self._firsts = _Collected(self._of_entities)
        self._visits = _Collected(self._distinct)

    def columns(self) -> list[str]:
        """Columns of the stored table that are read."""
        single = filter(None, (self._landmarks.where, self._landmarks.since))
        conditions = [*self._landmarks.free_of, *single]
        read = (*self._names, self._events.time_column, *(name for name, _ in conditions))
        return list(dict.fromkeys(read))

    def add(self, rows: pa.Table) -> None:
        """Take in a block of rows, in any order."""
        rows = rows.filter(pc.is_valid(rows[self._key]))
        if not rows.num_rows:
            return
        time_us = rows[self._events.time_column].cast(pa.int64()).to_numpy()
        day = pa.array(days_of(time_us, self._zone))
        named = rows.select(self._names)
        of_entity = named.append_column(DAY, self._days_of(rows, day, self._landmarks.since))
        for name, condition in zip(self._days[1:], self._landmarks.free_of, strict=True):
            of_entity = of_entity.append_column(name, self._days_of(rows, day, condition))
        self._firsts.add(self._of_entities(of_entity))
        if not self._landmarks.at_days:
            first, last = self._between
            is_kept = pc.and_(pc.greater_equal(day, first), pc.less_equal(day, last))
            if self._landmarks.where is not None:
                is_kept = pc.and_(is_kept, self._meets(rows, *self._landmarks.where))
            self._visits.add(self._distinct(named.append_column(DAY, day).filter(is_kept)))

    def found(self) -> CandidateVisits:
        """What was found of all blocks."""
        entities = self._firsts.whole()
        if entities is None:
            return self._nothing()
        entities = entities.take(pc.sort_indices(entities[self._key]))
        visits = self._visits.whole()
        first, *excluded = (
            pc.fill_null(entities[name], NEVER).to_numpy() for name in self._days
        )
        index, day = np.empty(0, np.int64), np.empty(0, np.int64)
        if visits is not None:
            known = entities[self._key].combine_chunks()
            index = pc.index_in(visits[self._key], value_set=known).to_numpy().astype(np.int64)
            day = visits[DAY].to_numpy()
        order = np.lexsort((day, index))
        names = entities.select(self._names)
        return CandidateVisits(names, first, tuple(excluded), index[order], day[order])

    def _nothing(self) -> CandidateVisits:
        none = np.empty(0, np.int64)
        kinds = {c.name: canonical_type(c) for c in self._events.columns}
        fields = [(name, kinds.get(name, pa.string())) for name in self._names]
        excluded = tuple(none for _ in self._landmarks.free_of)
        return CandidateVisits(pa.schema(fields).empty_table(), none, excluded, none, none)

    def _days_of(
        self, rows: pa.Table, day: pa.Array, condition: tuple[str, object] | None
    ) -> pa.Array:
        """The day of each row that meets a condition, null of the others."""
        if condition is None:
            return day
        return pc.if_else(self._meets(rows, *condition), day, pa.scalar(None, day.type))

    def _meets(self, rows: pa.Table, column: str, value: object) -> pa.BooleanArray:
        """Mask of the rows that have one of the values."""
        kind = rows.schema.field(column).type
        wanted: list[Any] = list(alternatives(value))
        if pa.types.is_integer(kind):
            wanted = [int(each) for each in wanted]
        return pc.is_in(rows[column].combine_chunks(), value_set=pa.array(wanted, kind))

    def _of_entities(self, rows: pa.Table) -> pa.Table:
        """The first of each kind of day, by entity."""
        found = rows.group_by(self._names).aggregate([(name, "min") for name in self._days])
        named = found.rename_columns(
            [n.removesuffix("_min") if n not in self._names else n for n in found.column_names]
        )
        return named.select([*self._names, *self._days])

    def _distinct(self, rows: pa.Table) -> pa.Table:
        return rows.select([self._key, DAY]).group_by([self._key, DAY]).aggregate([])


class _Collected:
    """Tables that are combined into one, again whenever they have become long."""

    def __init__(self, combine: Any) -> None:
        self._combine = combine
        self._parts: list[pa.Table] = []
        self._rows, self._limit = 0, COMPACT_ROWS

    def add(self, part: pa.Table) -> None:
        self._parts.append(part)
        self._rows += part.num_rows
        if self._rows > self._limit:
            whole = self._combine(pa.concat_tables(self._parts))
            self._parts, self._rows = [whole], whole.num_rows
            self._limit = COMPACT_ROWS + 2 * whole.num_rows

    def whole(self) -> pa.Table | None:
        """All of them as one; None where there are none."""
        return self._combine(pa.concat_tables(self._parts)) if self._parts else None
