"""Asking a person before a model is promoted, where the run's form says so.

Why: some teams want a person's word for each new champion, most want none.
Promise: not asked for, the task is skipped and promotion goes on; rejected, promotion is
    skipped and the run succeeds, since an answer is no failure.
Not here: the gates a model must reach (``pipelines/evaluation/``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException


class AskOperator(ApprovalOperator):
    """An approval that is skipped unless it is wanted.

    Args:
        wanted: Renders to ``True`` where a person is to be asked. (templated)
    """

    template_fields: Sequence[str] = ("subject", "body", "wanted")

    def __init__(self, *, wanted: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.wanted = wanted

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Ask, and wait without holding a worker.

        Raises:
            AirflowSkipException: Nobody is to be asked.
        """
        if str(self.wanted).lower() != "true":
            raise AirflowSkipException("No approval is asked for (the form's approve is off).")
        return super().execute(context)


def judgement(result: Mapping[str, Any] | None) -> str:
    """What the person is shown: the verdict of ``evaluate``, its reason and its numbers."""
    told = result or {}
    metrics = told.get("metrics", {})
    numbers = [f"- {name}: {value:.4g}" for name, value in sorted(metrics.items())]
    return "\n".join([f"**{told.get('verdict', '?')}** {told.get('reason', '')}", "", *numbers])
