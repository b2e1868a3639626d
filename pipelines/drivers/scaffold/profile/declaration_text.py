"""The text of a declaration that a sample of a table suggests.

Why: correcting a declaration is quicker than writing one, and what was guessed must be seen to be so.
Promise: the text is Python that the formatter leaves as it is; where a role has no candidate it has a
    ``TODO`` that ``check`` reports.
Not here: the columns (``table_text.py``), the features (``feature_text.py``).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.core.partitions import DAY
from pipelines.core.text import counted
from pipelines.drivers.scaffold.profile.calendar import CalendarGuess
from pipelines.drivers.scaffold.profile.code_text import call, literal
from pipelines.drivers.scaffold.profile.columns import ColumnGuess
from pipelines.drivers.scaffold.profile.feature_text import FeatureGuess, feature_guesses
from pipelines.drivers.scaffold.profile.labels import LabelGuess
from pipelines.drivers.scaffold.profile.roles import Roles, entity_name
from pipelines.drivers.scaffold.profile.table_text import column_lines

ALWAYS = (
    *("Column", "Entity", "Evaluation", "Label", "Pipeline", "Range", "Schedule", "Search"),
    *("Split", "Table"),
)
NAMED_AS_DAYS = re.compile(r"(^|_)(days?|age_days|futime)(_|$)")
SMALL_ROWS = 20_000
SHOWN = 5


@dataclass(frozen=True, slots=True)
class TableGuess:
    """All that is guessed of a table.

    Attributes:
        name: Name of the table.
        origin: What it was guessed from, in words.
        source: The declared source as text.
        columns: Its columns, the label's as it is declared.
        roles: What they are used for.
        label: The label; None where no column qualifies.
        calendar: Its time; None where no column qualifies.
        total: Number of its rows.
    """

    name: str
    origin: str
    source: str
    columns: tuple[ColumnGuess, ...]
    roles: Roles
    label: LabelGuess | None
    calendar: CalendarGuess | None
    total: int


def todos(guess: TableGuess) -> list[str]:
    """What has to be said before the declaration can be used, one sentence each."""
    roles, found = guess.roles, []
    if not roles.event_time:
        nulls = f" ({', '.join(roles.other_times)} have nulls)" if roles.other_times else ""
        found.append(f"event_time: no column is a time in every row{nulls}.{_relative(guess)}")
    if not roles.row_id:
        twice = f"; {roles.twice:,} rows are there more than once" if roles.twice else ""
        found.append(
            f"row_id: no column, pair or triple of columns is different in every row{twice}."
        )
    if not roles.label:
        others = (
            f" Flags and classes: {', '.join(roles.other_labels)}."
            if roles.other_labels
            else ""
        )
        found.append(f"label: no column is named as an outcome or is a flag.{others}")
    if guess.calendar is not None and not guess.calendar.is_enough:
        found.append(
            f"split: the rows are of {counted(guess.calendar.partitions, guess.calendar.grain)}, and a "
            f"model needs three at least: to train, to wait for labels, and to test."
        )
    return found


def _relative(guess: TableGuess) -> str:
    """Columns that may be days since an origin, and how they are declared."""
    named = [
        c.name for c in guess.columns if NAMED_AS_DAYS.search(c.name) and c.low is not None
    ]
    if not named:
        return ""
    return (
        f" If {named[0]} is days since an origin, declare it as a timestamp with time_format='days' and "
        f"origin=, a day or a timestamp column."
    )


def declaration_text(pipeline: str, guess: TableGuess) -> str:
    """The module."""
    features = feature_guesses(guess.columns, guess.roles, guess.calendar)
    names = {
        *ALWAYS,
        guess.source.partition("(")[0],
        *(n for f in features if f.text for n in f.names),
    }
    names |= {guess.label.name} if guess.label and guess.label.name else set()
    training = _training(guess)
    names |= {"Training"} if training else set()
    parts = [
        f'"""{pipeline}: what is predicted, from which table, and when the truth is known.\n\n'
        f"Written from {guess.origin}. What follows `guess` was seen there and is to be\n"
        f'corrected by those who know; `python -m pipelines check {pipeline}` says what is wrong.\n"""\n',
        "from pipelines.spec import (",
        *(f"    {name}," for name in sorted(names)),
        ")\n",
        *(f"# TODO: {each}\n" for each in todos(guess)),
        *_known_after(guess),
        "",
        *_table(guess),
        "",
        *_pipeline(pipeline, guess, features, training),
    ]
    return "\n".join(parts) + "\n"


def _known_after(guess: TableGuess) -> Iterator[str]:
    yield "# guess: days after a row's time until its label is certain; nobody can see that in the data."
    yield "KNOWN_AFTER_DAYS = 1"


