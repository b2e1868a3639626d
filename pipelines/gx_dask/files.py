"""Finding and opening Parquet files, here or behind a protocol that fsspec knows.

Why: a file that is gone may come back, a damaged one will not; only the error's type says it.
Promise: a file is never opened without its name in the error.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.gx_dask.errors import FileDamagedError, FilesMissingError


def list_files(path: str) -> list[str]:
    """Parquet files of a folder (and the folders below), a pattern, or one file, sorted.

    Names that start with ``.`` or ``_`` are no data, as everywhere in the Parquet world.

    Raises:
        FilesMissingError: There is none.
    """
    system, plain = fsspec.core.url_to_fs(path)
    if any(sign in plain for sign in "*?["):
        found = system.glob(plain)
    elif system.isdir(plain):
        found = [f for f in system.find(plain) if f.endswith((".parquet", ".pq"))]
        found = [f for f in found if not _is_hidden(f[len(plain) :])]
    else:
        found = [plain] if system.exists(plain) else []
    if not found:
        raise FilesMissingError(
            f"{path}: no Parquet file there. Expected a folder, a pattern or a file that exists. "
            f"Try again when the table was written, or correct the path."
        )
    remote = "://" in path
    return sorted(system.unstrip_protocol(f) if remote else f for f in found)


def _is_hidden(path: str) -> bool:
    return any(part.startswith((".", "_")) for part in PurePosixPath(path).parts)


def open_file(path: str, encoded: Sequence[str] = ()) -> pq.ParquetFile:
    """Open one file, local or behind a protocol that fsspec knows.

    Args:
        path: The file.
        encoded: Text columns to read as places in a list of distinct values.

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
    """What to say of a file that was listed and is not there."""
    return FilesMissingError(
        f"{path}: the file is gone. Expected it to stay while it is validated. "
        f"Try again when its writer has finished."
    )


def unreadable(path: str, error: Exception) -> FileDamagedError:
    """What to say of a file that cannot be read as Parquet."""
    return FileDamagedError(
        f"{path}: cannot be read as Parquet ({' '.join(str(error).split())[:300]}). "
        f"Expected a complete, undamaged file. Write it again."
    )
