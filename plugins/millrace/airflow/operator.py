"""Airflow tasks that run a Millrace command in a process of its own.

Why: a stage needs a ``__main__`` that is not Airflow's, memory that is given back, and an
    error that says whether a retry can help.
Promise: when a task ends, however it ends, its process is gone; its XComs are the short JSON of
    the result and what is shown while it works; nothing heavy is imported here.
Not here: the process (``pipelines/process/``), when to retry (``policies.py``), what is shown
    meanwhile (``progress_xcom.py``).
"""

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from millrace.airflow.links import links_of
from millrace.airflow.progress_xcom import ProgressXCom
from pipelines.core.errors import ConfigError, HistoryNotReadyError, SourceNotReadyError
from pipelines.core.events import Reporter, describe_progress, level_of
from pipelines.core.store import Ref, Store
from pipelines.process.launch import Ended, StageProcess
from pipelines.protocol import Work, ref_of, stage_named
from pipelines.protocol.stage import PARTITION
from pipelines.spec import load, with_settings

ANNOUNCED = ("uri", "digest", "rows", "verdict", "recommended", "promoted")
_BLANK_LINES = re.compile(r"[\r\n]+")


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

    def run_child(self, argv: Sequence[str], context: Mapping[str, Any]) -> Ended:
        """Run one child, its events and lines becoming lines of this task's log and what it shows."""
        self._progress = ProgressXCom(context.get("ti"))
        self.log.info("python -m %s %s", self.module, " ".join(argv))
        self._process = StageProcess(
            argv,
            on_event=self._log_event,
            on_line=lambda line: self.log.info("%s", line),
            server=not self.new_interpreter,
            module=self.module,
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


class StageOperator(CommandOperator):
    """Run one stage on a partition, or for an as-of day.

    Args:
        stage: Name of a stage, such as ``validate``.
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        partition: Day of data, for a stage that works by day. (templated)
        as_of: As-of day, for a stage that makes a model. (templated)
        source: Root of the source files, for a stage that reads them. (templated)
        history_from: First day of data; empty for the declared one. (templated)
        settings: ``section.name=value`` replacements, one a line. (templated)
        options: ``key=value`` asked of this stage alone. (templated)
        inputs: ``name=digest`` of results that the run has made; an empty digest stands for
            the published version. (templated)
    """

    template_fields: Sequence[str] = (
        "store",
        "partition",
        "as_of",
        "source",
        "history_from",
        "settings",
        "options",
        "inputs",
    )

    def __init__(
        self,
        *,
        stage: str,
        pipeline: str,
        store: str,
        partition: str | None = None,
        as_of: str | None = None,
        source: str | None = None,
        history_from: str | None = None,
        settings: Sequence[str] = (),
        options: Sequence[str] = (),
        inputs: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        record = stage_named(stage)
        kwargs.setdefault("new_interpreter", record.heavy)
        super().__init__(**kwargs)
        self.operator_extra_links = links_of(record)
        self.stage, self.pipeline, self.store = stage, pipeline, store
        self.partition, self.as_of = partition, as_of
        self.source, self.history_from = source, history_from
        self.settings, self.options = list(settings), list(options)
        self.inputs = list(inputs)

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run the stage and pass on what it published, to XCom and to the outlets.

        Raises:
            AirflowSkipException: Earlier days have no verdict yet; their runs will do this one.
            PipelineError: What the stage raised; its class decides on the retry.
        """
        try:
            result = dict(self.run_child(self.command(datetime.now(UTC)), context).result)
        except HistoryNotReadyError as waiting:
            raise AirflowSkipException(
                f"{waiting} The run that validates the last of them will do {self.stage} for this day too."
            ) from waiting
        self._announce(context, result)
        return result

    def command(self, now: datetime) -> list[str]:
        """The child's arguments, once the templates are rendered.

        Args:
            now: Only decides whether the day is over, never what is made of it.

        Raises:
            ConfigError: A value the stage needs is empty.
            SourceNotReadyError: The day to be taken in is not over.
        """
        stage = stage_named(self.stage)
        chosen = {"--store": self.store, "--history-from": self.history_from}
        if stage.scope == PARTITION:
            chosen["--partition"] = _needed(self.partition, "partition", self.task_id)
        else:
            chosen["--as-of"] = _needed(self.as_of, "as_of", self.task_id)
        if stage.reads_source:
            chosen["--source"] = _needed(self.source, "source", self.task_id)
            self._require_over(now)
        argv = ["stage", self.stage, self.pipeline]
        argv += [word for name, value in chosen.items() if value for word in (name, value)]
        argv += [word for line in lines(self.settings) for word in ("--set", line)]
        return argv + flags("--option", self.options) + flags("--input", self.inputs)

    def ref(self) -> Ref:
        """The artifact this task publishes, once the templates are rendered."""
        work = Work(
            pipeline=with_settings(load(self.pipeline), lines(self.settings)),
            store=Store(self.store),
            report=Reporter(self.stage),
            partition=self.partition,
            as_of=self.as_of,
            history_from=self.history_from or "",
        )
        return ref_of(stage_named(self.stage), work)

    def _require_over(self, now: datetime) -> None:
        """Wait for midnight rather than publish half a day (a backfill up to today asks for it)."""
        if self.partition is not None and self.partition >= now.date().isoformat():
            raise SourceNotReadyError(
                f"{self.partition} is not over (it is {now:%Y-%m-%d %H:%M} UTC). It can be taken "
                f"in from midnight on."
            )

    def _announce(self, context: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Publish the asset for this day, and for later days that this run did as well.

        A model that was not promoted changes nothing for who waits for the asset.
        """
        if result.get("promoted") is False:
            # Airflow publishes an event for each outlet that a task has when it ends well.
            self.outlets: list[Any] = []
        for outlet in self.outlets:
            event = context["outlet_events"][outlet]
            event.extra = {k: result[k] for k in ANNOUNCED if result.get(k) not in (None, "")}
            if stage_named(self.stage).scope == PARTITION:
                event.add_partitions([str(self.partition), *result.get("also", ())])


def _needed(value: str | None, name: str, task_id: str) -> str:
    if value:
        return value
    hint = "Set the Airflow Variable millrace_source." if name == "source" else "Give it a day."
    raise ConfigError(f"{task_id}: {name} is empty. {hint}")


def flags(name: str, texts: Sequence[str]) -> list[str]:
    """An option of the command line for each line that has a value.

    A line that renders to ``key=`` was not asked for: its Variable is not set, or its task made nothing.
    """
    return [word for line in given(texts) for word in (name, line)]


def given(texts: Sequence[str]) -> list[str]:
    """The lines ``key=value`` that have a value."""
    return [line for line in lines(texts) if not line.endswith("=")]


def lines(texts: Sequence[str]) -> list[str]:
    """The non-empty lines of rendered templates: a form's list renders to several."""
    return [line.strip() for text in texts for line in _BLANK_LINES.split(text) if line.strip()]
