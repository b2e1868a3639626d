"""The events of a model's labels, and the end of each entity's follow-up, as known by its as-of day.

Why: labels ask for the next event of an entity after a time, so events are wanted by entity and time.
Promise: one partition is in memory at a time, and of its rows only those that are events; of versions of
    a row the one that was known by the as-of day counts. No row without an entity counts.
Not here: which partitions (``inputs.py``), labels (``outcomes.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.protocol import Work
from pipelines.shared.tables.versions import day_number, version_columns, versions_of
from pipelines.spec import Outcome, Table
from pipelines.spec.conditions import alternatives
from pipelines.stages.cohort.inputs import OutcomeInputs

FILE = "part-0.parquet"
EVENT, COMPETING_EVENT = 1, 2
NEVER = int(np.iinfo(np.int64).max)
KEY, TIME, KIND = "key", "time", "kind"


@dataclass(frozen=True, slots=True)
class Events:
    """Events of one kind, by entity and then by time.

    Attributes:
        code: Number of each one's entity, ``(n_events,)``.
        time_us: When it happened, microseconds since 1970, ``(n_events,)``.
    """

    code: NDArray[np.int64]
    time_us: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class History:
    """What is known of every entity.

    Attributes:
        entities: Keys of the entities that have an event or an end of follow-up, each once.
        event: The event.
        competing: The competing event.
        end_us: End of each entity's follow-up, microseconds since 1970, ``NEVER`` for none known,
            ``(n_entities,)``.
    """

    entities: pa.Array
    event: Events
    competing: Events
    end_us: NDArray[np.int64]

    def codes(self, keys: pa.ChunkedArray) -> NDArray[np.int64]:
        """Number of each key's entity; -1 for one that nothing is known of."""
        found = pc.index_in(keys.combine_chunks(), self.entities)
        return pc.fill_null(found, -1).cast(pa.int64()).to_numpy()


def read_history(work: Work, label: Outcome, inputs: OutcomeInputs) -> History:
    """Read the events and the ends of follow-up."""
    key = work.pipeline.entity(label.entity).key
    events = pa.concat_tables(
        [_none(work, label), *_events(work, label, inputs, key)], promote_options="permissive"
    )
    ends = _ends(work, label, inputs, key)
    kept = [each.column(KEY).combine_chunks() for each in (events, ends)]
    entities = pc.unique(pa.concat_arrays([pa.concat_arrays([k]) for k in kept]))
    code = pc.index_in(events[KEY].combine_chunks(), entities).cast(pa.int64()).to_numpy()
    time_us, kind = events[TIME].to_numpy(), events[KIND].to_numpy()
    return History(
        entities,
        _ordered(code, time_us, kind == EVENT),
        _ordered(code, time_us, kind == COMPETING_EVENT),
        _ends_of(entities, ends, followed=bool(label.followed_until)),
    )


def _ordered(
    code: NDArray[np.int64], time_us: NDArray[np.int64], chosen: NDArray[np.bool_]
) -> Events:
    code, time_us = code[chosen], time_us[chosen]
    order = np.lexsort((time_us, code))
    return Events(code[order], time_us[order])


def _none(work: Work, label: Outcome) -> pa.Table:
    """A table of no events, with the type of the entity's key."""
    kind = pa.string() if work.pipeline.is_text(label.entity) else pa.int64()
    return pa.table(
        {KEY: pa.array([], kind), TIME: pa.array([], pa.int64()), KIND: pa.array([], pa.int8())}
    )


def _events(work: Work, label: Outcome, inputs: OutcomeInputs, key: str) -> Iterator[pa.Table]:
    """The events of each partition."""
    table = _table(work, label.table)
    columns = [label.where[0], *([label.competing[0]] if label.competing else [])]
    for rows in _rows(work, table, inputs, [key, table.time_column, *columns]):
        competing = _is(rows, label.competing)
        is_event = _is(rows, label.where)
        chosen = is_event | competing
        kind = np.where(is_event, EVENT, COMPETING_EVENT).astype(np.int8)
        found = pa.table(
            {KEY: rows[key], TIME: rows[table.time_column].cast(pa.int64()), KIND: kind}
        ).filter(pa.array(chosen))
        yield found.filter(pc.is_valid(found[KEY]))


def _is(rows: pa.Table, condition: tuple[str, object] | None) -> NDArray[np.bool_]:
    """Which rows have one of the condition's values."""
    if condition is None:
        return np.zeros(rows.num_rows, bool)
    name, value = condition
    values = pa.array(alternatives(value))
    found = pc.is_in(rows[name], values.cast(rows[name].type))
    return (
        found.to_numpy(zero_copy_only=False)
        if isinstance(found, pa.Array)
        else found.to_numpy()
    )


def _ends(work: Work, label: Outcome, inputs: OutcomeInputs, key: str) -> pa.Table:
    """Until when each entity was followed; an entity may be there several times."""
    name, dot, column = label.followed_until.partition(".")
    if not name:
        return _none(work, label).drop_columns([KIND])
    table = _table(work, name)
    time = column if dot else table.time_column
    parts = [_none(work, label).drop_columns([KIND])]
    for rows in _rows(work, table, inputs, [key, time]):
        known = pa.table({KEY: rows[key], TIME: rows[time].cast(pa.int64())}).drop_null()
        last = known.group_by(KEY, use_threads=False).aggregate([(TIME, "max")])
        parts.append(last.rename_columns({f"{TIME}_max": TIME}).select([KEY, TIME]))
    return pa.concat_tables(parts)


def _ends_of(entities: pa.Array, ends: pa.Table, *, followed: bool) -> NDArray[np.int64]:
    found = np.full(len(entities), np.iinfo(np.int64).min)
    if followed:
        code = pc.index_in(ends[KEY].combine_chunks(), entities).cast(pa.int64()).to_numpy()
        np.maximum.at(found, code, ends[TIME].to_numpy())
    found[found == np.iinfo(np.int64).min] = NEVER
    return found


def _rows(
    work: Work, table: Table, inputs: OutcomeInputs, columns: list[str]
) -> Iterator[pa.Table]:
    """Columns of each partition's rows, as known by the as-of day."""
    for manifest in inputs.manifests[table.name].values():
        path = work.store.open(manifest) / FILE
        visible = _visible(path, table, inputs.known_by, work.pipeline.time_zone)
        start = 0
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(
                columns=list(dict.fromkeys(columns)), use_threads=False
            ):
                rows = pa.Table.from_batches([batch])
                mask = visible if visible is None else visible[start : start + len(batch)]
                start += len(batch)
                yield rows if mask is None else rows.filter(pa.array(mask))


def _visible(path: Path, table: Table, known_by: str, zone: str) -> NDArray[np.bool_] | None:
    """Which rows were known, each in its newest version; None where all were."""
    if table.known_time is None:
        return None
    rows = pq.read_table(path, columns=version_columns(table), use_threads=False)
    versions = versions_of(rows, table, zone)
    return None if versions is None else versions.visible(day_number(known_by))


def _table(work: Work, name: str) -> Table:
    return work.pipeline.of_table(name).stored
