"""Declared tables: their columns, their valid values, their ids, and their partitions.

Why: the Great Expectations suite, the ingest cast and the docs page all follow from it.
Promise: importing this module imports nothing but the standard library.
Not here: where a table's rows come from (``sources.py``), reading them (``pipelines/stages/ingest/``),
    validating them (``pipelines/shared/expectations/``).
"""

from collections.abc import Mapping

from pipelines.core.declared import declared
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import ALL, DAY, Partitions
from pipelines.spec.gates import Validation
from pipelines.spec.sources import AnySource, Landmarks, Source

COLUMN_TYPES = ("integer", "number", "timestamp", "text", "flag")
ROW_KEY = "_id"
"""Column with the row id of a table whose ids consist of several columns."""


@declared
class Column:
    """One column.

    Attributes:
        name: Lower-case name in Millrace; a source column matches in any letter case.
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
        sensitive: Whether messages, logs and pages mask its values; None for the default, which
            is yes for entities and text.
        source_name: Name in the source, exactly as it is written there (``"Lab Value (mg/dl)"``), where
            it is not the column's name.
        time_format: How times are written in the source: directives of ``strptime``
            (``%d.%m.%Y %H:%M``), ``epoch_s``, ``epoch_ms``, ``epoch_us``, or ``days``, ``hours``,
            ``minutes`` or ``seconds`` since ``origin``, also negative or with a fraction; empty for
            ISO 8601 and for columns that are timestamps in the source.
        origin: Origin of relative times: a day (``1900-01-01``), a timestamp column of the same table
            (``admitted``), or one of a static table whose row_id is an entity (``patients.entered``).
        words: The integer that each word of the source means (``{"no": 0, "yes": 1}``), None for a
            null; for integers and flags. Any other word is an error.
        not_before: ``TABLE.COLUMN``, a timestamp of a static table whose row_id is an entity, such as
            ``patients.born``: rows whose time is earlier are quarantined. Empty for no such bound.
        not_after: The same for rows whose time is later, such as ``patients.followed_until``.
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
    source_name: str | None = None
    time_format: str = ""
    origin: str = ""
    words: Mapping[str, int | None] | None = None
    not_before: str = ""
    not_after: str = ""


@declared
class Table:
    """One table, taken in partition by partition.

    Attributes:
        name: Name of the table.
        columns: Declared columns; undeclared source columns are ignored.
        row_id: Column that identifies a row, or the columns that do so together.
        event_time: Timestamp column that decides which partition a row belongs to; None for a static
            table, which has a single partition, ``all``.
        source: Where its rows come from.
        known_time: Timestamp column of when a row, or a correction of it, became known;
            None where every row is known when its partition is over. A partition may then contain
            several versions of a row id, and work as of a day uses the newest that was known by then.
        unique_days: Number of days within which row ids are unique: 1 for each partition by itself, N
            for a partition and those that have a part of the N - 1 days before it, None for all. Rows of a later partition that repeat
            an id of an earlier one are quarantined, whichever was ingested first.
        grain: What a partition is: ``hour``, ``day``, ``week``, ``month``, ``quarter`` or ``year``.
        start: First day of its data, where that is not the first day of the examples'.
        validation: The gate of a table other than the examples', whose gate is the pipeline's.
    """

    name: str
    columns: tuple[Column, ...]
    row_id: str | tuple[str, ...]
    event_time: str | None
    source: AnySource = Source()
    known_time: str | None = None
    unique_days: int | None = 1
    grain: str = DAY
    start: str = ""
    validation: Validation | None = None

    @property
    def id_column(self) -> str:
        """The column of the stored table that identifies a row."""
        return self.row_id if isinstance(self.row_id, str) else ROW_KEY

    @property
    def compares_ids(self) -> bool:
        """Whether the row ids of a partition are compared with those of others."""
        return self.unique_days != 1 and self.event_time is not None

    @property
    def time_column(self) -> str:
        """The event time.

        Raises:
            ConfigError: The table is static.
        """
        if self.event_time is None:
            raise ConfigError(
                f"table {self.name} has no event_time, so its rows are not of any partition, and it "
                f"cannot be the table of examples. Declare event_time, or other examples."
            )
        return self.event_time

    @property
    def files(self) -> Source:
        """Its source, where that is files.

        Raises:
            ConfigError: It is a query, a lakehouse's table or landmarks.
        """
        if not isinstance(self.source, Source):
            raise ConfigError(f"table {self.name}: its source {self.source!r} is not of files.")
        return self.source

    @property
    def derived_from(self) -> str | None:
        """The table that its rows are derived from; None where they are read from a source."""
        return self.source.table if isinstance(self.source, Landmarks) else None

    @property
    def is_for_all_time(self) -> bool:
        """Whether its source has the rows of every partition, to be split by event time."""
        return self.event_time is not None and not self.source.is_by_partition

    def partitions(self, zone: str = "UTC") -> Partitions:
        """Its partitions, with days of a time zone."""
        return Partitions(self.grain if self.event_time is not None else ALL, zone)

    def column(self, name: str) -> Column:
        """The declared column with that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def column_names(self) -> tuple[str, ...]:
        """Names in declared order, which is the order of every published table."""
        return tuple(column.name for column in self.columns)
