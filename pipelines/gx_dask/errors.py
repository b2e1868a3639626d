"""What the engine raises of its own, in place of an answer about the data.

Why: Great Expectations turns exceptions into failed expectations; a file that is gone must never
    read like bad data.
Promise: an ``EngineError`` that is raised while a partition is read or evaluated, by a custom
    metric too, leaves ``Checkpoint.run`` and ``validate`` as it is; every error pickles.
"""


class EngineError(Exception):
    """Base of the engine's errors: nothing can be said about the data."""


class FilesMissingError(EngineError):
    """A file is not there, or went away while it was validated; it may come back."""


class FileDamagedError(EngineError):
    """A file is not what it says it is: cut short, corrupt, or no Parquet."""


class ColumnsDifferError(EngineError):
    """Files of one table differ in their columns, or their folders in their keys."""


class EngineSettingError(EngineError, ValueError):
    """An argument cannot be used; says which ones can."""


class RunnerUnavailableError(EngineError):
    """What tasks were to run on does not answer; it may come back."""


def require_at_least(least: int, **settings: int) -> None:
    """Check settings that are whole numbers.

    Raises:
        EngineSettingError: One is not a whole number, or too small.
    """
    for name, value in settings.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            raise EngineSettingError(
                f"{name} must be a whole number, {least} or more; got {value!r}. Correct it."
            )


class Interrupted(BaseException):
    """Carries an error through Great Expectations, which lets only a BaseException pass.

    Attributes:
        error: What interrupted the scan.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(str(error))