def _table(guess: TableGuess) -> Iterator[str]:
    roles, calendar = guess.roles, guess.calendar
    row_id = roles.row_id[0] if len(roles.row_id) == 1 else roles.row_id
    yield f"{guess.name.upper()} = Table("
    yield f"    name={literal(guess.name)},"
    yield from _others("    ", roles.other_ids, "as different in every row")
    yield f"    row_id={literal(row_id or 'todo_row_id')},"
    yield from _others("    ", roles.other_times, "other times")
    yield f"    event_time={literal(roles.event_time or 'todo_event_time')},"
    if calendar is not None:
        yield (
            f"    # guess: {calendar.first_day} to {calendar.last_day}, "
            f"{calendar.rows_each:,.0f} rows a {calendar.grain}"
        )
        if calendar.grain != DAY:
            yield f"    grain={literal(calendar.grain)},"
    yield f"    source={guess.source},"
    yield "    columns=("
    for column in guess.columns:
        yield from column_lines(column)
    yield "    ),"
    yield ")"


def _pipeline(
    name: str, guess: TableGuess, features: Sequence[FeatureGuess], training: str
) -> Iterator[str]:
    roles, calendar = guess.roles, guess.calendar
    yield "PIPELINE = Pipeline("
    yield f"    name={literal(name)},"
    yield f"    title={literal(name.replace('_', ' ').capitalize())},"
    yield "    meaning=__doc__,"
    yield f"    tables=({guess.name.upper()},),"
    yield f"    examples={literal(guess.name)},"
    yield from _time_zone(guess)
    yield from _entities(roles)
    yield from _others("    ", roles.other_labels, "could be predicted too")
    yield f"    label=Label({literal(roles.label or 'todo_label')}, known_after_days=KNOWN_AFTER_DAYS),"
    if guess.label is not None and guess.label.head:
        yield f"    head={guess.label.head},"
    yield "    # guess: leave out what is known only after the event."
    yield "    features=("
    yield from (f"        # {each.why}: no feature" for each in features if not each.text)
    yield from (f"        {each.text}," for each in features if each.text)
    yield "    ),"
    yield from _split(calendar)
    yield from ([training] if training else [])
    yield from _evaluation(guess)
    yield "    # What the search may vary; `tune` publishes the best settings for model runs to use."
    yield '    search=Search((Range("training.learning_rate", 1e-4, 1e-2, log=True),)),'
    yield f"    schedule=Schedule(start={literal(calendar.first_day if calendar else '2026-01-01')}),"
    yield ")"


def _others(margin: str, names: Sequence[str], what: str) -> Iterator[str]:
    if names:
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        yield f"{margin}# guess; {what}: {', '.join(names[:SHOWN])}{more}"


def _time_zone(guess: TableGuess) -> Iterator[str]:
    event = next((c for c in guess.columns if c.name == guess.roles.event_time), None)
    if event is not None and not event.offset and not event.time_format.startswith("epoch"):
        yield '    # guess: the times have no offset; name their zone, such as "Europe/Berlin".'
    yield '    time_zone="UTC",'


def _entities(roles: Roles) -> Iterator[str]:
    yield from _others("    ", roles.other_entities, "other columns that repeat")
    if roles.entities:
        pairs = [f"Entity({literal(entity_name(c))}, {literal(c)})" for c in roles.entities]
    else:
        yield "    # guess: no column repeats as a customer's or a patient's id does, so each row is its own."
        key = roles.row_id[0] if len(roles.row_id) == 1 else roles.row_id or "todo_row_id"
        pairs = [f'Entity("row", {literal(key)})']
    yield f"    entities=({', '.join(pairs)}{',' if len(pairs) == 1 else ''}),"


def _split(calendar: CalendarGuess | None) -> Iterator[str]:
    if calendar is None:
        yield "    split=Split(train_days=14, gap_days=KNOWN_AFTER_DAYS, test_days=7),"
        return
    yield f"    # guess: of {counted(calendar.partitions, calendar.grain)}"
    train = str(calendar.train_days)
    if calendar.grain == DAY and calendar.is_all_used:
        train = f"{calendar.train_days + 1} - KNOWN_AFTER_DAYS"
    arguments = [
        f"train_days={train}",
        "gap_days=KNOWN_AFTER_DAYS",
        f"test_days={calendar.test_days}",
    ]
    if calendar.validation_days:
        arguments.append(f"validation_days={calendar.validation_days}")
    yield call("Split", arguments, 4, before="split=")


def _training(guess: TableGuess) -> str:
    """Smaller batches and more epochs for few rows."""
    if guess.total >= SMALL_ROWS:
        return ""
    return "    training=Training(epochs=20, global_batch_rows=64),"


def _evaluation(guess: TableGuess) -> Iterator[str]:
    roles, calendar = guess.roles, guess.calendar
    entity = entity_name(roles.entities[0]) if roles.entities else "row"
    arguments = [f"alert_entity={literal(entity)}"]
    if calendar is not None and guess.label is not None and guess.label.is_binary:
        arguments.append(f"alerts_per_day={_alerts(guess, calendar)}")
        yield "    # guess: alerts are for a tenth of a day's rows"
    yield call("Evaluation", arguments, 4, before="evaluation=")


def _alerts(guess: TableGuess, calendar: CalendarGuess) -> int:
    from pipelines.core.partitions import NOMINAL_DAYS

    rows_a_day = calendar.rows_each / NOMINAL_DAYS[calendar.grain]
    return max(1, min(100, round(rows_a_day / 10)))
