"""Mistakes in declared features.

Why: a feature of a column of the wrong type, or of a value that is not known yet, would cost a run
    or give the label away.
Promise: every mistake is listed, with its location and what to write instead.
Not here: windows and sequences (``windows.py``), the steps of a chain
    (``pipelines/operators/operator.py``).
"""

from collections.abc import Iterator

from pipelines.core.declared import unknown
from pipelines.operators import (
    Categorical,
    Chain,
    Numeric,
    Ratio,
    Sequence,
    Since,
    Trailing,
    Visits,
)
from pipelines.operators.operator import NUMERIC, FeatureSource
from pipelines.operators.program import lines_of
from pipelines.operators.times import TimeSource
from pipelines.spec.checks.other_tables import other_table_problems, over_table
from pipelines.spec.checks.windows import sequence_mistakes, trailing_mistakes, visits_mistakes
from pipelines.spec.learning import Label
from pipelines.spec.pipeline import Pipeline

NUMERIC_TYPES = ("integer", "number", "flag")
CATEGORICAL_TYPES = ("text", "integer", "flag")


def feature_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes of each source of features."""
    if not pipeline.features:
        yield "features: there are none, and a model needs an input."
    for source in pipeline.sources():
        yield from source.problems()
        yield from list(other_table_problems(pipeline, source)) or _source(pipeline, source)
        yield from _taken_names(pipeline, source)


def _source(pipeline: Pipeline, source: FeatureSource) -> Iterator[str]:
    of_table = over_table(pipeline, source)
    if isinstance(source, Trailing):
        yield from trailing_mistakes(of_table, source)
    elif isinstance(source, Sequence):
        yield from sequence_mistakes(of_table, source)
    elif isinstance(source, Visits):
        yield from visits_mistakes(of_table, source)
    elif isinstance(source, Ratio):
        yield from _ratio(pipeline, source)
    else:
        yield from _own_columns(pipeline, source)


def program_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes of the chains, and names that two of them have in common."""
    wrong = [p for f in pipeline.features if isinstance(f, Chain) for p in f.problems()]
    yield from wrong
    if not wrong:
        yield from _twice(pipeline)


def _own_columns(pipeline: Pipeline, source: FeatureSource) -> Iterator[str]:
    kind, table = type(source).__name__, pipeline.table
    for name in source.reads():
        yield from unknown(f"{kind}: column", name, table.column_names())
        if name == label_column(pipeline):
            yield f"{kind}: {name!r} is the label; a feature must not contain it."
        if isinstance(source, Since) and name == table.event_time:
            yield f"{kind}: {name!r} is the example's own time, so nothing would have passed."
        for column in table.columns:
            if column.name == name:
                yield from _unfit(source, name, column.type)


def _unfit(source: FeatureSource, name: str, found: str) -> Iterator[str]:
    """The mistake of a column whose type the source cannot use."""
    where = f"{type(source).__name__}: column {name!r} is of type {found!r}."
    if isinstance(source, Categorical) and found not in CATEGORICAL_TYPES:
        yield f"{where} Use {', '.join(CATEGORICAL_TYPES)}, or Numeric with QuantileBuckets."
    if isinstance(source, Numeric) and found == "text":
        yield f"{where} Use {', '.join(NUMERIC_TYPES)}, or Categorical for its texts."
    elif isinstance(source, Numeric) and found not in NUMERIC_TYPES:
        yield (
            f"{where} Use {', '.join(NUMERIC_TYPES)}, or Hour, Weekday, Weekend, Night or Since of it."
        )
    if isinstance(source, TimeSource | Since) and found != "timestamp":
        yield f"{where} Use a timestamp."


def _ratio(pipeline: Pipeline, ratio: Ratio) -> Iterator[str]:
    """Both columns must be numbers of the feature table."""
    numbers = [
        name
        for source in pipeline.sources()
        if source.kind == NUMERIC
        for name in source.names()
    ]
    for what in ("numerator", "denominator"):
        yield from unknown(f"Ratio: {what}", getattr(ratio, what), numbers)


def _taken_names(pipeline: Pipeline, source: FeatureSource) -> Iterator[str]:
    """Names that the feature table has already; a key that is a category too is there already."""
    if isinstance(source, Categorical) and source.table is None:
        return
    table = pipeline.table
    keys = {table.id_column, table.event_time, *(e.key for e in pipeline.entities)}
    keys |= {label_column(pipeline)}
    for name in source.names():
        if name in keys:
            yield f"feature {name!r} has the name of a key or label column."


def _twice(pipeline: Pipeline) -> Iterator[str]:
    """Names that two sources, or two lines, have in common."""
    names = pipeline.feature_names()
    may_be_called = _may_be_called(pipeline)
    twice = {
        f"feature {name!r} is declared twice.{may_be_called.get(name, '')}"
        for name in {n for n in names if names.count(n) > 1}
    }
    outputs = [name for line in lines_of(pipeline.features) for name in line.outputs()]
    for name in {n for n in outputs if outputs.count(n) > 1}:
        twice.add(f"feature {name!r} is declared twice. End one of its chains with As(name).")
    yield from sorted(twice)


def _may_be_called(pipeline: Pipeline) -> dict[str, str]:
    """What to do, by the names of windows that have values in them, abridged or without some letters."""
    windows = (source for source in pipeline.windows() if isinstance(source, Trailing))
    hint = " Give one of them another name with called=."
    return {name: hint for each in windows if each.where for name in each.names()}


def label_column(pipeline: Pipeline) -> str | None:
    """The label's column of the examples; None where it is an event of another table."""
    return pipeline.label.column if isinstance(pipeline.label, Label) else None
