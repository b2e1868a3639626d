"""Guess what the columns of a sample are used for: row id, event time, entities, label.

Why: what is predicted, of whom, and when, is what only a person knows; the likeliest answer and its
    alternatives are quicker to correct than to write.
Promise: the row id is unique in the sample and has no nulls, the event time has none either; a role
    for which no column qualifies stays empty.
Not here: what the columns are (``columns.py``), the text of the declaration (``declaration_text.py``).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa

from pipelines.drivers.scaffold.profile.columns import ColumnGuess
from pipelines.drivers.scaffold.profile.number_texts import (
    SIGN,
    SIGNED_AMOUNT,
    TIME_OF_DAY,
    every,
)

NAMED_AS_ID = re.compile(
    r"(^|_)(id|ids|uuid|guid|key|no|nr|nbr|number|num|ref|code|serial|index)(_|$)"
)
# A number of guests, not the number of a guest.
NAMED_AS_COUNT = re.compile(r"^(no|nr|nbr|num|number)_")
NAMED_AS_LABEL = re.compile(
    r"(^|_)(label|target|y|class|outcome|churn\w*|fraud\w*|default\w*|readmi\w*|cancel\w*|late|delay\w*|"
    r"is_late|dep_delay|arr_delay|died|death|dead|event|survived|success|fail\w*|returned|converted|"
    r"clicked?|purchased?|response|status|diagnosis|result|approved|spam|relapse\w*|damaged|lost|won)(_|$)"
)
NAMED_AS_EVENT = re.compile(
    r"(^|_)(event|transaction|tx|created|placed|ordered|visit|admission|admitted|start\w*|picked|pickup|"
    r"departure|sched\w*|hire\w*|timestamp|datetime|time|date)(_|$)"
)
NAMED_AS_LATER = re.compile(
    r"(^|_)(updated|modified|known|end\w*|finished|closed|discharge\w*|arriv\w*|deliver\w*|due|birth\w*|"
    r"born|dob|expir\w*|loaded|ingested|inserted|valid_to)(_|$)"
)
ID_TYPES = ("integer", "text")
LABEL_TYPES = ("flag", "text", "integer", "number")
MOST_CLASSES = 12
MOST_ENTITIES = 2
# Rows of an entity, on average, from which its history says something.
LEAST_ROWS = 2.0
MOST_TRIED = 8


@dataclass(frozen=True, slots=True)
class Roles:
    """Names of columns by what they are used for; empty where none qualifies.

    Attributes:
        row_id: Columns that identify a row together.
        other_ids: Other single columns that do.
        event_time: When a row happened.
        other_times: Other times without nulls, and with.
        entities: What rows belong to.
        other_entities: Other columns that repeat as an entity does.
        label: What is predicted.
        other_labels: Other columns that could be.
        twice: Number of rows of the sample that are there more than once, whole.
    """

    row_id: tuple[str, ...]
    other_ids: tuple[str, ...]
    event_time: str
    other_times: tuple[str, ...]
    entities: tuple[str, ...]
    other_entities: tuple[str, ...]
    label: str
    other_labels: tuple[str, ...]
    twice: int = 0


def guess_roles(columns: Sequence[ColumnGuess]) -> Roles:
    """The likeliest roles."""
    usable = [column for column in columns if column.type and column.distinct]
    event, other_times = _event_times(usable)
    ids = _row_ids(usable)
    row_id = ids[0] if ids else ()
    label, other_labels = _labels(usable, ids)
    entities = _entities(usable, {label, *(row_id if len(row_id) == 1 else ())})
    return Roles(
        row_id=row_id,
        other_ids=tuple(each[0] for each in ids[1:] if len(each) == 1),
        event_time=event,
        other_times=other_times,
        entities=entities[:MOST_ENTITIES],
        other_entities=entities[MOST_ENTITIES:],
        label=label,
        other_labels=other_labels,
        twice=0 if ids else _whole_rows_twice(usable),
    )


def _event_times(columns: Sequence[ColumnGuess]) -> tuple[str, tuple[str, ...]]:
    """The likeliest event time, empty for none, and the other times."""
    times = sorted((c for c in columns if c.type == "timestamp"), key=_as_event)
    event = next((c.name for c in times if not c.nulls), "")
    return event, tuple(c.name for c in times if c.name != event)


def _labels(
    columns: Sequence[ColumnGuess], ids: Sequence[tuple[str, ...]]
) -> tuple[str, tuple[str, ...]]:
    """The likeliest label, empty for none, and the others."""
    able = [c for c in columns if _may_be_label(c, ids)]
    position = {c.name: n for n, c in enumerate(columns)}
    # A table has its outcome after what led to it: of those without a known name the last is likeliest.
    in_turn = sorted(
        able, key=lambda c: 0 if NAMED_AS_LABEL.search(c.name) else -position[c.name]
    )
    labels = sorted(in_turn, key=_as_label)
    label = labels[0].name if labels and _is_likely(labels[0]) else ""
    return label, tuple(c.name for c in labels if c.name != label)[:6]


def _as_event(column: ColumnGuess) -> tuple[bool, bool, bool, int]:
    """Times by how likely they are the event time: without nulls, by name, those with a clock first."""
    later = bool(NAMED_AS_LATER.search(column.name))
    named = bool(NAMED_AS_EVENT.search(column.name))
    return bool(column.nulls), later, not named, -column.distinct


def _row_ids(columns: Sequence[ColumnGuess]) -> list[tuple[str, ...]]:
    """Columns that are unique, the likeliest first; else the first pair or triple that is."""
    filled = [c for c in columns if not c.nulls]
    known = [c for c in filled if c.type in ID_TYPES]
    single = sorted((c for c in known if c.distinct == c.rows), key=_as_id)
    return [(c.name,) for c in single] or _unique_together(known, filled)


def _unique_together(
    known: Sequence[ColumnGuess], filled: Sequence[ColumnGuess]
) -> list[tuple[str, ...]]:
    """The first pair or triple of columns that is unique, alone in a list."""
    times = [c for c in filled if c.type == "timestamp"]
    found = next(filter(_is_unique, _together(known, times[:2])), None)
    return [_names(found)] if found else []


def _names(columns: Sequence[ColumnGuess]) -> tuple[str, ...]:
    return tuple(c.name for c in columns)


def _together(
    known: Sequence[ColumnGuess], times: Sequence[ColumnGuess]
) -> Iterator[tuple[ColumnGuess, ...]]:
    """Pairs and triples of columns, those without a time first."""
    likely = sorted(known, key=lambda c: (not NAMED_AS_ID.search(c.name), -c.distinct))
    for pool in (likely[:MOST_TRIED], [*likely[:MOST_TRIED], *times]):
        yield from combinations(pool, 2)
        yield from combinations(pool, 3)


def _as_id(column: ColumnGuess) -> tuple[bool, bool]:
    return not NAMED_AS_ID.search(column.name), column.type != "integer"


def _is_unique(columns: Sequence[ColumnGuess]) -> bool:
    most = 1
    for column in columns:
        most *= column.distinct
    if most < columns[0].rows:
        return False
    return _distinct_rows(columns) == columns[0].rows


def _distinct_rows(columns: Sequence[ColumnGuess]) -> int:
    names = [str(n) for n in range(len(columns))]
    table = pa.table([column.values for column in columns], names=names)
    return table.group_by(names).aggregate([]).num_rows


def _whole_rows_twice(columns: Sequence[ColumnGuess]) -> int:
    return columns[0].rows - _distinct_rows(columns) if columns else 0


def _may_be_label(column: ColumnGuess, ids: Sequence[tuple[str, ...]]) -> bool:
    if column.type not in LABEL_TYPES or column.distinct < 2 or (column.name,) in ids:  # noqa: PLR2004
        return False
    if column.type == "flag":
        return True
    if column.type == "text":
        return column.distinct <= MOST_CLASSES and (
            column.distinct == 2 or bool(NAMED_AS_LABEL.search(column.name))  # noqa: PLR2004
        )
    return bool(NAMED_AS_LABEL.search(column.name))


def _as_label(column: ColumnGuess) -> tuple[bool, int]:
    """Those named as labels first, then flags; an amount last."""
    named = bool(NAMED_AS_LABEL.search(column.name))
    kind = ("flag", "text", "integer", "number").index(column.type)
    return not named, kind


def _is_likely(column: ColumnGuess) -> bool:
    return column.type == "flag" or bool(NAMED_AS_LABEL.search(column.name))


def _entities(columns: Sequence[ColumnGuess], taken: set[str]) -> tuple[str, ...]:
    """Columns whose values repeat as those of a customer or a patient do, the likeliest first."""
    found = [c for c in columns if c.name not in taken and _repeats(c)]
    return tuple(c.name for c in sorted(found, key=_as_entity))


def is_named_as_id(column: ColumnGuess) -> bool:
    """Whether a column is named as an id is, and has not few values that its name says are counts."""
    if column.type == "integer" and column.distinct <= MOST_CLASSES:
        return bool(NAMED_AS_ID.search(NAMED_AS_COUNT.sub("", column.name)))
    return bool(NAMED_AS_ID.search(column.name))


def _repeats(column: ColumnGuess) -> bool:
    if column.type not in ID_TYPES:
        return False
    if column.type == "text" and _is_measure(column.values.drop_null()):
        return False
    named = is_named_as_id(column)
    if column.type == "integer" and not named:
        return False
    rows_each = (column.rows - column.nulls) / column.distinct
    many = column.distinct > MOST_CLASSES or named
    return many and column.distinct > 1 and rows_each >= LEAST_ROWS


def _is_measure(texts: pa.ChunkedArray) -> bool:
    """Whether texts are times of day, or amounts with a sign behind or before them."""
    signed = every(texts, SIGNED_AMOUNT) and every(texts, SIGN)
    return signed or every(texts, TIME_OF_DAY)


def _as_entity(column: ColumnGuess) -> tuple[bool, bool, int]:
    return not NAMED_AS_ID.search(column.name), bool(column.nulls), -column.distinct


def entity_name(column: str) -> str:
    """The entity that a column identifies: ``customer_id`` is of a customer."""
    words = [word for word in column.split("_") if not NAMED_AS_ID.fullmatch(word)]
    return "_".join(words) or "entity"
