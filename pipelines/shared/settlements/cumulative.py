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
    measured = [(each, *one) for each in ledger for one in each.models()]
    names = sorted({(m["model_version"], m["model_digest"]) for _, _, m in measured})
    chosen = [(None, "", [one for one in measured if one[2]["role"] == GIVEN])]
    for version, digest in names:
        own = [
            o
            for o in measured
            if (o[2]["model_version"], o[2]["model_digest"]) == (version, digest)
        ]
        chosen.append((version, digest, own))
    return [
        {"model_version": version, "model_digest": digest, **_pooled(some)}
        for version, digest, some in chosen
        if some
    ]


def _pooled(measured: Sequence[tuple[SettledPartition, str, dict[str, Any]]]) -> dict[str, Any]:
    samples = [_samples(*one) for one in measured]
    # A resample is one of all partitions only where all have as many.
    together = [*zip(*samples, strict=True)] if len({len(s) for s in samples}) == 1 else []
    each = [pooled_metrics(metrics) for metrics in together]
    metrics = pooled_metrics([model["metrics"] for _, _, model in measured])
    ends = {n: interval([e.get(n, math.nan) for e in each]) for n in metrics} if each else {}
    return {
        "partitions": [partition for _, partition, _ in measured],
        "metrics": metrics,
        "intervals": {n: pair for n, pair in ends.items() if all(map(math.isfinite, pair))},
    }


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
