"""Find a partition's source files, on disk or at any fsspec URI.

Why: a plan identifies each input by its content before it is read, and a file that does not exist,
    or still grows, must be waited for rather than refused.
Promise: imports nothing heavy; files are in name order; nothing is written to the source.
Not here: the content of a file (``formats/``), the fields of a path (``pipelines/spec/path_fields.py``).
"""

import hashlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from pipelines.core.connections import without_secrets
from pipelines.core.errors import ConfigError, SourceNotReadyError
from pipelines.protocol import Work
from pipelines.spec import LakeTable, Meds, Query, Source, Table
from pipelines.spec.path_fields import filled, path_problems
from pipelines.stages.ingest.sources.addresses import connection_of, root_of
from pipelines.stages.ingest.sources.lake import lake_rows
from pipelines.stages.ingest.sources.query import query_result
from pipelines.stages.ingest.sources.remote_root import opened_root
from pipelines.stages.ingest.sources.source_item import SourceItem

CHUNK_BYTES = 1 << 20
DENIED = "no permission to read"
"""Used as the digest of a file that this user may not read: the work is planned nevertheless, so that
the day is refused on record, and is different work once reading is permitted."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a partition.

    Attributes:
        name: Path relative to the source root, the file's name in manifests and messages.
        path: Path in its file system.
        remote: The fsspec file system, or None for a local file.
    """

    name: str
    path: str
    remote: Any = None

    def digest(self) -> str:
        """Sha256 of the file's bytes; ``DENIED`` for one that this user may not read.

        Raises:
            SourceNotReadyError: It has gone since it was listed.
        """
        sha = hashlib.sha256()
        try:
            with self._open() as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    sha.update(chunk)
        except FileNotFoundError as error:
            raise SourceNotReadyError(
                f"Source file {self.name} has gone since it was listed. Expected it to exist "
                f"until it is read. Run ingest again when the delivery is complete."
            ) from error
        except PermissionError:
            return DENIED
        return sha.hexdigest()

    def size_bytes(self) -> int:
        """Size of the stored file in bytes, 0 where it is unknown."""
        try:
            if self.remote is None:
                return Path(self.path).stat().st_size
            return int(self.remote.size(self.path) or 0)
        except (FileNotFoundError, NotImplementedError):
            return 0

    def age_s(self) -> float:
        """Seconds since the file was last written; infinite where it is unknown."""
        if self.remote is None:
            return time.time() - Path(self.path).stat().st_mtime
        try:
            return float(time.time() - self.remote.modified(self.path).timestamp())
        except (NotImplementedError, AttributeError):
            return float("inf")

    @contextmanager
    def local(self) -> Iterator[Path]:
        """A local copy of the file, or the file itself, within the context."""
        if self.remote is None:
            yield Path(self.path)
            return
        with tempfile.TemporaryDirectory(prefix="millrace-source-") as folder:
            target = Path(folder) / PurePosixPath(self.path).name
            self.remote.get_file(self.path, str(target))
            yield target

    def _open(self) -> BinaryIO:
        if self.remote is None:
            return Path(self.path).open("rb")
        return cast("BinaryIO", self.remote.open(self.path, "rb"))


def source_files(work: Work, table: Table) -> Sequence[SourceItem]:
    """What a partition of a table is read from: its files in name order, or the rows of its query.

    Raises:
        ConfigError: No source was given, its template is wrong, or it cannot be opened.
        SourceNotReadyError: There is no file, and there are no rows, yet.
        TransientError: The database does not answer.
    """
    if isinstance(table.source, Query):
        return [query_result(work, table, table.source)]
    if isinstance(table.source, LakeTable):
        return [lake_rows(work, table, table.source)]
    if isinstance(table.source, Meds):
        return _dataset_files(work, table, table.source)
    return _files(work, table, table.files)


def _files(work: Work, table: Table, source: Source) -> list[SourceFile]:
    zone = work.pipeline.time_zone
    pattern = pattern_of(table, work.day, zone)
    root = root_of(work, source, repr(source.path))
    found = _matching(work, source, root, pattern)
    if not found:
        raise SourceNotReadyError(
            f"{work.report.work}: {_no_file(root, pattern)}. Expected "
            f"{table.name} of {table.partitions(zone).described(work.day)} as "
            f"{table.files.format}, by the template {table.files.path!r}. "
            f"Wait for the delivery, or point --source at the folder that contains it."
        )
    return found


def _dataset_files(work: Work, table: Table, source: Meds) -> list[SourceFile]:
    root = root_of(work, source, f"the dataset of {table.name}")
    found = _matching(work, source, root, source.pattern)
    if not found:
        raise SourceNotReadyError(
            f"{work.report.work}: {_no_file(root, source.pattern)}. Expected {table.name} as a MEDS dataset, a "
            f"folder with data/ and metadata/ in it. Wait for the delivery, or give that folder as "
            f"--source, or as the path of Meds(...) below it."
        )
    return found


def _matching(work: Work, source: Source | Meds, root: str, pattern: str) -> list[SourceFile]:
    if "://" in root:
        return _remote_files(work, source, root, pattern)
    return _local_files(root, pattern)


def _no_file(root: str, pattern: str) -> str:
    gone = "://" not in root and not Path(root).is_dir()
    end = " (the source root is not a folder)" if gone else ""
    return f"no file matches {without_secrets(root)}/{pattern}{end}"


def pattern_of(table: Table, partition: str, zone: str = "UTC") -> str:
    """The table's path template, filled in for a partition.

    Raises:
        ConfigError: The template has fields that a partition does not have, or lacks some.
    """
    partitions = table.partitions(zone)
    where = f"table {table.name}: source"
    for problem in path_problems(table.files.path, partitions.grain, where):
        raise ConfigError(problem)
    return filled(table.files.path, partitions, partitions.parse(partition))


def _local_files(root: str, pattern: str) -> list[SourceFile]:
    folders = Path(root).glob(_folder(pattern)) if _folder(pattern) else [Path(root)]
    found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    paths = {path.relative_to(root).as_posix(): str(path) for path in found if path.is_file()}
    return [SourceFile(name, paths[name]) for name in sorted(paths) if _is_data(name, pattern)]


def _remote_files(
    work: Work, source: Source | Meds, root: str, pattern: str
) -> list[SourceFile]:
    fs, base = opened_root(root, connection_of(work, source))
    base = base.rstrip("/")
    below = "/".join(part for part in (base, _folder(pattern), "*") if part)
    found = fs.glob(below, detail=True).items()
    paths = {path.removeprefix(f"{base}/"): path for path, of in found if of["type"] == "file"}
    return [
        SourceFile(name, paths[name], fs) for name in sorted(paths) if _is_data(name, pattern)
    ]


def _folder(pattern: str) -> str:
    """The folder part of a pattern; empty where files are at the root."""
    folder = PurePosixPath(pattern.lstrip("/")).parent.as_posix()
    return "" if folder == "." else folder


def _is_data(name: str, pattern: str) -> bool:
    """Whether a file is data: writers leave ``_SUCCESS`` and ``.part.tmp`` beside it.

    Suffixes match in any letter case: some systems deliver ``A.CSV``.
    """
    file, wanted = PurePosixPath(name).name, PurePosixPath(pattern).name
    if wanted.startswith("*") and file.startswith((".", "_")):
        return False
    return fnmatchcase(file, wanted) or fnmatchcase(
        _suffix_lowered(file), _suffix_lowered(wanted)
    )


def _suffix_lowered(name: str) -> str:
    stem, dot, suffixes = name.partition(".")
    return f"{stem}{dot}{suffixes.lower()}"
