"""Finding and opening Parquet files, here or behind a protocol that fsspec knows.

Why: a file that is gone may come back, a damaged one will not; only the error's type says it.
Promise: a file is never opened without its name in the error.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.gx_dask.errors import EngineSettingError, FileDamagedError, FilesMissingError

SUFFIXES = (".parquet", ".pq")
WILDCARDS = frozenset("*?[")


def list_files(path: str) -> list[str]:
    """Parquet files of a folder (and the folders below), a pattern, or one file, sorted.

    Names that start with ``.`` or ``_`` are not data, as everywhere in the Parquet world.

    Raises:
        FilesMissingError: There is none.
        EngineSettingError: The path is empty.
    """
    if not str(path).strip():
        raise EngineSettingError(
            "got an empty path; expected a folder, a pattern or a file. Name one; the working "
            "directory is '.'."
        )
    system, plain = fsspec.core.url_to_fs(path)
    found = _found(system, plain)
    if not found:
        raise FilesMissingError(
            f"{path}: no Parquet file there. Expected a folder, a pattern or a file that exists. "
            f"Try again when the table was written, or correct the path."
        )
    return sorted(map(system.unstrip_protocol, found) if "://" in path else found)


def _found(system: fsspec.AbstractFileSystem, path: str) -> list[str]:
    if WILDCARDS & set(path):
        return list(system.glob(path))
    if not system.isdir(path):
        return [path] if system.exists(path) else []
    below = (file for file in system.find(path) if file.endswith(SUFFIXES))
    return [file for file in below if not _is_hidden(file[len(path) :])]


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in PurePosixPath(path).parts)


def open_file(path: str, encoded: Sequence[str] = ()) -> pq.ParquetFile:
    """Open one file, local or behind a protocol that fsspec knows.

    Args:
        path: The file.
        encoded: Text columns to read as indices into a list of distinct values.

    Raises:
        FilesMissingError: It is gone.
        FileDamagedError: It is not Parquet.
    """
    try:
        source = fsspec.open(path).open() if "://" in path else path
        return pq.ParquetFile(
            source, read_dictionary=list(encoded) or None, page_checksum_verification=True
        )
    except FileNotFoundError as error:
        raise gone(path) from error
    except (OSError, pa.ArrowException) as error:
        raise unreadable(path, error) from error


def gone(path: str) -> FilesMissingError:
    """For a file that was listed and is not there."""
    return FilesMissingError(
        f"{path}: the file is gone. Expected it to stay while it is validated. "
        f"Try again when its writer has finished."
    )


def unreadable(path: str, error: Exception) -> FileDamagedError:
    """For a file that cannot be read as Parquet."""
    return FileDamagedError(
        f"{path}: cannot be read as Parquet ({' '.join(str(error).split())[:300]}). "
        f"Expected a complete, undamaged file. Write it again."
    )
