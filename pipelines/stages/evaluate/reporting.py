"""What a report on a prediction model must state, from the declaration and from published artifacts.

Why: who reads that a model reaches an AUC of 0.8 must know of whom, of when, and who is missing.
Promise: nothing is written by hand; nothing is about single entities.
Source: the items are those of TRIPOD+AI: G. S. Collins et al., "TRIPOD+AI statement: updated guidance for reporting
    clinical prediction models that use regression or machine learning methods", BMJ 385:e078378, 2024.
Not here: who took part (``participants.py``), metrics and plots (``heads/``), the page (``card_report.py``).
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.protocol import Work
from pipelines.shared.metrics.row_groups import is_missing
from pipelines.shared.pages.small_cells import shown_count
from pipelines.spec import TRAIN, Label, Landmarks, Outcome, Pipeline, Survival
from pipelines.spec.split import TEST
from pipelines.stages.evaluate.heads.protocol import Yardstick
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.times.follow_up import follow_up

ReadPart = Callable[[str, Mapping[str, str]], Mapping[str, NDArray[Any]]]
# Columns read at once, so that the rows of many features need not be in memory.
COLUMNS = 16
PLAIN = ("number", "integer", "text")


def is_reported(pipeline: Pipeline) -> bool:
    """Whether a model is of what happens to entities later, and so has this report."""
    return isinstance(pipeline.head, Survival) or isinstance(pipeline.label, Outcome)


def report_items(
    work: Work, rows: TestRows, yardstick: Yardstick, evaluated: Mapping[str, Any]
) -> list[dict[str, str]]:
    """Number and title of each item, and what is to say."""
    pipeline, days = work.pipeline, work.days()
    said = {
        "5a Source of data": _source(pipeline),
        "5b Dates": (
            f"training {days.train[0]} to {days.train[-1]}, test {days.test[0]} to {days.test[-1]}, as of "
            f"{work.model_day}{_followed(evaluated)}"
        ),
        "6b Eligibility": _eligibility(pipeline),
        "8 Outcome": _outcome(pipeline),
        "9 Predictors": f"{len(pipeline.feature_names())} columns, known by the time of the example; listed below",
        "10 Sample size": _sizes(pipeline, rows, yardstick),
        "11 Missing data": (
            "shares are listed below; what is done with a missing value is in each predictor's steps, which are "
            "fitted to training rows alone"
        ),
        "12 Analytical methods": _methods(pipeline),
        "14 Fairness": _fairness(pipeline),
        "16 Training versus evaluation": _split(pipeline),
        "22 Model": _model(evaluated["settings"]),
        "26 Limitations": " ".join(_limits(pipeline, evaluated)),
    }
    return [{"item": item, "text": text} for item, text in said.items()]


def _source(pipeline: Pipeline) -> str:
    names = ", ".join(table.name for table in pipeline.tables)
    return f"{pipeline.title}: tables {names}; examples are the rows of {pipeline.examples}"


def _followed(evaluated: Mapping[str, Any]) -> str:
    ends = evaluated.get("follow_up")
    return f"; followed for {ends['followed_days']:g} days at most" if ends else ""


def _eligibility(pipeline: Pipeline) -> str:
    found = [*_of_landmarks(pipeline.table.source), *_of_label(pipeline.label)]
    return "; ".join(found) or f"every row of {pipeline.examples} that passed its gate"


def _of_landmarks(source: object) -> Iterator[str]:
    if not isinstance(source, Landmarks):
        return
    yield f"a {source.entity} with rows in {source.table}"
    if source.where is not None:
        yield f"at rows where {_named(source.where)}"
    if source.at_days:
        yield f"at {', '.join(map(str, source.at_days))} days after the first one"
    if source.history_days:
        yield f"with {source.history_days} days of history"
    for each in source.free_of:
        yield f"free of {_named(each)} so far"
    if source.every_days:
        yield f"one example in {source.every_days} days at most"


def _of_label(label: Label | Outcome) -> Iterator[str]:
    if isinstance(label, Outcome) and not label.recurrent:
        yield "without the outcome before (prevalent cases are left out)"
    if isinstance(label, Outcome) and label.followed_until:
        yield f"followed at that time ({label.followed_until})"


def _outcome(pipeline: Pipeline) -> str:
    label, head = pipeline.label, pipeline.head
    if isinstance(label, Label):
        meaning = pipeline.table.column(label.column).meaning.rstrip(".")
        said = f"{label.column}{f': {meaning}' if meaning else ''}"
    else:
        said = f"{_named(label.where)} in {label.table} within {label.horizon_days} days of the example"
        if label.competing is not None:
            said += f"; competing: {_named(label.competing)}"
    if isinstance(head, Survival):
        said += f"; predicted by {', '.join(f'{cut:g}' for cut in head.cuts_days)} days"
    return said


def _named(where: tuple[str, object]) -> str:
    column, value = where
    values = value if isinstance(value, tuple) else (value,)
    return f"{column} is {' or '.join(map(str, values))}"


def _sizes(pipeline: Pipeline, rows: TestRows, yardstick: Yardstick) -> str:
    here = rows.counted
    entities = len(np.unique(rows.entity[here]))
    name = pipeline.evaluation.alert_entity or "row"
    tested = f"test {int(here.sum()):,} rows of {entities:,} (by {name}), {shown_count(int(rows.events[here].sum()))} with the event"
    labels = yardstick.training_labels
    events = follow_up(labels).event if isinstance(pipeline.head, Survival) else labels > 0
    return f"training {len(labels):,} rows, {shown_count(int(events.sum()))} with the event; {tested}"


def _methods(pipeline: Pipeline) -> str:
    found = [
        "95 % intervals by resampling " + (pipeline.evaluation.alert_entity or "row") + "s"
    ]
    if isinstance(pipeline.head, Survival):
        found.append(
            "censored rows count by the inverse of the training rows' chance to be in sight"
        )
        if pipeline.head.competing:
            found.append(
                "risks are cumulative incidences, after a competing event the event is impossible"
            )
    if pipeline.evaluation.baseline is not None:
        inputs = ", ".join(pipeline.evaluation.baseline.inputs)
        found.append(f"compared with a Cox model of {inputs} on the same resamples")
    return "; ".join(found)


def _fairness(pipeline: Pipeline) -> str:
    columns = [each.column for each in pipeline.evaluation.subgroups]
    return f"evaluated by {', '.join(columns)}" if columns else "no subgroup is declared"


def _split(pipeline: Pipeline) -> str:
    split = pipeline.split
    if split.by == "time":
        return "test rows are later in time; an entity may be on both sides"
    apart = f"no {split.entity} is on both sides (fold {split.fold} of {split.folds})"
    return f"{apart}, and test rows are later in time" if split.by == "both" else apart


def _model(settings: Mapping[str, Any]) -> str:
    parts = (settings.get(name, {}) for name in ("model", "head"))
    texts = (", ".join(f"{n} {v}" for n, v in part.items()) for part in parts if part)
    return "; ".join(texts)


def _limits(pipeline: Pipeline, evaluated: Mapping[str, Any]) -> Iterator[str]:
    yield "Evaluated on other rows of the same source, not on data of another one."
    yield "Intervals are of the test rows alone, not of the training's own randomness."
    if isinstance(pipeline.head, Survival):
        yield "Censoring is taken to be independent of what is predicted."
        if not pipeline.head.competing:
            yield "Whatever else ends follow-up counts as censoring, so risks are of entities that nothing else ends."
    beyond = evaluated.get("follow_up", {}).get("beyond_days")
    if beyond:
        yield f"Nobody was followed to {', '.join(f'{days:g}' for days in beyond)} days: not evaluated there."


def predictor_table(pipeline: Pipeline, read: ReadPart) -> list[dict[str, Any]]:
    """Each column of the features with its steps to the model, and its missing share in both parts."""
    program = pipeline.program()
    steps = {
        line.inputs[0]: line.expression() for line in program.lines if len(line.inputs) == 1
    }
    kinds = {n: program.kinds.get(n, "number") for n in pipeline.feature_names()}
    kinds = {name: kind for name, kind in kinds.items() if kind in PLAIN}
    shares = {part: _missing_shares(part, kinds, read) for part in (TRAIN, TEST)}
    return [
        {
            "name": name,
            "steps": steps.get(name, name),
            "missing_train": shares[TRAIN][name],
            "missing_test": shares[TEST][name],
        }
        for name in kinds
    ]


def _missing_shares(part: str, kinds: Mapping[str, str], read: ReadPart) -> dict[str, float]:
    names, found = list(kinds), dict[str, float]()
    for n in range(0, len(names), COLUMNS):
        columns = read(part, {name: kinds[name] for name in names[n : n + COLUMNS]})
        found |= {name: float(is_missing(values).mean()) for name, values in columns.items()}
    return found
