"""Drift and decay as they were seen on a past day.

Why: a policy that trains when something changed must see the change when it could have been seen.
Promise: only days before the day, and labels that were known when it began.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.core.days import days_between, shift
from pipelines.drivers.backtest.alerts import mean_average_precision
from pipelines.drivers.backtest.days import PastDays
from pipelines.drivers.backtest.models import PastModel
from pipelines.shared.tables.profile import Profile, merge_profiles, psi

WINDOW_DAYS = 7
PRIMARY = "average_precision"


@dataclass(frozen=True, slots=True)
class Seen:
    """A change that was seen: which, and how large."""

    what: str
    value: float


def drift(days: PastDays, model: PastModel, day: str) -> Seen | None:
    """The input that differs most between the last week and the model's training days; None without rows."""
    before = _profile(days, model.work.days().train)
    now = _profile(days, days_between(shift(day, -WINDOW_DAYS), shift(day, -1)))
    both = [name for name in before if name in now]
    found = [Seen(name, psi(before[name], now[name])) for name in both]
    return max(found, key=lambda each: each.value, default=None)


def decay(days: PastDays, model: PastModel, day: str) -> Seen | None:
    """Loss of average precision on the last week of known labels; None before there is one since the model."""
    last = shift(day, -days.work.pipeline.label.settled_days() - 1)
    first = max(shift(last, 1 - WINDOW_DAYS), model.as_of)
    if first > last:
        return None
    scored = [
        found for each in days_between(first, last) if (found := days.of(each, model.model))
    ]
    value = mean_average_precision(scored)
    return None if value is None else Seen(PRIMARY, model.metrics[PRIMARY] - value)


def _profile(days: PastDays, names: Sequence[str]) -> Profile:
    files = [file for name in names if (file := days.statistics(name)) is not None]
    return merge_profiles(json.loads(file.read_text())["profile"] for file in files)
