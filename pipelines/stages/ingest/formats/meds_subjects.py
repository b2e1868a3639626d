"""One row for each subject of a MEDS dataset: what its codes say of it once and for all.

Why: birth, sex and the end of enrolment are rows among others in the dataset, and columns for whoever uses them.
Promise: a value is that of the subject's first row of a code, rows without a time before all others.
Not here: reading the file (``meds.py``).
"""

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipelines.spec import Column

if TYPE_CHECKING:
    from pipelines.stages.ingest.reading import Read
    from pipelines.stages.ingest.values.cast_errors import RowNames

BEGINNING = "//"


def subject_rows(rows: pa.Table, read: "Read", first: int) -> tuple[pa.Table, "RowNames"]:
    """The declared columns of each subject of whole subjects' rows.

    Args:
        rows: The rows of some subjects, with every column of the standard.
        read: The file, whose table is static.
        first: Number of the first row in the file.
    """
    subjects = rows["subject_id"].cast(pa.int64()).to_numpy()
    begins = np.append(0, np.flatnonzero(np.diff(subjects)) + 1)
    subject = np.repeat(np.arange(len(begins)), np.diff(np.append(begins, len(subjects))))
    columns = {
        column.name: rows["subject_id"].take(begins)
        if (column.source_name or column.name) == "subject_id"
        else _values(rows, subject, len(begins), column)
        for column in read.table.columns
    }
    return pa.table(columns), partial(_row_name, begins + first)


def _values(
    rows: pa.Table, subject: NDArray[np.int64], subjects: int, column: Column
) -> pa.ChunkedArray | pa.Array:
    code = str(column.source_name)
    begins = code.endswith(BEGINNING)
    fits = pc.starts_with(rows["code"], code) if begins else pc.equal(rows["code"], code)
    found = np.flatnonzero(pc.fill_null(fits, fill_value=False).to_numpy())
    chosen = _first_of_each(rows, subject, found)
    if column.type == "flag" and not column.words:
        flags = np.zeros(subjects, np.int64)
        flags[subject[chosen]] = 1
        return pa.array(flags)
    # The position of each subject's row; null for one without.
    at = np.full(subjects, -1, np.int64)
    at[subject[chosen]] = chosen
    return _of_column(rows, column, begins=begins).take(pa.array(at, mask=at < 0))


def _first_of_each(
    rows: pa.Table, subject: NDArray[np.int64], found: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Of some rows the first of each subject, those without a time before all others."""
    times = rows["time"].take(found).cast(pa.int64())
    time = pc.fill_null(times, np.iinfo(np.int64).min).to_numpy()
    ordered = found[np.lexsort((time, subject[found]))]
    return ordered[np.unique(subject[ordered], return_index=True)[1]]


def _of_column(rows: pa.Table, column: Column, *, begins: bool) -> pa.ChunkedArray:
    if column.type == "timestamp":
        return rows["time"]
    if column.type in ("number", "integer") and not column.words:
        return rows["numeric_value"]
    if not begins:
        return rows["text_value"]
    return pc.utf8_slice_codeunits(rows["code"], len(str(column.source_name)))


def _row_name(numbers: NDArray[np.int64], row: int) -> str:
    return f"the subject of row {int(numbers[row])} (the first is 0)"
