"""The rows of a Delta Lake table of one version, by partition.

Why: a lakehouse's table is changed while it is read; its log says which files a version consists of.
Promise: a plan and its run read one version; the digest is that of the files that may have rows of the
    partition, so that rows added to other days are no other work. Files are in name order, rows in the
    files' order, and memory holds a few batches.
Not here: credentials (``storage_options.py``), reading the rows that were fetched (``pipelines/stages/ingest/formats/parquet.py``).
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pipelines.core.connections import without_secrets
from pipelines.core.errors import ConfigError, SourceNotReadyError
from pipelines.core.text import counted
from pipelines.protocol import Work
from pipelines.spec import LakeTable, Table
from pipelines.stages.ingest.columns import match_columns
from pipelines.stages.ingest.sources.addresses import connection_of, root_of
from pipelines.stages.ingest.sources.storage_options import lake_options

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from pyarrow.dataset import Dataset

# Delta's own names of the file systems that have several.
SAME_PROTOCOL = {"s3a": "s3", "gcs": "gs"}


@dataclass(frozen=True, slots=True)
class LakeRows:
    """A partition's rows of one version of a table.

    Attributes:
        name: Its name in manifests and messages.
        fragments: The version's data files that may have such rows, as Arrow's fragments.
        schema: The version's schema.
        of_partition: Arrow's expression of the partition's rows; None for all rows.
        bounds: The partition's bounds as text, part of the digest.
    """

    name: str
    fragments: tuple[Any, ...]
    schema: Any
    of_partition: Any
    bounds: str

    def digest(self) -> str:
        """Digest of the names of the files, which are never written twice, and of the bounds."""
        named = json.dumps([self.bounds, [each.path for each in self.fragments]])
        return hashlib.sha256(named.encode()).hexdigest()

    def size_bytes(self) -> int:
        """0: how much of the files is read is not known before."""
        return 0

    def age_s(self) -> float:
        """Infinite: a version does not change."""
        return float("inf")

    @contextmanager
    def local(self) -> Iterator[Path]:
        """The rows in a temporary Parquet file.

        Raises:
            SourceNotReadyError: A file of the version was removed meanwhile.
        """
        import pyarrow.parquet as pq

        with tempfile.TemporaryDirectory(prefix="millrace-source-") as folder:
            path = Path(folder) / "rows.parquet"
            with pq.ParquetWriter(path, self.schema) as writer:
                for each in self.fragments:
                    for batch in each.to_batches(self.schema, filter=self.of_partition):
                        writer.write_batch(batch)
            yield path


def lake_rows(work: Work, table: Table, source: LakeTable) -> LakeRows:
    """The rows of a table for a partition, of the version that is published now.

    Raises:
        SourceNotReadyError: There is no such table, or it has rows neither of the partition nor later.
        ConfigError: The library is not installed or cannot read the table.
    """
    uri = "/".join(filter(None, (root_of(work, source, repr(source.path)), source.path)))
    known = work.fetched.get(table.name)
    key = (table.name, source, uri, work.day)
    if known is None or known[0] != key:
        known = work.fetched[table.name] = (key, _rows(work, table, source, uri))
    rows: LakeRows = known[1]
    return rows


def _rows(work: Work, table: Table, source: LakeTable, uri: str) -> LakeRows:
    delta = _opened(work, table, source, uri)
    dataset = _dataset(delta, table)
    of_partition, later, bounds = _predicates(work, table, source, dataset.schema)
    fragments = tuple(sorted(dataset.get_fragments(of_partition), key=lambda each: each.path))
    if later is not None:
        _report_without_time(work, table, delta)
        if not _any(fragments, dataset.schema, of_partition):
            _require_reached(work, table, dataset, later, delta.version())
    name = f"{source.format} table {source.path or without_secrets(uri)}"
    return LakeRows(name, fragments, dataset.schema, of_partition, bounds)


def _opened(work: Work, table: Table, source: LakeTable, uri: str) -> "DeltaTable":
    try:
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError
    except ImportError as error:
        raise ConfigError(
            f"table {table.name}: Delta Lake tables need the library deltalake. Install Millrace's extra "
            f"'lake': pip install 'millrace[lake]'."
        ) from error
    protocol, _, rest = uri.partition("://")
    if rest:
        uri = f"{SAME_PROTOCOL.get(protocol, protocol)}://{rest}"
    options = lake_options(protocol, connection_of(work, source)) if rest else {}
    try:
        return DeltaTable(uri, storage_options=options or None)
    except TableNotFoundError:
        raise SourceNotReadyError(
            f"{work.report.work}: there is no Delta Lake table at {without_secrets(uri)}. Wait until it is "
            f"written, or correct the table's path or --source."
        ) from None
    except (DeltaError, OSError, ValueError) as error:
        raise _not_opened(work, uri, error) from None


def _not_opened(work: Work, uri: str, error: Exception) -> Exception:
    words = without_secrets(" ".join(str(error).split()))
    return ConfigError(
        f"{work.report.work}: the Delta Lake table {without_secrets(uri)} cannot be opened ({words}). "
        f"Check its address, and the fields of its connection."
    )


def _dataset(delta: "DeltaTable", table: Table) -> "Dataset":
    from deltalake.exceptions import DeltaProtocolError

    try:
        return delta.to_pyarrow_dataset()
    except DeltaProtocolError as error:
        raise ConfigError(
            f"table {table.name}: {error}. Have the table rewritten without that feature (in Spark: REORG "
            f"TABLE ... APPLY (PURGE)), or read it through a query engine with Query(...)."
        ) from error


def _predicates(
    work: Work, table: Table, source: LakeTable, schema: Any
) -> tuple[Any, Any, str]:
    """The partition's rows, the rows of later partitions, and the bounds; None for a static table."""
    import pyarrow.compute as pc

    if table.event_time is None:
        return None, None, ""
    partitions = work.pipeline.partitions()
    start, end = partitions.start(work.day), partitions.end(work.day)
    name = match_columns(schema.names, table, f"table {table.name}")[table.event_time]
    zone = source.time_zone or work.pipeline.time_zone
    time, kind = pc.field(name), schema.field(name).type
    low, high = (_scalar(bound, kind, zone, table) for bound in (start, end))
    # A date is the midnight of its day.
    return (time >= low) & (time < high), time >= high, f"{start.isoformat()} {end.isoformat()}"


