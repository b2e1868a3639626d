"""A model's window as three small tables, and the rules for them.

Why: what single days cannot show (a missing week, a label that stopped, another population) shows
    in the window's own numbers.
Promise: computed from the days' statistics, never from rows; an unknown number (no champion, no
    day) is null, and rules ignore nulls.
Not here: finding the days (``pipelines/shared/tables/window.py``), the verdict (``stage.py``).
"""

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.shared.expectations.day_compare import REFUSE, WARN, Compared
from pipelines.shared.expectations.rules import CRITICAL, INFO, CheckedRule
from pipelines.shared.tables import UNLABELLED
from pipelines.shared.tables.profile import Profile, jensen_shannon, merge_profiles, psi
from pipelines.spec import Binary, Label, Limit, Pipeline, WindowGate

WINDOW, DAYS, FEATURES, BESIDE = "window", "days", "features", "beside_other_days"
LEVEL = "level"
LEVELS = ("", WARN, REFUSE)
BETWEEN = "expect_column_values_to_be_between"
# A ratio to 0: larger than any limit, and finite, as JSON requires.
UNBOUNDED = 1e9
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """The merged statistics of some days.

    Attributes:
        rows: Number of rows by day.
        positives: Number of rows with label 1.
        profile: The distributions of their features.
        unlabelled: Number of rows without a label.
    """

    rows: Mapping[str, int]
    positives: int
    profile: Profile
    unlabelled: int = 0

    @property
    def label_rate(self) -> float | None:
        """Mean of the labels; None without any."""
        total = sum(self.rows.values()) - self.unlabelled
        return self.positives / total if total else None


def days_of(files: Mapping[str, Path]) -> Days:
    """Read the statistics of days' features, by day."""
    statistics_of = {day: json.loads(file.read_text()) for day, file in files.items()}
    return Days(
        rows={day: int(each["rows"]) for day, each in statistics_of.items()},
        positives=sum(int(each.get("positives", 0)) for each in statistics_of.values()),
        profile=merge_profiles(each["profile"] for each in statistics_of.values()),
        unlabelled=sum(int(each.get(UNLABELLED, 0)) for each in statistics_of.values()),
    )


def tables_of(
    pipeline: Pipeline,
    train: Sequence[str],
    later: Mapping[str, int],
    training: Days,
    champion: Days | None,
) -> dict[str, list[Row]]:
    """The rows of the three tables, by table.

    Args:
        pipeline: Declares the label and the head: only a binary label of the rows has a rate.
        train: Training days, those without rows too.
        later: Rows of each later day of the window.
        training: The training days.
        champion: The champion's training days; None without a champion.
    """
    rated = isinstance(pipeline.head, Binary) and isinstance(pipeline.label, Label)
    rate = training.label_rate if rated else None
    theirs = champion.label_rate if champion and rate is not None else None
    empty = sum(not training.rows.get(day) for day in train)
    window: Row = {
        "subject": "window",
        "missing_days": empty / len(train),
        "label_rate": rate,
        "label_ratio": None if theirs is None else _ratio(rate, theirs),
    }
    every = {**training.rows, **later}
    usual = statistics.median(every.values()) if every else 0
    days = [
        {"subject": day, "rows": rows, "rows_ratio": _ratio(rows, usual)}
        for day, rows in sorted(every.items())
    ]
    return {WINDOW: [window], DAYS: days, FEATURES: _features(training, champion)}


def _features(training: Days, champion: Days | None) -> list[Row]:
    found = []
    for name, column in training.profile.items():
        theirs = champion.profile.get(name) if champion else None
        rows = column["rows"]
        found.append(
            {
                "subject": name,
                "null_share": (rows - column["known"]) / rows if rows else None,
                "psi": None if theirs is None else psi(theirs, column),
                "js": None if theirs is None else jensen_shannon(theirs, column),
            }
        )
    return found


def rows_beside(compared: Iterable[Compared]) -> list[Row]:
    """A row for each difference of a compared day; its level as a number."""
    return [
        {
            "subject": f"{day.day} {each.what} {each.column}".strip(),
            "size": each.size,
            "deviations": each.deviations,
            LEVEL: float(LEVELS.index(each.level)),
        }
        for day in compared
        for each in day.differences
    ]


def levels_beyond(value: float) -> tuple[str, ...]:
    """The levels above the limit of a rule."""
    return LEVELS[int(value) + 1 :]


def rules_of_window(gate: WindowGate) -> dict[str, list[CheckedRule]]:
    """The rules of each table: a value above ``warn`` warns, above ``refuse`` refuses."""
    rate = {
        "column": "label_rate",
        "min_value": gate.min_label_rate,
        "max_value": gate.max_label_rate,
    }
    return {
        WINDOW: [
            *_limits("missing_days", gate.missing_days),
            CheckedRule("label_rate.refuse", BETWEEN, rate, CRITICAL),
            *_limits("label_ratio", gate.label_ratio),
        ],
        DAYS: [*_limits("rows_ratio", gate.rows_ratio)],
        FEATURES: [
            rule
            for name in ("null_share", "psi", "js")
            for rule in _limits(name, getattr(gate, name))
        ],
        # A level follows from two limits, so the rules are about the level.
        BESIDE: [*_limits(LEVEL, Limit(warn=0.0, refuse=1.0), name="days")],
    }


def _limits(column: str, limit: Limit, name: str = "") -> Iterable[CheckedRule]:
    for what, at, severity in (("warn", limit.warn, INFO), ("refuse", limit.refuse, CRITICAL)):
        if at is not None:
            kwargs = {"column": column, "max_value": at}
            yield CheckedRule(f"{name or column}.{what}", BETWEEN, kwargs, severity)


def _ratio(value: float | None, usual: float | None) -> float | None:
    """The ratio of the larger to the smaller, 1 or more; None where one is unknown."""
    if value is None or usual is None:
        return None
    low, high = sorted((float(value), float(usual)))
    if low == high:
        return 1.0
    return min(high / low, UNBOUNDED) if low else UNBOUNDED
