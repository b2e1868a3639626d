"""Find every mistake of a declaration before anything runs.

Why: a typo found on the worker costs a run; one found here costs nothing.
Promise: all mistakes are listed at once, each with its location and the nearest valid spelling.
Not here: whether the source's data matches the declaration (``pipelines/stages/ingest/``), networks
    and heads (``model_checks.py``), training (``training_checks.py``), searches (``search_checks.py``),
    sources (``source_checks.py``).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipelines.core.days import parse_day
from pipelines.core.declared import mistakes_in, nearest
from pipelines.core.errors import ConfigError, DeclarationError
from pipelines.core.partitions import GRAINS, NOMINAL_DAYS, Partitions
from pipelines.operators import Categorical, Chain, Ratio, Sequence, Trailing
from pipelines.operators.aggregates import AGGREGATES, reads_column
from pipelines.operators.bfloat16 import BFLOAT16
from pipelines.operators.operator import FeatureSource
from pipelines.operators.program import lines_of
from pipelines.spec.gate_checks import shape_mistakes
from pipelines.spec.gates import gate_mistakes
from pipelines.spec.key_checks import entity_problems, row_id_problems
from pipelines.spec.learning import Label
from pipelines.spec.model_checks import head_problems, model_problems
from pipelines.spec.other_table_checks import other_table_problems, over_table
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.search_checks import search_problems
from pipelines.spec.source_checks import source_problems
from pipelines.spec.split import partitions_of_days
from pipelines.spec.tables import COLUMN_TYPES, Table
from pipelines.spec.training_checks import training_problems

CATEGORICAL_TYPES = ("text", "integer", "flag")
X_TYPES = ("float32", BFLOAT16)
NAME = re.compile(r"[a-z][a-z0-9_]*")


def require_valid(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline if it has no mistake.

    Raises:
        DeclarationError: It has mistakes; all are listed.
    """
    misspelt = list(mistakes_in(pipeline))
    problems = [*misspelt]
    for find in CHECKS:
        try:
            problems += find(pipeline)
        except (TypeError, AttributeError, StopIteration):
            # A missing field, reported above, cannot be checked further.
            if not misspelt:
                raise
    if problems:
        raise DeclarationError(pipeline.name or "pipeline", problems)
    return pipeline


def _unknown(what: str, name: object, known: Iterable[str]) -> Iterator[str]:
    known = list(known)
    # None means a missing field, which is reported already.
    if name is not None and name not in known:
        yield f"{what} {name!r} is not declared. {nearest(name, known)}"


def _names(pipeline: Pipeline) -> Iterator[str]:
    named: list[tuple[str, Any]] = [
        ("pipeline", pipeline),
        *(("table", t) for t in pipeline.tables),
    ]
    named += [("entity", e) for e in pipeline.entities]
    named += [("column", c) for t in pipeline.tables for c in t.columns]
    for what, thing in named:
        if not (isinstance(thing.name, str) and NAME.fullmatch(thing.name)):
            yield (
                f"{what} name {thing.name!r} must be lower-case letters, digits and _, "
                f"starting with a letter (names that start with _ are reserved for Millrace)."
            )


def _tables(pipeline: Pipeline) -> Iterator[str]:
    yield from _unknown("examples: table", pipeline.examples, (t.name for t in pipeline.tables))
    for table in pipeline.tables:
        names = table.column_names()
        for name in sorted({n for n in names if names.count(n) > 1}):
            yield f"table {table.name}: column {name!r} is declared twice."
        if table.event_time is not None:
            yield from _time(table, "event_time", table.event_time)
        yield from _grain(table)
        if table.known_time is not None:
            yield from _time(table, "known_time", table.known_time)
        yield from row_id_problems(table)
        yield from source_problems(table)
        yield from _columns(table)


def _grain(table: Table) -> Iterator[str]:
    if table.grain not in GRAINS:
        yield f"table {table.name}: grain {table.grain!r}. {nearest(table.grain, GRAINS)}"


def _time(table: Table, what: str, name: str) -> Iterator[str]:
    names = table.column_names()
    yield from _unknown(f"table {table.name}: {what}", name, names)
    if name in names and table.column(name).type != "timestamp":
        yield f"table {table.name}: {what} {name!r} must be a timestamp."


