"""Find every mistake of a declaration before anything runs.

Why: a typo found on the worker costs a run; one found here costs nothing.
Promise: all mistakes are listed at once, each with its location and the nearest valid spelling.
Not here: whether the source's data matches the declaration (``pipelines/drivers/scaffold/``), the checks
    themselves (the modules ``*_checks.py``, one a subject).
"""

import difflib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from pipelines.core.declared import mistakes_in, unknown
from pipelines.core.errors import DeclarationError
from pipelines.spec.checks.decisions import decision_problems
from pipelines.spec.checks.evaluation import evaluation_problems, model_gate_problems
from pipelines.spec.checks.explaining import explaining_problems
from pipelines.spec.checks.features import feature_problems, program_problems
from pipelines.spec.checks.gates import gate_problems
from pipelines.spec.checks.keys import entity_problems
from pipelines.spec.checks.labels import label_problems
from pipelines.spec.checks.landmarks import landmark_problems
from pipelines.spec.checks.learning import split_problems, x_type_problems, zone_problems
from pipelines.spec.checks.models import head_problems, model_problems
from pipelines.spec.checks.origins import origin_problems
from pipelines.spec.checks.scoring import scoring_problems
from pipelines.spec.checks.search import search_problems
from pipelines.spec.checks.tables import name_problems, table_problems
from pipelines.spec.checks.training import training_problems
from pipelines.spec.checks.values import mended, shown, value_problems
from pipelines.spec.checks.watching import watch_problems
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.schedules import schedule_problems

CHECKS: tuple[Callable[[Pipeline], Iterator[Any]], ...] = (
    name_problems,
    table_problems,
    origin_problems,
    entity_problems,
    landmark_problems,
    feature_problems,
    program_problems,
    label_problems,
    split_problems,
    evaluation_problems,
    explaining_problems,
    decision_problems,
    model_problems,
    head_problems,
    model_gate_problems,
    search_problems,
    scoring_problems,
    x_type_problems,
    training_problems,
    gate_problems,
    watch_problems,
    zone_problems,
    schedule_problems,
)


def require_valid(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline if it has no mistake.

    Raises:
        DeclarationError: It has mistakes; all are listed.
    """
    malformed = [*mistakes_in(pipeline), *value_problems(pipeline), *_examples(pipeline)]
    problems, checked = [*malformed], _with_examples(mended(pipeline))
    for find in CHECKS:
        try:
            problems += find(checked)
        except Exception as error:
            # What has no default and is missing, or of another type, cannot be checked further.
            problems += [] if malformed else [_unchecked(error)]
    if problems:
        name = pipeline.name if isinstance(pipeline.name, str) else ""
        raise DeclarationError(name or "pipeline", list(dict.fromkeys(problems)))
    return pipeline


def _unchecked(error: Exception) -> str:
    """An error of a class that the user wrote, such as an operator's."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"the declaration cannot be checked: {type(error).__name__} in {frame.filename}, line "
        f"{frame.lineno}: {shown(error)}. Correct the class that raised it."
    )


def _examples(pipeline: Pipeline) -> Iterator[str]:
    if pipeline.tables:
        yield from unknown("examples: table", pipeline.examples, _table_names(pipeline))
    elif pipeline.tables is not None:
        yield "tables: there are none."


def _with_examples(pipeline: Pipeline) -> Pipeline:
    """The pipeline, with the table that is probably meant where its own examples are not declared."""
    names = _table_names(pipeline)
    if not names or pipeline.examples in names:
        return pipeline
    close = difflib.get_close_matches(str(pipeline.examples), names, n=1)
    return replace(pipeline, examples=[*close, names[0]][0])


def _table_names(pipeline: Pipeline) -> list[str]:
    tables = pipeline.tables if isinstance(pipeline.tables, tuple) else ()
    names = [getattr(table, "name", None) for table in tables]
    return [name for name in names if isinstance(name, str)]
