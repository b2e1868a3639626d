"""A source file that cannot be read: damaged, or still being written.

Why: a partly copied file and a corrupt one look the same to a reader; only checking the file again
    shows whether waiting can help.
Promise: a file that is gone, whose bytes changed since it was planned, or that ends too early
    and was written within the last minute or still grows, is a transient error; anything else is
    permanent.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.core.errors import PermanentError, SourceNotReadyError, SourceUnreadableError
from pipelines.stages.ingest.sources.locate import DENIED
from pipelines.stages.ingest.sources.source_item import SourceItem

SETTLE_S = 60.0
# Copying may keep the time of the original, so an old file is checked twice.
SECOND_CHECK_S = 1.0
# A retry can help; all of these are OSErrors, as pyarrow's errors about bad bytes are.
TRANSIENT = (FileNotFoundError, ConnectionError, TimeoutError)


class CutShortError(SourceUnreadableError):
    """A file ends too early, as one that is still being copied."""


@contextmanager
def checked_read(file: SourceItem, planned: str) -> Iterator[None]:
    """Check, after the block has read a file, that its content is that of the plan.

    Args:
        file: The file.
        planned: Its digest when the work was planned.

    Raises:
        SourceNotReadyError: The file is still being written.
        SourceUnreadableError: It cannot be read and does not change any more, or this user may not
            read it.
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


def _changed(file: SourceItem) -> SourceNotReadyError:
    return SourceNotReadyError(
        f"Source file {file.name} is still being written: it changed while it was read. "
        f"Expected a complete file. Run ingest again when the delivery is complete."
    )


def _cut_short(
    file: SourceItem, error: CutShortError, planned: str
) -> PermanentError | SourceNotReadyError:
    age_s = file.age_s()
    if age_s >= SETTLE_S:
        time.sleep(SECOND_CHECK_S)
        return SourceUnreadableError(str(error)) if file.digest() == planned else _changed(file)
    return SourceNotReadyError(
        f"Source file {file.name} seems to be still being written: the last write was "
        f"{max(age_s, 0):.0f} s ago. Expected a complete file. Run ingest again in a minute: "
        f"{SETTLE_S:.0f} s after the last write it counts as damaged. Its current error: {error}"
    )
