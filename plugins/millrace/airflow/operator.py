"""The Airflow task that runs one stage.

Why: a task is its stage's command with the run's partition, settings and inputs, whatever started the run.
Promise: what the stage needs and the run does not give is an error before a process is started; assets get an
    event for each partition that was done.
Not here: the command's process and log (``command.py``), the tasks of a pipeline (``tasks.py``).
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from zoneinfo import ZoneInfo

from airflow.sdk.exceptions import AirflowSkipException

from millrace.airflow.announcing import announce, silence, without
from millrace.airflow.assets import assets_of
from millrace.airflow.command import CommandOperator
from millrace.airflow.connections import resolved
from millrace.airflow.links import links_of
from millrace.airflow.news import news_of
from millrace.airflow.refusals import ALSO
from millrace.airflow.rendered import flags, given, lines
from pipelines.core.connections import has_secrets, without_secrets
from pipelines.core.errors import (
    ConfigError,
    HistoryNotReadyError,
    NoChampionError,
    NothingToScoreError,
    PipelineError,
    SourceNotReadyError,
    TableNotReadyError,
)
from pipelines.core.events import Reporter
from pipelines.core.partitions import ALL, HOUR
from pipelines.core.store import Ref, Store
from pipelines.protocol import Work, option_values, ref_of, stage_named
from pipelines.protocol.stage import PARTITION
from pipelines.spec import Pipeline, Table, load, with_settings
from pipelines.stages.ingest.sources.connections import connection_ids, needs_source

ANNOUNCED = ("uri", "digest", "rows", "verdict", "fate", "version", "champion", "reason")


class StageOperator(CommandOperator):
    """Run one stage on a partition, or for an as-of day.

    Args:
        stage: Name of a stage, such as ``validate``.
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        partition: Partition of a table, for a stage that works by partition. (templated)
        table: The table, where it is not the examples'.
        as_of: As-of day, for a stage that makes a model. (templated)
        source: Root of the source files, for a stage that reads them. (templated)
        history_from: First day of data; empty for the declared one. (templated)
        settings: ``section.name=value`` replacements, one a line. (templated)
        options: ``key=value`` asked of this stage alone. (templated)
        inputs: ``name=digest`` of results that the run has made; an empty digest stands for
            the published version. (templated)
        skip_where: Why the task is skipped; it runs where this renders to nothing. (templated)
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
        "skip_where",
    )

    def __init__(
        self,
        *,
        stage: str,
        pipeline: str,
        store: str,
        partition: str | None = None,
        table: str | None = None,
        as_of: str | None = None,
        source: str | None = None,
        history_from: str | None = None,
        settings: Sequence[str] = (),
        options: Sequence[str] = (),
        inputs: Sequence[str] = (),
        skip_where: str = "",
        **kwargs: Any,
    ) -> None:
        record = stage_named(stage)
        kwargs.setdefault("new_interpreter", record.heavy)
        super().__init__(**kwargs)
        self.operator_extra_links = links_of(record)
        self.stage, self.pipeline, self.store = stage, pipeline, store
        self.partition, self.table, self.as_of = partition, table, as_of
        self.source, self.history_from = source, history_from
        self.settings, self.options = list(settings), list(options)
        self.inputs, self.skip_where = list(inputs), skip_where
        self.also: list[str] = []

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run the stage and pass on what it published, to XCom and to the outlets.

        Raises:
            AirflowSkipException: Earlier partitions have no verdict yet; their runs will do this one. Or there is
                nothing to score, or no model to score with.
            PipelineError: What the stage raised; its class decides on the retry.
        """
        if self.skip_where.strip():
            raise AirflowSkipException(self.skip_where.strip())
        try:
            command = self.command(datetime.now(UTC))
            result = dict(self.run_child(command, context, self._connections()).result)
        except PipelineError as error:
            result = self._left(error, context)
        self._announce(context, result)
        return result

    def _left(self, error: PipelineError, context: Mapping[str, Any]) -> dict[str, Any]:
        """The result of a task that could not do its own partition and did later ones that were due.

        Raises:
            AirflowSkipException: It did none, and another run will do its own.
            PipelineError: Its own failed; what it did beside is noted for who announces it.
        """
        why = self._why_skipped(error)
        if why is None:
            if self.also:
                context["ti"].xcom_push(ALSO, self.also)
            raise error
        if not self.also:
            raise AirflowSkipException(why) from error
        self.log.info("%s", why)
        return {"left": why, ALSO: self.also}

    def _why_skipped(self, error: PipelineError) -> str | None:
        """Why the task is skipped rather than failed; None where it failed."""
        if isinstance(error, NoChampionError | NothingToScoreError):
            return str(error)
        if isinstance(error, HistoryNotReadyError) and not isinstance(
            error, TableNotReadyError
        ):
            return f"{error} The run that validates the last of them will do {self.stage} for this partition too."
        return None

    def command(self, now: datetime) -> list[str]:
        """The child's arguments, once the templates are rendered.

        Args:
            now: Only decides whether the partition is over, never what is made of it.

        Raises:
            ConfigError: A value the stage needs is empty.
            SourceNotReadyError: The partition to be taken in is not over.
        """
        stage = stage_named(self.stage)
        chosen = {"--store": self.store, "--history-from": self.history_from}
        chosen["--table"] = self.table
        if stage.scope == PARTITION:
            chosen["--partition"] = _needed(self.partition, "partition", self.task_id)
        else:
            chosen["--as-of"] = _needed(self.as_of, "as_of", self.task_id)
        if stage.reads_source:
            chosen["--source"] = self._source()
            self._require_over(str(self.partition), now)
        argv = ["stage", self.stage, self.pipeline]
        argv += [word for name, value in chosen.items() if value for word in (name, value)]
        argv += [word for line in lines(self.settings) for word in ("--set", line)]
        return argv + flags("--option", self.options) + flags("--input", self.inputs)

    def ref(self) -> Ref:
        """The artifact this task publishes, once the templates are rendered."""
        return ref_of(stage_named(self.stage), self._work())

    def _work(self) -> Work:
        pipeline = with_settings(load(self.pipeline), lines(self.settings))
        work = Work(
            pipeline=pipeline,
            store=Store(self.store),
            report=Reporter(self.stage),
            as_of=self.as_of,
            history_from=self.history_from or "",
            # Of the options only a variant's is part of what an artifact is called.
            options=option_values(given(self.options))
            if stage_named(self.stage).variant
            else {},
        )
        return work.of_table(self.table or pipeline.examples, self.partition)

    def _source(self) -> str:
        """The run's source, which a table with a source of its own needs not."""
        options = option_values(lines(self.options))
        if not self.source and not needs_source(self._table(), options):
            return ""
        source = _needed(self.source, "source", self.task_id)
        if has_secrets(source):
            raise ConfigError(
                f"{self.task_id}: the source {without_secrets(source)} contains a password, and Airflow "
                f"shows and stores a task's arguments. Remove it from the Airflow Variable "
                f"millrace_source, add an Airflow connection with it, and set its id as the Variable "
                f"millrace_source_connection, or in the declaration."
            )
        return source

    def _connections(self) -> dict[str, str]:
        """Variables with the connections that the stage's table is read with, and those that its record names."""
        record = stage_named(self.stage)
        own = record.connection_ids(self._declared())
        if record.reads_source:
            own += connection_ids([self._table()], option_values(lines(self.options)))
        return resolved(own)

    def _table(self) -> Table:
        return self._declared().table

    def _declared(self) -> Pipeline:
        """The declaration as the stages of this task's table see it."""
        declared = load(self.pipeline)
        return declared.of_table(self.table or declared.examples)

    def _require_over(self, partition: str, now: datetime) -> None:
        """Wait for its end rather than publish half a partition (a run by hand may ask for it)."""
        own = self._declared().partitions()
        own.parse(partition)
        if own.grain != ALL and own.end(partition) > now:
            zone = ZoneInfo("UTC" if own.grain == HOUR else own.zone)
            raise SourceNotReadyError(
                f"{own.described(partition)} is not over (it is {now.astimezone(zone):%Y-%m-%d %H:%M %Z}). "
                f"It can be taken in from {own.end(partition).astimezone(zone):%Y-%m-%d %H:%M %Z} on."
            )

    def _log_event(self, event: Mapping[str, object]) -> None:
        if event["event"] == ALSO:
            self.also = [str(each) for each in cast("list[str]", event["partitions"])]
        super()._log_event(event)

    def _announce(self, context: Mapping[str, Any], result: Mapping[str, Any]) -> None:
        """Give the stage's assets their events, and any other outlet one with the result's facts.

        A variant that was asked for beside what is usual changes nothing for who waits for an asset, nor does
        a branch: who waits for an asset waits for production's.
        """
        stage = stage_named(self.stage)
        makes_variant = stage.variant and option_values(given(self.options)).get(stage.variant)
        if makes_variant or Store(self.store).branch:
            # Airflow publishes an event for each outlet that a task has when it ends well.
            self.outlets: list[Any] = []
        if not self.outlets:
            return
        work = self._work()
        own = assets_of(work.pipeline, stage, self.table)
        for outlet in without(self.outlets, own):
            event = context["outlet_events"][outlet]
            event.extra = {k: result[k] for k in ANNOUNCED if result.get(k) not in (None, "")}
            if stage.scope == PARTITION:
                own_day = [] if "left" in result else [str(self.partition)]
                event.add_partitions([*own_day, *result.get(ALSO, ())])
        silence(self, own, announce(self, context, news_of(stage, work, result)))


def _needed(value: str | None, name: str, task_id: str) -> str:
    if value:
        return value
    hint = "Set the Airflow Variable millrace_source." if name == "source" else "Give it a day."
    raise ConfigError(f"{task_id}: {name} is empty. {hint}")
