"""The mapped tasks of a search: the numbers of its trials, and one trial.

Why: a trial is a task, so Airflow spreads trials over the GPU pool, retries and shows them.
Promise: a trial that has ended is found when its task is cleared, not run again.
Not here: drawing and comparing (``pipelines/stages/tune/``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from airflow.sdk import BaseOperator

from millrace.airflow.command import CommandOperator
from millrace.airflow.rendered import flags, lines


class NumbersOperator(BaseOperator):
    """Return the numbers from 0 on, for the tasks that are mapped over them.

    Args:
        count: How many. (templated)
    """

    template_fields: Sequence[str] = ("count",)

    def __init__(self, *, count: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def execute(self, context: Mapping[str, Any]) -> list[int]:
        """Count."""
        return list(range(int(self.count)))


class TrialOperator(CommandOperator):
    """Run one trial of a search.

    Args:
        number: Which one.
        pipeline: Declared pipeline.
        store: Root of the artifact store. (templated)
        as_of: As-of day of the model that the settings are for. (templated)
        history_from: First day of data; empty for the declared one. (templated)
        settings: ``section.name=value`` replacements, one a line. (templated)
        options: ``key=value`` asked of the trial. (templated)
        inputs: ``name=digest`` of results that the run has made. (templated)
    """

    template_fields: Sequence[str] = (
        "store",
        "as_of",
        "history_from",
        "settings",
        "options",
        "inputs",
    )

    def __init__(
        self,
        *,
        number: int,
        pipeline: str,
        store: str,
        as_of: str,
        history_from: str | None = None,
        settings: Sequence[str] = (),
        options: Sequence[str] = (),
        inputs: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.number, self.pipeline, self.store, self.as_of = number, pipeline, store, as_of
        self.history_from = history_from
        self.settings, self.options = list(settings), list(options)
        self.inputs = list(inputs)
        self.came_to = ""

    def execute(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """Run the trial to its end, or find it ended."""
        argv = ["trial", self.pipeline, "--as-of", self.as_of, "--number", str(self.number)]
        argv += ["--store", self.store]
        argv += ["--history-from", self.history_from] if self.history_from else []
        argv += [word for line in lines(self.settings) for word in ("--set", line)]
        argv += flags("--option", self.options) + flags("--input", self.inputs)
        result = dict(self.run_child(argv, context).result)
        self.came_to = f": {result['state']}{_last(result)}"
        return result


def _last(result: Mapping[str, Any]) -> str:
    values = result.get("by_epoch")
    return f" at {values[-1]:.4f}" if values else ""
