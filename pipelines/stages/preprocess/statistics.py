"""What operators learn from one day, published once and merged ever after.

Why: a window of thirty days is fitted from thirty small files, and a new day adds one.
Promise: a day's statistics depend on its features and on the steps that learn, with their code;
    what an earlier version learnt in the same way is taken over, so a changed operator reads the
    columns that it depends on and nothing else.
Not here: the arithmetic (``pipelines/operators/``), reading a piece (``pieces.py``).
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
from pipelines.protocol import Outcome, Plan, Work, code_by_class, publish_work, same_code
from pipelines.shared.compute.compute import Compute
from pipelines.shared.compute.graph import FAN_IN
from pipelines.shared.tables.window import Window
from pipelines.stages.preprocess.row_ranges import (
    Learnt,
    LearnTask,
    Piece,
    learn,
    merged,
    pieces_of,
)

DATASET, FILE = "statistics", "statistics.json"
States = dict[str, State]


@dataclass(slots=True)
class Day:
    """One day whose statistics are wanted.

    Attributes:
        ref: Their name.
        plan: What they depend on.
        pieces: Of its features.
        carried: What an earlier version learnt in the same way.
        found: What is learnt of each piece now, by its first row.
    """

    ref: Ref
    plan: Plan
    pieces: list[Piece]
    carried: States
    found: dict[int, States] = field(default_factory=dict)

    def states(self, program: Program) -> States:
        """All that is asked of the day, pieces merged in their order."""
        asked = program.asked()
        missing = {said: steps for said, steps in asked.items() if said not in self.carried}
        new = merged([self.found[piece.first] for piece in self.pieces], missing)
        return {said: (self.carried | new)[said] for said in asked}


def learn_days(
    window: Window,
    program: Program,
    days: Sequence[str],
    compute: Compute,
    on_rows: Callable[[int], None],
) -> list[Path]:
    """Folders of the days' published statistics, in order; those that are missing are made.

    Args:
        window: The days' features.
        program: Whose steps learn.
        days: Days with rows, oldest first.
        compute: Where pieces are read.
        on_rows: Told the rows of each piece that was read.
    """
    work, made = window.work, dict[str, Manifest]()
    wanted: dict[str, Day] = {}
    for day in days:
        ref, plan = work.partition_ref(DATASET, day), _plan(window, program, day)
        found = work.store.find_whole(ref, plan.digest())
        if found is not None:
            made[day] = found
        else:
            wanted[day] = _day(window, program, day, ref, plan)

    def take(learnt: Learnt) -> None:
        day = wanted[learnt.piece.day]
        day.found[learnt.piece.first] = learnt.states
        on_rows(learnt.piece.rows)
        if len(day.found) == len(day.pieces):
            made[learnt.piece.day] = _published(work, program, day)

    tasks = [t for day in wanted.values() for t in _tasks(day, program, compute.array_module)]
    compute.map(learn, tasks, take)
    return [work.store.open(made[day]) for day in days]


def merge_days(folders: Sequence[Path], program: Program) -> States:
    """What the days say together; how they are grouped changes nothing.

    No more than ``FAN_IN`` days, and one for each group of so many, are in memory at a time.
    """
    asked = program.asked()
    level = [merged([_read(f) for f in group], asked) for group in _grouped(folders)]
    while len(level) > 1:
        level = [merged(group, asked) for group in _grouped(level)]
    return level[0]


def _grouped(parts: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (parts[n : n + FAN_IN] for n in range(0, len(parts), FAN_IN))


def _plan(window: Window, program: Program, day: str) -> Plan:
    steps = {type(step) for steps in program.asked().values() for step in steps}
    return Plan(
        inputs={f"features/ds={day}": window.digest(day)},
        config={"asked": dict.fromkeys(program.asked(), "learnt")},
        code=code_by_class(
            [f"{__name__}.{learn_days.__name__}"], (Operator, FeatureSource), steps
        ),
    )


def _day(window: Window, program: Program, day: str, ref: Ref, plan: Plan) -> Day:
    work = window.work
    pieces = pieces_of(day, work.store.open(window.days[day]) / window.part(day))
    return Day(ref, plan, pieces, _carried(work, program, ref, plan))


def _carried(work: Work, program: Program, ref: Ref, plan: Plan) -> States:
    """What the published version learnt from the same features by the same code."""
    old = work.store.find_intact(ref)
    if old is None or old.inputs != plan.inputs:
        return {}
    known = _read(work.store.open(old))
    return {
        said: known[said]
        for said, steps in program.asked().items()
        if said in known and same_code(old.code, plan.code, {type(step) for step in steps})
    }


def _tasks(day: Day, program: Program, array_module: str) -> list[LearnTask]:
    missing = program.only([said for said in program.asked() if said not in day.carried])
    return [LearnTask(piece, missing, array_module) for piece in day.pieces]


def _published(work: Work, program: Program, day: Day) -> Manifest:
    rows = sum(piece.rows for piece in day.pieces)

    def make(out: Path) -> Outcome:
        raw = write_states(out, day.states(program))
        (out / FILE).write_text(json.dumps({"rows": rows, "states": raw}, indent=1) + "\n")
        return Outcome(rows=rows)

    with work.store.lock(day.ref):
        found = work.store.find_whole(day.ref, day.plan.digest())
        return found or publish_work(work, "preprocess", day.ref, day.plan, make)


def _read(folder: Path) -> States:
    raw: Mapping[str, Any] = json.loads((folder / FILE).read_text())
    return read_states(folder, raw["states"])
