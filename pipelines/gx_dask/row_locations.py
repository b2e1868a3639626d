"""All failing rows of row-level expectations, kept in files instead of results.

Why: results list few rows, and quarantine wants every one; a billion row numbers do not belong
    in one process.
Promise: while rows are kept, each partition's worker writes the numbers of its failing rows,
    one file a condition and partition, and nobody else touches them. Numbers count through the
    whole table and rise.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_folder: ContextVar[str] = ContextVar("folder", default="")


@contextmanager
def keep_places(folder: Path) -> Iterator[None]:
    """Have failing rows of everything that is validated inside written below this folder.

    Workers must see the folder under the same path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = _folder.set(str(folder.absolute()))
    try:
        yield
    finally:
        _folder.reset(token)


def folder_for_places() -> str:
    """Where failing rows go now; empty for nowhere."""
    return _folder.get()


def read_places(folder: Path, key: str, partition: int) -> NDArray[np.int64]:
    """A partition's failing rows of one condition, shape ``(n_failing,)``, rising."""
    path = folder / f"{key}-{partition}.npy"
    found: Any = np.load(path) if path.exists() else np.zeros(0, dtype=np.int64)
    return found
