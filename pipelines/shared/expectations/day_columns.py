"""What of a day is compared with other days: which columns, as what, and where it is published.

Promise: imports nothing heavy.
Not here: making a profile (``pipelines/stages/validate/day_profile.py``), comparing
    days (``day_compare.py``).
"""

from collections.abc import Mapping
from typing import Any

from pipelines.spec import Binary, Column, Label, Pipeline

PROFILE, EARLIER = "profile.json", "earlier_days.json"
NUMBERS = ("integer", "number", "flag")
# Numbers that measure; whole numbers that name an entity; the label, whose ones are counted;
# the rest, of which only nulls, and whether there is more than one value, are compared.
MEASURED, NAMED, LABEL, OTHER = "measured", "named", "label", "other"
DayProfile = dict[str, Any]


def column_kinds(pipeline: Pipeline) -> dict[str, str]:
    """Which columns of the examples are compared, and as what.

    The id of a row is another every day, and its time is the day's.
    """
    table = pipeline.table
    left_out = {table.id_column, table.event_time, table.known_time}
    entities = {name for entity in pipeline.entities for name in entity.columns()}
    label = label_column(pipeline)

    def kind_of(column: Column) -> str:
        if column.name == label:
            return LABEL
        if column.name in entities and column.type == "integer":
            return NAMED
        return MEASURED if column.type in NUMBERS else OTHER

    return {c.name: kind_of(c) for c in table.columns if c.name not in left_out}


def label_column(pipeline: Pipeline) -> str | None:
    """The column of the table whose share of ones is the label rate; None without one."""
    label, table = pipeline.label, pipeline.table
    if not isinstance(label, Label) or label.column not in table.column_names():
        return None  # another table than the examples'
    is_share = table.column(label.column).type == "flag" or isinstance(pipeline.head, Binary)
    return label.column if is_share else None


def unshown_columns(pipeline: Pipeline) -> frozenset[str]:
    """Columns whose values are not shown: sensitive ones, and those that name something."""
    named = (name for name, kind in column_kinds(pipeline).items() if kind == NAMED)
    return pipeline.sensitive_columns() | frozenset(named)


def profile_known_by(profiles: Mapping[str, Any], day: str) -> DayProfile | None:
    """Of what ``profile.json`` says: the newest profile that was known at the end of a day."""
    known = [known for known in profiles["known"] if known <= day]
    return profiles["known"][max(known)] if known else None
