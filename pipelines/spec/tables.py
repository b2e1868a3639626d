"""Declared tables: their source, their columns, and what each value may be.

Why: the Great Expectations suite, the ingest cast and the docs page all follow from it.
Promise: importing this module imports nothing but the standard library.
Not here: reading a table (``pipelines/stages/ingest/``), judging it (``pipelines/shared/expectations/``).
"""

from pipelines.core.declared import declared

COLUMN_TYPES = ("integer", "number", "timestamp", "text", "flag")
SOURCE_FORMATS = ("parquet", "csv")
REPEATED_HOUR = ("refuse", "first", "second")


@declared
class Column:
    """One column, as the pipeline understands it.

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
        decimals: Digits after the point that the source gives. Sums over such a column are
            made on scaled integers, so they are exact and independent of order.
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
    """Where one day of a table lies, below the source root.

    Attributes:
        path: Path with ``{day}`` in it (also ``{year}``, ``{month}``, ``{dayofmonth}``); may hold
            ``*`` to match several files, read in name order.
        format: ``parquet`` or ``csv`` (``.gz`` is decompressed).
        delimiter: What stands between two fields of a CSV line.
        nulls: Texts that mean null in CSV where they are not quoted. An empty field of a
            column that is no text is null whatever is said here.
        max_rejected_share: Share of a day's CSV lines that may be no rows (another number of
            fields than the first, stray quotation marks): they are kept apart, and above it
            the day is refused.
        escape: The character that makes the next one stand for itself in CSV, mostly a
            backslash; None where a quotation mark inside of a quoted value is doubled instead.
        newlines_in_values: Whether quoted CSV values may hold line breaks. None for yes, but
            that a value in which lines have as many fields as a row is kept apart; True keeps it
            apart only if they also have an event time; False keeps apart each that has any.
        time_zone: Zone of times that say no offset from UTC, such as ``Europe/Berlin``. None
            for UTC, and then times with and without an offset may not be mixed in a day.
        repeated_hour: Which time is meant where the zone's clocks went back and it comes twice:
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
        row_id: Column that names a row.
        event_time: Timestamp column; its UTC day is the partition.
        source: Where a day lies.
        known_time: Timestamp column that says when a row, or a correction of it, became known;
            None where every row is known on its day. A day may then hold several versions of
            a row id, and what is made as of a day sees the newest that was known by then.
        unique_days: Days among which an id names one row: 1 for each day by itself, N for a day
            and the N - 1 before it, None for ever. The rows of a later day that repeat an id of an
            earlier one are quarantined, whichever of them came first.
    """

    name: str
    columns: tuple[Column, ...]
    row_id: str
    event_time: str
    source: Source = Source()
    known_time: str | None = None
    unique_days: int | None = 1

    def column(self, name: str) -> Column:
        """The declared column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def column_names(self) -> tuple[str, ...]:
        """Names in declared order, which is the order of every published table."""
        return tuple(column.name for column in self.columns)