def _scalar(instant: datetime, kind: Any, zone: str, table: Table) -> "pa.Scalar":
    """An instant as a value of the type of the event time; of dates, the first that is not before it."""
    import pyarrow as pa
    import pyarrow.types as of

    local = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    if of.is_date(kind):
        whole = local == local.replace(hour=0, minute=0, second=0, microsecond=0)
        return pa.scalar(
            local.date() if whole else local.date() + timedelta(days=1), pa.date32()
        )
    if of.is_timestamp(kind):
        return pa.scalar(instant, kind) if kind.tz else pa.scalar(local, kind)
    raise ConfigError(
        f"table {table.name}: event_time {table.event_time!r} is {kind} in the lake. Rows of a partition "
        f"are looked up by it: it must be a timestamp or a date there."
    )


def _any(fragments: tuple[Any, ...], schema: Any, predicate: Any) -> bool:
    return any(each.scanner(schema, filter=predicate).head(1).num_rows for each in fragments)


def _require_reached(work: Work, table: Table, dataset: Any, later: Any, version: int) -> None:
    if _any(tuple(dataset.get_fragments(later)), dataset.schema, later):
        return
    raise SourceNotReadyError(
        f"{work.report.work}: version {version} of the lake table {table.name} has no rows of "
        f"{work.pipeline.partitions().described(work.day)}, nor of any later time. Wait until it has."
    )


def _report_without_time(work: Work, table: Table, delta: "DeltaTable") -> None:
    """Report rows that no partition has, where the table's log counts them."""
    import pyarrow as pa

    actions = pa.table(delta.get_add_actions(flatten=True))
    names = [n for n in actions.column_names if n.lower() == f"null_count.{table.event_time}"]
    without = sum(filter(None, actions[names[0]].to_pylist())) if names else 0
    if without:
        work.report.log(
            f"{counted(without, 'row')} of {table.name} without {table.event_time} belong to no "
            f"partition and are not taken in."
        )
