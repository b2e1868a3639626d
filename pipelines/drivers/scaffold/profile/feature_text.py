"""The features that the columns of a sample suggest.

Why: a first model should see every column that says something before the label is known.
Promise: the label, the row id and times other than the event's are no features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.core.partitions import DAY, HOUR
from pipelines.drivers.scaffold.profile.calendar import CalendarGuess
from pipelines.drivers.scaffold.profile.columns import ColumnGuess
from pipelines.drivers.scaffold.profile.leaks import LEAK, predicts_label
from pipelines.drivers.scaffold.profile.roles import Roles, entity_name, is_named_as_id

WEEKS_FROM_DAYS = 14
FEW, MANY, LEAST_ROWS = 100, 50_000, 5
SKEWED, MOST_MEANS = 50, 2


@dataclass(frozen=True, slots=True)
class FeatureGuess:
    """A feature as text, and the names it needs; ``text`` is empty for a column that is none."""

    text: str
    names: tuple[str, ...] = ()
    why: str = ""


def feature_guesses(
    columns: Sequence[ColumnGuess], roles: Roles, calendar: CalendarGuess | None
) -> list[FeatureGuess]:
    """Features of the rows, of the clock, and of the entities' histories, in this order."""
    taken = {roles.label, roles.event_time, *roles.entities}
    taken |= set(roles.row_id if len(roles.row_id) == 1 else ())
    label = next((c for c in columns if c.name == roles.label and c.type == "flag"), None)
    own = [_own(c, label) for c in columns if c.type and c.name not in taken]
    if calendar is None:
        return own
    clock = list(_clock(roles.event_time, calendar))
    return own + clock + list(_histories(columns, roles, calendar))


def _own(column: ColumnGuess, label: ColumnGuess | None) -> FeatureGuess:
    name = f'"{column.name}"'
    if column.distinct < 2:  # noqa: PLR2004  a constant says nothing
        return FeatureGuess("", why=f"{column.name}: one value or none")
    if column.type == "timestamp":
        return FeatureGuess("", why=f"{column.name}: a time")
    if label is not None and (auc := predicts_label(column, label)) > LEAK:
        why = f"{column.name}: alone it predicts the label (AUC {auc:.2f}), so it is known afterwards"
        return FeatureGuess("", why=why)
    if column.type == "text" or (column.type == "integer" and is_named_as_id(column)):
        return _category(column, name)
    return _number(column, name)


def _category(column: ColumnGuess, name: str) -> FeatureGuess:
    if column.distinct <= FEW:
        return FeatureGuess(f"Categorical({name})", ("Categorical",))
    rows_each = (column.rows - column.nulls) / column.distinct
    if column.distinct <= MANY and rows_each >= LEAST_ROWS:
        text = f"Categorical({name}) >> Vocabulary(min_count=10)"
        return FeatureGuess(text, ("Categorical", "Vocabulary"))
    return FeatureGuess(
        "", why=f"{column.name}: {column.distinct:,} values, hardly any of them twice"
    )


def _number(column: ColumnGuess, name: str) -> FeatureGuess:
    steps = ['Fill("median", flag=True)'] if column.nulls else []
    if column.type == "number" and _is_skewed(column):
        steps.append("Log()")
    if steps:
        steps.append("Standardise()")
    text = " >> ".join([f"Numeric({name})", *steps])
    return FeatureGuess(text, ("Numeric", *(step.partition("(")[0] for step in steps)))


def _is_skewed(column: ColumnGuess) -> bool:
    """Whether the largest value is far above the usual one."""
    if column.low is None or column.high is None or not column.median:
        return False
    return column.low >= 0 and column.high > SKEWED * column.median


def _clock(event_time: str, calendar: CalendarGuess) -> Iterator[FeatureGuess]:
    if calendar.has_clock:
        yield FeatureGuess(f'Hour("{event_time}") >> Cyclic(24)', ("Cyclic", "Hour"))
    weeks = calendar.partitions * (1 / 24 if calendar.grain == HOUR else 1) >= WEEKS_FROM_DAYS
    if calendar.grain in (HOUR, DAY) and weeks:
        yield FeatureGuess(f'Weekday("{event_time}") >> Cyclic(7)', ("Cyclic", "Weekday"))


def _histories(
    columns: Sequence[ColumnGuess], roles: Roles, calendar: CalendarGuess
) -> Iterator[FeatureGuess]:
    spans = repr(calendar.spans_days)
    amounts = [
        c.name
        for c in columns
        if c.type == "number" and c.name != roles.label and c.distinct > 1
    ]
    flags = {c.name for c in columns if c.type == "flag"}
    for name in map(entity_name, roles.entities):
        yield FeatureGuess(f'Trailing("{name}", ("count",), {spans})', ("Trailing",))
        for column in amounts[:MOST_MEANS]:
            text = f'Trailing("{name}", ("mean",), {spans}, column="{column}")'
            yield FeatureGuess(text, ("Trailing",))
        if roles.label in flags:
            text = f'Trailing("{name}", ("rate",), {spans}, column="{roles.label}", delay_days=KNOWN_AFTER_DAYS)'
            yield FeatureGuess(text, ("Trailing",))
