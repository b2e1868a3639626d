"""Waiting until every partition of a model's window has been validated and featurized.

Before it waits it asks for what the run's last stages will need: a store and a registry that
answer, and, once the partitions are there, room on the disk.

Why: a model trained while yesterday's features are on their way would silently lack them.
Promise: waiting holds no worker; a refused partition counts as done; those that do not come are named,
    with the command that makes them.
Not here: making them (the data DAG), leaving refused ones out (``pipelines/stages/preprocess/``).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from millrace.airflow.approvers import require_people
from millrace.airflow.partition import date_of
from millrace.airflow.rendered import given, lines
from millrace.airflow.table_dags import tables_of_own
from pipelines.core.errors import ConfigError, InputMissingError, listed
from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.drivers.preconditions import (
    bytes_of_model,
    require_disk,
    require_registry,
    require_store,
)
from pipelines.protocol import Work, option_values, partition_key, partition_named
from pipelines.shared.tables.window import FEATURES, ModelWindow
from pipelines.spec import load, model_days, with_settings
from pipelines.spec.reach import partitions_of_outcomes

WITH_VERDICT = "ds="
"""In the keys of partitions of which a verdict is waited for, not features."""


def missing_partitions(store: Store, pipeline: str, keys: Sequence[str]) -> list[str]:
    """The partitions that have neither a refusal nor features of those as they are validated now.

    Of those that labels follow from, which are given by their keys in the store, a verdict is enough. Features of one that was replayed since are stale: its run, or a later one's, makes them anew.
    """
    work = Work(pipeline=load(pipeline), store=store, report=Reporter("await"), history_from="")
    window = ModelWindow(work)
    return [key for key in keys if not _done(window, key)]


def _done(window: ModelWindow, key: str) -> bool:
    if WITH_VERDICT in key:
        return window.has_verdict(key)
    if window.was_refused(key):
        return True
    features = window.work.find(window.work.partition_ref(FEATURES, key))
    return features is not None and window.is_current(features)


class PartitionsTrigger(BaseTrigger):
    """Looks at the store now and then until the partitions are there or the time is over.

    Args:
        store: Root of the artifact store.
        pipeline: Declared pipeline.
        keys: Partitions waited for.
        until: When to give up, ISO 8601: the same after a restart of the triggerer.
        poll_s: Seconds between two looks.
    """

    def __init__(
        self, store: str, pipeline: str, keys: Sequence[str], until: str, poll_s: float
    ) -> None:
        super().__init__()
        self.store, self.pipeline, self.keys = store, pipeline, list(keys)
        self.until, self.poll_s = until, poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What the triggerer makes the trigger again from."""
        return f"{type(self).__module__}.{type(self).__qualname__}", {
            "store": self.store,
            "pipeline": self.pipeline,
            "keys": self.keys,
            "until": self.until,
            "poll_s": self.poll_s,
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield the partitions that are still missing: none, or those that did not come in time."""
        store, until = Store(self.store), datetime.fromisoformat(self.until)
        missing = self.keys
        while True:
            # Thousands of hours are looked at again only when the last one has come.
            missing = await self._look(store, missing) or await self._look(store, self.keys)
            if not missing or datetime.now(UTC) >= until:
                yield TriggerEvent({"missing": missing})
                return
            await asyncio.sleep(self.poll_s)

    async def _look(self, store: Store, keys: Sequence[str]) -> list[str]:
        return await asyncio.to_thread(missing_partitions, store, self.pipeline, keys)


class AwaitPartitionsOperator(BaseOperator):
    """Wait until the features of all partitions of a model's window are published, or refused.

    Args:
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        as_of: As-of day of the model. (templated)
        history_from: First day of data; empty for the declared one. (templated)
        settings: ``section.name=value`` replacements, one a line. (templated)
        options: ``key=value`` that the run's last stages will be asked. (templated)
        promotes: Whether the run ends with a promotion, which needs a registry.
        asks: Renders to ``True`` where a person is asked before the promotion. (templated)
        approvers: User ids of those who may answer. (templated)
        wait: How long to wait for partitions that are not there.
        poll: Time between two looks at the store.
    """

    template_fields: Sequence[str] = (
        "store",
        "as_of",
        "history_from",
        "settings",
        "options",
        "asks",
        "approvers",
    )
    ui_color = "#f3efe2"

    def __init__(
        self,
        *,
        pipeline: str,
        store: str,
        as_of: str,
        history_from: str = "",
        settings: Sequence[str] = (),
        options: Sequence[str] = (),
        promotes: bool = True,
        asks: str = "",
        approvers: str = "",
        wait: timedelta = timedelta(hours=2),
        poll: timedelta = timedelta(seconds=15),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline, self.store, self.as_of = pipeline, store, as_of
        self.history_from, self.settings = history_from, list(settings)
        self.options, self.promotes = list(options), promotes
        self.asks, self.approvers = asks, approvers
        self.wait, self.poll = wait, poll

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Look once, and hand over to the triggerer if a partition is missing.

        Raises:
            ConfigError: The window reaches back before the first day of data, the store or the
                registry cannot be used, or nobody could answer the approval.
            TransientError: The registry does not answer, or the disk has no room.
        """
        days, store = self._keys(), Store(self.store)
        keys = [*days, *self._outcome_keys()]
        require_store(store)
        if self.promotes:
            asked = option_values(given(self.options))
            require_registry(load(self.pipeline), store, asked)
        if self.asks.lower() == "true":
            require_people(self.approvers)
        missing = missing_partitions(store, self.pipeline, keys)
        if missing:
            self.log.warning("%s (Waiting for up to %s.)", self._lacking(missing), self.wait)
            self.defer(
                trigger=PartitionsTrigger(
                    store=self.store,
                    pipeline=self.pipeline,
                    keys=keys,
                    until=(datetime.now(UTC) + self.wait).isoformat(),
                    poll_s=self.poll.total_seconds(),
                ),
                method_name=self.resume.__name__,
            )
        return self._ready(days)

    def resume(self, context: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on with what the trigger saw.

        Raises:
            InputMissingError: Partitions did not come in time; says which, and how to make them.
        """
        if event["missing"]:
            raise InputMissingError(
                f"{self._lacking(event['missing'])} (They did not come within {self.wait}.)"
            )
        return self._ready(self._keys())

    def _keys(self) -> list[str]:
        pipeline = with_settings(load(self.pipeline), lines(self.settings))
        keys = model_days(pipeline, self.as_of).all()
        first = self.history_from or pipeline.schedule.start
        if keys[0] < pipeline.partitions().of_day(first):
            raise ConfigError(
                f"A model as of {self.as_of} needs the {self._grain()}s {keys[0]} to {keys[-1]}, and the "
                f"data begins on {first}. Choose a later as-of day or a shorter window."
            )
        return list(keys)

    def _outcome_keys(self) -> list[str]:
        """Keys in the store of the partitions that labels follow from; none where they are a column."""
        pipeline = with_settings(load(self.pipeline), lines(self.settings))
        first = self.history_from or pipeline.schedule.start
        named = partitions_of_outcomes(pipeline, self.as_of, first)
        return [
            partition_key(key, None if table == pipeline.examples else table)
            for table, keys in named.items()
            for key in keys
        ]

    def _grain(self) -> str:
        return load(self.pipeline).table.grain

    def _dag_ids(self) -> str:
        others = [f"{self.pipeline}_{each.name}" for each in tables_of_own(load(self.pipeline))]
        return " and ".join(f"{each}_data" for each in [*others, self.pipeline])

    def _lacking(self, missing: Sequence[str]) -> str:
        events = [partition_named(key) for key in missing if WITH_VERDICT in key]
        if events:
            return (
                f"{self.pipeline}: {len(events)} of the partitions that the labels of the model as of "
                f"{self.as_of} follow from have no verdict: {listed(events)}. Look at the runs of "
                f"{self._dag_ids()} for them, or declare the first day of a table's data as its start."
            )
        partitions = load(self.pipeline).partitions()
        first, last = (date_of(partitions, missing[end]) for end in (0, -1))
        return (
            f"{self.pipeline}: {len(missing)} of the {self._grain()}s that the model as of {self.as_of} is "
            f"made from have no features: {listed(missing)}. Look at the runs of {self._dag_ids()} "
            f"for them and for the {self._look_back()} days before, each of which must be accepted "
            f"or refused. They are made by: airflow backfill create --dag-id {self.pipeline}_data "
            f"--from-date {first} --to-date {last} --reprocess-behavior completed"
        )

    def _look_back(self) -> int:
        return load(self.pipeline).look_back_days()

    def _ready(self, keys: Sequence[str]) -> dict[str, Any]:
        work = Work(
            pipeline=load(self.pipeline),
            store=Store(self.store),
            report=Reporter("await"),
            history_from="",
        )
        needed, what = bytes_of_model(work, keys), f"the model as of {self.as_of}"
        require_disk(work.store, needed, f"the training set and {what}")
        self.log.info(
            "%s: %d partitions are there, %s to %s", self.as_of, len(keys), keys[0], keys[-1]
        )
        return {"partitions": len(keys), "first": keys[0], "last": keys[-1]}
