"""The task that gives events to what failed tasks published: refused partitions, and later ones.

Why: a refusal is published before its task fails, and Airflow gives the assets of a failed task no event;
    so do later partitions whose features a refusal made due.
Promise: it runs only where the last task of a run failed, so a good day costs nothing; it changes nothing, and
    the run fails as it would without it.
Not here: what is new of it (``announcing.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from millrace.airflow.announcing import announce, silence
from millrace.airflow.news import News, news_of_partitions
from pipelines.core.events import Reporter
from pipelines.core.partitions import ALL
from pipelines.core.store import Store
from pipelines.protocol import Work, stage_named, stages
from pipelines.protocol.stage import PARTITION
from pipelines.spec import load

ALSO = "also"
"""XCom of a failed task: later partitions that it has done."""


class AnnounceRefusalOperator(BaseOperator):
    """Announce what failed tasks of this run published.

    Args:
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        partition: Partition that the run takes in. (templated)
        tables: The tables that it takes in.
    """

    template_fields: Sequence[str] = ("store", "partition")
    ui_color = "#f4e9e6"

    def __init__(
        self, *, pipeline: str, store: str, partition: str, tables: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline, self.store, self.partition = pipeline, store, partition
        self.tables = list(tables)

    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """Give the events, and return what they are about.

        Raises:
            AirflowSkipException: There is nothing that others do not know.
        """
        own, announced = list(self.outlets), announce(self, context, self._news(context["ti"]))
        silence(self, own, announced)
        if not announced:
            raise AirflowSkipException(
                "The failed tasks published nothing that others do not know yet."
            )
        said = [f"{each.asset.name} {each.key}: {each.facts['verdict']}" for each in announced]
        self.log.info("Announced: %s", "; ".join(said))
        return said

    def _news(self, task_instance: Any) -> Iterator[News]:
        if Store(self.store).branch:
            return  # who waits for an asset waits for production's
        for table in self.tables:
            work = self._work(table)
            for stage in stages(load(self.pipeline)):
                if stage.scope == PARTITION and not stage.on_demand and stage.outlets:
                    task_id = stage.name if work.table is None else f"{stage.name}_{table}"
                    also = task_instance.xcom_pull(task_ids=task_id, key=ALSO) or []
                    yield from self._news_of(stage.name, work, also)

    def _news_of(self, stage: str, work: Work, also: Sequence[str]) -> Iterator[News]:
        """The news of a stage: of one that was not run for a table there are none."""
        record = stage_named(stage)
        if record.each_table or work.table is None:
            yield from news_of_partitions(record, work, [work.day, *also])

    def _work(self, table: str) -> Work:
        pipeline = load(self.pipeline)
        work = Work(
            pipeline=pipeline,
            store=Store(self.store),
            report=Reporter(self.task_id),
            history_from="",
        )
        grain = pipeline.of_table(table).partitions().grain
        return work.of_table(table, ALL if grain == ALL else self.partition)
