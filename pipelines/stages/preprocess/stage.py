"""Stage ``preprocess``: what a training set depends on, and how it is made.

Why: the fit merges the training days' statistics; the transform is one task for each row range.
Promise: nothing heavy is imported until ``run``; test and gap days are not used in the fit.
Not here: statistics (``statistics.py``), arrays (``shards.py``), finding days (``pipelines/shared/tables/window.py``).
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import ColumnMismatchError, TrainingError, TransientError
from pipelines.core.events import evenly
from pipelines.operators.bfloat16 import BFLOAT16
from pipelines.protocol import VALIDATED, Plan, StageOutcome, Work, code_of, input_of, stage_of
from pipelines.protocol.declared_code import declared_code
from pipelines.protocol.settings import (
    key_columns,
    label_column,
    training_set_settings,
)
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.shared.tables import UNLABELLED
from pipelines.shared.tables.window import ModelWindow, window_as_validated, window_of
from pipelines.spec import PARTS, TRAIN, Binary, Pipeline

if TYPE_CHECKING:
    from pipelines.operators.program import FittedProgram
    from pipelines.shared.compute.compute import Compute
    from pipelines.stages.preprocess.row_ranges import RowRange
    from pipelines.stages.preprocess.shards import Shard, ShardTask

VALIDATION = "window_validation"
RangesByDay = dict[str, "list[RowRange]"]


def plan(work: Work) -> Plan:
    """The features of the model's days, and which days train and test.

    Raises:
        InputMissingError: Days have no features, or outdated ones.
    """
    return Plan(
        inputs=_window(work).inputs(),
        config=training_set_settings(work),
        code=code_of(__name__, *declared_code(work.pipeline.features)),
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Fit on the training days, then write every day's arrays.

    Raises:
        TransientError: A day was published again while this work waited.
        TrainingError: The training days have no rows, or for ``Binary`` rows of one class only.
        ColumnMismatchError: A day has other features than the pipeline declares.
    """
    from pipelines.shared.compute import open_compute
    from pipelines.stages.preprocess.shards import write_rows

    window = _window(work)
    if window.inputs() != dict(plan.inputs):
        raise TransientError(
            f"{work.report.work}: features were published again while this work waited. "
            "Try again: the next try reads the new version."
        )
    train = _train_days(window)
    facts = _facts(window, train)
    rows = sum(int(manifest.outcome["rows"]) for manifest in window.days.values())
    with open_compute(rows, ComputeSettings.from_options(work.options)) as compute:
        report = _row_counter(window, rows + facts["rows"])
        fitted = _fit(window, list(train), compute, report, out)
        _write_state(fitted, facts, out)
        ranges = _row_ranges(window, train)
        shapes = _shapes(fitted)
        tasks = _tasks(window, ranges, shapes, out, compute.array_module)
        shards = compute.map(write_rows, tasks, lambda shard: report(shard.rows))
    _write_index(window, ranges, fitted, shapes, shards, out)
    outcome = _outcome(facts, shards)
    if facts.get(UNLABELLED):
        work.report.log(
            f"{facts[UNLABELLED]:,} rows of the training days have no label and are left out"
        )
    return outcome


def _window(work: Work) -> ModelWindow:
    """The features that this run's ``validate_window`` checked; else those published now."""
    if VALIDATION not in work.inputs:
        return window_of(work)
    return window_as_validated(work, input_of(work, VALIDATION))


def _row_counter(window: ModelWindow, to_do: int) -> Callable[[int], None]:
    """Report progress in rows read for the fit and rows written."""
    files = [file for day in window.days.values() for file in day.files.values()]
    stored, done = sum(file["bytes"] for file in files), 0

    def add(rows: int) -> None:
        nonlocal done
        done += rows
        window.work.report.progress(done, to_do, of_bytes=evenly(done, to_do, stored))

    return add


def _train_days(window: ModelWindow) -> dict[str, dict[str, Any]]:
    """Statistics of the training days that have rows as known by now, oldest first."""
    found = {}
    for day in (day for day in window.work.days().train if day in window.days):
        folder = window.work.store.open(window.days[day])
        # Not the manifest's count, which includes rows that became known later.
        statistics = json.loads((folder / window.statistics(day)).read_text())
        if statistics["rows"]:
            found[day] = statistics
    return found


