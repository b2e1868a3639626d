"""Stage ``preprocess``: what a training set depends on, and how it is made.

Why: the fit merges the training days' statistics; the transform is one task for each row range.
Promise: nothing heavy is imported until ``run``; test and gap days are not used in the fit.
Not here: statistics (``statistics.py``), arrays (``shards.py``), finding days (``pipelines/shared/tables/window.py``).
"""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import (
    ColumnMismatchError,
    InputMismatchError,
    TrainingError,
    TransientError,
)
from pipelines.core.events import evenly
from pipelines.core.store import Manifest
from pipelines.protocol import VALIDATED, Plan, StageOutcome, Work, code_of, input_of, stage_of
from pipelines.protocol.declared_code import declared_code
from pipelines.protocol.settings import (
    cohort_settings,
    key_columns,
    label_column,
    training_set_settings,
)
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.shared.tables import UNLABELLED
from pipelines.shared.tables.cohort_names import CENSORING, GAP, SUMMARY, TEST, VALIDATION
from pipelines.shared.tables.window import ModelWindow, model_window
from pipelines.spec import TRAIN, Binary, Pipeline

if TYPE_CHECKING:
    from pipelines.operators.program import FittedProgram
    from pipelines.shared.compute.compute import Compute
    from pipelines.stages.preprocess.shards import Shard
    from pipelines.stages.preprocess.source_rows import SourceRows

COHORT = "model_cohort"
OnRows = Callable[[int], None]


def plan(work: Work) -> Plan:
    """The features of the model's days, and which days train and test, or the cohort drawn of them.

    Raises:
        InputMissingError: Days have no features, or outdated ones; there is no cohort.
        InputMismatchError: The cohort is of other features, or of other settings.
        PartitionRefusedError: The cohort was refused.
    """
    drawn = None
    if work.pipeline.has_cohort:
        drawn = input_of(work, COHORT, cohort_settings(work))
    return Plan(
        inputs=_inputs(work, model_window(work), drawn),
        config=training_set_settings(work),
        code=code_of(__name__, *declared_code(work.pipeline.features)),
        made_from={} if drawn is None else {COHORT: drawn},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Fit on the training rows, then write every day's arrays.

    Raises:
        TransientError: A day was published again while this work waited.
        TrainingError: The training days have no rows, or for ``Binary`` rows of one class only.
        ColumnMismatchError: A day has other features than the pipeline declares.
        ArtifactError: The cohort is of other features, or has an entity on both sides.
    """
    from pipelines.shared.compute import open_compute
    from pipelines.stages.preprocess.index import write_index
    from pipelines.stages.preprocess.shards import write_rows
    from pipelines.stages.preprocess.source_rows import shapes_of, shard_tasks

    window = model_window(work)
    _require_planned(work, plan, window)
    rows = sum(int(manifest.outcome["rows"]) for manifest in window.days.values())
    with open_compute(rows, ComputeSettings.from_options(work.options)) as compute:
        if work.pipeline.has_cohort:
            source, fitted, facts, report = _from_cohort(window, plan, compute, rows, out)
        else:
            source, fitted, facts, report = _from_features(window, compute, rows, out)
        _write_state(fitted, facts, out)
        shapes = shapes_of(fitted, source)
        tasks = shard_tasks(window, source, shapes, out, compute.array_module)
        shards = compute.map(write_rows, tasks, lambda shard: report(shard.rows))
    write_index(window, source, fitted, shapes, shards, out)
    outcome = _outcome(facts, shards)
    if facts.get(UNLABELLED):
        work.report.log(
            f"{facts[UNLABELLED]:,} rows of the training days have no label and are left out"
        )
    return outcome


def _require_planned(work: Work, plan: Plan, window: ModelWindow) -> None:
    if _inputs(work, window, plan.made_from.get(COHORT)) != dict(plan.inputs):
        raise TransientError(
            f"{work.report.work}: features were published again while this work waited. "
            "Try again: the next try reads the new version."
        )


def _inputs(work: Work, window: ModelWindow, drawn: Manifest | None) -> dict[str, str]:
    """Digests of the features, and of the cohort that was drawn of them.

    Raises:
        InputMismatchError: It was drawn of other features.
    """
    own = window.inputs()
    if drawn is None:
        return own
    if any(drawn.inputs.get(name) != digest for name, digest in own.items()):
        raise InputMismatchError(
            f"{work.report.work}: the cohort {drawn.digest[:16]} was drawn of other features than those that "
            f"are published now. Run {drawn.stage} for this as-of day again."
        )
    return own | {COHORT: drawn.content}


def _from_features(
    window: ModelWindow, compute: "Compute", rows: int, out: Path
) -> "tuple[SourceRows, FittedProgram, dict[str, int], OnRows]":
    """The rows of the features themselves, and what was fitted to those of the training days."""
    from pipelines.stages.preprocess.source_rows import rows_of_features

    train = _train_days(window)
    facts = _facts(window, train)
    report = _row_counter(window, rows + facts["rows"])
    fitted = _fit(window, list(train), compute, report, out)
    bare = {day for day, statistics in train.items() if not _labelled_rows(statistics)}
    return rows_of_features(window, bare), fitted, facts, report


def _from_cohort(
    window: ModelWindow, plan: Plan, compute: "Compute", rows: int, out: Path
) -> "tuple[SourceRows, FittedProgram, dict[str, int], OnRows]":
    """The rows of the cohort, and what was fitted to those to train on alone."""
    from pipelines.operators.state import write_program
    from pipelines.stages.preprocess.cohort_rows import cohort_facts, selected_rows
    from pipelines.stages.preprocess.source_rows import rows_of_cohort
    from pipelines.stages.preprocess.statistics import merge_statistics, statistics_of_ranges

    work, drawn = window.work, plan.made_from[COHORT]
    folder = work.store.open(drawn)
    for day in window.days:
        _require_features(work.pipeline, work.store.open(window.days[day]))
    scratch = work.scratch(plan, work.window_ref("training_set"))
    facts = cohort_facts(folder)
    report = _row_counter(window, 2 * rows + facts["rows"])
    parts = selected_rows(window, drawn, compute, report, scratch / "rows")
    program = work.pipeline.program()
    folders = statistics_of_ranges(
        parts[TRAIN], program, compute, report, scratch / "statistics"
    )
    fitted = program.fitted(merge_statistics(folders, program))
    write_program(out, fitted)
    for name in (SUMMARY, CENSORING):
        if name in drawn.files:
            shutil.copyfile(folder / name, out / name)
    weighted = bool(json.loads((folder / SUMMARY).read_text())["rows_are_weighted"])
    return rows_of_cohort(work.pipeline, parts, weighted=weighted), fitted, facts, report


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


def _outcome(facts: dict[str, int], shards: "list[Shard]") -> StageOutcome:
    metrics = {f"train_{name}": float(value) for name, value in facts.items()}
    for part in (GAP, TEST, VALIDATION):
        mine = [shard for shard in shards if shard.part == part]
        if mine or part != VALIDATION:
            metrics |= _counted(part, mine, with_unlabelled=UNLABELLED in facts)
    return StageOutcome(rows=sum(shard.rows for shard in shards), metrics=metrics)


def _counted(part: str, shards: "list[Shard]", *, with_unlabelled: bool) -> dict[str, float]:
    found = {
        f"{part}_rows": float(sum(shard.rows for shard in shards)),
        f"{part}_positives": float(sum(shard.positives for shard in shards)),
    }
    if with_unlabelled:
        found[f"{part}_{UNLABELLED}"] = float(sum(shard.unlabelled for shard in shards))
    return found
