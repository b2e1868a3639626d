"""The row ids of a day as one sorted array, so that another day's can be looked for among them.

Why: an export that is stuck is delivered again under the next date; each of its rows is good, and
    only its ids tell that they were there before.
Promise: the array follows from the ids alone. A whole number is its own key, so a key that is
    found is an id that is found; a text's key is its 64-bit hash, and who finds one compares
    the texts. Neither writing nor looking holds a day's keys in memory.
Not here: which days are looked at, and what a repeated id means (``pipelines/shared/expectations/``).
"""

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.days import parse_day
from pipelines.operators.hashing import hash_words
from pipelines.shared.tables import IDS

if TYPE_CHECKING:
    import pyarrow as pa

DAY_US = 86_400_000_000
BLOCK = 1 << 20
SAMPLES = 256
Keys = NDArray[np.int64]


def keys_of(ids: Any) -> Keys:
    """Key of each id of a pyarrow array without nulls, shape ``(n,)``."""
    import pyarrow as pa

    if not is_own_key(ids.type):
        return hash_words(ids).view(np.int64)
    if pa.types.is_timestamp(ids.type):
        ids = ids.cast(pa.timestamp("us"))
    return np.asarray(ids.cast(pa.int64()).to_numpy(zero_copy_only=False), np.int64)


def is_own_key(kind: "pa.DataType") -> bool:
    """Whether an id of that type is its own key, so that equal keys are equal ids."""
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_timestamp(kind))


def open_keys(path: Path) -> Keys:
    """A day's keys, sorted, by memory map."""
    return np.memmap(path, "<i8", "r") if path.stat().st_size else np.zeros(0, np.int64)


def are_in(wanted: Keys, keys: Keys) -> NDArray[np.bool_]:
    """Whether each wanted key is one of a day's, shape ``(n_wanted,)``."""
    if not len(keys):
        return np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.asarray(keys[at] == wanted)


def in_common(left: Keys, right: Keys) -> str:
    """Names the keys that two days share by their number and digest; empty if there are none."""
    if not (len(left) and len(right)):
        return ""
    low, high = max(left[0], right[0]), min(left[-1], right[-1])
    # Ids mostly rise with time, so days mostly lie apart and this is all that is looked at.
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
    """Collects a day's ids, block by block, of the rows whose event lies within the day."""

    def __init__(self, row_id: str, event_time: str, day: str, folder: Path) -> None:
        self._columns, self._path = (row_id, event_time), folder / IDS
        self._spill = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        start = (parse_day(day) - parse_day("1970-01-01")).days * DAY_US
        self._within = (start, start + DAY_US)
        self._sizes: list[int] = []

    def add(self, rows: "pa.Table") -> None:
        """Take the ids of some rows."""
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
    """Keys of sorted runs, each once, in pieces of about ``BLOCK``."""
    if not runs:
        return
    samples = np.sort(np.concatenate([run[:: max(1, len(run) // SAMPLES)] for run in runs]))
    pieces = -(-sum(map(len, runs)) // BLOCK)
    cuts = _distinct(samples[np.arange(1, pieces) * len(samples) // pieces])
    begins = [0] * len(runs)
    for cut in [*cuts, None]:
        ends = [len(run) if cut is None else int(np.searchsorted(run, cut)) for run in runs]
        yield _distinct(
            np.concatenate([run[b:e] for run, b, e in zip(runs, begins, ends, strict=True)])
        )
        begins = ends


def _distinct(keys: Keys) -> Keys:
    """Each key once, in order; ``np.unique`` hashes first, at five times the time."""
    if (keys[1:] > keys[:-1]).all():
        return keys
    keys = np.sort(keys)
    return keys[np.append(True, keys[1:] != keys[:-1])]
