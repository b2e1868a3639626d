"""All failing rows of row-level expectations, kept in files instead of results.

Why: results list few rows, and quarantine wants every one; a billion row numbers do not belong
    in one process.
Promise: while rows are kept, each partition's worker writes the numbers of its failing rows,
    one file a condition and partition, and nobody else touches them. Numbers count through the
    whole table and rise.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.gx_dask.stock import Node

RowNumbers = NDArray[np.int64]

_folder: ContextVar[str] = ContextVar("folder", default="")


@contextmanager
def keep_failing_rows(folder: Path) -> Iterator[None]:
    """Have failing rows of everything that is validated inside written below this folder.

    Workers must see the folder under the same path.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = _folder.set(str(folder.absolute()))
    try:
        yield
    finally:
        _folder.reset(token)


def failing_rows_folder() -> str:
    """Where failing rows go now; empty for nowhere."""
    return _folder.get()


def key_of(node: Node) -> str:
    """A short name of a condition, for files."""
    domain = {k: v for k, v in node.domain.items() if k != "batch_id" and v is not None}
    text = repr((node.name, sorted(domain.items()), sorted(node.value.items())))
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def save_failing_rows(folder: str, key: str, partition: int, numbers: RowNumbers) -> None:
    """Write a partition's row numbers; a repeated task writes the same."""
    path = _file(Path(folder), key, partition)
    staged = path.with_suffix(".part")
    with staged.open("wb") as file:
        np.save(file, numbers)
    staged.replace(path)


def read_failing_rows(folder: Path, key: str, partition: int) -> RowNumbers:
    """A partition's failing rows of one condition, shape ``(n_failing,)``, rising."""
    path = _file(folder, key, partition)
    found: RowNumbers = np.load(path) if path.exists() else np.zeros(0, dtype=np.int64)
    return found


def _file(folder: Path, key: str, partition: int) -> Path:
    return folder / f"{key}-{partition}.npy"
