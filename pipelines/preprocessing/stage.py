"""Stage ``preprocess``: what a training set depends on, and making it.

Why: the fit is a merge of the training days' statistics, and the transform one task a day.
Promise: nothing heavy is imported until ``run``; test and gap days have no part in the fit.
Not here: moments (``moments.py``), arrays (``shards.py``), finding days (``window.py``).
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.compute.settings import ComputeSettings
from pipelines.errors import ColumnMismatchError, ConfigError, TrainingError, TransientError
from pipelines.preprocessing.window import Window, window_of
from pipelines.spec import Label, Pipeline
from pipelines.stages import Outcome, Plan, Work, code_digests

if TYPE_CHECKING:
    from pipelines.preprocessing.moments import Fitted
    from pipelines.preprocessing.shards import Scaling, Shard, ShardTask

CODE = ("pipelines.preprocessing", "pipelines.tables.schema")
PARTS = ("train", "gap", "test")


def plan(work: Work) -> Plan:
    """The features of the model's days, and which of them train and judge.

    Raises:
        InputMissingError: Days have no features, or outdated ones.
    """
    days = work.days()
    if work.pipeline.program().numeric() != work.pipeline.feature_names():
        raise ConfigError(
            f"{work.pipeline.name}: operators other than Standardise are not available yet."
        )
    return Plan(
        inputs=window_of(work).inputs(),
        config={
            "days": {part: list(getattr(days, part)) for part in PARTS},
            "features": list(work.pipeline.feature_names()),
            "keys": list(_keys(work.pipeline)),
            "label": _label(work.pipeline),
        },
        code=code_digests(*CODE),
    )


def run(work: Work, plan: Plan, out: Path) -> Outcome:
    """Fit on the training days, then write every day's arrays.

    Raises:
        TransientError: A day was published again while this work waited for its turn.
        TrainingError: The training days have no rows, or rows of one class only.
        ColumnMismatchError: A day has other features than the pipeline declares.
    """
    from pipelines.compute import open_compute

    window = window_of(work)
    if window.inputs() != dict(plan.inputs):
        raise TransientError(
            f"{work.report.work}: features were published again while this work waited. "
            "Try again: the next try reads the new version."
        )
    rows = sum(int(manifest.outcome["rows"]) for manifest in window.days.values())
    with open_compute(rows, ComputeSettings.from_options(work.options)) as compute:
        fitted = _fit(window, compute)
        scaling = _write_state(fitted, out)
        done = [0]

        def tell(shard: "Shard") -> None:
            done[0] += shard.rows
            work.report.progress(done[0], rows)

        from pipelines.preprocessing.shards import write_shard

        shards = compute.map(write_shard, _tasks(window, scaling, out), tell)
    _write_index(work, window, shards, out)
    return _outcome(fitted, shards)


def _fit(window: Window, compute: Any) -> "Fitted":
    """Merge the training days' statistics, oldest first."""
    from pipelines.preprocessing.moments import Fitted, merge_fitted

    parts = []
    for day in window.work.days().train:
        if day in window.days:
            folder = window.work.store.open(window.days[day])
            parts.append(json.loads((folder / "statistics.json").read_text()))
            _require_features(window.work.pipeline, parts[-1]["columns"])
    if parts:
        fitted = compute.tree(merge_fitted, [Fitted.from_statistics(part) for part in parts])
        if 0 < fitted.positives < fitted.rows:
            return fitted
    rows, positives = sum(p["rows"] for p in parts), sum(p["positives"] for p in parts)
    days = window.work.days().train
    raise TrainingError(
        f"{window.work.report.work}: the {len(days)} training days from {days[0]} to {days[-1]} "
        f"hold {rows} rows, {positives} of them positive; a model needs both classes. "
        "Train on more days (split.train_days), or look at what validate refused."
    )


def _require_features(pipeline: Pipeline, columns: dict[str, Any]) -> None:
    wanted = pipeline.feature_names()
    if tuple(columns) != wanted:
        raise ColumnMismatchError(
            "preprocess",
            missing=[name for name in wanted if name not in columns],
            unexpected=[name for name in columns if name not in wanted],
        )


def _write_state(fitted: "Fitted", out: Path) -> "Scaling":
    from pipelines.preprocessing.shards import Scaling

    moments = fitted.moments
    scaling = Scaling(
        features=moments.columns,
        mean=tuple(moments.mean.tolist()),
        deviation=tuple(moments.deviation().tolist()),
    )
    state = {
        "features": scaling.features,
        "mean": scaling.mean,
        "deviation": scaling.deviation,
        "rows": fitted.rows,
        "positives": fitted.positives,
    }
    (out / "state.json").write_text(json.dumps(state, indent=1) + "\n")
    return scaling


def _tasks(window: Window, scaling: "Scaling", out: Path) -> "list[ShardTask]":
    """One task a day that has rows; gap days need no features."""
    from pipelines.preprocessing.shards import ShardTask

    work, tasks = window.work, []
    for part in PARTS:
        (out / part).mkdir()
        for day in getattr(work.days(), part):
            manifest = window.days.get(day)
            if manifest is not None and manifest.outcome["rows"]:
                tasks.append(
                    ShardTask(
                        day=day,
                        source=str(work.store.open(manifest)),
                        out=str(out / part),
                        scaling=None if part == "gap" else scaling,
                        keys=_keys(work.pipeline),
                        label=_label(work.pipeline),
                    )
                )
    return tasks


def _write_index(work: Work, window: Window, shards: "list[Shard]", out: Path) -> None:
    index: dict[str, Any] = {"features": work.pipeline.feature_names()}
    for part in PARTS:
        index[part] = [shard.entry() for shard in shards if shard.part == part]
    index["refused"] = window.refused
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def _outcome(fitted: "Fitted", shards: "list[Shard]") -> Outcome:
    metrics = {"train_rows": float(fitted.rows), "train_positives": float(fitted.positives)}
    for part in ("gap", "test"):
        mine = [shard for shard in shards if shard.part == part]
        metrics[f"{part}_rows"] = float(sum(shard.rows for shard in mine))
        metrics[f"{part}_positives"] = float(sum(shard.positives for shard in mine))
    return Outcome(rows=sum(shard.rows for shard in shards), metrics=metrics)


def _keys(pipeline: Pipeline) -> tuple[str, ...]:
    """Columns that name a row."""
    entities = (entity.column for entity in pipeline.entities)
    return tuple(dict.fromkeys((pipeline.table.row_id, pipeline.table.event_time, *entities)))


def _label(pipeline: Pipeline) -> str:
    if isinstance(pipeline.label, Label):
        return pipeline.label.column
    raise ConfigError(
        f"{pipeline.name}: the label is an event in table {pipeline.label.table!r}, which is no "
        "column of the features. preprocess needs a Label(column, known_after_days)."
    )
