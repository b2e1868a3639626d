"""Whether the champion has become worse than it was on its test days: by labels, and by the estimate without.

Why: one day's metric rests on few events; what counts is a week of days, and only what their intervals
    do not explain.
Promise: of days of one distribution a week is worse beyond chance on less than one day of a thousand.
Not here: computing metrics and the estimate, which ``settlements`` hold (``beside.py``).
"""

import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.spec import Limit, metrics_of, primary_metric
from pipelines.stages.watch.beside import WatchedDay

WARN, REFUSE = "warn", "refuse"
# Deviations: half of a 95 % interval, and what chance exceeds once in a thousand times on one side.
HALF, CHANCE = 1.96, 3.09
FEW_DAYS = 3


@dataclass(frozen=True, slots=True)
class Value:
    """A metric with its deviation; None where it has no interval, and nothing is certain."""

    value: float
    deviation: float | None

    @classmethod
    def of(cls, value: float, interval: tuple[float, float] | None) -> "Value":
        """From its 95 % interval."""
        if interval is None:
            return cls(value, None)
        return cls(value, (interval[1] - interval[0]) / 2 / HALF)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The primary metric of some days beside that of the test days.

    Attributes:
        metric: Its name.
        labels: Whether it is of labels that became known, or an estimate without them.
        days: How many days it is of.
        test: Its value on the test days.
        value: Its mean over the days.
        loss: How much worse the days are; below 0 where they are better.
        loss_by_chance: What chance alone exceeds once in a thousand times; None where it is unknown.
        limit: The limit that the loss exceeds; None without one.
        level: ``refuse``, ``warn``, or empty.
    """

    metric: str
    labels: bool
    days: int
    test: float
    value: float
    loss: float
    loss_by_chance: float | None
    limit: float | None = None
    level: str = ""

    def as_json(self) -> dict[str, Any]:
        """As it is published."""
        return {k: round(v, 10) if type(v) is float else v for k, v in asdict(self).items()}


def qualities(beside: WatchedDay) -> list[Quality]:
    """What the settlements of the last days say of the model that scored the day; empty where nothing is known."""
    pipeline = beside.work.pipeline
    metric = primary_metric(pipeline.head)
    horizons = pipeline.evaluation.horizons_days
    more_is_better = metrics_of(pipeline.head, horizons).get(metric)
    test = _on_test_days(beside, metric)
    if test is None or more_is_better is None:
        return []
    seen = {True: _realised(beside, metric), False: _estimated(beside, metric)}
    return [
        quality(metric, test, values, pipeline.watch.metric_loss, more_is_better, labels=labels)
        for labels, values in seen.items()
        if values
    ]


def quality(
    metric: str,
    test: Value,
    days: list[Value],
    limit: Limit,
    more_is_better: bool,  # noqa: FBT001
    *,
    labels: bool,
) -> Quality:
    """Compare the mean of some days' metric with that of the test days.

    Args:
        metric: Its name.
        test: On the test days.
        days: On each day, at least one.
        limit: For the loss, in the metric's own unit.
        more_is_better: Whether a larger value is better.
        labels: Whether the days' labels are known.
    """
    mean = sum(each.value for each in days) / len(days)
    loss = test.value - mean if more_is_better else mean - test.value
    chance = _deviation(test, days)
    level = "" if chance is None or loss <= chance else _level(loss, limit)
    # An estimate assumes what has not been seen yet: it fails nothing.
    level = WARN if level and not labels else level
    return Quality(
        metric=metric,
        labels=labels,
        days=len(days),
        test=test.value,
        value=mean,
        loss=loss,
        loss_by_chance=chance,
        limit=getattr(limit, level) if level else None,
        level=level,
    )


def _deviation(test: Value, days: list[Value]) -> float | None:
    """What the difference exceeds by chance once in a thousand times.

    Where days have no intervals it follows from how they differ from each other.
    """
    known = [each.deviation for each in days if each.deviation is not None]
    if test.deviation is None or (len(known) < len(days) and len(days) < FEW_DAYS):
        return None
    if len(known) < len(days):
        known = [statistics.stdev(each.value for each in days)] * len(days)
    of_mean = math.fsum(deviation**2 for deviation in known) / len(days) ** 2
    return CHANCE * math.sqrt(of_mean + test.deviation**2)


def _level(loss: float, limit: Limit) -> str:
    for level in (REFUSE, WARN):
        at = getattr(limit, level)
        if at is not None and loss > at:
            return level
    return ""


def _on_test_days(beside: WatchedDay, metric: str) -> Value | None:
    metrics = {} if beside.evaluation is None else beside.evaluation.outcome["metrics"]
    if metric not in metrics:
        return None
    low, high = (metrics.get(f"{metric}_{end}") for end in ("low", "high"))
    return Value.of(metrics[metric], None if low is None or high is None else (low, high))


def _realised(beside: WatchedDay, metric: str) -> list[Value]:
    """Of each partition whose labels became known in the last days, each once."""
    found = {}
    for day, manifest in beside.settled.items():
        for matured in beside.settlement(manifest).get("matured", []):
            for model in _of_champion(matured.get("models", []), beside):
                found[matured.get("partition", day)] = _value(model, "metrics", metric)
    return [value for _, value in sorted(found.items()) if value is not None]


def _estimated(beside: WatchedDay, metric: str) -> list[Value]:
    """Of each of the last days that was scored."""
    found = {
        day: _value(model, "expected", metric)
        for day, manifest in beside.settled.items()
        for model in _of_champion(beside.settlement(manifest).get("estimates", []), beside)
    }
    return [value for _, value in sorted(found.items()) if value is not None]


def _value(model: Mapping[str, Any], of: str, metric: str) -> Value | None:
    value = model.get(of, {}).get(metric)
    intervals = model.get("intervals", {}) if of == "metrics" else {}
    return None if value is None else Value.of(value, intervals.get(metric))


def _of_champion(
    models: list[dict[str, Any]], beside: WatchedDay
) -> Iterator[Mapping[str, Any]]:
    """What is said of the model that scored the watched day."""
    yield from (m for m in models if m.get("model_version") == beside.champion["version"])
