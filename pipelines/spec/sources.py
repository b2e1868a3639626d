"""Where a table's rows come from: files, a query of a database, a table of a lakehouse, a dataset of events.

Promise: importing this module imports nothing but the standard library.
Not here: reading them (``pipelines/stages/ingest/``), mistakes in them (``checks/sources.py``).
"""

from typing import ClassVar

from pipelines.core.declared import declared
from pipelines.spec.path_fields import has_fields
from pipelines.spec.statements import parameters

SOURCE_FORMATS = ("parquet", "csv", "json", "excel", "orc", "feather")
LAKE_FORMATS = ("delta",)
REPEATED_HOUR = ("refuse", "first", "second")


@declared
class Source:
    """The files of a table, below the source root.

    Attributes:
        path: Path with ``{day}`` in it (also ``{year}``, ``{quarter}``, ``{month}``, ``{week}``,
            ``{dayofmonth}``, ``{hour}``), as the grain of the table needs; may contain ``*`` to match
            several files, read in name order. A path without such a field names files for all time,
            which are read once and split by event time.
        format: ``parquet``, ``csv``, ``json`` (an object a line), ``excel``, ``orc`` or ``feather``. CSV and
            JSON lines may be compressed (gzip, zstd, bzip2, or one file in a zip archive).
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
        time_zone: Time zone of times without a UTC offset, such as ``Europe/Berlin``. None for the
            pipeline's, and then times with and without an offset may not be mixed in a partition.
        repeated_hour: The meaning of a local time that occurs twice because the clocks go back:
            ``first``, ``second``, or ``refuse``.
        decimal: The decimal mark of numbers in CSV: ``.`` or ``,``.
        thousands: The mark between thousands in CSV numbers, such as ``.``; empty for none.
        sheet: Sheet of an Excel file; empty for the first.
        root: The table's own source root, a folder or URI, in place of the run's.
        connection: Name of the Airflow connection with the credentials of the root.
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
    decimal: str = "."
    thousands: str = ""
    sheet: str = ""
    root: str = ""
    connection: str = ""

    @property
    def is_by_partition(self) -> bool:
        """Whether its path names the files of one partition."""
        return has_fields(self.path)


@declared
class Query:
    """A query of a SQL database.

    Attributes:
        sql: A SELECT statement. ``:start`` and ``:end`` are the bounds of a partition in UTC, the end
            exclusive; a statement without them is run once for all time, and its rows are split
            by event time.
        connection: Name of the Airflow connection of the database. Empty for the URI that the run is
            given as its source.
        time_zone: Time zone of times without a UTC offset; None for the pipeline's.
        repeated_hour: As for files.
    """

    sql: str
    connection: str = ""
    time_zone: str | None = None
    repeated_hour: str = "refuse"

    @property
    def is_by_partition(self) -> bool:
        """Whether it asks for the rows of one partition."""
        return bool(parameters(self.sql))


@declared
class LakeTable:
    """A table of a lakehouse.

    Attributes:
        path: Path of the table below the source root; empty for the root itself.
        format: ``delta``, for Delta Lake. Iceberg tables are read by a ``Query`` of an engine.
        root: The table's own source root, in place of the run's.
        connection: Name of the Airflow connection with the credentials of the root.
        time_zone: Time zone of times without a UTC offset; None for the pipeline's.
        repeated_hour: As for files.
    """

    path: str = ""
    format: str = "delta"
    root: str = ""
    connection: str = ""
    time_zone: str | None = None
    repeated_hour: str = "refuse"

    @property
    def is_by_partition(self) -> bool:
        """Always: the rows of one partition are looked up by event time."""
        return True


@declared
class Meds:
    """A dataset of the Medical Event Data Standard (MEDS 0.4): the files below its folder ``data``.

    A table with an event_time has the rows that have a time. Beside the columns of the dataset they have
    ``event_id``, an integer that follows from the row's content, and ``repeat``: 1, and 2, 3, ... for
    rows that repeat an earlier one of the dataset in every column of the standard.

    A static table has one row for each ``subject_id``. The ``source_name`` of each other column is the code of
    its value, or the beginning of codes, up to ``//``: a timestamp is the time of the subject's first such row
    (rows without a time first), a number its numeric_value, a text what follows the beginning
    (``F`` of ``GENDER//F``), or its text_value, and a flag is whether there is such a row. A column with ``words``
    has that text's.

    Attributes:
        path: Folder of the dataset below the source root; empty for the root itself.
        root: The table's own source root, in place of the run's.
        connection: Name of the Airflow connection with the credentials of the root.
        time_zone: Time zone of the dataset's times; None for the pipeline's.
        repeated_hour: As for files.
    """

    path: str = ""
    root: str = ""
    connection: str = ""
    time_zone: str | None = None
    repeated_hour: str = "refuse"

    @property
    def is_by_partition(self) -> bool:
        """Never: subjects, not times, are divided into files."""
        return False

    @property
    def pattern(self) -> str:
        """The pattern of its files, below the source root."""
        return "/".join(part for part in (self.path.strip("/"), "data/**/*.parquet") if part)


@declared
class Landmarks:
    """Examples derived from the rows of another table: one for an entity and a day, its last second.

    An example is at the end of a day with a row of the entity (a visit), or at fixed times after the entity's first
    row. It depends on rows of its own day and of earlier ones alone. Its table has an id (text), the
    time and the entity's columns.

    Attributes:
        table: Table of the rows.
        entity: Name of the declared entity.
        where: ``(column, value)``, or ``(column, (value, ...))`` for any of several: only such rows are visits.
        at_days: Days after the day of the entity's first row, or its row of ``since``, in place of visits.
        since: ``(column, value)`` as for ``where``: what days are counted from is the entity's first such row (an
            enrolment), and before it the entity has no example; None for its first row of any kind.
        history_days: Minimum number of days since that row's day.
        free_of: ``(column, value)`` as for ``where``: entities that had such a row by then have no example (prevalent
            cases, the dead).
        every_days: Length of the periods, counted from the same row, that have one example
            at most, the first that passes; 0 for all.
    """

    time_zone: ClassVar[str | None] = None
    repeated_hour: ClassVar[str] = "refuse"
    root: ClassVar[str] = ""
    connection: ClassVar[str] = ""
    table: str
    entity: str
    where: tuple[str, object] | None = None
    at_days: tuple[int, ...] = ()
    since: tuple[str, object] | None = None
    history_days: int = 0
    free_of: tuple[tuple[str, object], ...] = ()
    every_days: int = 0

    @property
    def is_by_partition(self) -> bool:
        """Always: the examples of a partition follow from rows by its end."""
        return True


AnySource = Source | Query | LakeTable | Meds | Landmarks
