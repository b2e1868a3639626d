"""The days before a watched day as its page shows them: rows beside the usual ones, and the scores' drift.

Promise: each day is measured with the same limits and reference as the watched one.
"""

from collections.abc import Mapping
from typing import Any

from pipelines.shared.drift import histogram_drift
from pipelines.stages.watch.beside import WatchedDay
from pipelines.stages.watch.measured import (
    FEW_DAYS,
    WatchedStatistics,
    score_histograms,
    seasons_of,
)


def history_of(beside: WatchedDay, days: WatchedStatistics) -> list[dict[str, Any]]:
    """A line for each of the days before, oldest first, and the day itself."""
    day, pipeline = beside.work.day, beside.work.pipeline
    rows = {other: int(each["rows"]) for other, each in days.recent.items()}
    rows |= {day: int(days.own["rows"])}
    scores, seasons = score_drift(beside), seasons_of(pipeline, rows)
    found = []
    for other in sorted(rows, key=pipeline.partitions().number):
        same = [rows[o] for o in rows if o not in (other, day) and _same(seasons, o, other)]
        usual = [min(same), max(same)] if same else None
        found.append(
            {"day": other, "rows": rows[other], "usual": usual, "score_psi": scores.get(other)}
        )
    return found


def score_drift(beside: WatchedDay) -> dict[str, float]:
    """Of each day scored by this version, how far its scores are from those of the others before the day."""
    day, before = beside.work.day, score_histograms(beside)
    own = beside.scored(beside.scores).get("histogram")
    every = before | ({day: own} if own else {})
    limit, found = beside.work.pipeline.watch.score_psi, dict[str, float]()
    for other, counts in every.items():
        others = {o: each for o, each in before.items() if o != other}
        if len(others) >= FEW_DAYS:
            one = histogram_drift("scores", others, counts, limit)
            found |= {} if one is None else {other: round(one.psi, 10)}
    return found


def _same(seasons: Mapping[str, int], one: str, other: str) -> bool:
    return one in seasons and seasons[one] == seasons.get(other)
