"""Every error that Millrace raises on purpose, sorted by whether a retry can help.

Why: a caller catches by these names: ``except millrace.errors.TransientError``.
Promise: nothing else is raised for bad input, bad data or a broken environment.
"""

from pipelines.core.errors import (
    AlarmError,
    ArtifactError,
    ColumnMismatchError,
    ConfigError,
    DeclarationError,
    EventsNotReadyError,
    HistoryNotReadyError,
    InputMismatchError,
    InputMissingError,
    LeakageError,
    NoChampionError,
    NothingToScoreError,
    OutOfMemoryError,
    PartitionRefusedError,
    PermanentError,
    PipelineError,
    SchemaError,
    SourceNotReadyError,
    SourceUnreadableError,
    StageStoppedError,
    TableNotReadyError,
    TrainingError,
    TransientError,
    WorkerLostError,
)

__all__ = [
    "AlarmError",
    "ArtifactError",
    "ColumnMismatchError",
    "ConfigError",
    "DeclarationError",
    "EventsNotReadyError",
    "HistoryNotReadyError",
    "InputMismatchError",
    "InputMissingError",
    "LeakageError",
    "NoChampionError",
    "NothingToScoreError",
    "OutOfMemoryError",
    "PartitionRefusedError",
    "PermanentError",
    "PipelineError",
    "SchemaError",
    "SourceNotReadyError",
    "SourceUnreadableError",
    "StageStoppedError",
    "TableNotReadyError",
    "TrainingError",
    "TransientError",
    "WorkerLostError",
]
