"""Errors the stages raise on purpose, sorted by one question: can a retry help?

Why: the scheduler, the command line and a worker's pickled exception must agree on what to
    do next, and only the type carries it.
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
    """The source of a partition does not exist yet, or is still being written."""


class HistoryNotReadyError(TransientError):
    """Earlier partitions that this one depends on have no verdict yet."""


class TableNotReadyError(HistoryNotReadyError):
    """Partitions of another table, which the features read, have no verdict yet."""


class EventsNotReadyError(TableNotReadyError):
    """Partitions of the table that rows are derived from have no verdict yet; other runs may be at work on them."""


class ConfigError(PermanentError):
    """A setting or an argument is invalid; the message names valid values."""

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
        text = f"{self.pipeline}: {len(self.problems)} {mistakes} in the declaration:\n{listed}"
        return readable(text, MAX_LIST_CHARS, lines=True)


class PartitionRefusedError(PermanentError):
    """A partition failed a rule that refuses it whole; nothing downstream uses it."""


class AlarmError(PermanentError):
    """A scored partition is beyond a limit that is declared to fail: its scores stand, and someone must look."""


class NothingToScoreError(PartitionRefusedError):
    """A partition was refused by an earlier stage, so there are no rows to score."""


class SourceUnreadableError(PartitionRefusedError):
    """A source file cannot be read in its declared format (truncated, corrupt, wrong format)."""


class SchemaError(PartitionRefusedError):
    """A source table's columns or types break the declared contract."""


class InputMissingError(PermanentError):
    """An input artifact was never published; its own stage must run first."""


class NoChampionError(PermanentError):
    """No model was the champion on a day that is to be scored."""


class InputMismatchError(PermanentError):
    """Inputs of one stage do not belong together, or to this run's settings."""


class ArtifactError(PermanentError):
    """A published artifact differs from its manifest."""


class TrainingError(PermanentError):
    """The training data or its numbers make training impossible (one class, NaN loss)."""


class LeakageError(TrainingError):
    """A single feature nearly determines the label: the label leaked into the features."""


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
    """List at most ``limit`` names, so that a long list fits a one-line message."""
    every = [str(name) for name in names]
    shown = ", ".join(every[:limit]) or "none"
    return shown if len(every) <= limit else f"{shown} and {len(every) - limit} more"


def rebuild(name: str, args: Sequence[object], message: str, kind: str) -> PipelineError:
    """Rebuild the error that a child process reported.

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
            # The child runs another version of this code; its message still says what happened.
            return (
                TransientError(message)
                if issubclass(cls, TransientError)
                else PermanentError(message)
            )
    fallback = TransientError if kind == "TransientError" else PermanentError
    return fallback(message)
