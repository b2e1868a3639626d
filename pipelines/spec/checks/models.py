"""Mistakes in the declared network and head.

Why: a network that cannot be built is refused before anything runs.
Promise: every mistake is listed, with its location and what to write instead.
Not here: training (``training.py``), gates (``evaluation.py``), the search (``search.py``), the rest of a
    declaration (``pipelines/spec/checks/``).
"""

from collections.abc import Iterator

from pipelines.operators.events import EventSource
from pipelines.spec.heads import Survival
from pipelines.spec.learning import Label
from pipelines.spec.models import KINDS, kind_of
from pipelines.spec.pipeline import Pipeline


def model_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the network."""
    yield from pipeline.model.problems()
    yield from pipeline.model.joint_problems()
    yield from sequence_problems("model", kind_of(pipeline.model), pipeline)


def sequence_problems(where: str, kind: str, pipeline: Pipeline) -> Iterator[str]:
    """A network for sequences needs a sequence feature."""
    reading = [name for name, network in KINDS.items() if network.reads_sequences]
    declared = any(isinstance(source, EventSource) for source in pipeline.sources())
    if kind in reading and not declared:
        others = " or ".join(k for k in KINDS if k not in (*reading, "builder"))
        yield (
            f"{where}: {kind!r} needs a sequence, and no feature is one. Declare a Sequence or Visits, or "
            f"use {others}."
        )


def head_problems(pipeline: Pipeline) -> Iterator[str]:
    """Mistakes in the head, and settings that do not match it."""
    yield from pipeline.head.problems()
    if (
        isinstance(pipeline.head, Survival)
        and pipeline.head.competing
        and isinstance(pipeline.label, Label)
    ):
        yield (
            "head.competing=True needs a label that says which event ended a row. Use Outcome(..., "
            "competing=(column, value)), or leave head.competing out."
        )
