"""What the files of a MEDS dataset have: the columns of the standard, and their types.

Source: Medical Event Data Standard, version 0.4, github.com/Medical-Event-Data-Standard/meds.
"""

from collections.abc import Callable

import pyarrow as pa
import pyarrow.types as of

from pipelines.core.errors import SchemaError, listed

SUBJECT, TIME, CODE, NUMBER, TEXT = STANDARD = (
    "subject_id",
    "time",
    "code",
    "numeric_value",
    "text_value",
)
OPTIONAL = {NUMBER: pa.float32(), TEXT: pa.string()}
OLD = ("patient_id", "measurements", "events")


def require_standard(schema: pa.Schema, name: str) -> None:
    """Check that a file has the columns of the standard.

    Raises:
        SchemaError: A column is missing, or of another type.
    """
    missing = [each for each in (SUBJECT, TIME, CODE) if each not in schema.names]
    if missing:
        old = " It looks like an older version of the standard." * any(
            each in schema.names for each in OLD
        )
        raise SchemaError(
            f"Source file {name} is not of a MEDS dataset: no column {listed(missing)}; it has "
            f"{listed(schema.names, 20)}.{old} Expected subject_id, time and code, as in MEDS 0.4. Convert "
            f"the source with a current converter, or declare Source(...) for plain Parquet files."
        )
    for column in STANDARD:
        if column in schema.names:
            _require_type(column, schema.field(column).type, name)


def with_optional(rows: pa.Table) -> pa.Table:
    """Rows with the columns that a file may leave out, and plain texts."""
    for name, kind in OPTIONAL.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))
        elif of.is_null(rows[name].type):
            rows = _cast(rows, name, kind)
    for name in (CODE, TEXT):
        rows = _cast(rows, name, pa.large_string())
    return rows


def _cast(rows: pa.Table, name: str, kind: pa.DataType) -> pa.Table:
    return rows.set_column(rows.column_names.index(name), name, rows[name].cast(kind))


def _require_type(column: str, kind: pa.DataType, name: str) -> None:
    wanted, fits = TYPES[column]
    if not (fits(kind) or (column in OPTIONAL and of.is_null(kind))):
        raise SchemaError(
            f"Source file {name}: column {column!r} is {kind} and a MEDS dataset has {wanted} there. "
            f"Convert the source anew, or declare Source(...) for plain Parquet files."
        )


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if of.is_dictionary(kind) else kind
    return bool(of.is_string(kind) or of.is_large_string(kind))


TYPES: dict[str, tuple[str, Callable[[pa.DataType], bool]]] = {
    SUBJECT: ("integers", of.is_integer),
    TIME: ("timestamps", of.is_timestamp),
    CODE: ("texts", _is_text),
    NUMBER: ("numbers", of.is_floating),
    TEXT: ("texts", _is_text),
}
