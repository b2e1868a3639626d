"""The row ids of a day as one sorted array, in which another day's ids can be searched.

Why: a stuck export is delivered again under the next date; each of its rows is good, and only its
    ids show that they were delivered before.
Promise: the array follows from the ids alone. An integer is its own key, so a matching key is a
    matching id; a text's key is its 64-bit hash, and on a match the caller compares the texts.
    Neither writing nor searching holds a day's keys in memory.
Not here: which days are compared, and what a repeated id means (``pipelines/shared/expectations/``).
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.hashing import hash_words
from pipelines.shared.tables import IDS

if TYPE_CHECKING:
    import pyarrow as pa

EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
BLOCK = 1 << 20
SAMPLES = 256
Keys = NDArray[np.int64]
Bounds = tuple[datetime, datetime]
"""Start and end of a partition."""


def keys_of(ids: Any) -> Keys:
    """The key of each id in a pyarrow array without nulls, shape ``(n,)``."""
    import pyarrow as pa

    if not is_own_key(ids.type):
        return hash_words(ids).view(np.int64)
    if pa.types.is_timestamp(ids.type):
        ids = ids.cast(pa.timestamp("us"))
    return np.asarray(ids.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)


def is_own_key(kind: "pa.DataType") -> bool:
    """Whether an id of that type is its own key, so that equal keys mean equal ids."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind))


def open_keys(path: Path) -> Keys:
    """A day's sorted keys as a memory map."""
    return np.memmap(path, "<i8", "r") if path.stat().st_size else np.zeros(0, np.int64)


def are_in(wanted: Keys, keys: Keys) -> NDArray[np.bool_]:
    """Whether each wanted key is one of a day's, shape ``(n_wanted,)``."""
    if not len(keys):
        return np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.asarray(keys[at] == wanted)


def in_common(left: Keys, right: Keys) -> str:
    """Number and digest of the keys that two days share; empty if there are none."""
    if not (len(left) and len(right)):
        return ""
    low, high = max(left[0], right[0]), min(left[-1], right[-1])
    # Ids mostly increase with time, so most days do not overlap and nothing else is compared.
    left, right = (
        keys[np.searchsorted(keys, low) : np.searchsorted(keys, high, "right")]
        for keys in (left, right)
    )
    small, large = sorted((left, right), key=len)
    digest, count = hashlib.sha256(), 0
    for start in range(0, len(small), BLOCK):
        block = small[start : start + BLOCK]
        found = block[are_in(block, large)]
        digest.update(found.tobytes())
        count += len(found)
    return f"{count} {digest.hexdigest()[:16]}" if count else ""


class IdsWriter:
    """Collects the ids of the rows whose event is within the partition, block by block."""

    def __init__(self, row_id: str, event_time: str, within: Bounds, folder: Path) -> None:
        self._columns, self._path = (row_id, event_time), folder / IDS
        self._spill = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self._within = [(instant - EPOCH) // MICROSECOND for instant in within]
        self._sizes: list[int] = []

    def add(self, rows: "pa.Table") -> None:
        """Add the ids of some rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        row_id, event_time = self._columns
        at, (start, end) = rows[event_time].cast(pa.int64()), self._within
        is_own = pc.and_(pc.greater_equal(at, start), pc.less(at, end))
        ids = rows[row_id].filter(pc.and_(is_own, pc.is_valid(rows[row_id])))
        keys = _distinct(keys_of(ids.combine_chunks()))
        self._spill.write(keys.astype("<i8").tobytes())
        self._sizes.append(len(keys))

    def close(self) -> None:
        """Write every key once, in order, a range of them at a time."""
        with self._spill as spill, self._path.open("wb") as file:
            spill.flush()
            for keys in _merged(self._runs()):
                file.write(keys.astype("<i8").tobytes())

    def _runs(self) -> list[Keys]:
        total = sum(self._sizes)
        if not total:
            return []
        held = np.memmap(self._spill, "<i8", "r", shape=(total,))
        ends = np.cumsum(self._sizes)
        return [held[e - size : e] for e, size in zip(ends, self._sizes, strict=True) if size]


def _merged(runs: Sequence[Keys]) -> Iterator[Keys]:
    """Distinct keys of sorted runs, in chunks of about ``BLOCK``."""
    if not runs:
        return
    samples = np.sort(np.concatenate([run[:: max(1, len(run) // SAMPLES)] for run in runs]))
    chunks = -(-sum(map(len, runs)) // BLOCK)
    cuts = _distinct(samples[np.arange(1, chunks) * len(samples) // chunks])
    begins = [0] * len(runs)
    for cut in [*cuts, None]:
        ends = [len(run) if cut is None else int(np.searchsorted(run, cut)) for run in runs]
        yield _distinct(
            np.concatenate([run[b:e] for run, b, e in zip(runs, begins, ends, strict=True)])
        )
        begins = ends


def _distinct(keys: Keys) -> Keys:
    """Distinct keys in order; ``np.unique`` hashes first, which takes five times as long."""
    if (keys[1:] > keys[:-1]).all():
        return keys
    keys = np.sort(keys)
    return keys[np.append(True, keys[1:] != keys[:-1])]
