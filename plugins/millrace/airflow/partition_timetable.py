"""The timetable of a DAG that takes in a table: a run for each partition, once it is over.

Why: Airflow's CronPartitionTimetable writes keys by strftime, which has no quarter and cannot read a
    week's key back, and looks for the tick before, which it does not find where a day begins at one
    o'clock because the clocks go forward at midnight: it names that day twice and the one before never.
Promise: the ticks of a schedule that ticks once a partition have consecutive keys, none twice, in any
    time zone; a backfill makes a run for each partition that has a part of its days and is over.
Not here: the expression (``pipelines/spec/schedules.py``), the keys (``pipelines/core/partitions.py``).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Self

from airflow.exceptions import InvalidPartitionKeyError
from airflow.sdk.timezone import coerce_datetime, utcnow
from airflow.timetables.base import DagRunInfo
from airflow.timetables.trigger import CronPartitionTimetable
from pendulum import DateTime

from pipelines.core.errors import ConfigError
from pipelines.core.partitions import HOUR, Partitions

_HOUR = timedelta(hours=1)


class PartitionTimetable(CronPartitionTimetable):
    """Runs a table's DAG for each partition that is over.

    Args:
        cron: When a partition that is over is taken in, in the time zone of the partitions.
        partitions: The table's partitions.
    """

    def __init__(self, cron: str, partitions: Partitions) -> None:
        # Hours are of UTC, whatever the zone of the days.
        zone = "UTC" if partitions.grain == HOUR else partitions.zone
        super().__init__(cron, timezone=zone)
        self._partitions = partitions

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """The timetable that was serialized."""
        return cls(data["expression"], Partitions(data["grain"], data["zone"]))

    def serialize(self) -> dict[str, Any]:
        """What the scheduler and the api-server make it again from."""
        grain, zone = self._partitions.grain, self._partitions.zone
        return {"expression": self._expression, "grain": grain, "zone": zone}

    def iter_partition_dagrun_infos(
        self, *, earliest: datetime, latest: datetime
    ) -> Iterable[DagRunInfo]:
        """The runs of a backfill: each partition with a part of the time asked for that is over."""
        own, begin = self._partitions, self.localize_partition_datetime(earliest)
        last = own.of_time(self.localize_partition_datetime(latest))
        over = own.closed_by(utcnow())
        for key in own.between(own.of_time(begin), min(last, over)):
            start = coerce_datetime(own.start(key))
            yield DagRunInfo(
                run_after=start, data_interval=None, partition_date=start, partition_key=key
            )

    def _get_partition_info(self, run_date: DateTime) -> tuple[DateTime, str]:
        key = self._partitions.closed_by(run_date)
        return coerce_datetime(self._partitions.start(key)), key

    def _format_key(self, partition_date: DateTime) -> str:
        return self._partitions.of_time(partition_date)

    def _decode_partition_date(self, partition_key: str) -> datetime:
        try:
            return self._partitions.start(
                self._partitions.parse(partition_key, "partition key")
            )
        except ConfigError as error:
            raise InvalidPartitionKeyError(str(error)) from error

    def _get_prev(self, current: DateTime) -> DateTime:
        """The tick before; a midnight that the clocks skip is otherwise its own."""
        found, asked = super()._get_prev(current), current
        while found >= current:
            asked -= _HOUR
            found = super()._get_prev(asked)
        return found
