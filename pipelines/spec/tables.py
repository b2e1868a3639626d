"""Declared tables: their source, their columns, and their valid values.

Why: the Great Expectations suite, the ingest cast and the docs page all follow from it.
Promise: importing this module imports nothing but the standard library.
Not here: reading a table (``pipelines/stages/ingest/``), validating it (``pipelines/shared/expectations/``).
"""

from pipelines.core.declared import declared

COLUMN_TYPES = ("integer", "number", "timestamp", "text", "flag")
SOURCE_FORMATS = ("parquet", "csv")
REPEATED_HOUR = ("refuse", "first", "second")


@declared
class Column:
    """One column.

    Attributes:
        name: Lower-case name; a source column matches in any letter case.
        type: ``integer`` (int64), ``number`` (float64), ``timestamp`` (UTC, microseconds),
            ``text``, or ``flag`` (0 or 1, int64).
        meaning: One sentence for the docs page.
        unit: Unit of the values (``USD``, ``mmHg``); empty where there is none.
        nullable: Whether a null is a valid value.
        low: Smallest valid value, inclusive; None for no bound.
        high: Largest valid value, inclusive; None for no bound.
        values: The only valid values; empty for any.
        decimals: Digits after the decimal point in the source. Sums over such a column are
            computed on scaled integers, so they are exact and independent of order.
        sensitive: Whether reports and Data Docs mask its values; None for the default, which
            is yes for entities and text.
    """

    name: str
    type: str
    meaning: str = ""
    unit: str = ""
    nullable: bool = False
    low: float | None = None
    high: float | None = None
    values: tuple[object, ...] = ()
    decimals: int | None = None
    sensitive: bool | None = None


@declared
class Source:
    """The files of one day of a table, below the source root.

    Attributes:
        path: Path with ``{day}`` in it (also ``{year}``, ``{month}``, ``{dayofmonth}``); may contain
            ``*`` to match several files, read in name order.
        format: ``parquet`` or ``csv`` (``.gz`` is decompressed).
        delimiter: Separator of the fields of a CSV line.
        nulls: Texts that mean null in CSV where they are not quoted. An empty field of a
            column that is not a text is always null.
        max_rejected_share: Share of a day's CSV lines that may be malformed (another number of
            fields than the first line, stray quotation marks): they are rejected, and above
            this share the day is refused.
        escape: The escape character in CSV, usually a backslash; None where a quotation mark
            inside of a quoted value is doubled instead.
        newlines_in_values: Whether quoted CSV values may contain line breaks. None for yes, except
            that a value with a line of as many fields as a row is rejected; True rejects it
            only if such a line also has an event time; False rejects all values with line breaks.
        time_zone: Time zone of times without a UTC offset, such as ``Europe/Berlin``. None
            for UTC, and then times with and without an offset may not be mixed in a day.
        repeated_hour: The meaning of a local time that occurs twice because the clocks go back:
            ``first``, ``second``, or ``refuse``.
    """

    path: str = "ds={day}/*.parquet"
    format: str = "parquet"
    delimiter: str = ","
    nulls: tuple[str, ...] = ("",)
    max_rejected_share: float = 0.01
    escape: str | None = None
    newlines_in_values: bool | None = None
    time_zone: str | None = None
    repeated_hour: str = "refuse"


@declared
class Table:
    """One daily table.

    Attributes:
        name: Name of the table, also of its dataset in the store.
        columns: Declared columns; undeclared source columns are ignored.
        row_id: Column that identifies a row.
        event_time: Timestamp column; its UTC day is the partition.
        source: The files of a day.
        known_time: Timestamp column of when a row, or a correction of it, became known;
            None where every row is known on its day. A day may then contain several versions of
            a row id, and work as of a day uses the newest that was known by then.
        unique_days: Number of days within which row ids are unique: 1 for each day by itself, N for a
            day and the N - 1 before it, None for all days. Rows of a later day that repeat an id of
            an earlier one are quarantined, whichever was ingested first.
    """

    name: str
    columns: tuple[Column, ...]
    row_id: str
    event_time: str
    source: Source = Source()
    known_time: str | None = None
    unique_days: int | None = 1

    def column(self, name: str) -> Column:
        """The declared column with that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def column_names(self) -> tuple[str, ...]:
        """Names in declared order, which is the order of every published table."""
        return tuple(column.name for column in self.columns)
