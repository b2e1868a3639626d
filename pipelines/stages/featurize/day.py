"""Making one day's features: look back, put the columns together, write.

Why: the windows come by entity and bucket, the model wants rows in the day's order.
Promise: rows keep the order of the validated table; a number is float64, a sequence a list of
    float32 of one length. Windows wait on disk, and a group of rows is in memory at a time; of
    the whole day only when each row was known, where the table has known times.
Not here: which days are read (``lookback.py``), windows (``history.py``).
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.shared.compute import ComputeSettings
from pipelines.shared.tables.known_days import part_name, statistics_name
from pipelines.shared.tables.schema import group_rows, write_groups
from pipelines.shared.tables.versions import Versions, version_columns, versions_of
from pipelines.stages.featurize.attributes import read_attributes
from pipelines.stages.featurize.feature_plan import FeaturePlan
from pipelines.stages.featurize.groups import in_groups, read_groups
from pipelines.stages.featurize.history import DayInput, OnRows, in_row_order, spill_history
from pipelines.stages.featurize.reused import Columns
from pipelines.stages.featurize.rows import row_features
from pipelines.stages.featurize.spill import Spill
from pipelines.stages.featurize.statistics import describe, together

PART = "part-0.parquet"


def make_day(
    day: DayInput, out: Path, settings: ComputeSettings, on_rows: OnRows
) -> dict[str, Any]:
    """Write the day's features and their statistics below ``out``.

    Args:
        day: What they are made from.
        out: Folder for the table and its statistics.
        settings: Where the tasks run.
        on_rows: Called after each task with the rows read so far and the rows to read.

    Returns:
        The statistics; with known times, those of the rows known last.
    """
    rows = pq.read_metadata(day.own.folder / PART).num_rows
    size, statistics = group_rows(day.features.row_bytes), dict[str, Any]()
    versions = _versions(day)
    with Spill(out, rows, size) as spill:
        spill_history(day, spill, settings, on_rows)
        for result in day.reused.results(day.last_day, versions) if day.reused else ():
            spill.add(result)
        groups = _groups(day, spill, size)
        for known, part in _as_known(day, versions, groups, size, out):
            statistics = _write(day.features, part, out / part_name(day.last_day, known))
            text = json.dumps(statistics) + "\n"
            (out / statistics_name(day.last_day, known)).write_text(text)
    return statistics


def _versions(day: DayInput) -> Versions | None:
    table, part = day.features.table, day.own.folder / PART
    if table.known_time is None:
        return None
    rows = pq.read_table(part, columns=version_columns(table), use_threads=False)
    return versions_of(rows, table, day.features.time_zone)


def _groups(day: DayInput, spill: Spill, size: int) -> Iterator[pa.Table]:
    """The day's features, every version of a row among them, in groups of ``size`` rows."""
    part = day.own.folder / PART
    attributes = read_attributes(day.features.attributes, day.attributes, part, size)
    tables = read_groups(part, [*day.features.read_columns], size)
    for nth, table in enumerate(tables):
        found = row_features(
            table,
            day.features.row_sources,
            day.features.time_zone,
            day.features.table.time_column,
        )
        found |= in_row_order(day, spill.of(nth), table.num_rows)
        group = [
            _joined(
                table,
                day.features,
                found,
                attributes.of_rows(table, day.features.table.time_column),
            )
        ]
        # Whoever asks for the next group holds none of this one's columns any more.
        del table, found
        yield group.pop()


def _as_known(
    day: DayInput,
    versions: Versions | None,
    groups: Iterator[pa.Table],
    size: int,
    scratch: Path,
) -> Iterator[tuple[str, Iterable[pa.Table]]]:
    """The day's features as known by the end of it, and of each later day that added rows."""
    if versions is None:
        yield day.last_day, groups
        return
    with tempfile.TemporaryFile(dir=scratch) as file:
        _keep(groups, file)
        for known, visible in versions.parts(day.last_day):
            yield known, in_groups(_seen(file, visible), size)


def _keep(groups: Iterator[pa.Table], file: Any) -> None:
    """Keep every version once: it is in the table of each day by which it was known."""
    first = next(groups)
    with pa.ipc.new_stream(file, first.schema) as writer:
        writer.write_table(first)
        del first
        for group in groups:
            writer.write_table(group)


def _seen(file: Any, visible: NDArray[Any]) -> Iterator[pa.Table]:
    file.seek(0)
    start = 0
    with pa.ipc.open_stream(file) as batches:
        yield batches.schema.empty_table()
        for batch in batches:
            mask = pa.array(visible[start : start + len(batch)])
            start += len(batch)
            yield pa.Table.from_batches([batch]).filter(mask)


def _write(features: FeaturePlan, groups: Iterable[pa.Table], path: Path) -> dict[str, Any]:
    """Write a table from its groups; return its statistics."""
    statistics: dict[str, Any] = {}

    def described() -> Iterator[pa.Table]:
        nonlocal statistics
        for group in groups:
            found = _statistics(features, group)
            statistics = together([statistics, found]) if statistics else found
            yield group
            del group

    write_groups(described(), path)
    return statistics


def _statistics(features: FeaturePlan, rows: pa.Table) -> dict[str, Any]:
    numbers = {name: rows[name].to_numpy() for name in features.described}
    if features.label is None:
        return describe(numbers, rows.num_rows)
    label = rows[features.label].cast(pa.float64()).to_numpy()
    return describe(numbers, rows.num_rows, label, may_lack_label=features.may_lack_label)


def _joined(
    table: pa.Table,
    features: FeaturePlan,
    values: Columns,
    attributes: Mapping[str, pa.ChunkedArray],
) -> pa.Table:
    """Keys, then features in the order of the declaration."""
    keys = {name: table[name] for name in features.copied_columns}
    found = {name: table[name] for name in features.categories} | dict(attributes)
    found |= {name: _arrow(array) for name, array in values.items()}
    return pa.table(keys | {name: found[name] for name in features.names})


def _arrow(values: NDArray[Any]) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
