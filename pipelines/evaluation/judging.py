"""Judging one model: scores, numbers with intervals, the champion on the same rows, the page.

Why: the verdict, the table and every plot must come from the same scores.
Promise: resamples are shared with the champion, so their difference has an interval of its own.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.days import parse_day
from pipelines.errors import TrainingError
from pipelines.evaluation.bootstrap import Judgeable, intervals, resamples
from pipelines.evaluation.card import card_page
from pipelines.evaluation.figures import (
    calibration_plot,
    loss_plot,
    precision_recall_plot,
    roc_plot,
    score_plot,
)
from pipelines.evaluation.metrics import calibration, entity_days, ranking
from pipelines.evaluation.rows import TestRows, open_test_rows
from pipelines.evaluation.scoring import is_plain, open_scorer
from pipelines.evaluation.serving_facts import serving_facts
from pipelines.evaluation.verdict import judge
from pipelines.operators.state import PROGRAM, read_program
from pipelines.stages import Work
from pipelines.store import Manifest

Champion = tuple[dict[str, Any], Manifest | None]


@dataclass(frozen=True, slots=True)
class _Rival:
    """The champion's scores on the counted rows, or why there are none."""

    facts: dict[str, Any]
    judgeable: Judgeable | None
    reason: str = ""


def judge_model(
    work: Work, training_set: Manifest, model: Manifest, champion: Champion | None, out: Path
) -> dict[str, Any]:
    """Judge a model, write ``metrics.json``, ``scores.parquet`` and ``model_card.html``.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        TrainingError: The rows that count hold one class only.
    """
    evaluation = work.pipeline.evaluation
    folder = work.store.open(training_set)
    column = work.pipeline.entity(evaluation.alert_entity).column
    rows = open_test_rows(folder, column, work.pipeline.label.known_after_days)
    _require_two_classes(work, rows)
    scores = _scored(work.store.open(model), rows)
    own = _judgeable(rows, scores, evaluation.alerts_per_day)
    rival = None if champion is None else _rival(work, training_set, champion, rows)
    judged = _facts(work, folder, model, rows, scores)
    judged |= _numbers(work, own, rival, rows)
    _write(work, out, judged, own, rival, rows, scores, model)
    return judged


def _scored(model: Path, rows: TestRows) -> NDArray[np.float32]:
    """Scores of the test rows, in plain NumPy where that can be."""
    if is_plain(model):
        return open_scorer(model).score(rows.inputs["x"])
    from pipelines.evaluation.graph import open_graph

    scores: NDArray[np.float32] = open_graph(model).of_arrays(rows.inputs)["score"]
    return scores


def _require_two_classes(work: Work, rows: TestRows) -> None:
    counted, events = int(rows.counted.sum()), int(rows.y[rows.counted].sum())
    if events in {0, counted}:
        raise TrainingError(
            f"{work.report.work}: {events} of the {counted} test rows that count have label 1. "
            f"Both classes are needed to judge a model: widen split.test_days."
        )


def _judgeable(rows: TestRows, scores: NDArray[np.float32], k: int) -> Judgeable:
    here = rows.counted
    y, entity, scores = rows.y[here], rows.entity[here], scores[here]
    _, place = np.unique(entity, return_inverse=True)
    return Judgeable(
        ranking(y, scores), entity_days(rows.day[here], entity, y, scores), place, k
    )


def _rival(work: Work, training_set: Manifest, champion: Champion, rows: TestRows) -> _Rival:
    facts, manifest = champion
    named = f"The champion (as of {facts['as_of']}, seed {facts['seed']})"
    if manifest is None:
        reason = (
            f"{named} is no longer in the store, so it cannot be compared. Promote by hand."
        )
        return _Rival(facts, None, reason)
    try:
        scores = _rival_scores(work, training_set, work.store.open(manifest), rows)
    except KeyError as missing:
        reason = (
            f"{named} reads features that these rows lack ({missing.args[0]}), so it cannot "
            f"be compared. Promote by hand."
        )
        return _Rival(facts, None, reason)
    return _Rival(facts, _judgeable(rows, scores, work.pipeline.evaluation.alerts_per_day))


