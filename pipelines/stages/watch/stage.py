"""Stage ``watch``: whether a scored day looks like the days that its model was made for.

Why: a model is right about days like those it was trained on; that they still are must be seen before labels
    say so, and without anyone looking.
Promise: only manifests and small files are read, no row. The same artifacts give the same alarms to the
    byte, whenever and in whatever order days are watched. A day beyond a limit that is declared to fail is published
    with its page, then raised.
Not here: the measures (``pipelines/shared/drift/``, ``measured.py``, ``quality.py``), what asks for a model
    (``retraining.py``), Airflow's side of an alarm (``plugins/millrace/airflow/``).
"""

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import AlarmError, TransientError
from pipelines.protocol import ACCEPTED, REFUSED, Maker, Plan, StageOutcome, Work, code_of
from pipelines.stages.watch import retraining
from pipelines.stages.watch.beside import WatchedDay, beside
from pipelines.stages.watch.retraining import ASKED, asked_of, earlier

if TYPE_CHECKING:
    from pipelines.stages.watch.alarms import Alarm

WATCHED, PAGE = "watched.json", "watched.html"
MOST_SAID = 3
# A day that is watched meanwhile may have looked back on this one, or this one on it.
SETTLES = True


def plan(work: Work) -> Plan:
    """The day, the days that it is compared with, and the declared limits.

    Raises:
        InputMissingError: The day has no scores, or no features.
    """
    found, before = beside(work), earlier(work)
    return Plan(
        inputs=found.inputs() | ({} if before is None else before.inputs()),
        config={
            "watch": asdict(work.pipeline.watch),
            "champion": dict(found.champion),
            "head": type(work.pipeline.head).__name__,
            "labelled": found.labelled,
            "title": work.pipeline.title,
            "time_zone": work.pipeline.time_zone,
        },
        code=code_of(__name__),
        made_from={"scores": found.scores, "features": found.features},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Measure, and write what was found.

    Raises:
        TransientError: Something was published again while this work waited for its lock.
    """
    from pipelines.stages.watch.alarms import alarms_of
    from pipelines.stages.watch.measured import WatchedStatistics, measurements
    from pipelines.stages.watch.quality import qualities

    found, before = beside(work), earlier(work)
    _require_planned(work, plan, found, {} if before is None else before.inputs())
    days = WatchedStatistics.of(found)
    measured, quality = measurements(found, days), qualities(found)
    excused = work.day in work.pipeline.watch.excused
    alarms = alarms_of(measured, quality, excused=excused)
    for each in alarms:
        work.report.log(f"{each.kind}: {each.says}", level=logging.WARNING)
    asked = asked_of(work, alarms, before)
    watched = {
        "title": work.pipeline.title,
        "partition": work.day,
        "excused": excused,
        "champion": dict(found.champion),
        "rows": days.own["rows"],
        "days": _compared(found),
        "measured": [each.as_json() for each in measured],
        "quality": [each.as_json() for each in quality],
        "alarms": [each.as_json() for each in alarms],
        "retraining": asked.as_json(),
        "limits": asdict(work.pipeline.watch),
        "history": _history(found, days),
    }
    (out / WATCHED).write_text(json.dumps(watched, indent=1) + "\n", encoding="utf-8")
    return _outcome(work, alarms, days.own["rows"], asked.as_of)


def followers(work: Work) -> Iterator[str]:
    """Later days whose cool-down may reach back to this one."""
    return retraining.followers(work)


def pages(_work: Work) -> Mapping[str, Maker]:
    """The page of a watched day, from what is published of it alone."""
    return {PAGE: _page}


def _page(folder: Path) -> str:
    from pipelines.stages.watch.page import watched_page

    return watched_page(folder)


def _require_planned(
    work: Work, plan: Plan, found: WatchedDay, before: Mapping[str, str]
) -> None:
    if found.inputs() | dict(before) != dict(plan.inputs):
        raise TransientError(
            f"{work.report.work}: scores, features or settlements were published again while this work "
            f"waited. Run it again: the next run reads the new version."
        )


def _compared(found: WatchedDay) -> dict[str, Any]:
    """Which days the day was compared with, and as far as it was not, why."""
    sides = {
        "training": found.training,
        "recent": found.recent,
        "scores": found.recent_scores,
        "settled": found.settled,
    }
    return {name: [*days] for name, days in sides.items()} | {"labelled": found.labelled}


def _history(found: WatchedDay, days: Any) -> list[dict[str, Any]]:
    """The days before, and the day: rows, what is usual for the weekday, and how far scores have moved."""
    from pipelines.stages.watch.history import history_of

    return history_of(found, days)


def _outcome(work: Work, alarms: "list[Alarm]", rows: int, as_of: str) -> StageOutcome:
    refused = [each for each in alarms if each.severity == "refuse"]
    said = [each.says for each in (refused or alarms)]
    more = f" And {len(said) - MOST_SAID} more alarms." if len(said) > MOST_SAID else ""
    return StageOutcome(
        rows=rows,
        metrics={"alarms": float(len(alarms)), "refusing": float(len(refused))},
        verdict=REFUSED if refused else ACCEPTED,
        reason=" ".join(said[:MOST_SAID]) + more,
        refused_as=AlarmError.__name__ if refused else "",
        details={ASKED: as_of, "alarms": [f"{a.kind} of {a.what}" for a in alarms]},
    )
