"""Asking a person before a model is promoted, where the run's form says so.

Why: some teams want a person's word for each new champion, most want none.
Promise: not asked for, or where no answer would change the champion, the task is skipped and
    promotion goes on; rejected, promotion is skipped and the run succeeds, since an answer is no
    failure.
Not here: the gates a model must reach (``pipelines/stages/evaluate/``), what becomes of it
    (``pipelines/stages/promote/``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.hitl import HITLUser

from millrace.airflow.approvers import people
from millrace.airflow.rendered import given, lines
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Work, option_values, stage_named
from pipelines.protocol.pages import module_of
from pipelines.spec import load, with_settings


class AskOperator(ApprovalOperator):
    """An approval that is skipped unless it is wanted, and the answer decides something.

    Args:
        wanted: Renders to ``True`` where a person is to be asked. (templated)
        approvers: User ids of those who may answer, separated by commas; empty for everybody who
            may edit the DAG. (templated)
        stage: The stage that is asked about.
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        as_of: As-of day of the model. (templated)
        stage_settings: ``settings`` of the promotion. (templated)
        stage_options: Its ``options``. (templated)
        stage_inputs: Its ``inputs``. (templated)
    """

    template_fields: Sequence[str] = (
        "subject",
        "body",
        "wanted",
        "approvers",
        "store",
        "as_of",
        "stage_settings",
        "stage_options",
        "stage_inputs",
    )

    def __init__(
        self,
        *,
        wanted: str,
        stage: str,
        pipeline: str,
        store: str,
        as_of: str,
        approvers: str = "",
        stage_settings: Sequence[str] = (),
        stage_options: Sequence[str] = (),
        stage_inputs: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.wanted, self.pipeline, self.store, self.as_of = wanted, pipeline, store, as_of
        self.stage, self.approvers = stage, approvers
        # Its own options are the answers that a person may give.
        self.stage_settings, self.stage_options = list(stage_settings), list(stage_options)
        self.stage_inputs = list(stage_inputs)

    def execute(self, context: Mapping[str, Any]) -> Any:
        """Ask, and wait without holding a worker.

        Raises:
            AirflowSkipException: Nobody is to be asked, or whatever the answer, the champion stays.
            PipelineError: The registry cannot be read.
        """
        if str(self.wanted).lower() != "true":
            raise AirflowSkipException(
                f"No approval is asked for (the form's {self.task_id} is off)."
            )
        preview = module_of(stage_named(self.stage)).preview(self._work())
        if not preview["changes"]:
            raise AirflowSkipException(
                f"No answer would change the champion, so nobody is asked: {preview['reason']}."
            )
        named = people(self.approvers)
        self.assigned_users = [HITLUser(id=name, name=name) for name in named] or None
        return super().execute(context)

    def _work(self) -> Work:
        return Work(
            pipeline=with_settings(load(self.pipeline), lines(self.stage_settings)),
            store=Store(self.store),
            report=Reporter(f"{self.task_id} as_of={self.as_of}"),
            as_of=self.as_of,
            history_from="",
            options=option_values(given(self.stage_options)),
            inputs=dict(line.split("=", 1) for line in given(self.stage_inputs)),
        )


def evaluated(result: Mapping[str, Any] | None) -> str:
    """What the person is shown: the verdict, its reason and its numbers."""
    found = result or {}
    metrics = found.get("metrics", {})
    numbers = [f"- {name}: {value:.4g}" for name, value in sorted(metrics.items())]
    return "\n".join(
        [
            f"Verdict: **{found.get('verdict', '?')}**. {found.get('reason', '')}",
            "",
            *numbers,
        ]
    )
