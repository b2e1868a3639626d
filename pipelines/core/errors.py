"""Errors the stages raise on purpose, sorted by one question: can a retry help?

Why: the scheduler, the command line and a worker's pickled exception must agree on what to
    do next, and only the type says it.
Promise: nothing heavy is imported, because Airflow's retry policy imports these classes
    when it parses a DAG file; every error rebuilds itself from its ``args``.
Not here: which Airflow action a type leads to (``plugins/millrace/airflow/policies.py``).
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from pipelines.core.text import message, readable

MAX_LIST_CHARS = 100_000


class PipelineError(Exception):
    """Base of every error a stage raises on purpose."""

    exit_code: ClassVar[int] = 3

    def __str__(self) -> str:
        # A value of the data may be in it: of any length, with any character.
        return message(super().__str__())


class TransientError(PipelineError):
    """The cause is outside our inputs and may pass; the task may be retried."""

    exit_code: ClassVar[int] = 4


class PermanentError(PipelineError):
    """The same inputs will fail the same way; the task must not be retried."""


class OutOfMemoryError(TransientError):
    """The stage's process was killed by the kernel, or ran out of memory, and may fit next time."""


class WorkerLostError(TransientError):
    """A worker or the stage's process died; the next try resumes from what was published."""


class StageStoppedError(TransientError):
    """The stage was asked to stop (SIGTERM, a cleared task, a timeout) and did so."""


class SourceNotReadyError(TransientError):
    """The source of a partition is not there yet, or still being written."""


class HistoryNotReadyError(TransientError):
    """Earlier partitions that this one looks back on have no verdict yet."""


class ConfigError(PermanentError):
    """A setting or an argument cannot be used; says which values can."""

    exit_code: ClassVar[int] = 2


class DeclarationError(ConfigError):
    """A pipeline's declaration has mistakes, all of them listed.

    Attributes:
        pipeline: Name of the declared pipeline.
        problems: One sentence a mistake, in the order of the declaration.
    """

    def __init__(self, pipeline: str, problems: Sequence[str]) -> None:
        self.pipeline, self.problems = pipeline, tuple(problems)
        super().__init__(pipeline, self.problems)

    def __str__(self) -> str:
        mistakes = "mistake" if len(self.problems) == 1 else "mistakes"
        listed = "\n".join(f"  {n}. {text}" for n, text in enumerate(self.problems, start=1))
        told = f"{self.pipeline}: {len(self.problems)} {mistakes} in the declaration:\n{listed}"
        return readable(told, MAX_LIST_CHARS, lines=True)


class PartitionRefusedError(PermanentError):
    """A partition broke a rule that stops it at the door; nothing downstream uses it."""


class SourceUnreadableError(PartitionRefusedError):
    """A source file cannot be read as what it says it is (truncated, corrupt, wrong format)."""


class SchemaError(PartitionRefusedError):
    """A source table's columns or types break the declared contract."""


class InputMissingError(PermanentError):
    """An artifact that this work reads was never published; its own stage must run first."""


class InputMismatchError(PermanentError):
    """Inputs of one piece of work do not belong together, or to this run's settings."""


class ArtifactError(PermanentError):
    """A published artifact is not what its manifest says."""


class TrainingError(PermanentError):
    """The training data or its numbers make training pointless (one class, NaN loss)."""


class LeakageError(TrainingError):
    """A single feature nearly tells the label: the answer leaked into the features."""


class ColumnMismatchError(PermanentError):
    """A table's columns are not those the step was fitted on.

    Attributes:
        step: Name of the fitted step.
        missing: Columns seen at fit and absent now.
        unexpected: Columns present now and never fitted.
    """

    def __init__(self, step: str, missing: Sequence[str], unexpected: Sequence[str]) -> None:
        self.step, self.missing, self.unexpected = step, tuple(missing), tuple(unexpected)
        # Workers send exceptions pickled: args must rebuild the object.
        super().__init__(step, self.missing, self.unexpected)

    def __str__(self) -> str:
        return message(
            f"{self.step}: this table's columns differ from the fitted ones "
            f"(missing: {listed(self.missing)}; unexpected: {listed(self.unexpected)}). "
            f"Refit {self.step} on this table, or select the fitted columns before it."
        )


def listed(names: Iterable[object], limit: int = 5) -> str:
    """Name at most ``limit`` things, so a long list keeps a one-line message."""
    every = [str(name) for name in names]
    shown = ", ".join(every[:limit]) or "none"
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"


def rebuild(name: str, args: Sequence[object], message: str, kind: str) -> PipelineError:
    """Make again the error a child process told of.

    Args:
        name: Class name, as in this module.
        args: The error's ``args`` after a trip through JSON (tuples became lists).
        message: What the error printed, used where the class cannot be rebuilt.
        kind: ``TransientError`` or ``PermanentError``: the fallback for an unknown class.
    """
    cls = globals().get(name)
    if isinstance(cls, type) and issubclass(cls, PipelineError):
        try:
            return cls(*args)
        except TypeError:
            # The child runs other code than we do; its message still tells what happened.
            return (
                TransientError(message)
                if issubclass(cls, TransientError)
                else PermanentError(message)
            )
    fallback = TransientError if kind == "TransientError" else PermanentError
    return fallback(message)
