"""The partitions that a form names by its first and last one, for tasks that are mapped over them.

Promise: what is missing, malformed or too much is an error before any of the mapped tasks starts.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator

from pipelines.core.errors import ConfigError
from pipelines.core.partitions import DAY
from pipelines.spec import load

MOST = 1000
"""Below what Airflow maps a task over by default."""


class PartitionRangeOperator(BaseOperator):
    """Return the keys of the partitions of a pipeline's examples from the first to the last.

    Args:
        pipeline: Declared pipeline.
        first: First partition, or its day. (templated)
        last: Last partition, or its day. (templated)
    """

    template_fields: Sequence[str] = ("first", "last")

    def __init__(self, *, pipeline: str, first: str, last: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pipeline, self.first, self.last = pipeline, first, last

    def execute(self, context: Mapping[str, Any]) -> list[str]:
        """List them.

        Raises:
            ConfigError: An end is missing or malformed, the last is before the first, or there are too many.
        """
        del context
        if not (self.first and self.last):
            raise ConfigError(
                f"{self.task_id}: the form's first and last partition are {self.first or 'empty'} and "
                f"{self.last or 'empty'}. Give both."
            )
        partitions = load(self.pipeline).partitions()
        ends = [
            partitions.of_days(end, end)
            if _is_day(end, partitions.grain)
            else [partitions.parse(end)]
            for end in (self.first, self.last)
        ]
        keys = partitions.between(ends[0][0], ends[1][-1])
        if not keys:
            raise ConfigError(
                f"{self.task_id}: the last, {self.last}, is before the first. Swap them."
            )
        if len(keys) > MOST:
            raise ConfigError(
                f"{self.task_id}: {self.first} to {self.last} are {len(keys):,} partitions, and a run has {MOST:,} at "
                f"most. Run it for shorter ranges, or python -m pipelines score."
            )
        return keys


def _is_day(end: str, grain: str) -> bool:
    return grain != DAY and len(end) == len("2026-01-31") and end.count("-") == 2  # noqa: PLR2004
