"""Which partition or as-of day a run works on, however the run came to be.

Why: a scheduled run, a backfill, a form, the REST interface and ``dag.test()`` each fill other
    fields of the context, and half of them leave ``ds`` undefined.
Promise: one order for all: partition key, then the form, then the logical date, then the time
    the run was due; two answers that disagree are refused. Days are of the pipeline's time zone.
Not here: which partitions a model is made from (``pipelines/spec/split.py``).
"""

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError
from pipelines.core.partitions import DAY, FORMS, HOUR, Partitions

PARTITION = "{{ partition_of(dag_run, params) }}"
AS_OF = "{{ as_of(dag_run, params) }}"


def partition_of(partitions: Partitions, dag_run: Any, params: Mapping[str, Any]) -> str:
    """The partition a run takes in: by default the last that was over when it was due.

    Args:
        partitions: Those of the table.
        dag_run: The context's ``dag_run``.
        params: The context's ``params``; ``partition`` is the form's field, a partition or a day of it.

    Raises:
        ConfigError: A partition is malformed, or the partition key and the form disagree.
    """
    given = _given(partitions, dag_run, params, "partition")
    if given is not None:
        return given
    if dag_run.logical_date is not None:
        return partitions.of_time(dag_run.logical_date)
    return partitions.closed_by(dag_run.run_after)


def as_of(zone: str, dag_run: Any, params: Mapping[str, Any]) -> str:
    """The as-of day of the model a run makes: by default the day it was due.

    Args:
        zone: The pipeline's time zone.
        dag_run: The context's ``dag_run``.
        params: The context's ``params``; ``as_of`` is the form's field.

    Raises:
        ConfigError: A day is malformed, or the partition key and the form disagree.
    """
    days = Partitions(DAY, zone)
    given = _given(days, dag_run, params, "as_of")
    return (
        given if given is not None else days.of_time(dag_run.logical_date or dag_run.run_after)
    )


def macros_of_run(partitions: Partitions) -> dict[str, Any]:
    """The functions that the templates call, for the DAGs of a table."""
    return {
        "partition_of": partial(partition_of, partitions),
        "as_of": partial(as_of, partitions.zone),
    }


def date_of(partitions: Partitions, key: str) -> str:
    """What a backfill is given as its first or last date for a partition."""
    return f"{key}:00" if partitions.grain == HOUR else partitions.first_day(key)


def _given(
    partitions: Partitions, dag_run: Any, params: Mapping[str, Any], field: str
) -> str | None:
    key, chosen = dag_run.partition_key or None, params.get(field) or None
    if key is not None:
        partitions.parse(key, "partition key")
    if chosen is not None:
        chosen = _of_form(partitions, str(chosen), field)
    if key and chosen and key != chosen:
        raise ConfigError(
            f"The run's partition key is {key} and the form's {field} is {chosen}. Give one of them."
        )
    return key or chosen


def _of_form(partitions: Partitions, text: str, field: str) -> str:
    """A partition, or the longer one that a day stands for."""
    if partitions.grain not in (HOUR, DAY) and re.fullmatch(FORMS[DAY], text):
        parse_day(text, field)
        return partitions.of_day(text)
    return partitions.parse(text, field)