def _columns(table: Table) -> Iterator[str]:
    for column in table.columns:
        where = f"table {table.name}: column {column.name}"
        if column.type not in COLUMN_TYPES:
            yield f"{where}: type {column.type!r}. {nearest(column.type, COLUMN_TYPES)}"
        if column.low is not None and column.high is not None and column.low > column.high:
            yield f"{where}: low {column.low} is above high {column.high}."
        if column.decimals is not None and column.type != "number":
            yield f"{where}: decimals needs type 'number', not {column.type!r}."


def _features(pipeline: Pipeline) -> Iterator[str]:
    strange = [f for f in pipeline.features if not isinstance(f, FeatureSource | Chain)]
    if strange:
        yield f"features: {strange[0]!r} is neither a source nor a chain."
        return
    for source in pipeline.sources():
        yield from source.problems()
        yield from _source(pipeline, source)
    wrong = [p for f in pipeline.features if isinstance(f, Chain) for p in f.problems()]
    yield from wrong
    if not wrong:
        yield from _twice(pipeline)


def _source(pipeline: Pipeline, source: FeatureSource) -> Iterator[str]:
    wrong = list(other_table_problems(pipeline, source))
    if wrong:
        yield from wrong
        return
    of_table = over_table(pipeline, source)
    columns = _example_columns(of_table)
    if isinstance(source, Trailing):
        yield from _trailing(of_table, source, columns)
    elif isinstance(source, Sequence):
        yield from _sequence(of_table, source, columns)
    elif isinstance(source, Ratio):
        yield from _ratio(pipeline, source)
    else:
        yield from _own_columns(pipeline, source, columns)


def _own_columns(
    pipeline: Pipeline, source: FeatureSource, columns: list[str]
) -> Iterator[str]:
    kind = type(source).__name__
    for column in source.reads():
        yield from _unknown(f"{kind}: column", column, columns)
        if column == _label_column(pipeline):
            yield f"{kind}: {column!r} is the label; a feature must not contain it."
        if not isinstance(source, Categorical) or column not in columns:
            continue
        if pipeline.table.column(column).type not in CATEGORICAL_TYPES:
            yield (
                f"{kind}: column {column!r} is of type {pipeline.table.column(column).type!r}. "
                f"Use {', '.join(CATEGORICAL_TYPES)}, or Numeric with QuantileBuckets."
            )


def _ratio(pipeline: Pipeline, ratio: Ratio) -> Iterator[str]:
    """Both columns must be numbers of the feature table."""
    numbers = [
        name
        for source in pipeline.sources()
        if not isinstance(source, Categorical)
        for name in source.names()
    ]
    for what in ("numerator", "denominator"):
        yield from _unknown(f"Ratio: {what}", getattr(ratio, what), numbers)


def _twice(pipeline: Pipeline) -> Iterator[str]:
    """Names that two sources, or two lines, have in common."""
    names = pipeline.feature_names()
    twice = {f"feature {name!r} is declared twice." for name in names if names.count(name) > 1}
    outputs = [name for line in lines_of(pipeline.features) for name in line.outputs()]
    for name in {n for n in outputs if outputs.count(n) > 1}:
        twice.add(f"feature {name!r} is declared twice. End one of its chains with As(name).")
    yield from sorted(twice)


def _trailing(pipeline: Pipeline, feature: Trailing, columns: list[str]) -> Iterator[str]:
    where = f"Trailing({feature.entity})"
    yield from _unknown(f"{where}: entity", feature.entity, (e.name for e in pipeline.entities))
    for aggregate in feature.aggregates:
        if aggregate not in AGGREGATES:
            yield f"{where}: aggregate {aggregate!r}. {nearest(aggregate, AGGREGATES)}"
    if feature.column is not None:
        yield from _unknown(f"{where}: column", feature.column, columns)
    elif needing := sorted({name for name in feature.aggregates if reads_column(name)}):
        yield f"{where}: {needing} need a column."
    if feature.where is not None:
        yield from _unknown(f"{where}: where column", feature.where[0], columns)
    read = (feature.column, feature.where[0] if feature.where else None)
    yield from _known_too_soon(pipeline, where, read, feature.delay_days)


def _sequence(pipeline: Pipeline, feature: Sequence, columns: list[str]) -> Iterator[str]:
    where = f"Sequence({feature.entity})"
    yield from _unknown(f"{where}: entity", feature.entity, (e.name for e in pipeline.entities))
    for column in feature.columns:
        yield from _unknown(f"{where}: column", column, columns)
    yield from _known_too_soon(pipeline, where, feature.columns, feature.delay_days)


