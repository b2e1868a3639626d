"""Raw rows in whatever form a caller has them, as a served model takes them.

Why: a model scores what a caller has at hand: a table of any library, or plain columns.
Promise: a column that is missing or of another type is an error that names it; nothing is guessed.
    Columns that the model does not read are left out.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError, listed

if TYPE_CHECKING:
    import pyarrow as pa

EXPECTED = {
    "number": "numbers",
    "integer": "whole numbers",
    "text": "texts",
    "block": "lists of numbers, each of one length",
    "length": "whole numbers",
}
FORMS = (
    "a pyarrow Table, a pandas or Polars DataFrame, a mapping from column to values, or a published "
    "dataset"
)


def arrow_rows(rows: object, kinds: Mapping[str, str], step: str) -> "pa.Table":
    """The columns that a model reads, of rows in any form.

    Raises:
        ConfigError: The rows have no known form, or none is there; a column is missing, or not of
            the length of the others.
    """
    table = _table(rows, list(kinds), step)
    missing = [name for name in kinds if name not in table.column_names]
    if missing:
        known = table.column_names
        hint = nearest(missing[0], known) if known else "The rows have no column."
        raise ConfigError(
            f"{step}: the rows lack {len(missing)} of the {len(kinds)} columns that the model reads "
            f"({listed(missing)}). {hint} Give rows as the feature table has them."
        )
    twice = [name for name in kinds if table.column_names.count(name) > 1]
    if twice:
        raise ConfigError(
            f"{step}: the rows have {listed(twice)} more than once. Keep one of each."
        )
    if table.num_rows == 0:
        raise ConfigError(f"{step}: the rows are empty, so there is nothing to score.")
    return table.select(list(kinds))


def served_arrays(
    table: "pa.Table", kinds: Mapping[str, str], widths: Mapping[str, int], step: str
) -> dict[str, Any]:
    """Each column as the model's graph takes it, ``(n_rows,)``; of a sequence ``(n_rows, width)``.

    Raises:
        ConfigError: A column is of another type.
    """
    import pyarrow as pa

    found = {}
    for name, kind in kinds.items():
        try:
            found[name] = _served(table[name], kind, widths.get(name, 0))
        except (pa.ArrowException, ValueError, TypeError) as error:
            raise ConfigError(
                f"{step}: column {name!r} must hold {EXPECTED[kind]}; got {table[name].type} "
                f"({str(error).splitlines()[0]}). Give it as the feature table has it."
            ) from error
    return found


def _table(rows: object, columns: list[str], step: str) -> "pa.Table":
    import pyarrow as pa

    from pipelines.api.dataset import PublishedDataset

    if isinstance(rows, PublishedDataset):
        return rows.to_arrow([name for name in columns if name in _names(rows)])
    try:
        table = _converted(rows, columns)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise ConfigError(
            f"{step}: the rows cannot be read as a table ({str(error).splitlines()[0]}). Give every "
            f"column values of one type, and all columns as many."
        ) from error
    if table is None:
        raise ConfigError(f"{step}: rows must be {FORMS}; got {type(rows).__name__}.")
    return table


def _converted(rows: Any, columns: list[str]) -> "pa.Table | None":
    """Rows of any of ``FORMS`` as a table; None for anything else."""
    import pyarrow as pa

    if isinstance(rows, Mapping):
        return pa.table({str(name): _column(values) for name, values in rows.items()})
    if isinstance(rows, pa.RecordBatch):
        return pa.Table.from_batches([rows])
    if hasattr(rows, "__dataframe__") and hasattr(rows, "iloc"):  # pandas
        kept = [name for name in columns if name in rows.columns]
        return pa.Table.from_pandas(rows[kept], preserve_index=False)
    if isinstance(rows, pa.Table) or hasattr(rows, "__arrow_c_stream__"):
        return pa.table(rows)
    return None


def _names(rows: Any) -> list[str]:
    return list(rows.to_arrow_dataset().schema.names)


def _column(values: object) -> Any:
    import pyarrow as pa

    lists = hasattr(values, "__len__") and hasattr(values, "__getitem__")
    if not lists or isinstance(values, str | bytes | Mapping):
        raise TypeError(f"{values!r:.60} is not a list of values")
    two_axes = getattr(values, "ndim", 1) == 2  # noqa: PLR2004  a sequence's events
    return pa.array(list(values) if two_axes else values, from_pandas=True)  # type: ignore[call-overload]


def _served(column: "pa.ChunkedArray", kind: str, width: int) -> Any:
    """The column as the graph takes it, if it is what the feature table has.

    Raises:
        TypeError: Its type is another.
        ValueError: Lists are not of the length that the model reads.
        ArrowException: A value cannot be kept as it is.
    """
    import numpy as np

    from pipelines.shared.tables.values import column_values, served

    if kind in {"block", "length"} and column.null_count:
        raise ValueError(f"{column.null_count} are null")
    cast = {"text": _texts, "block": lambda values: _blocks(values, width), "number": _numbers}
    return served(column_values(np, cast.get(kind, _wholes)(column), kind))


def _texts(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    texts = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return _if(any(is_(kind) for is_ in texts), column, pa.string())


def _numbers(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    import pyarrow as pa

    return _if(
        _is_number(column.type) or pa.types.is_boolean(column.type), column, pa.float64()
    )


def _wholes(column: "pa.ChunkedArray") -> "pa.ChunkedArray":
    """Whole numbers; where a library made them floats to hold a null, NaN is null."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    return _if(_is_number(column.type), column, pa.int64())


def _blocks(column: "pa.ChunkedArray", width: int) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    of = column.type
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    fits = any(is_(of) for is_ in lists) and _is_number(of.value_type)
    lists_of = _if(fits, column, pa.list_(pa.float32(), width)).combine_chunks()
    # A NaN within a list is null after some conversions; either is unknown.
    values = pc.fill_null(lists_of.flatten(), float("nan"))
    return pa.chunked_array([pa.FixedSizeListArray.from_arrays(values, width)])


def _is_number(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    numbers = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    return any(is_(kind) for is_ in numbers)


def _if(fits: bool, column: "pa.ChunkedArray", kind: "pa.DataType") -> "pa.ChunkedArray":  # noqa: FBT001
    """The column as another type, where it fits or has no values at all."""
    import pyarrow as pa

    if not (fits or pa.types.is_null(column.type)):
        raise TypeError("another type")
    return column.cast(kind)
