"""Mistakes in the limits for scored days, and in when an alarm asks for a new model.

Why: a limit that nothing can meet alarms every day, and one on a feature that there is not never does.
Promise: every mistake is listed, with its location and what to write instead.
"""

import math
from collections.abc import Iterator
from dataclasses import fields

from pipelines.core.declared import nearest, unknown
from pipelines.core.errors import ConfigError
from pipelines.spec.checks.learning import out_of_range
from pipelines.spec.gates import Limit
from pipelines.spec.pipeline import Pipeline
from pipelines.spec.watching import ASKING, Watch

MOST_WEEKS, MOST_DAYS, MOST_HOURS = 520, 3660, 24 * 366
# The smallest value that says anything: of a ratio that nothing changed.
AT_LEAST = {"rows_ratio": 1.0, "label_ratio": 1.0}


def watch_problems(pipeline: Pipeline) -> Iterator[str]:
    """Limits, features and days that cannot be, and a retraining that nothing asks for."""
    watch = pipeline.watch
    yield from out_of_range({"watch.weeks_back": watch.weeks_back}, 0, MOST_WEEKS)
    for name, limit in _limits(watch).items():
        yield from _limit(f"watch.{name}", limit, AT_LEAST.get(name, 0.0))
    named = [name for name, _ in watch.psi_of]
    for name in dict.fromkeys(named):
        yield from unknown("watch.psi_of: feature", name, pipeline.feature_names())
        if named.count(name) > 1:
            yield f"watch.psi_of: feature {name!r} has {named.count(name)} limits. Keep one."
    for name in watch.not_watched:
        yield from unknown("watch.not_watched: feature", name, pipeline.feature_names())
    yield from _excused(pipeline)
    yield from _late(watch)
    yield from _retraining(watch)


def _limits(watch: Watch) -> dict[str, Limit]:
    own = {f.name: getattr(watch, f.name) for f in fields(watch)}
    found = {name: value for name, value in own.items() if isinstance(value, Limit)}
    return found | {f"psi_of {name!r}": limit for name, limit in watch.psi_of}


def _limit(where: str, limit: Limit, least: float) -> Iterator[str]:
    for level in ("warn", "refuse"):
        at = getattr(limit, level)
        if at is not None and not (math.isfinite(at) and at >= least):
            yield f"{where}: {level} must be {least:g} or more; got {at!r}."
    if limit.warn is not None and limit.refuse is not None and limit.warn > limit.refuse:
        yield (
            f"{where}: warn={limit.warn!r} is above refuse={limit.refuse!r}. Warn at the same value "
            f"or below."
        )


def _excused(pipeline: Pipeline) -> Iterator[str]:
    partitions = pipeline.partitions()
    for day in pipeline.watch.excused:
        try:
            partitions.parse(day, "watch.excused")
        except ConfigError as error:
            yield str(error)


def _late(watch: Watch) -> Iterator[str]:
    hours = watch.late_after_hours
    if hours is not None and not 0 < hours <= MOST_HOURS:
        yield (
            f"watch.late_after_hours must be above 0 and at most {MOST_HOURS}; got {hours!r}. Omit it for "
            f"no deadline."
        )


def _retraining(watch: Watch) -> Iterator[str]:
    asked = watch.retraining
    for kind in asked.on:
        if kind not in ASKING:
            yield f"watch.retraining.on: {kind!r} is no alarm that asks for a model. {nearest(kind, ASKING)}"
    days = {"watch.retraining.cooldown_days": asked.cooldown_days}
    yield from out_of_range(days, 1, MOST_DAYS)
    limits = {"drift": _drift_limits(watch), "decay": (watch.metric_loss,)}
    for kind in asked.on:
        if kind in limits and all(limit == Limit() for limit in limits[kind]):
            name = "metric_loss" if kind == "decay" else "psi"
            yield (
                f"watch.retraining.on has {kind!r}, and no limit for it is declared, so nothing would ask. "
                f"Declare watch.{name}, or leave {kind!r} out."
            )


def _drift_limits(watch: Watch) -> tuple[Limit, ...]:
    own = (watch.psi, watch.js, watch.wasserstein, watch.constant, watch.score_psi)
    return (*own, *(limit for _, limit in watch.psi_of))
