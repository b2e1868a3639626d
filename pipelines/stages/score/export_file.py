"""A partition's scores as one Parquet file below a folder or URI: ``ds=<partition>/scores.parquet``.

Promise: it is staged under a name that readers of Parquet folders leave out, and moved, so that a day is there
    whole or not at all on every file system, objects among them; the same scores are the same bytes. One row group is in
    memory at a time.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.core.connections import without_secrets
from pipelines.core.errors import ConfigError
from pipelines.protocol import partition_key
from pipelines.stages.score.copied_scores import ScoresToCopy
from pipelines.stages.score.scored_table import write_options

NAME = "scores.parquet"
SCORED_AS = "millrace.scores"
"""Field of the file's footer with the digest of the scores."""


@dataclass(frozen=True, slots=True)
class FileExport:
    """A declared folder.

    Attributes:
        uri: Any URI that fsspec opens, or a path.
        folder: Where the scores' parts are.
    """

    uri: str
    folder: Path

    def stands(self, scores: ScoresToCopy) -> bool:
        """Whether the file is there with these scores, by its footer."""
        with self._opened() as (fs, root):
            try:
                with fs.open(_target(root, scores), "rb") as file:
                    footer = pq.read_metadata(file)
            except (FileNotFoundError, pa.ArrowInvalid):
                return False
        own = (footer.metadata or {}).get(SCORED_AS.encode(), b"").decode()
        return (own, footer.num_rows) == (scores.digest, scores.rows)

    def write(self, scores: ScoresToCopy) -> str:
        """Stage the file and move it."""
        with self._opened() as (fs, root):
            staged = f"{root}/_staged-{scores.partition}-{scores.digest[:16]}.parquet"
            target = _target(root, scores)
            fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            with fs.open(staged, "wb") as file:
                self._write_parts(file, scores)
            fs.mv(staged, target)
        return f"{scores.rows:,} scores are written to {without_secrets(self.uri)} as {partition_key(scores.partition)}"

    def _write_parts(self, file: Any, scores: ScoresToCopy) -> None:
        parts = sorted(self.folder.glob("part-*.parquet"))
        schema = pq.read_schema(parts[0]).with_metadata({SCORED_AS: scores.digest})
        with pq.ParquetWriter(file, schema, **write_options(schema)) as writer:
            for group in groups_of(parts):
                writer.write_table(group, max(group.num_rows, 1))

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, str]]:
        """The file system and the root's path in it.

        Raises:
            ConfigError: Its file system is not known, not installed, or does not take the address.
        """
        import fsspec

        try:
            fs, root = fsspec.core.url_to_fs(self.uri)
        except (ValueError, ImportError, TypeError) as error:
            raise ConfigError(
                f"scoring.files {without_secrets(self.uri)!r} cannot be opened: {without_secrets(str(error))}. Install "
                f"the file system it needs, or declare a folder."
            ) from error
        fs.invalidate_cache()
        yield fs, root.rstrip("/")


def groups_of(parts: list[Path]) -> Iterator[pa.Table]:
    """The row groups of the parts of some scores, in order."""
    for part in parts:
        with pq.ParquetFile(part, page_checksum_verification=True) as file:
            for group in range(file.num_row_groups):
                yield file.read_row_group(group, use_threads=False)


def _target(root: str, scores: ScoresToCopy) -> str:
    return f"{root}/{partition_key(scores.partition)}/{NAME}"
