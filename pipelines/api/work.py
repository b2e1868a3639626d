"""The work that a caller's arguments describe, checked before anything is started for it.

Why: ``run``, ``stage``, ``replay`` and the API must mean the same by the same argument.
Promise: an error names the argument as the command line has it; the API's arguments have the same names.
"""

import re
from collections.abc import Iterable

from pipelines.core.days import days_between, parse_day
from pipelines.core.errors import ConfigError
from pipelines.core.events import Reporter, Sink, to_log
from pipelines.core.partitions import DAY
from pipelines.core.store import Store
from pipelines.process.deadline import TIME_LIMIT_S
from pipelines.protocol import Stage, Work, option_values, ref_of
from pipelines.protocol.stage import PARTITION
from pipelines.spec import Pipeline, load, with_settings

_DIGEST = re.compile("[0-9a-f]{16,64}")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
LONGEST_S = 366 * 24 * 3600


def declared(name: str, settings: Iterable[str] | None) -> Pipeline:
    """The pipeline of that name with this run's settings."""
    return with_settings(load(name), settings or ())


def tuned(
    pipeline: Pipeline,
    settings: Iterable[str] | None,
    options: Iterable[str] | None,
    store: str,
    as_of: str | None,
) -> Pipeline:
    """The pipeline with the settings of the search that ``--option tuned=DAY`` names.

    Settings given by hand come after them and win.

    Raises:
        InputMissingError: That search is not published.
        ConfigError: It is of a later day than the model.
    """
    day = option_values(options).get("tuned")
    if not day:
        return pipeline
    from pipelines.stages.tune.winner import tuned_settings

    parse_day(str(day), "--option tuned")
    found = tuned_settings(Store(store), pipeline.name, str(day), as_of)
    return declared(pipeline.name, [*found, *(settings or ())])


def range_of_days(first: str, last: str) -> list[str]:
    """Every day from ``--from`` to ``--to``.

    Raises:
        ConfigError: One is malformed, or the last is before the first.
    """
    parse_day(first, "--from"), parse_day(last, "--to")
    return _not_empty(days_between(first, last), first, last)


def range_of_partitions(
    pipeline: Pipeline, table: str | None, first: str, last: str
) -> list[str]:
    """Every partition of a table from ``--from`` to ``--to``, each a day or a partition's key.

    Args:
        pipeline: The declaration.
        table: The table; None for the examples'.
        first: First day or partition.
        last: Last day or partition; of a day, every partition that has a part of it.

    Raises:
        ConfigError: One is malformed, the last is before the first, or there is no such table.
    """
    seen = _seen(pipeline, table)
    begin, end = partitions_named(seen, first, "--from"), partitions_named(seen, last, "--to")
    return _not_empty(seen.partitions().between(begin[0], end[-1]), first, last)


def partitions_named(pipeline: Pipeline, end: str, what: str) -> list[str]:
    """The partitions that one end of a range names: that of a key, or those with a part of a day.

    Raises:
        ConfigError: It is neither a key of the table's grain nor a day.
    """
    partitions = pipeline.partitions()
    if partitions.grain != DAY and _DAY.fullmatch(end):
        parse_day(end, what)
        return partitions.of_days(end, end)
    return [partitions.parse(end, what)]


def _not_empty(found: list[str], first: str, last: str) -> list[str]:
    if not found:
        raise ConfigError(f"--to {last} is before --from {first}. Swap them.")
    return found


def _seen(pipeline: Pipeline, table: str | None) -> Pipeline:
    return pipeline if table is None else pipeline.of_table(table)


def input_digests(stage: Stage, inputs: Iterable[str] | None) -> dict[str, str]:
    """``name=digest`` inputs of a stage as a mapping.

    Raises:
        ConfigError: The stage takes no such input, or the digest is not one.
    """
    digests: dict[str, str] = {}
    for given in inputs or ():
        name, _, digest = given.partition("=")
        if name not in stage.takes:
            takes = ", ".join(f"{each}=DIGEST" for each in stage.takes) or "none"
            raise ConfigError(f"--input {given!r}: {stage.name} takes {takes}.")
        if not _DIGEST.fullmatch(digest):
            raise ConfigError(
                f"--input {given!r}: a digest is 16 to 64 hexadecimal digits, as a stage's result "
                f"and the folder of a version have it."
            )
        digests[name] = digest
    return digests


def time_limit_s(options: Iterable[str] | None) -> float:
    """Seconds that a stage may take: ``--option time_limit_s=N``, by default a day, 0 for no end.

    Raises:
        ConfigError: It is not a number, below 0, or longer than a year.
    """
    given = option_values(options).get("time_limit_s", TIME_LIMIT_S)
    try:
        seconds = -1.0 if isinstance(given, bool) else float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_S:
        raise ConfigError(
            f"option time_limit_s must be seconds from 0 (no limit) to {LONGEST_S:,} (a year); "
            f"got {given!r}."
        )
    return seconds


def work_for(
    stage: Stage,
    pipeline: Pipeline,
    *,
    store: str,
    partition: str | None = None,
    table: str | None = None,
    as_of: str | None = None,
    source: str | None = None,
    history_from: str | None = None,
    options: Iterable[str] | None = None,
    inputs: Iterable[str] | None = None,
    sink: Sink = to_log,
) -> Work:
    """The work that the arguments describe.

    Raises:
        ConfigError: A day or partition is malformed, there is no such table, or the stage needs the
            other kind of day.
    """
    own = _seen(pipeline, table)
    if own.examples != pipeline.examples and not stage.each_table:
        raise ConfigError(
            f"--table {table}: {stage.name} works on the examples' table, {pipeline.examples}. Leave "
            f"--table out."
        )
    if partition is not None:
        own.partitions().parse(partition, "--partition")
    for day, what in (
        (as_of, "--as-of"),
        (history_from, "--history-from"),
    ):
        if day is not None:
            parse_day(day, what)
    work = Work(
        pipeline=own,
        store=Store(store),
        report=Reporter(stage.name, sink),
        partition=partition,
        table=None if own.examples == pipeline.examples else table,
        as_of=as_of,
        source=source,
        history_from=history_from or pipeline.schedule.start,
        options=option_values(options),
        inputs=input_digests(stage, inputs),
    )
    days = own.partitions() if stage.scope == PARTITION else own.days()
    work.report.work = f"{stage.name} {ref_of(stage, work).key}{days.note}"
    return work
