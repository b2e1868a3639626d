"""What a day's good rows look like, in a few kilobytes: made once, compared with other days later.

Why: whether labels, units or an export broke shows only beside other days, and no day is to be
    read again for that.
Promise: the same rows give the same bytes, however they are cut. With known times there is a
    profile for each day on which rows became known, of what was known then; it never changes.
Not here: which columns (``day_columns.py``), comparing days (``day_compare.py``).
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
from pipelines.shared.tables.profile import COARSER_BITS, merge_profiles, profile_of
from pipelines.shared.tables.versions import Versions
from pipelines.spec import Pipeline

CHECK_RANGE = 1 << 64
HASHED_BITS = 8


def write_profile(
    pieces: Iterable[pa.Table],
    pipeline: Pipeline,
    day: str,
    versions: Versions | None,
    folder: Path,
) -> None:
    """Write ``profile.json``: profiles of the day's rows, by the day at whose end they were known.

    Args:
        pieces: The day's good rows in order, cut anywhere.
        pipeline: Declares the columns and the label.
        day: The partition.
        versions: When each row was known; None where all were on the day.
        folder: The validated day's.
    """
    parts: dict[str, list[DayProfile]] = {}
    for piece, start in _placed(pieces):
        for known, rows in _known(piece, start, day, versions):
            parts.setdefault(known, []).append(profile_rows(rows, pipeline))
    told = {known: merged(each) for known, each in parts.items()}
    (folder / PROFILE).write_text(json.dumps({"known": told}) + "\n")


def profile_rows(rows: pa.Table, pipeline: Pipeline) -> DayProfile:
    """Rows, labels that are 1, and of each column what is missing and how its values lie."""
    kinds, label = column_kinds(pipeline), label_column(pipeline)
    return {
        "rows": rows.num_rows,
        "positives": _ones(rows[label]) if label else None,
        "columns": {name: KINDS[kind](rows[name]) for name, kind in kinds.items()},
    }


def merged(parts: Iterable[DayProfile]) -> DayProfile:
    """The profile of disjoint rows together, as it is published; at least one part."""
    parts = list(parts)
    positives = [part["positives"] for part in parts]
    return {
        "rows": sum(part["rows"] for part in parts),
        "positives": None if None in positives else sum(positives),
        "columns": {
            name: _merged_column([part["columns"][name] for part in parts])
            for name in parts[0]["columns"]
        },
    }


def _merged_column(parts: list[dict[str, Any]]) -> dict[str, Any]:
    missing = {"missing": sum(part["missing"] for part in parts)}
    if "ends" in parts[0]:
        ends = [end for part in parts for end in part["ends"]]
        # The values themselves stay out: they may be nobody's business.
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
    """Smallest number of the cell that holds the lower median; at least one value is known."""
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
        # The same for the same values in any order, which is enough to find a day that is repeated.
        "check": int(bits.sum(dtype=np.uint64)),
    }


def _named(values: pa.ChunkedArray) -> dict[str, Any]:
    """Whole numbers that name something, by their hash: who they are does not matter, how many do."""
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
    """Its ones are counted for the whole day."""
    return {"missing": values.null_count}


KINDS = {MEASURED: _measured, NAMED: _named, LABEL: _label, OTHER: _other}


def _ones(values: pa.ChunkedArray) -> int:
    return int(pc.sum(pc.equal(values, 1)).as_py() or 0)


def _placed(pieces: Iterable[pa.Table]) -> Iterator[tuple[pa.Table, int]]:
    start = 0
    for piece in pieces:
        yield piece, start
        start += piece.num_rows


def _known(
    piece: pa.Table, start: int, day: str, versions: Versions | None
) -> Iterator[tuple[str, pa.Table]]:
    """The piece's rows that were known by the ends of days, by the day."""
    if versions is None:
        yield day, piece
        return
    for known, visible in versions.parts(day):
        yield known, piece.filter(pa.array(visible[start : start + piece.num_rows]))
