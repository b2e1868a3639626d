"""Asking a person before a model is promoted, where the run's form says so.

Why: some teams want a person's word for each new champion, most want none.
Promise: not asked for, or where no answer would change the champion, the task is skipped and
    promotion goes on. Else the version is registered with the fate ``waiting`` before the question is
    put; the answer, and who gave it, are passed to the promotion, whichever it is.
Not here: the gates a model must reach (``pipelines/stages/evaluate/``), what becomes of it
    (``pipelines/stages/promote/``), the words of the question (``question.py``).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowSkipException
from airflow.sdk.execution_time.hitl import HITLUser

from millrace.airflow.approvers import people
from millrace.airflow.operator import StageOperator
from millrace.airflow.question import ASKED, BUTTONS, answer_of, question_of
from millrace.airflow.rendered import given, lines
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Work, option_values, stage_named
from pipelines.protocol.pages import module_of
from pipelines.spec import load, with_settings

WAITING = "waiting"
"""XCom with what waits for the answer."""


class AskOperator(HITLOperator):
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

    body: str | None
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
        kwargs.pop("params", None)  # those of the DAG's form, which are not asked for here
        why = Param(
            None, type=["null", "string"], title="Why", description="Kept with the answer."
        )
        super().__init__(options=list(BUTTONS), params={"why": why}, **kwargs)
        self._registering: StageOperator | None = None
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
        work = self._work()
        preview = module_of(stage_named(self.stage)).preview(work)
        if not preview["changes"]:
            raise AirflowSkipException(
                f"No answer would change the champion, so nobody is asked: {preview['reason']}."
            )
        named = people(self.approvers)
        self.assigned_users = [HITLUser(id=name, name=name) for name in named] or None
        waiting = self._register(context)
        question = question_of(work, preview, waiting, self.body or "")
        self.subject, self.body, self.options = (
            question.subject,
            question.body,
            question.options,
        )
        return super().execute(context)

    def execute_complete(
        self, context: Mapping[str, Any], event: dict[str, Any]
    ) -> dict[str, Any]:
        """Pass the answer on.

        Raises:
            HITLTimeoutError: Nobody answered in time; the version goes on waiting.
        """
        # The buttons had the versions' numbers, and the API accepts no other answer.
        self.options = [*self.options, *event.get("chosen_options", ())]
        return answer_of(super().execute_complete(context, event))

    def on_kill(self) -> None:
        """Stop the child that registers the version."""
        if self._registering is not None:
            self._registering.on_kill()

    def _register(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Register the version that waits, and show what became of it so far."""
        self._registering = StageOperator(
            task_id=f"{self.task_id}_registering",
            stage=self.stage,
            pipeline=self.pipeline,
            store=self.store,
            as_of=self.as_of,
            settings=self.stage_settings,
            options=[*self.stage_options, f"answer={ASKED}"],
            inputs=self.stage_inputs,
        )
        command = self._registering.command(datetime.now(UTC))
        result = dict(self._registering.run_child(command, context).result)
        names = ("fate", "verdict", "version", "champion", "reason")
        waiting = {name: result.get(name) for name in names}
        if context.get("ti") is not None:
            context["ti"].xcom_push(WAITING, waiting)
        return waiting

    def _work(self) -> Work:
        return Work(
            pipeline=with_settings(load(self.pipeline), lines(self.stage_settings)),
            store=Store(self.store),
            report=Reporter(f"{self.task_id} as_of={self.as_of}"),
            as_of=self.as_of,
            history_from="",
            options=option_values(given(self.stage_options)) | {"answer": ASKED},
            inputs=dict(line.split("=", 1) for line in given(self.stage_inputs)),
        )
