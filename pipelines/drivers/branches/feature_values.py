"""How the features of a partition differ between main and a branch: columns, rows and values.

Promise: rows are joined by their id; a column at a time is in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.store import Store
from pipelines.drivers.branches.differences import BranchedArtifact

Rows = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Numbers of main's rows and of the branch's that are the same row, ``(n_rows,)`` each."""
FEATURES, PARTS, KNOWN = "features", "part-*.parquet", "known="


@dataclass(frozen=True, slots=True)
class ChangedPartition:
    """A partition whose features differ.

    Attributes:
        key: Its key.
        rows: Rows of both.
        only_main: Rows that main alone has.
        only_branch: Rows that the branch alone has.
        added: Columns that the branch alone has.
        removed: Columns that main alone has.
        changed: Share of the rows of both whose value differs, by column; columns without any are left out.
    """

    key: str
    rows: int
    only_main: int
    only_branch: int
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: dict[str, float]

    def facts(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "key": self.key,
            "rows": self.rows,
            "only_main": self.only_main,
            "only_branch": self.only_branch,
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": self.changed,
        }


def changed_features(
    store: Store, own: Iterable[BranchedArtifact], id_column: str
) -> Iterator[ChangedPartition]:
    """The partitions whose features are published on main and have another content on the branch."""
    for each in own:
        if (
            each.ref.dataset == FEATURES
            and each.published is not None
            and not each.same_content
        ):
            folders = store.open(each.published), store.open(each.own)
            yield compared(each.ref.key, *folders, id_column)


def compared(key: str, main: Path, branch: Path, id_column: str) -> ChangedPartition:
    """Compare the features of one partition.

    Args:
        key: The partition's key.
        main: Folder of main's version.
        branch: Folder of the branch's.
        id_column: Column that identifies a row.
    """
    ids = _column(main, id_column), _column(branch, id_column)
    at = pc.index_in(ids[1], value_set=ids[0])
    both = pc.is_valid(at)
    rows = np.asarray(pc.filter(at, both)), np.flatnonzero(np.asarray(both))
    names, n_both = (_names(main), _names(branch)), len(rows[0])
    return ChangedPartition(
        key,
        n_both,
        len(ids[0]) - n_both,
        len(ids[1]) - n_both,
        _without(names[1], names[0]),
        _without(names[0], names[1]),
        _changed((main, branch), _without(names[0], _without(names[0], names[1])), rows),
    )


def _without(names: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in others)


def _changed(folders: tuple[Path, Path], names: Iterable[str], rows: Rows) -> dict[str, float]:
    """Share of the rows of both whose value differs, of columns that have any."""
    counts = {
        name: _differing(_column(folders[0], name), _column(folders[1], name), rows)
        for name in names
    }
    return {name: count / len(rows[0]) for name, count in counts.items() if count}


def _differing(main: pa.Array, branch: pa.Array, rows: Rows) -> int:
    """Rows whose values differ; no value equals no value, and nan equals nan."""
    one, other = main.take(pa.array(rows[0])), branch.take(pa.array(rows[1]))
    if one.type != other.type:
        try:
            other = other.cast(one.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return len(one)
    if pa.types.is_nested(one.type):
        return sum(a != b for a, b in zip(one.to_pylist(), other.to_pylist(), strict=True))
    unequal = pc.fill_null(pc.not_equal(one, other), False)
    if pa.types.is_floating(one.type):
        unequal = pc.and_not(
            unequal, pc.fill_null(pc.and_(pc.is_nan(one), pc.is_nan(other)), False)
        )
    one_alone = pc.xor(pc.is_null(one), pc.is_null(other))
    return int(pc.sum(pc.or_(unequal, one_alone)).as_py() or 0)


def _files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.glob(PARTS)) if KNOWN not in path.name]


def _names(folder: Path) -> list[str]:
    """Columns of a partition; of a refused one, which has no files, none."""
    return [*dict.fromkeys(n for path in _files(folder) for n in pq.read_schema(path).names)]


def _column(folder: Path, name: str) -> pa.Array:
    parts = [
        pq.read_table(path, columns=[name], use_threads=False)[name] for path in _files(folder)
    ]
    chunks = [chunk for part in parts for chunk in part.chunks]
    if not chunks:
        return pa.array([], parts[0].type if parts else pa.null())
    whole = pa.chunked_array(chunks).combine_chunks()
    return whole.dictionary_decode() if pa.types.is_dictionary(whole.type) else whole