def _labelled_rows(statistics: Mapping[str, Any]) -> int:
    return int(statistics["rows"]) - int(statistics.get(UNLABELLED, 0))


def _counts(train: Mapping[str, Mapping[str, Any]]) -> tuple[int, int, int]:
    """Rows with a label, without one, and with label 1."""
    rows = sum(map(_labelled_rows, train.values()))
    every, positives = (sum(s[name] for s in train.values()) for name in ("rows", "positives"))
    return rows, every - rows, positives


def _facts(window: ModelWindow, train: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Count rows and positives of the training days; refuse none, and for ``Binary`` one class only.

    Rows are those with a label; the others are counted beside where a label may be null.
    """
    for day in train:
        _require_features(window.work.pipeline, window.work.store.open(window.days[day]))
    rows, unlabelled, positives = _counts(train)
    binary = isinstance(window.work.pipeline.head, Binary)
    if rows and (0 < positives < rows or not binary):
        without = {UNLABELLED: unlabelled} if window.work.pipeline.may_lack_label else {}
        return {"rows": rows, "positives": positives} | without
    days = window.work.days().train
    which = (
        f"{window.work.report.work}: the {len(days)} training days from {days[0]} to {days[-1]}"
    )
    if unlabelled and not rows:
        raise TrainingError(
            f"{which} hold {unlabelled} rows, and none of them has a label. Train on earlier days, "
            f"or check the label column and label.known_after_days."
        )
    if not rows:
        raise TrainingError(
            f"{which} hold 0 rows. Train on more days (split.train_days), or check the days that "
            f"{stage_of(VALIDATED).name} refused."
        )
    # The message of training, which checks again without the validation days, and for every head.
    raise TrainingError(
        f"{which}: {positives} of {rows} training rows have label 1. Both classes are needed: widen "
        f"split.train_days, or check the label column."
    )


def _require_features(pipeline: Pipeline, folder: Path) -> None:
    """Require the declared features, and no others except the keys and the label."""
    from pipelines.stages.preprocess.row_ranges import columns_of

    found, wanted = columns_of(folder), pipeline.feature_names()
    expected = {*wanted, *key_columns(pipeline), label_column(pipeline)}
    missing = [name for name in wanted if name not in found]
    unexpected = [name for name in found if name not in expected]
    if missing or unexpected:
        raise ColumnMismatchError("preprocess", missing=missing, unexpected=unexpected)


def _fit(
    window: ModelWindow,
    days: list[str],
    compute: "Compute",
    on_rows: Callable[[int], None],
    out: Path,
) -> "FittedProgram":
    """Fit the program to the training days' statistics, oldest first, and write it."""
    from pipelines.operators.state import write_program
    from pipelines.stages.preprocess.statistics import day_statistics, merge_statistics

    program = window.work.pipeline.program()
    folders = day_statistics(window, program, days, compute, on_rows)
    fitted = program.fitted(merge_statistics(folders, program))
    write_program(out, fitted)
    return fitted


def _write_state(fitted: "FittedProgram", facts: dict[str, int], out: Path) -> None:
    """Write a summary of the fit, for a reader without the operators."""
    state = {"features": list(fitted.program.numeric()), **facts}
    (out / "state.json").write_text(json.dumps(state, indent=1) + "\n")


def _row_ranges(window: ModelWindow, train: Mapping[str, Mapping[str, Any]]) -> RangesByDay:
    """The row ranges of each day, but of training days none of whose rows has a label."""
    from pipelines.stages.preprocess.row_ranges import row_ranges_of

    bare = {day for day, statistics in train.items() if not _labelled_rows(statistics)}
    opened = {
        day: window.work.store.open(manifest)
        for day, manifest in window.days.items()
        if day not in bare
    }
    return {
        day: row_ranges_of(day, folder / window.part(day)) for day, folder in opened.items()
    }


def _shapes(fitted: "FittedProgram") -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape of one row and type of each array, by name; NumPy keeps bfloat16 as its bits."""
    x_type = "uint16" if fitted.program.x_type == BFLOAT16 else fitted.program.x_type
    found: dict[str, tuple[tuple[int, ...], str]] = {
        "x": ((len(fitted.program.numeric()),), x_type),
        "ids": ((len(fitted.program.categorical()),), "int32"),
    }
    for block in fitted.program.blocks:
        events, length = block.reads()
        found |= {events: ((block.steps, len(block.features)), "float32")}
        found |= {length: ((), "int32")}
    return {name: about for name, about in found.items() if about[0] != (0,)} | {
        "y": ((), "float32")
    }


def _tasks(
    window: ModelWindow,
    ranges: RangesByDay,
    shapes: dict[str, tuple[tuple[int, ...], str]],
    out: Path,
    array_module: str,
) -> "list[ShardTask]":
    """One task for each row range; gap days need no model inputs, training days only rows with a label."""
    from pipelines.shared.tables.labels import labelled
    from pipelines.stages.preprocess.shards import ShardTask, make_files

    work, tasks = window.work, list[ShardTask]()
    keys, label = key_columns(work.pipeline), label_column(work.pipeline)
    for part in PARTS:
        (out / part).mkdir()
        wanted = {"y": shapes["y"]} if part == "gap" else shapes
        labelled_only = part == TRAIN and work.pipeline.may_lack_label
        for day in filter(ranges.get, getattr(work.days(), part)):
            day_rows = rows = sum(row_range.rows for row_range in ranges[day])
            if labelled_only:
                rows = int(labelled(Path(ranges[day][0].path), label).sum())
            whole = {name: ((rows, *shape), kind) for name, (shape, kind) in wanted.items()}
            make_files(out / part, day, whole)
            tasks += [
                ShardTask(
                    row_range=row_range,
                    day_rows=day_rows,
                    out=str(out / part),
                    program="" if part == "gap" else str(out),
                    keys=keys,
                    label=label,
                    array_module=array_module,
                    labelled_only=labelled_only,
                )
                for row_range in ranges[day]
            ]
    return tasks


def _described_inputs(fitted: "FittedProgram") -> dict[str, Any]:
    """The model's inputs by kind, in their order."""
    blocks, sizes = fitted.program.blocks, fitted.sizes().items()
    return {
        "numeric": fitted.program.numeric(),
        "categorical": [{"name": name, "size": size} for name, size in sizes],
        "sequences": [
            {"name": b.name, "steps": b.steps, "features": b.features} for b in blocks
        ],
    }


def _write_index(
    window: ModelWindow,
    ranges: RangesByDay,
    fitted: "FittedProgram",
    shapes: dict[str, Any],
    shards: "list[Shard]",
    out: Path,
) -> None:
    """Write the list of all files; rows are in the order of the keys, checksums in the manifest."""
    work, program = window.work, fitted.program
    index: dict[str, Any] = {
        "features": program.numeric(),
        "inputs": _described_inputs(fitted),
        "types": {n: kind for n, (_, kind) in shapes.items()}
        | ({"x": program.x_type} if "x" in shapes else {}),
        "label": {"column": label_column(work.pipeline)},
    }
    for part in PARTS:
        names = ["y"] if part == "gap" else list(shapes)
        index[part] = [
            _entry(part, day, names, [s for s in shards if (s.part, s.day) == (part, day)])
            for day in getattr(work.days(), part)
            if ranges.get(day)
        ]
    index["refused"] = window.refused
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def _entry(part: str, day: str, names: list[str], shards: "list[Shard]") -> dict[str, Any]:
    """The entry of one day; paths are relative to the training set."""
    return {
        "day": day,
        "rows": sum(shard.rows for shard in shards),
        "positives": sum(shard.positives for shard in shards),
        **{name: f"{part}/{day}-{name}.npy" for name in names},
        "keys": f"{part}/{day}-keys.parquet",
    }


def _outcome(facts: dict[str, int], shards: "list[Shard]") -> StageOutcome:
    metrics = {f"train_{name}": float(value) for name, value in facts.items()}
    for part in ("gap", "test"):
        mine = [shard for shard in shards if shard.part == part]
        metrics[f"{part}_rows"] = float(sum(shard.rows for shard in mine))
        metrics[f"{part}_positives"] = float(sum(shard.positives for shard in mine))
        if UNLABELLED in facts:
            metrics[f"{part}_{UNLABELLED}"] = float(sum(shard.unlabelled for shard in mine))
    return StageOutcome(rows=sum(shard.rows for shard in shards), metrics=metrics)
