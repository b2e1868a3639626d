"""How the features of a partition differ between main and a branch: columns, rows and values.

Promise: rows are joined by their id; a column at a time is in memory.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.core.store import Store
from pipelines.drivers.branches.differences import BranchedArtifact

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
    ids = [_column(folder, id_column) for folder in (main, branch)]
    at = pc.index_in(ids[1], value_set=ids[0])
    both = pc.is_valid(at)
    rows = np.asarray(pc.filter(at, both)), np.flatnonzero(np.asarray(both))
    names = [_names(folder) for folder in (main, branch)]
    shared = [name for name in names[0] if name in names[1] and name != id_column]
    n_both = len(rows[0])
    shares = {
        name: _differing(_column(main, name), _column(branch, name), rows) / n_both
        for name in (shared if n_both else ())
    }
    return ChangedPartition(
        key,
        n_both,
        len(ids[0]) - n_both,
        len(ids[1]) - n_both,
        tuple(name for name in names[1] if name not in names[0]),
        tuple(name for name in names[0] if name not in names[1]),
        {name: share for name, share in shares.items() if share},
    )


def _differing(
    main: pa.Array, branch: pa.Array, rows: tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
) -> int:
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
