"""A scored day in numbers: drift of inputs and scores, volume, the label rate.

Promise: computed from published statistics, never from rows; the same artifacts give the same numbers.
Not here: which artifacts (``beside.py``), what a number means to people (``alarms.py``), the metric
    (``quality.py``).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.shared.drift import ColumnDrift, drift_of, histogram_drift
from pipelines.shared.expectations.day_compare import (
    LABEL,
    ROWS,
    Compared,
    Difference,
    compare_day,
    season_of,
)
from pipelines.shared.tables import UNLABELLED
from pipelines.spec import Binary, DayGate, Limit, Pipeline
from pipelines.stages.watch.beside import WatchedDay
from pipelines.stages.watch.scores_tested import tested_histograms

TRAINING, TESTED, RECENT = "training", "test", "recent"
SCORED = "scores"
# With fewer days around it neither a weekday nor the spread of days can be distinguished.
FEW_DAYS = 7
Statistics = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Measurement:
    """One number of a day beside those of others.

    Attributes:
        kind: ``drift``, ``volume`` or ``labels``.
        against: ``training``, ``test`` or ``recent``.
        what: The column, ``scores``, ``rows`` or ``label rate``.
        facts: What was measured, as it is published.
        level: ``refuse``, ``warn``, or empty where it is within the limits.
    """

    kind: str
    against: str
    what: str
    facts: Mapping[str, Any]
    level: str

    def as_json(self) -> dict[str, Any]:
        """As it is published."""
        own = {"kind": self.kind, "against": self.against, "what": self.what}
        return own | dict(self.facts) | {"level": self.level}


@dataclass(frozen=True, slots=True)
class WatchedStatistics:
    """Statistics of the day and of those that it is compared with, read once.

    Attributes:
        own: The day's.
        training: Of the champion's training days, by day.
        recent: Of the days before, by day.
        labels: Of the partition whose labels are known, and of the days before it.
    """

    own: Statistics
    training: Mapping[str, Statistics]
    recent: Mapping[str, Statistics]
    labels: Mapping[str, Statistics]

    @classmethod
    def of(cls, beside: WatchedDay) -> "WatchedStatistics":
        """Read them."""

        def read(manifests: Mapping[str, Any], as_of: str) -> dict[str, Statistics]:
            return {day: beside.statistics(m, as_of) for day, m in manifests.items()}

        own = beside.statistics(beside.features, beside.after)
        training = read(beside.training, beside.trained)
        recent, labels = read(beside.recent, beside.after), read(beside.labels, beside.after)
        return cls(own, training, recent, labels)

    def against(self) -> dict[str, Mapping[str, Statistics]]:
        """What the day is compared with, where there is enough of it."""
        enough = len(self.recent) >= FEW_DAYS
        return {TRAINING: self.training} | ({RECENT: self.recent} if enough else {})


def measurements(beside: WatchedDay, days: WatchedStatistics) -> list[Measurement]:
    """Everything that is measured of a day, in a fixed order."""
    pipeline, day = beside.work.pipeline, beside.work.day
    of_rows = [*_volume(pipeline, day, days), *_inputs(pipeline, day, days)]
    return [*of_rows, *_scores(beside), *_labels(beside, days)]


def seasons_of(pipeline: Pipeline, days: Collection[str]) -> dict[str, int]:
    """What recurs: the weekday of each day, the hour of an hour, the month of a month."""
    partitions = pipeline.partitions()
    found = {day: season_of(partitions, day) for day in days}
    return {day: season for day, season in found.items() if season is not None}


def score_histograms(beside: WatchedDay) -> dict[str, Sequence[int]]:
    """How the scores of the days before by the same version are distributed, by day."""
    found = {day: beside.scored(m) for day, m in beside.recent_scores.items()}
    return {day: each["histogram"] for day, each in found.items() if each.get("histogram")}


def _inputs(pipeline: Pipeline, day: str, days: WatchedStatistics) -> list[Measurement]:
    return [
        _drift(one, against)
        for against, others in days.against().items()
        for one in drift_of(
            {other: each["profile"] for other, each in others.items()},
            days.own["profile"],
            pipeline.watch,
            seasons_of(pipeline, others),
        )
    ]


def _scores(beside: WatchedDay) -> list[Measurement]:
    pipeline = beside.work.pipeline
    own, before = beside.scored(beside.scores).get("histogram"), score_histograms(beside)
    if not own:
        return []
    against: dict[str, Mapping[str, Sequence[int]]] = {
        TESTED: tested_histograms(beside, len(own))
    }
    against |= {RECENT: before} if len(before) >= FEW_DAYS else {}
    found = {
        name: histogram_drift(
            SCORED, others, own, pipeline.watch.score_psi, seasons_of(pipeline, others)
        )
        for name, others in against.items()
    }
    return [_drift(one, name) for name, one in found.items() if one is not None]


def _drift(one: ColumnDrift, against: str) -> Measurement:
    facts = one.as_json()
    level, column = facts.pop("level"), facts.pop("column")
    return Measurement("drift", against, column, facts, level)


def _volume(pipeline: Pipeline, day: str, days: WatchedStatistics) -> list[Measurement]:
    gate = _gate(pipeline)
    return [
        _difference(one, "volume", against, "rows", gate.rows_ratio)
        for against, others in days.against().items()
        for one in _compared(pipeline, day, days.own, others, gate, ROWS)
    ]


def _labels(beside: WatchedDay, days: WatchedStatistics) -> list[Measurement]:
    """The share of ones on the newest day whose labels are known."""
    pipeline, day = beside.work.pipeline, beside.labelled
    own = days.labels.get(day)
    if own is None or not isinstance(pipeline.head, Binary) or "positives" not in own:
        return []
    gate = _gate(pipeline)
    before = {other: each for other, each in days.labels.items() if other != day}
    others = {TRAINING: days.training, RECENT: before}
    found = [
        _difference(one, "labels", against, "label rate", gate.label_odds)
        for against, each in others.items()
        for one in _compared(pipeline, day, own, each, gate, LABEL)
    ]
    return [
        Measurement(o.kind, o.against, o.what, {**o.facts, "day": day}, o.level) for o in found
    ]


def _gate(pipeline: Pipeline) -> DayGate:
    watch = pipeline.watch
    return DayGate(
        rows_ratio=watch.rows_ratio,
        label_odds=watch.label_ratio,
        min_days=FEW_DAYS,
        excused=watch.excused,
    )


def _compared(
    pipeline: Pipeline,
    day: str,
    own: Statistics,
    others: Mapping[str, Statistics],
    gate: DayGate,
    what: str,
) -> list[Difference]:
    found: Compared = compare_day(
        day,
        _counts(own),
        {d: _counts(o) for d, o in others.items()},
        gate,
        (),
        pipeline.partitions(),
    )
    return [one for one in found.differences if one.what == what]


def _counts(statistics: Statistics) -> dict[str, Any]:
    counts = {name: statistics[name] for name in ("rows", UNLABELLED) if name in statistics}
    return counts | {"positives": statistics.get("positives"), "columns": {}}


def _difference(
    one: Difference, kind: str, against: str, what: str, limit: Limit
) -> Measurement:
    facts = {"ratio": round(one.size, 10), "seen": one.seen, "usual": one.usual}
    exceeded = getattr(limit, one.level) if one.level else None
    deviations = None if one.deviations is None else round(one.deviations, 10)
    facts |= {"deviations": deviations, "limit": exceeded}
    return Measurement(kind, against, what, facts, one.level)