def _rival_scores(
    work: Work, training_set: Manifest, champion: Path, rows: TestRows
) -> NDArray[np.float32]:
    """The champion's scores of the same rows, prepared by its own fitted program."""
    from pipelines.evaluation.raw import raw_columns

    days = list(rows.days)
    if is_plain(champion) and (champion / PROGRAM).exists():
        fitted = read_program(champion)
        columns = raw_columns(work, training_set, days, fitted.program.kinds)
        return open_scorer(champion).score(fitted.transform(np, columns)["x"])
    from pipelines.evaluation.graph import open_graph

    graph = open_graph(champion)
    columns = raw_columns(work, training_set, days, graph.columns)
    scores: NDArray[np.float32] = graph.of_rows(columns)["score"]
    return scores


def _numbers(
    work: Work, own: Judgeable, rival: _Rival | None, rows: TestRows
) -> dict[str, Any]:
    """Metrics, intervals and verdict, the champion's beside them."""
    evaluation = work.pipeline.evaluation
    copies = resamples(
        own.days.n_entities, evaluation.bootstrap_samples, work.pipeline.training.seed
    )
    metrics, sampled = own.metrics(), [own.metrics(c) for c in copies]
    theirs = champion = None
    if rival is not None and rival.judgeable is not None:
        theirs = rival.judgeable.metrics()
        differences = [
            {name: mine[name] - other[name] for name in mine}
            for mine, other in zip(
                sampled, (rival.judgeable.metrics(c) for c in copies), strict=True
            )
        ]
        between = {"metrics": theirs, "difference_intervals": intervals(differences)}
        champion = rival.facts | between
    verdict = judge(work.pipeline.gates, metrics, theirs, rival.reason if rival else "")
    return {
        "metrics": metrics,
        "intervals": intervals(sampled),
        "champion": champion,
        "verdict": verdict.name,
        "reasons": list(verdict.reasons),
    }


def _facts(
    work: Work, folder: Path, model: Manifest, rows: TestRows, scores: NDArray[np.float32]
) -> dict[str, Any]:
    state, days = json.loads((folder / "state.json").read_text()), work.days()
    here, evaluation = rows.counted, work.pipeline.evaluation
    return {
        "pipeline": work.pipeline.name,
        "as_of": work.model_day,
        "seed": work.pipeline.training.seed,
        "train_days": list(days.train),
        "test_days": list(days.test),
        "features": state["features"],
        "training_rows": state["rows"],
        "training_positives": state["positives"],
        "rows": int(here.sum()),
        "positives": int(rows.y[here].sum()),
        "removed": int((~here).sum()),
        "alert_entity": evaluation.alert_entity,
        "alerts_per_day": evaluation.alerts_per_day,
        "bootstrap_samples": evaluation.bootstrap_samples,
        "calibration": calibration(rows.y[here], scores[here]),
        "settings": dict(model.config),
        "model_digest": model.digest,
    }


def _write(
    work: Work,
    out: Path,
    judged: Mapping[str, Any],
    own: Judgeable,
    rival: _Rival | None,
    rows: TestRows,
    scores: NDArray[np.float32],
    model: Manifest,
) -> None:
    (out / "metrics.json").write_text(json.dumps(judged, indent=1) + "\n")
    _write_scores(work, out / "scores.parquet", rows, scores)
    history = json.loads((work.store.open(model) / "history.json").read_text())
    theirs = (
        rival.judgeable.ranked if rival is not None and rival.judgeable is not None else None
    )
    here = rows.counted
    plots = [
        roc_plot(own.ranked, theirs),
        precision_recall_plot(own.ranked, theirs, judged["positives"] / judged["rows"]),
        score_plot(rows.y[here], scores[here]),
        calibration_plot(judged["calibration"]),
        loss_plot(history["loss"]),
    ]
    serving = serving_facts(work.store.open(model))
    page = card_page(judged, work.pipeline.title, plots, serving)
    (out / "model_card.html").write_text(page)


def _write_scores(work: Work, path: Path, rows: TestRows, scores: NDArray[np.float32]) -> None:
    """Every test row's score; ``counted`` tells those that the metrics are made from."""
    table = rows.keys.drop_columns([work.pipeline.table.event_time]).replace_schema_metadata(
        None
    )
    names = {int(n): d for d, n in ((d, parse_day(d).toordinal()) for d in work.days().test)}
    added = {
        "day": pa.array([names[int(n)] for n in rows.day], pa.string()),
        "label": pa.array(rows.y.astype(np.int64)),
        "score": pa.array(scores),
        "counted": pa.array(rows.counted),
    }
    for name, values in added.items():
        table = table.append_column(name, values)
    pq.write_table(table, path, compression="zstd", compression_level=1)
