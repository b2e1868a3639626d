"""Reading the tables of published artifacts: as Arrow, pandas, Polars or Dask.

Why: whoever analyses published data should not have to know how its files are named, nor trust them.
Promise: every file is compared with its manifest before it is read, in the process that reads it, so
    a damaged one is an error also on a Dask worker. Types are those of the file in every form.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from pipelines.core.causes import sorted_by_cause, unexpected
from pipelines.core.declared import nearest
from pipelines.core.errors import (
    ConfigError,
    InputMismatchError,
    InputMissingError,
    PartitionRefusedError,
    listed,
)
from pipelines.core.store import Manifest, Store
from pipelines.protocol import REFUSED
from pipelines.shared.tables.known_days import LATE_PART, part_as_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PART = re.compile(r"part-\d+\.parquet")
ROWS, PARQUET = "part", ".parquet"
NEWEST = "9999-12-31"


@dataclass(frozen=True, slots=True)
class TableFile:
    """One Parquet file of a version, opened where it is read.

    Attributes:
        store: The store.
        manifest: Its version.
        name: The file below the version's folder.
    """

    store: Store
    manifest: Manifest
    name: str

    @property
    def title(self) -> str:
        """What errors call it."""
        return f"{self.manifest.ref.path()}/{self.name}"

    def schema(self) -> "pa.Schema":
        """Columns and types."""
        with self._opened() as file:
            return file.schema_arrow.remove_metadata()

    def read(self, columns: Sequence[str] | None = None) -> "pa.Table":
        """The columns, in the order asked for.

        Raises:
            ArtifactError: The file is damaged.
        """
        with self._opened() as file:
            table = file.read(None if columns is None else list(columns))
        table = table.replace_schema_metadata(None)
        return table if columns is None else table.select(list(columns))

    def _opened(self) -> Any:
        import pyarrow.parquet as pq

        path = self.store.open(self.manifest) / self.name
        return pq.ParquetFile(path, page_checksum_verification=True)


def table_names(manifest: Manifest) -> list[str]:
    """Names of a version's tables: ``part`` are its rows, others as their files are called."""
    return sorted({_table_of(name) for name in manifest.recorded if name.endswith(PARQUET)})


def files_of(
    store: Store, manifest: Manifest, table: str, as_of: str | None
) -> list[TableFile]:
    """The files of one table of a version, in order.

    Args:
        store: The store.
        manifest: The version.
        table: Which table.
        as_of: Of rows that arrive late, those that were known when this day began; None for all.

    Raises:
        PartitionRefusedError: The partition was refused and so has no such table.
        InputMissingError: It has no such table.
    """
    names = [n for n in manifest.recorded if n.endswith(PARQUET) and _table_of(n) == table]
    if any(name.startswith(LATE_PART) for name in names):
        names = [part_as_of(manifest, as_of or NEWEST)]
    if names:
        return [TableFile(store, manifest, name) for name in sorted(names, key=_in_order)]
    if manifest.outcome.get("verdict") == REFUSED:
        raise PartitionRefusedError(
            f"{manifest.ref.path()} was refused by {manifest.stage} and has no {table!r}: "
            f"{manifest.outcome.get('reason', '')} Choose another day, or replay this one once its "
            f"source is mended."
        )
    raise InputMissingError(
        f"{manifest.ref.path()} has no table {table!r} (tables: {listed(table_names(manifest))})."
    )


def _table_of(name: str) -> str:
    path = PurePosixPath(name)
    if len(path.parts) > 1:
        return path.parts[0]
    return ROWS if PART.fullmatch(name) or name.startswith(LATE_PART) else path.stem


def _in_order(name: str) -> tuple[int, str]:
    """``part-10`` after ``part-9``."""
    number = re.search(r"part-(\d+)\.", name)
    return (int(number[1]) if number else 0, name)


def required_columns(files: Sequence[TableFile], columns: Iterable[str] | None) -> "pa.Schema":
    """The schema that all files share in the columns asked for, in their order.

    Raises:
        ConfigError: There is no such column, with the nearest one; it is asked for twice; or none is.
        InputMismatchError: The files' columns differ.
    """
    import pyarrow as pa

    schemas = [file.schema() for file in files]
    names = _checked(columns, schemas[0].names, files[0].title)
    first = pa.schema([schemas[0].field(name) for name in names])
    for file, schema in zip(files, schemas, strict=True):
        wanted = names if columns is not None else schema.names
        own = {n: schema.field(n).type for n in wanted if n in schema.names}
        differ = [
            n for n in dict.fromkeys([*names, *wanted]) if own.get(n) != _type_of(first, n)
        ]
        if differ:
            raise InputMismatchError(
                f"{files[0].title} and {file.title} differ in {listed(differ)}: they were made with "
                f"different declarations. Read them apart, or pass columns= that they share."
            )
    return first


def _type_of(schema: "pa.Schema", name: str) -> Any:
    return schema.field(name).type if name in schema.names else None


def _checked(columns: Iterable[str] | None, known: list[str], title: str) -> list[str]:
    if columns is None:
        return known
    names = [columns] if isinstance(columns, str) else _listed(columns)
    unknown = next((name for name in names if name not in known), None)
    if unknown is not None:
        raise ConfigError(f"{title} has no column {unknown!r}. {nearest(unknown, known)}")
    if not names or len(set(names)) < len(names):
        raise ConfigError(
            f"columns must name each column once, and one at least; got {listed(names)}."
        )
    return names


def _listed(columns: object) -> list[str]:
    if not isinstance(columns, Iterable):
        raise ConfigError(f"columns must be a list of column names; got {columns!r}.")
    return list(columns)


def arrow_table(files: Sequence[TableFile], columns: Iterable[str] | None) -> "pa.Table":
    """The rows of all files, in order."""
    import pyarrow as pa

    schema = required_columns(files, columns)
    try:
        return pa.concat_tables([file.read(schema.names) for file in files])
    except pa.ArrowException as error:
        work = f"reading {files[0].title}"
        raise sorted_by_cause(error, work) or unexpected(error, work) from error


def pandas_frame(table: "pa.Table") -> "pd.DataFrame":
    """The table with Arrow's types, so that a null stays one and whole numbers stay whole."""
    pandas = needed("pandas", "to_pandas()")
    return table.to_pandas(types_mapper=pandas.ArrowDtype)


def dask_frame(files: Sequence[TableFile], columns: Iterable[str] | None) -> Any:
    """One Dask partition a file, read where it is computed."""
    needed("pandas", "to_dask()")
    dask = needed("dask.dataframe", "to_dask()")
    schema = required_columns(files, columns)
    meta = pandas_frame(schema.empty_table())
    return dask.from_map(_part, files, columns=schema.names, meta=meta, label="millrace")


def _part(file: TableFile, columns: Sequence[str]) -> "pd.DataFrame":
    return pandas_frame(file.read(columns))


def needed(library: str, call: str) -> Any:
    """Import a library that only some readers need.

    Raises:
        ConfigError: It is not installed.
    """
    import importlib

    try:
        return importlib.import_module(library)
    except ImportError as error:
        package = library.partition(".")[0]
        extra = "dask[dataframe]" if package == "dask" else package
        raise ConfigError(
            f"{call} needs {library}, which cannot be imported ({error}). Install it with "
            f"pip install '{extra}', or use to_arrow()."
        ) from error
