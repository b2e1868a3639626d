"""Find mistakes of a declared source: its files and its time zone.

Promise: imports nothing but the standard library.
Not here: the other parts of a table (``pipelines/spec/checks/``), how values are written (``written.py``).
"""

import re
from collections.abc import Iterator, Sequence

from pipelines.core.declared import nearest
from pipelines.core.zones import zone_mistake
from pipelines.spec.checks.written import written_problems
from pipelines.spec.path_fields import has_fields, path_problems
from pipelines.spec.sources import (
    LAKE_FORMATS,
    REPEATED_HOUR,
    SOURCE_FORMATS,
    LakeTable,
    Meds,
    Query,
    Source,
)
from pipelines.spec.statements import statement_problems
from pipelines.spec.tables import Table

ASCII, ICEBERG, SUBJECT = 128, "iceberg", "subject_id"
DELIMITER = re.compile(r"[^A-Za-z0-9\"\r\n]")


def source_problems(table: Table) -> Iterator[str]:
    """The mistakes of a table's source, one sentence each."""
    source, where = table.source, f"table {table.name}: source"
    yield from _clock(table, where)
    yield from written_problems(table)
    if isinstance(source, Query):
        yield from statement_problems(source.sql, where)
    if isinstance(source, LakeTable):
        yield from _lake_format(table, source.format)
    if isinstance(source, Meds):
        yield from _dataset(table, source, where)
    if isinstance(source, Source):
        yield from _format(table, source.format, SOURCE_FORMATS)
        yield from path_problems(source.path, table.partitions().grain, where)
        yield from _files(source, where)


def _format(table: Table, found: str, known: Sequence[str]) -> Iterator[str]:
    if found not in known:
        yield f"table {table.name}: source format {found!r} is not known. {nearest(found, known)}"


def _lake_format(table: Table, found: str) -> Iterator[str]:
    if found == ICEBERG:
        yield (
            f"table {table.name}: Iceberg tables cannot be read. Read it through a query engine with "
            f"Query(...), or declare a Delta Lake table (format='delta')."
        )
        return
    yield from _format(table, found, LAKE_FORMATS)


def _dataset(table: Table, source: Meds, where: str) -> Iterator[str]:
    if not isinstance(source.path, str) or has_fields(source.path) or "*" in source.path:
        yield (
            f"{where} path {source.path!r} must be the folder of one dataset, which has all times, such as "
            f"'records'; empty for the source root."
        )
    if table.event_time is not None:
        return
    for column in table.columns:
        if column.source_name is None and column.name != SUBJECT:
            yield (
                f"table {table.name}: column {column.name} of a static table of MEDS needs source_name, "
                f"the code of its value ('MEDS_BIRTH'), or the beginning of codes ('GENDER//')."
            )


def _files(source: Source, where: str) -> Iterator[str]:
    if not (isinstance(source.delimiter, str) and DELIMITER.fullmatch(source.delimiter)):
        yield (
            f"{where} delimiter {source.delimiter!r} must be one character other than a letter, "
            f'digit, quotation mark or line break, such as ";" or "\\t".'
        )
    if not 0 <= source.max_rejected_share <= 1:
        yield f"{where} max_rejected_share must be in [0, 1]; got {source.max_rejected_share!r}."
    yield from _escape(source, where)


def _escape(source: Source, where: str) -> Iterator[str]:
    escape = source.escape
    if escape is None:
        return
    fits = isinstance(escape, str) and DELIMITER.fullmatch(escape) and ord(escape) < ASCII
    if not fits or escape == source.delimiter:
        yield (
            f"{where} escape {escape!r} must be one ASCII character other than a letter, digit, "
            f'quotation mark, line break or the delimiter, such as "\\\\"; None where quotation '
            f"marks are doubled."
        )


def _clock(table: Table, where: str) -> Iterator[str]:
    source = table.source
    if source.repeated_hour not in REPEATED_HOUR:
        yield f"{where} repeated_hour {source.repeated_hour!r}. {nearest(source.repeated_hour, REPEATED_HOUR)}"
    wrong = "" if source.time_zone is None else zone_mistake(source.time_zone)
    if wrong:
        yield f"{where} time_zone {wrong}"