def _known_too_soon(
    pipeline: Pipeline, where: str, read: Iterable[str | None], delay_days: int
) -> Iterator[str]:
    known, label = pipeline.label.known_after_days, _label_column(pipeline)
    if label is not None and label in read and delay_days < known:
        yield (
            f"{where}: reads the label {label!r} with delay_days={delay_days}, before it is "
            f"known. Use delay_days={known} or more."
        )


def _label(pipeline: Pipeline) -> Iterator[str]:
    label = pipeline.label
    if isinstance(label, Label):
        yield from _unknown("label: column", label.column, _example_columns(pipeline))
        return
    yield from _unknown("label: table", label.table, (t.name for t in pipeline.tables))
    yield from _unknown("label: entity", label.entity, (e.name for e in pipeline.entities))
    for table in pipeline.tables:
        if table.name == label.table:
            yield from _unknown("label: where column", label.where[0], table.column_names())


def _learning(pipeline: Pipeline) -> Iterator[str]:
    split = pipeline.split
    positive: dict[str, float] = {
        "split.train_days": split.train_days,
        "split.test_days": split.test_days,
        "evaluation.alerts_per_day": pipeline.evaluation.alerts_per_day,
        "evaluation.bootstrap_samples": pipeline.evaluation.bootstrap_samples,
        "buckets": pipeline.buckets,
    }
    for name, value in positive.items():
        if not value > 0:
            yield f"{name} must be above 0; got {value!r}."
    if pipeline.label.known_after_days < 0:
        yield (
            f"label.known_after_days must be 0 or more, because a label is known after its day at the earliest; "
            f"got {pipeline.label.known_after_days!r}."
        )
    if split.gap_days < pipeline.label.known_after_days:
        yield (
            f"split.gap_days={split.gap_days}: training labels are known only "
            f"{pipeline.label.known_after_days} days later. Use at least that many."
        )
    yield from _validation_days(pipeline)


def _validation_days(pipeline: Pipeline) -> Iterator[str]:
    split, grain = pipeline.split, _example_partitions(pipeline).grain
    if not 0 <= split.validation_days < split.train_days:
        yield (
            f"split.validation_days={split.validation_days} must leave some of the "
            f"{split.train_days} training days to train on."
        )
    elif grain in NOMINAL_DAYS:
        days = (split.validation_days, split.train_days)
        validation, train = (partitions_of_days(grain, each) for each in days)
        if validation >= train:
            yield (
                f"split.validation_days={split.validation_days} and split.train_days="
                f"{split.train_days} are {validation} and {train} partitions of a {grain}, which "
                f"leaves none to train on. Raise split.train_days, or set validation_days to 0."
            )


def _x_type(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.x_type not in X_TYPES:
        yield f"x_type {pipeline.x_type!r} is not known. {nearest(pipeline.x_type, X_TYPES)}"


def _rules(pipeline: Pipeline) -> Iterator[str]:
    malformed = list(shape_mistakes(pipeline.validation))
    yield from malformed or gate_mistakes(pipeline.validation, _example_partitions(pipeline))
    for name in pipeline.validation.days.not_compared:
        yield from _unknown("validation.days.not_compared", name, _example_columns(pipeline))


def _schedule(pipeline: Pipeline) -> Iterator[str]:
    try:
        parse_day(pipeline.schedule.start, "schedule.start")
    except ConfigError as error:
        yield str(error)


def _example_columns(pipeline: Pipeline) -> list[str]:
    return [n for t in pipeline.tables if t.name == pipeline.examples for n in t.column_names()]


def _example_partitions(pipeline: Pipeline) -> Partitions:
    found = [t for t in pipeline.tables if t.name == pipeline.examples and t.grain in GRAINS]
    return found[0].partitions(pipeline.time_zone) if found else Partitions()


def _label_column(pipeline: Pipeline) -> str | None:
    return pipeline.label.column if isinstance(pipeline.label, Label) else None


CHECKS: tuple[Callable[[Pipeline], Iterator[Any]], ...] = (
    _names,
    _tables,
    entity_problems,
    _features,
    _label,
    _learning,
    model_problems,
    head_problems,
    search_problems,
    _x_type,
    training_problems,
    _rules,
    _schedule,
)
