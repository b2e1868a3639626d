"""A source file that cannot be read: broken for good, or still being written.

Why: a half-copied file and a corrupt one look alike to a reader; only a second look at the
    file tells whether waiting can help.
Promise: a file that is gone, whose bytes changed since it was planned, or that ends too early
    and was written within the last minute or still grows, is waited for; anything else fails at
    once.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.core.errors import PermanentError, SourceNotReadyError, SourceUnreadableError
from pipelines.stages.ingest.locate import DENIED, SourceFile

SETTLE_S = 60.0
# Copying may keep the time of the original, so an old file is looked at twice.
SECOND_LOOK_S = 1.0
# What passes by itself; all of these are OSErrors, as pyarrow's complaint about bad bytes is.
PASSING = (FileNotFoundError, ConnectionError, TimeoutError)


class CutShortError(SourceUnreadableError):
    """A file ends too early, as one does that is still being copied."""


@contextmanager
def second_look(file: SourceFile, planned: str) -> Iterator[None]:
    """Read a file, then make sure that it was read as planned.

    Args:
        file: What is read.
        planned: Its digest when the work was planned.

    Raises:
        SourceNotReadyError: The file is still being written.
        SourceUnreadableError: It cannot be read and will not change by itself, or it may not be read.
        SchemaError: It is not the declared table.
    """
    try:
        if planned == DENIED:
            raise SourceUnreadableError(
                f"Source file {file.name} may not be read by the user that this work runs as. "
                f"Expected permission to read it. Grant it and run ingest again."
            )
        yield
    except FileNotFoundError as error:
        raise _changed(file) from error
    except (PermanentError, PermissionError) as error:
        if file.digest() != planned:
            raise _changed(file) from error
        if isinstance(error, CutShortError):
            raise _cut_short(file, error, planned) from error
        raise
    if file.digest() != planned:
        raise _changed(file)


def _changed(file: SourceFile) -> SourceNotReadyError:
    return SourceNotReadyError(
        f"Source file {file.name} is still being written: it changed while it was read. "
        f"Expected a finished file. Try again once the delivery is over."
    )


def _cut_short(
    file: SourceFile, error: CutShortError, planned: str
) -> PermanentError | SourceNotReadyError:
    age_s = file.age_s()
    if age_s >= SETTLE_S:
        time.sleep(SECOND_LOOK_S)
        return SourceUnreadableError(str(error)) if file.digest() == planned else _changed(file)
    return SourceNotReadyError(
        f"Source file {file.name} seems to be still being written, {max(age_s, 0):.0f} s ago "
        f"last. Expected a finished file. Try again in a minute: {SETTLE_S:.0f} s after the "
        f"last write it counts as broken. What is wrong with it now: {error}"
    )
