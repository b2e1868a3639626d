"""When a failed task is tried again, and after how long: decided by the cause alone.

Why: a retry of bad data wastes an hour, and no retry of a killed process loses a day.
Promise: a permanent error is never retried; what passes by itself is waited for; what was
    killed goes on at once from what it had published.
Not here: what a cause is (``pipelines/core/errors.py``), how often (a task's ``retries``).
"""

from datetime import timedelta

from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

SOURCE_WAIT = timedelta(minutes=30)
EVENTS_WAIT = timedelta(minutes=2)
RESTART_WAIT = timedelta(seconds=5)
TRANSIENT_WAIT = timedelta(minutes=1)


def retry_by_cause(
    source_wait: timedelta = SOURCE_WAIT, restart_wait: timedelta = RESTART_WAIT
) -> ExceptionRetryPolicy:
    """The retry policy of every stage.

    Args:
        source_wait: Time between two looks for a source or another table that is not there yet.
        restart_wait: Time before a stage that was killed goes on.

    The first rule that matches decides, so the special causes come before the general one.
    """
    return ExceptionRetryPolicy(
        rules=[
            RetryRule(
                exception="pipelines.core.errors.PermanentError",
                action=RetryAction.FAIL,
                reason="the same inputs would fail the same way",
            ),
            RetryRule(
                exception="pipelines.core.errors.EventsNotReadyError",
                retry_delay=EVENTS_WAIT,
                reason="the run of an earlier partition has not validated what the rows are derived from",
            ),
            RetryRule(
                exception=[
                    "pipelines.core.errors.SourceNotReadyError",
                    "pipelines.core.errors.TableNotReadyError",
                ],
                retry_delay=source_wait,
                reason="the source, or another table, is not there yet",
            ),
            RetryRule(
                exception=[
                    "pipelines.core.errors.OutOfMemoryError",
                    "pipelines.core.errors.WorkerLostError",
                    "pipelines.core.errors.StageStoppedError",
                ],
                retry_delay=restart_wait,
                reason="the process ended early; the next try goes on from its checkpoint",
            ),
            RetryRule(
                exception="pipelines.core.errors.TransientError",
                retry_delay=TRANSIENT_WAIT,
                reason="the cause may pass",
            ),
        ]
    )
