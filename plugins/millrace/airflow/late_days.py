"""Deadlines of partitions: an alarm where one is not taken in, or not scored, in the declared time.

Why: a day that does not come fails nothing, it waits; someone must hear of it before the scores are missed.
Promise: nothing is read when a DAG file is parsed. The time counts from when the run was due to begin, a backfill's
    run from when it was asked for; a missed deadline shows on Airflow's home page, stops nothing, and is logged by
    whoever calls back.
Not here: how long (``Watch.late_after_hours``).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseNotifier
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from pipelines.spec import Pipeline


class LateNotifier(BaseNotifier):
    """Log that a partition is late; a notifier of one's own replaces it with ``deadline=``.

    Args:
        text: What is said. (templated)
    """

    template_fields: Sequence[str] = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text

    def notify(self, _context: Any) -> None:
        """Log it as a warning."""
        self.log.warning("%s", self.text)

    async def async_notify(self, _context: Any) -> None:
        """Log it as a warning, in the triggerer."""
        self.log.warning("%s", self.text)


def late_text(pipeline: Pipeline, what: str) -> str:
    """What is said of a late partition, with the run's own names left to be rendered."""
    hours = pipeline.watch.late_after_hours
    return (
        f"{pipeline.title}: {{{{ dag_run.partition_key or dag_run.dag_run_id }}}} is not {what} {hours:g} hours after its "
        f"run was due. Look at the run {{{{ dag_run.dag_run_id }}}} of {{{{ dag_run.dag_id }}}}: it waits for its source, or "
        f"for a task."
    )


def deadline_of(pipeline: Pipeline, what: str, notifier: Any = LateNotifier) -> dict[str, Any]:
    """The argument ``deadline`` of a DAG; nothing where none is declared.

    Args:
        pipeline: The declaration.
        what: What is late: ``taken in``, ``scored``.
        notifier: Class of what is called; it is given ``text``.
    """
    hours = pipeline.watch.late_after_hours
    if hours is None:
        return {}
    alert = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=AsyncCallback(notifier, kwargs={"text": late_text(pipeline, what)}),
        name=f"{pipeline.name}: {what} within {hours:g} hours",
    )
    return {"deadline": alert}
