"""The profile of a day's good rows in a few kilobytes, for comparison with other days.

Why: broken labels, units or exports show only in comparison with other days, and no day should be
    read again for that.
Promise: the same rows give the same bytes, however they are split. With known times there is a
    profile for each day on which rows became known, of what was known then; it never changes.
Not here: which columns (``pipelines/shared/expectations/day_columns.py``), comparing
    days (``pipelines/shared/expectations/day_compare.py``).
"""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.operators.hashing import hash_wholes
from pipelines.operators.sketch import lowest_of
from pipelines.shared.expectations.day_columns import (
    LABEL,
    MEASURED,
    NAMED,
    OTHER,
    PROFILE,
    DayProfile,
    column_kinds,
    label_column,
)
from pipelines.shared.tables import UNLABELLED
from pipelines.shared.tables.profile import COARSER_BITS, merge_profiles, profile_of
from pipelines.shared.tables.versions import Versions
from pipelines.spec import Pipeline

CHECK_RANGE = 1 << 64
HASHED_BITS = 8


def write_profile(
    chunks: Iterable[pa.Table],
    pipeline: Pipeline,
    day: str,
    versions: Versions | None,
    folder: Path,
) -> None:
    """Write ``profile.json``: profiles of the day's rows, by the day at whose end they were known.

    Args:
        chunks: The day's good rows in order, in chunks of any size.
        pipeline: Declares the columns and the label.
        day: The partition.
        versions: When each row was known; None where all were known on the day.
        folder: The validated day's folder.
    """
    parts: dict[str, list[DayProfile]] = {}
    for chunk, start in _with_offsets(chunks):
        for known, rows in _known(chunk, start, pipeline.partitions().last_day(day), versions):
            parts.setdefault(known, []).append(profile_rows(rows, pipeline))
    profiles = {known: merged(each) for known, each in parts.items()}
    (folder / PROFILE).write_text(json.dumps({"known": profiles}) + "\n")


def profile_rows(rows: pa.Table, pipeline: Pipeline) -> DayProfile:
    """Number of rows and positives, and each column's missing values and distribution."""
    kinds, label = column_kinds(pipeline), label_column(pipeline)
    has_nulls = label is not None and pipeline.may_lack_label
    return {
        "rows": rows.num_rows,
        "positives": _ones(rows[label]) if label else None,
        **({UNLABELLED: rows[label].null_count} if has_nulls else {}),
        "columns": {name: KINDS[kind](rows[name]) for name, kind in kinds.items()},
    }


def merged(parts: Iterable[DayProfile]) -> DayProfile:
    """Merge the profiles of disjoint rows into the published form; at least one part."""
    parts = list(parts)
    positives = [part["positives"] for part in parts]
    counted = UNLABELLED in parts[0]
    without = {UNLABELLED: sum(part[UNLABELLED] for part in parts)} if counted else {}
    return {
        "rows": sum(part["rows"] for part in parts),
        "positives": None if None in positives else sum(positives),
        **without,
        "columns": {
            name: _merged_column([part["columns"][name] for part in parts])
            for name in parts[0]["columns"]
        },
    }


def _merged_column(parts: list[dict[str, Any]]) -> dict[str, Any]:
    missing = {"missing": sum(part["missing"] for part in parts)}
    if "ends" in parts[0]:
        ends = [end for part in parts for end in part["ends"]]
        # The values themselves are not published: they may be sensitive.
        return missing | {"constant": bool(ends) and min(ends) == max(ends)}
    return missing | (_merged_values(parts) if "values" in parts[0] else {})


def _merged_values(parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole = merge_profiles({"": part["values"]} for part in parts)[""]
    check = sum(part["check"] for part in parts) % CHECK_RANGE
    median = {"median": _median(whole)} if parts[0]["measures"] and whole["known"] else {}
    return median | {
        "cells": whole["cells"],
        "counts": whole["counts"],
        "check": f"{check:016x}",
    }


def _median(column: Mapping[str, Any]) -> float:
    """Smallest number of the cell that contains the lower median; at least one value is known."""
    reached = itertools.accumulate(column["counts"])
    half = zip(column["cells"], reached, strict=True)
    return lowest_of(
        next(cell for cell, below in half if 2 * below >= column["known"]) << COARSER_BITS
    )


def _measured(values: pa.ChunkedArray) -> dict[str, Any]:
    """Numbers by the cells of a grid; NaN and infinities are missing."""
    numbers = values.cast(pa.float64(), safe=False).to_numpy()
    profile = profile_of({"": numbers})[""]
    known = numbers if profile["known"] == len(numbers) else numbers[np.isfinite(numbers)]
    bits = (known + 0.0).view(np.uint64)
    return {
        "measures": True,
        "missing": profile["rows"] - profile["known"],
        "values": profile,
        # Equal for equal values in any order, which is enough to find a repeated day.
        "check": int(bits.sum(dtype=np.uint64)),
    }


def _named(values: pa.ChunkedArray) -> dict[str, Any]:
    """Integers that identify something, by their hash: only the distribution matters."""
    known = values.drop_null().to_numpy()
    hashed = hash_wholes(np, known)
    counts = np.bincount((hashed >> np.uint64(64 - HASHED_BITS)).astype(np.int64))
    cells = np.flatnonzero(counts)
    return {
        "measures": False,
        "missing": values.null_count,
        "values": {
            "rows": len(values),
            "known": len(known),
            "cells": cells.tolist(),
            "counts": counts[cells].tolist(),
        },
        "check": int(hashed.sum(dtype=np.uint64)),
    }


def _other(values: pa.ChunkedArray) -> dict[str, Any]:
    ends = pc.min_max(values)
    known = [end.as_py() for end in (ends["min"], ends["max"]) if end.is_valid]
    return {"missing": values.null_count, "ends": known}


def _label(values: pa.ChunkedArray) -> dict[str, Any]:
    """Missing values; positives are counted for the whole day."""
    return {"missing": values.null_count}


KINDS = {MEASURED: _measured, NAMED: _named, LABEL: _label, OTHER: _other}


def _ones(values: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.equal(values, 1)).as_py() or 0)


def _with_offsets(chunks: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, int]]:
    start = 0
    for chunk in chunks:
        yield chunk, start
        start += chunk.num_rows


def _known(
    chunk: pa.Table, start: int, day: str, versions: Versions | None
) -> Iterator[tuple[str, pa.Table]]:
    """The chunk's rows that were known by the end of each day, by day."""
    if versions is None:
        yield day, chunk
        return
    for known, visible in versions.parts(day):
        yield known, chunk.filter(pa.array(visible[start : start + chunk.num_rows]))
