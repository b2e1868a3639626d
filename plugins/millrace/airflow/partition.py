"""Which day a run works on, however the run came to be.

Why: a scheduled run, a backfill, a form, the REST interface and ``dag.test()`` each fill other
    fields of the context, and half of them leave ``ds`` undefined.
Promise: one order for all: partition key, then the form, then the logical date, then the time
    the run was due; two answers that disagree are refused.
Not here: which days a model is made from (``pipelines/spec/split.py``).
"""

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from pipelines.core.days import parse_day, shift
from pipelines.core.errors import ConfigError

PARTITION = "{{ partition_of(dag_run, params) }}"
AS_OF = "{{ as_of(dag_run, params) }}"


def partition_of(dag_run: Any, params: Mapping[str, Any]) -> str:
    """The day of data a run takes in: by default the day before it was due.

    Args:
        dag_run: The context's ``dag_run``.
        params: The context's ``params``; ``partition`` is the form's field.

    Raises:
        ConfigError: A day is malformed, or the partition key and the form disagree.
    """
    return _day(dag_run, params, field="partition", days_after_due=-1)


def as_of(dag_run: Any, params: Mapping[str, Any]) -> str:
    """The as-of day of the model a run makes: by default the day it was due.

    Args:
        dag_run: The context's ``dag_run``.
        params: The context's ``params``; ``as_of`` is the form's field.

    Raises:
        ConfigError: A day is malformed, or the partition key and the form disagree.
    """
    return _day(dag_run, params, field="as_of", days_after_due=0)


MACROS = {"partition_of": partition_of, "as_of": as_of}


def _day(dag_run: Any, params: Mapping[str, Any], *, field: str, days_after_due: int) -> str:
    key, chosen = dag_run.partition_key, params.get(field)
    if key and chosen and key != chosen:
        raise ConfigError(
            f"The run's partition key is {key} and the form's {field} is {chosen}. Give one of them."
        )
    if key or chosen:
        named = str(key or chosen)
        parse_day(named, "partition key" if key else field)
        return named
    if dag_run.logical_date is not None:
        return str(dag_run.logical_date.astimezone(UTC).date())
    return shift(str(dag_run.run_after.astimezone(UTC).date()), days_after_due)
