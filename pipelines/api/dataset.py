"""A published dataset: one artifact, or the days of a range, to be read in the form one likes.

Why: analyses and notebooks read what the stages published, and must read the same bytes.
Promise: what was chosen stays chosen: a version that is published later is not mixed in.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipelines.api.tables import (
    ROWS,
    TableFile,
    arrow_table,
    dask_frame,
    files_of,
    needed,
    pandas_frame,
    required_columns,
    table_names,
)
from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError, listed
from pipelines.core.store import Manifest, Store
from pipelines.core.text import counted
from pipelines.protocol import REFUSED

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa
    import pyarrow.dataset
    from dask.dataframe import DataFrame
    from numpy.typing import NDArray

Columns = Iterable[str] | None
INDEX = "index.json"


@dataclass(frozen=True, slots=True)
class PublishedDataset:
    """One published artifact, or several days of one dataset. Made by ``PublishedStore.dataset``.

    Attributes:
        as_of: Of rows that arrive late, those known when this day began are read; None for all.
    """

    _store: Store
    _manifests: tuple[Manifest, ...]
    as_of: str | None = None

    def __repr__(self) -> str:
        """What was chosen, and not the manifests."""
        first = self._manifests[:1]
        what = "".join(f" {each.pipeline}/{each.dataset}:" for each in first)
        return f"<PublishedDataset{what} {listed(self.keys, 3)}; {counted(self.rows, 'row')}>"

    @property
    def keys(self) -> list[str]:
        """Key of each chosen artifact: ``ds=2026-01-31``, ``as_of=2026-02-15/seed=0``."""
        return [manifest.key for manifest in self._manifests]

    @property
    def digests(self) -> list[str]:
        """Digest of each chosen version."""
        return [manifest.digest for manifest in self._manifests]

    @property
    def rows(self) -> int:
        """Rows that the stage counted, of all of them."""
        return sum(int(manifest.outcome.get("rows", 0)) for manifest in self._manifests)

    @property
    def outcomes(self) -> list[dict[str, Any]]:
        """Short facts of each: rows, verdict, metrics."""
        return [dict(manifest.outcome) for manifest in self._manifests]

    @property
    def refused(self) -> list[str]:
        """Keys of partitions that were refused, which have no rows."""
        return [m.key for m in self._manifests if m.outcome.get("verdict") == REFUSED]

    @property
    def tables(self) -> list[str]:
        """Names of its tables; ``part`` are its rows."""
        return sorted({name for manifest in self._manifests for name in table_names(manifest)})

    @property
    def files(self) -> list[str]:
        """Names of all files of the chosen versions."""
        return sorted({name for manifest in self._manifests for name in manifest.recorded})

    def to_arrow(self, columns: Columns = None, *, table: str | None = None) -> "pa.Table":
        """Read a table into memory.

        Args:
            columns: Columns to read, in this order; all by default.
            table: Which table (``tables``); by default the rows, or the only one.

        Returns:
            The rows of every chosen artifact in the order of their keys, ``(n_rows, n_columns)``.

        Raises:
            ConfigError: No such column or table; names the nearest one.
            PartitionRefusedError: The only partition that is chosen was refused.
            InputMismatchError: The days' columns differ.
            ArtifactError: A file is damaged; running its stage again mends it.
        """
        return arrow_table(self._files(table), columns)

    def to_arrow_dataset(self, *, table: str | None = None) -> "pyarrow.dataset.Dataset":
        """A ``pyarrow.dataset.Dataset`` over the files, for filters and batches.

        The files are compared with their manifests now, not when they are scanned.

        Raises:
            PipelineError: As ``to_arrow``.
        """
        import pyarrow.dataset as ds

        files = self._files(table)
        schema = required_columns(files, None)
        paths = [str(self._store.open(file.manifest) / file.name) for file in files]
        return ds.dataset(paths, schema=schema, format="parquet", partitioning=None)

    def to_pandas(self, columns: Columns = None, *, table: str | None = None) -> "pd.DataFrame":
        """As ``to_arrow``, as a pandas DataFrame of Arrow types (nulls stay nulls).

        Raises:
            PipelineError: As ``to_arrow``; ConfigError if pandas is not installed.
        """
        needed("pandas", "to_pandas()")
        return pandas_frame(self.to_arrow(columns, table=table))

    def to_polars(self, columns: Columns = None, *, table: str | None = None) -> "pl.DataFrame":
        """As ``to_arrow``, as a Polars DataFrame.

        Raises:
            PipelineError: As ``to_arrow``; ConfigError if Polars is not installed.
        """
        polars = needed("polars", "to_polars()")
        return polars.from_arrow(self.to_arrow(columns, table=table))

    def to_dask(self, columns: Columns = None, *, table: str | None = None) -> "DataFrame":
        """A Dask DataFrame with a partition a file, of the types of ``to_pandas``.

        Files are compared with their manifests and read where a partition is computed, so workers
        on other machines need the store too.

        Raises:
            PipelineError: As ``to_arrow``; damage is raised by ``compute()``. ConfigError if
                dask.dataframe is not installed.
        """
        return dask_frame(self._files(table), columns)

    def to_numpy(self, part: str) -> "dict[str, NDArray[np.generic]]":
        """The arrays of a training set.

        Args:
            part: ``train``, ``gap`` or ``test``.

        Returns:
            ``y (n_rows,)`` and, of ``train`` and ``test``, what the model reads:
            ``x (n_rows, n_features)``, ``ids (n_rows, n_ids)``, ``seq_*`` and ``len_*``. Rows are
            in the order of ``to_arrow(table=part)``, which has their keys. ``x`` in bfloat16 is
            widened to float32.

        Raises:
            ConfigError: The dataset is not a training set, or has no such part.
            ArtifactError: A file is damaged.
        """
        from pipelines.api.arrays import arrays_of

        return arrays_of(self._one(), part, self.folder())

    def read_json(self, name: str) -> Any:
        """A JSON file of the artifact, such as ``metrics.json`` of an evaluation.

        Raises:
            ConfigError: Several artifacts are chosen, or there is no such JSON file.
            ArtifactError: It is damaged.
        """
        manifest = self._one()
        known = [each for each in manifest.recorded if each.endswith(".json")]
        if name not in known:
            raise ConfigError(
                f"{manifest.ref.path()} has no JSON file {name!r}. {nearest(name, known)}"
            )
        return json.loads((self._store.open(manifest) / name).read_bytes())

    def folder(self) -> "Path":
        """Local folder of the artifact's files, each compared with its manifest.

        Raises:
            ConfigError: Several artifacts are chosen.
            ArtifactError: A file is damaged.
        """
        return self._store.open(self._one())

    def _one(self) -> Manifest:
        if len(self._manifests) != 1:
            raise ConfigError(
                f"{len(self._manifests)} artifacts are chosen ({listed(self.keys)}). Choose one, by its "
                f"day, as-of day or version."
            )
        return self._manifests[0]

    def _files(self, table: str | None) -> list[TableFile]:
        name = self._table(table)
        # A refused day among others has no rows; alone, it is an error.
        with_rows = [m for m in self._manifests if m.key not in self.refused or name != ROWS]
        chosen = with_rows or self._manifests
        return [
            file for each in chosen for file in files_of(self._store, each, name, self.as_of)
        ]

    def _table(self, table: str | None) -> str:
        known = self.tables
        if table is not None and table not in known:
            raise ConfigError(
                f"{self._manifests[0].ref.path()} has no table {table!r}. "
                f"{nearest(table, known) if known else 'It has none.'}"
            )
        if table or ROWS in known or len(self.refused) == len(self._manifests):
            return table or ROWS
        if len(known) == 1:
            return known[0]
        which = f"tables {listed(known)}: pass table=" if known else "no table: see read_json()"
        raise ConfigError(f"{self._manifests[0].ref.path()} has {which}.")
