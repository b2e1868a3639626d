"""What scores were worth over the last weeks, and how far estimates were off.

Promise: counts and costs are sums, precision and recall follow from them, and any other metric is the mean of its
    partitions. Intervals are of the same resamples of entities on every partition, so that one who is seen on many
    days makes them wider.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow.parquet as pq

from pipelines.core.days import shift
from pipelines.shared.metrics.bootstrap import interval
from pipelines.shared.metrics.decisions import ALERTS, CAUGHT, COUNTS, EVENTS
from pipelines.shared.settlements.ledger import GIVEN, SettledPartition
from pipelines.spec import Pipeline

SPANS_DAYS = (7, 28)
Metrics = Mapping[str, float]
Measured = tuple[SettledPartition, str, dict[str, Any]]
"""A settlement, a partition whose labels became known in it, and a model that scored that one."""


def cumulative(
    ledger: Sequence[SettledPartition], pipeline: Pipeline, as_of: str
) -> list[dict[str, Any]]:
    """Metrics over the settlements of the last days, of what was given and of each model by itself."""
    found = []
    for days in SPANS_DAYS:
        begins = pipeline.days().start(shift(as_of, -days))
        recent = [e for e in ledger if pipeline.partitions().end(e.partition) > begins]
        found += [{"days": days, **each} for each in _by_model(recent)]
    return found


def without_repeats(pooled: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same without what each model came to, where one model gave all scores."""
    several = len({(each["model_version"], each["model_digest"]) for each in pooled}) > 2  # noqa: PLR2004
    return [each for each in pooled if several or each["model_version"] is None]


def estimate_errors(ledger: Iterable[SettledPartition]) -> dict[str, dict[str, float]]:
    """How far the estimates of the scores that were given were off, by metric, over the ledger."""
    errors = defaultdict[str, list[float]](list)
    for each in ledger:
        for _, model in each.models():
            if model["role"] == GIVEN:
                for name, error in model.get("errors", {}).items():
                    errors[name].append(error)
    return {
        name: {
            "partitions": len(values),
            "mean_error": sum(values) / len(values),
            "mean_absolute_error": sum(map(abs, values)) / len(values),
        }
        for name, values in errors.items()
    }


def _by_model(ledger: Sequence[SettledPartition]) -> list[dict[str, Any]]:
    """Pooled metrics: first of the scores that were given, whichever model's, then of each model."""
    chosen = defaultdict[tuple[int | None, str], list[Measured]](list)
    for each in ledger:
        for partition, model in each.models():
            one = (each, partition, model)
            chosen[model["model_version"], model["model_digest"]].append(one)
            if model["role"] == GIVEN:
                chosen[None, ""].append(one)
    return [
        {"model_version": version, "model_digest": digest, **_pooled(chosen[version, digest])}
        for version, digest in sorted(chosen, key=lambda name: (name[0] or 0, name[1]))
    ]


def _pooled(measured: Sequence[Measured]) -> dict[str, Any]:
    metrics = pooled_metrics([model["metrics"] for _, _, model in measured])
    return {
        "partitions": [partition for _, partition, _ in measured],
        "metrics": metrics,
        "intervals": _intervals(metrics, [_samples(*one) for one in measured]),
    }


def _intervals(
    metrics: Metrics, samples: Sequence[Sequence[Metrics]]
) -> dict[str, tuple[float, float]]:
    """Intervals of pooled metrics; none where partitions have different numbers of resamples."""
    if len({len(each) for each in samples}) > 1 or not samples[0]:
        return {}
    each = [pooled_metrics(together) for together in zip(*samples, strict=True)]
    ends = {name: interval([one.get(name, math.nan) for one in each]) for name in metrics}
    return {name: pair for name, pair in ends.items() if all(map(math.isfinite, pair))}


def pooled_metrics(metrics: Sequence[Metrics]) -> dict[str, float]:
    """The metrics of several partitions as one, those that are defined."""
    by_name = defaultdict[str, list[float]](list)
    for each in metrics:
        for name, value in each.items():
            if value is not None and math.isfinite(value):
                by_name[name].append(value)
    found = {
        n: math.fsum(values) if n in COUNTS else math.fsum(values) / len(values)
        for n, values in by_name.items()
    }
    for name, whole in (("precision", ALERTS), ("recall", EVENTS)):
        if found.get(whole) and CAUGHT in found:
            found[name] = found[CAUGHT] / found[whole]
        else:
            found.pop(name, None)
    return found


def _samples(
    settled: SettledPartition, partition: str, model: Mapping[str, Any]
) -> list[Metrics]:
    """The metrics of each resample of one model on one partition, in order."""
    if settled.resampled is None:
        return []
    names = ("model_version", "model_digest", "role")
    rows = pq.read_table(settled.resampled, use_threads=False).to_pylist()
    own = [
        row
        for row in rows
        if row["partition"] == partition and all(row[n] == model[n] for n in names)
    ]
    text = {"partition", "resample", *names}
    return [{n: v for n, v in row.items() if n not in text} for row in own]
