"""The statistics that operators are fitted to, published for each day and merged for a window.

Why: a window of thirty days is fitted to thirty small files, and a new day adds one.
Promise: a day's statistics depend on its features and on the fitted steps, with their code;
    unchanged statistics of an earlier version are reused, so a changed operator reads only the
    columns that it depends on.
Not here: the arithmetic (``pipelines/operators/``), reading a row range (``row_ranges.py``).
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.core.store import Manifest, Ref
from pipelines.operators.operator import FeatureSource, Operator, State
from pipelines.operators.program import Program
from pipelines.operators.state import read_states, write_states
from pipelines.protocol import Plan, StageOutcome, Work, code_by_class, publish_work, same_code
from pipelines.shared.compute.compute import Compute
from pipelines.shared.compute.graph import FAN_IN
from pipelines.shared.tables.window import ModelWindow
from pipelines.stages.preprocess.row_ranges import (
    RangeStatistics,
    RowRange,
    StatisticsTask,
    merged,
    row_ranges_of,
    summarize,
)

DATASET, FILE = "statistics", "statistics.json"
States = dict[str, State]


@dataclass(slots=True)
class DayStatistics:
    """The statistics of one day while they are computed.

    Attributes:
        ref: Reference of their artifact.
        plan: What they depend on.
        row_ranges: Row ranges of the day's features.
        reused: Unchanged statistics of an earlier version.
        found: New statistics of each row range, by its first row.
    """

    ref: Ref
    plan: Plan
    row_ranges: list[RowRange]
    reused: States
    found: dict[int, States] = field(default_factory=dict)

    def states(self, program: Program) -> States:
        """All statistics of the day, row ranges merged in their order."""
        asked = program.statistics()
        missing = {name: steps for name, steps in asked.items() if name not in self.reused}
        new = merged([self.found[row_range.first] for row_range in self.row_ranges], missing)
        return {name: (self.reused | new)[name] for name in asked}


def day_statistics(
    window: ModelWindow,
    program: Program,
    days: Sequence[str],
    compute: Compute,
    on_rows: Callable[[int], None],
) -> list[Path]:
    """Folders of the days' published statistics, in order; missing ones are computed.

    Args:
        window: The days' features.
        program: Program to fit.
        days: Days with rows, oldest first.
        compute: Runs the tasks.
        on_rows: Called with the number of rows of each row range that was read.
    """
    work, made = window.work, dict[str, Manifest]()
    wanted: dict[str, DayStatistics] = {}
    for day in days:
        ref, plan = work.partition_ref(DATASET, day), _plan(window, program, day)
        found = work.store.find_whole(ref, plan.digest())
        if found is not None:
            made[day] = found
        else:
            wanted[day] = _day(window, program, day, ref, plan)

    def take(part: RangeStatistics) -> None:
        day = wanted[part.row_range.day]
        day.found[part.row_range.first] = part.states
        on_rows(part.row_range.rows)
        if len(day.found) == len(day.row_ranges):
            made[part.row_range.day] = _published(work, program, day)

    tasks = [t for day in wanted.values() for t in _tasks(day, program, compute.array_module)]
    compute.map(summarize, tasks, take)
    return [work.store.open(made[day]) for day in days]


def statistics_of_ranges(
    ranges: Mapping[str, list[RowRange]],
    program: Program,
    compute: Compute,
    on_rows: Callable[[int], None],
    out: Path,
) -> list[Path]:
    """Folders below ``out`` with the statistics of the rows of each day, in order; they are not published.

    Args:
        ranges: Row ranges of each day, oldest first.
        program: Program to fit.
        compute: Runs the tasks.
        on_rows: Called with the number of rows of each row range that was read.
        out: Where they are written.
    """
    folders = []
    for day, row_ranges in ranges.items():
        tasks = [StatisticsTask(each, program, compute.array_module) for each in row_ranges]
        found = compute.map(summarize, tasks, lambda part: on_rows(part.row_range.rows))
        states = merged([each.states for each in found], program.statistics())
        folders.append(out / day)
        folders[-1].mkdir(parents=True, exist_ok=True)
        _write(folders[-1], states, sum(each.rows for each in row_ranges))
    return folders


def merge_statistics(folders: Sequence[Path], program: Program) -> States:
    """Merge the statistics of the days; their grouping does not change the result.

    At most ``FAN_IN`` days, and one merged result for each group of days, are in memory at a time.
    """
    asked = program.statistics()
    level = [merged([_read(f) for f in group], asked) for group in _grouped(folders)]
    while len(level) > 1:
        level = [merged(group, asked) for group in _grouped(level)]
    return level[0]


def _grouped(parts: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (parts[n : n + FAN_IN] for n in range(0, len(parts), FAN_IN))


def _plan(window: ModelWindow, program: Program, day: str) -> Plan:
    steps = {type(step) for steps in program.statistics().values() for step in steps}
    return Plan(
        inputs={f"features/ds={day}": window.digest(day)},
        config={"asked": dict.fromkeys(program.statistics(), "learnt")},
        code=code_by_class(
            [f"{__name__}.{day_statistics.__name__}"], (Operator, FeatureSource), steps
        ),
    )


def _day(
    window: ModelWindow, program: Program, day: str, ref: Ref, plan: Plan
) -> DayStatistics:
    work = window.work
    row_ranges = row_ranges_of(day, work.store.open(window.days[day]) / window.part(day))
    return DayStatistics(ref, plan, row_ranges, _reused(work, program, ref, plan))


def _reused(work: Work, program: Program, ref: Ref, plan: Plan) -> States:
    """Statistics of the published version, of the same features and by the same code."""
    old = work.store.find_intact(ref)
    if old is None or old.inputs != plan.inputs:
        return {}
    known = _read(work.store.open(old))
    return {
        name: known[name]
        for name, steps in program.statistics().items()
        if name in known and same_code(old.code, plan.code, {type(step) for step in steps})
    }


def _tasks(day: DayStatistics, program: Program, array_module: str) -> list[StatisticsTask]:
    missing = program.only([name for name in program.statistics() if name not in day.reused])
    return [StatisticsTask(row_range, missing, array_module) for row_range in day.row_ranges]


def _published(work: Work, program: Program, day: DayStatistics) -> Manifest:
    rows = sum(row_range.rows for row_range in day.row_ranges)

    def make(out: Path) -> StageOutcome:
        _write(out, day.states(program), rows)
        return StageOutcome(rows=rows)

    with work.store.lock(day.ref):
        found = work.store.find_whole(day.ref, day.plan.digest())
        return found or publish_work(work, "preprocess", day.ref, day.plan, make)


def _write(folder: Path, states: States, rows: int) -> None:
    raw = write_states(folder, states)
    (folder / FILE).write_text(json.dumps({"rows": rows, "states": raw}, indent=1) + "\n")


def _read(folder: Path) -> States:
    raw: Mapping[str, Any] = json.loads((folder / FILE).read_text())
    return read_states(folder, raw["states"])
