"""The rows that a training set is made of: which files they are read from, by part, and where their labels are.

Why: rows come from the features themselves, or, where a cohort was drawn, from copies for each part.
Not here: making the copies (``cohort_rows.py``), arrays (``shards.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.operators.bfloat16 import BFLOAT16
from pipelines.operators.program import FittedProgram
from pipelines.protocol.settings import key_columns, label_column
from pipelines.shared.tables.labels import labelled
from pipelines.shared.tables.window import ModelWindow
from pipelines.spec import PARTS, TRAIN, Outcome, Pipeline, Survival
from pipelines.stages.preprocess.cohort_rows import COMPETING, LABEL, WEIGHT, RangesByPart
from pipelines.stages.preprocess.row_ranges import RowRange, row_ranges_of
from pipelines.stages.preprocess.shards import ShardTask, make_files

Shapes = dict[str, tuple[tuple[int, ...], str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRows:
    """The rows of a training set before they are arrays.

    Attributes:
        parts: Row ranges by part, then by day, oldest first.
        label: Columns of the label.
        described: What the index says of the label.
        weight: Column of the rows' weights; empty where all count alike.
        in_days: Whether a label above 0 is an event, rather than a label of 1.
        may_lack_label: Whether training days have rows without a label, which are left out.
    """

    parts: RangesByPart
    label: tuple[str, ...]
    described: Mapping[str, Any]
    weight: str = ""
    in_days: bool = False
    may_lack_label: bool = False


def rows_of_features(window: ModelWindow, bare: set[str]) -> SourceRows:
    """The rows of the features themselves, whose label is a column.

    Args:
        window: The features.
        bare: Training days none of whose rows has a label.
    """
    work, parts = window.work, RangesByPart()
    for part in PARTS:
        every = {
            day: _of_day(window, day)
            for day in getattr(work.days(), part)
            if day in window.days and day not in bare
        }
        parts[part] = {day: ranges for day, ranges in every.items() if ranges}
    label = label_column(work.pipeline)
    assert label is not None, "an outcome has a cohort"
    may_lack = work.pipeline.may_lack_label
    return SourceRows(
        parts=parts, label=(label,), described={"column": label}, may_lack_label=may_lack
    )


def rows_of_cohort(pipeline: Pipeline, parts: RangesByPart, *, weighted: bool) -> SourceRows:
    """The copied rows of a cohort, with the labels that it gave them."""
    head, is_outcome = pipeline.head, isinstance(pipeline.label, Outcome)
    both = is_outcome and isinstance(head, Survival) and head.competing
    names = {"outcome": ["label", "competing"] if both else ["label"]}
    return SourceRows(
        parts=parts,
        label=(LABEL, COMPETING) if both else (LABEL,),
        described=names if is_outcome else {"column": label_column(pipeline)},
        weight=WEIGHT if weighted else "",
        in_days=is_outcome,
    )


def _of_day(window: ModelWindow, day: str) -> list[RowRange]:
    folder = window.work.store.open(window.days[day])
    return row_ranges_of(day, folder / window.part(day))


def shapes_of(fitted: FittedProgram, source: SourceRows) -> Shapes:
    """Shape of one row and type of each array, by name; NumPy keeps bfloat16 as its bits."""
    x_type = "uint16" if fitted.program.x_type == BFLOAT16 else fitted.program.x_type
    found: Shapes = {
        "x": ((len(fitted.program.numeric()),), x_type),
        "ids": ((len(fitted.program.categorical()),), "int32"),
    }
    for block in fitted.program.blocks:
        events, length = block.reads()
        found |= {events: ((block.steps, len(block.features)), "float32")}
        found |= {length: ((), "int32")}
    own: Shapes = {"y": ((len(source.label),) if len(source.label) > 1 else (), "float32")}
    own |= {"w": ((), "float32")} if source.weight else {}
    return {name: about for name, about in found.items() if about[0] != (0,)} | own


def shard_tasks(
    window: ModelWindow, source: SourceRows, shapes: Shapes, out: Path, array_module: str
) -> list[ShardTask]:
    """One task for each row range; gap days need no model inputs, training days only rows with a label."""
    tasks = list[ShardTask]()
    for part, days in source.parts.items():
        (out / part).mkdir()
        wanted = {"y": shapes["y"]} if part == "gap" else shapes
        labelled_only = part == TRAIN and source.may_lack_label
        for day, ranges in days.items():
            day_rows = rows = sum(row_range.rows for row_range in ranges)
            if labelled_only:
                rows = int(labelled(Path(ranges[0].path), source.label[0]).sum())
            whole = {name: ((rows, *shape), kind) for name, (shape, kind) in wanted.items()}
            make_files(out / part, day, whole)
            tasks += [
                ShardTask(
                    row_range=row_range,
                    day_rows=day_rows,
                    out=str(out / part),
                    program="" if part == "gap" else str(out),
                    keys=key_columns(window.work.pipeline),
                    label=source.label,
                    array_module=array_module,
                    labelled_only=labelled_only,
                    weight=source.weight,
                    in_days=source.in_days,
                )
                for row_range in ranges
            ]
    return tasks
