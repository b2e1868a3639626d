"""Airflow tasks that run a Millrace command in a process of its own.

Why: a stage needs a ``__main__`` that is not Airflow's, memory that is given back, and an
    error that says whether a retry can help.
Promise: when a task ends, however it ends, its process is gone; its XComs are the short JSON of
    the result and what is shown while it works; nothing heavy is imported here.
Not here: the process (``pipelines/process/``), when to retry (``policies.py``), what is shown
    meanwhile (``progress_xcom.py``).
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator

from millrace.airflow.progress_xcom import ProgressXCom
from pipelines.core.events import describe_progress, level_of
from pipelines.process.launch import Ended, StageProcess


class CommandOperator(BaseOperator):
    """Run ``python -m pipelines ...`` and return the short JSON it ends with.

    Args:
        argv: What follows ``python -m pipelines``. (templated)
        new_interpreter: Whether the child must be spawned rather than forked from the
            preloaded server: TensorFlow and Dask clusters want it.
        module: What runs after ``python -m``.
    """

    template_fields: Sequence[str] = ("argv",)
    ui_color = "#e8f1ee"

    def __init__(
        self,
        *,
        argv: Sequence[str] = (),
        new_interpreter: bool = True,
        module: str = "pipelines",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.argv, self.new_interpreter, self.module = list(argv), new_interpreter, module
        self._process: StageProcess | None = None
        self._progress = ProgressXCom(None)
        self.dashboard = ""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run the command to its end.

        Raises:
            PipelineError: What the command raised; its class decides on the retry.
        """
        return dict(self.run_child(self.argv, context).result)

    def run_child(
        self,
        argv: Sequence[str],
        context: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
    ) -> Ended:
        """Run one child, its events and lines becoming lines of this task's log and what it shows.

        Args:
            argv: Its arguments.
            context: The task's context.
            env: Variables in addition to those that a stage inherits; they are not logged.
        """
        self._progress = ProgressXCom(context.get("ti"))
        self.log.info("python -m %s %s", self.module, " ".join(argv))
        self._process = StageProcess(
            argv,
            on_event=self._log_event,
            on_line=lambda line: self.log.info("%s", line),
            server=not self.new_interpreter,
            module=self.module,
            env=env,
        )
        ended = self._process.run()
        self.log.info(
            "%s: %.1f CPU-s, peak memory %.0f MiB",
            self.task_id,
            ended.cpu_seconds,
            ended.peak_memory_bytes / 2**20,
        )
        return ended

    def on_kill(self) -> None:
        """Stop the child: a signal handler, so it neither waits nor logs."""
        if self._process is not None:
            self._process.stop()

    def _log_event(self, event: Mapping[str, object]) -> None:
        kind = event["event"]
        if kind == "progress":
            self.log.info("%s", describe_progress(event))
            self._progress.progress(event)
        elif kind == "log":
            self.log.log(level_of(event), "%s", event["message"])
        elif kind == "dashboard":
            self._show_dashboard(str(event["url"]))
        elif kind == "error":
            level = logging.WARNING if event.get("kind") == "TransientError" else logging.ERROR
            self.log.log(level, "%s", event["message"])
            self.log.info("In the stage's own process:\n%s", event.get("traceback"))

    def _show_dashboard(self, url: str) -> None:
        """Put the address behind the task's button, while the work is still going on."""
        self.dashboard = url
        self.log.info("Dask's dashboard: %s", url)
        self._progress.dashboard(url)
