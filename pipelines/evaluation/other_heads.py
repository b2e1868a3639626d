"""Judging a model whose head is not ``Binary``: amounts, classes, grades and times.

Why: the verdict needs the head's own metrics, with intervals, and the champion on the same rows.
Promise: every test row counts (only an event can make an entity known); resamples are of entities
    and shared with the champion, as for events.
Not here: events (``judging.py``), the metrics (``head_metrics.py``).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.errors import TrainingError
from pipelines.evaluation.bootstrap import intervals, resamples
from pipelines.evaluation.graph import open_graph
from pipelines.evaluation.head_card import head_card
from pipelines.evaluation.head_metrics import HeadJudgeable, judgeable
from pipelines.evaluation.raw import raw_columns
from pipelines.evaluation.rows import read_inputs
from pipelines.evaluation.serving_facts import serving_facts
from pipelines.evaluation.verdict import judge
from pipelines.stages import Work
from pipelines.store import Manifest

Champion = tuple[dict[str, Any], Manifest | None]


def judge_head(
    work: Work, training_set: Manifest, model: Manifest, champion: Champion | None, out: Path
) -> dict[str, Any]:
    """Judge a model, write ``metrics.json``, ``scores.parquet`` and ``model_card.html``.

    Returns:
        What ``metrics.json`` holds.

    Raises:
        TrainingError: The training set has no test rows.
    """
    folder = work.store.open(training_set)
    entries = json.loads((folder / "index.json").read_text())["test"]
    if not entries:
        raise TrainingError(
            f"{work.report.work}: the training set has no test rows. Widen split.test_days, or look "
            f"at what validate refused."
        )
    y = np.concatenate([np.load(folder / e["y"]) for e in entries]).astype(np.float64)
    keys = pa.concat_tables(
        [pq.read_table(folder / e["keys"], use_threads=False) for e in entries]
    )
    entity = keys[work.pipeline.entity(work.pipeline.evaluation.alert_entity).column].to_numpy()
    told = open_graph(work.store.open(model)).of_arrays(read_inputs(folder, entries))
    own = judgeable(work.pipeline.head, y, told, entity)
    rival, reason = _rival(work, training_set, champion, entries, y, entity)
    judged = _facts(work, model, len(y)) | _numbers(work, own, rival, champion, reason)
    (out / "metrics.json").write_text(json.dumps(judged, indent=1) + "\n")
    _write_scores(out / "scores.parquet", keys, y, told)
    history = json.loads((work.store.open(model) / "history.json").read_text())
    (out / "model_card.html").write_text(
        head_card(
            judged,
            work.pipeline.title,
            history["loss"],
            serving_facts(work.store.open(model)),
        )
    )
    return judged


def _rival(
    work: Work,
    training_set: Manifest,
    champion: Champion | None,
    entries: list[dict[str, Any]],
    y: NDArray[np.float64],
    entity: NDArray[Any],
) -> tuple[HeadJudgeable | None, str]:
    """The champion, judged as it serves; or why it cannot be."""
    if champion is None:
        return None, ""
    facts, manifest = champion
    named = f"The champion (as of {facts['as_of']}, seed {facts['seed']})"
    if manifest is None:
        return None, f"{named} is no longer in the store. Promote by hand."
    graph = open_graph(work.store.open(manifest))
    try:
        columns = raw_columns(work, training_set, [e["day"] for e in entries], graph.columns)
        told = _matrices(graph.of_rows(columns))
        return judgeable(work.pipeline.head, y, told, entity), ""
    except (KeyError, IndexError) as missing:
        return None, f"{named} cannot be compared: it lacks {missing}. Promote by hand."


def _matrices(columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Columns ``name_0``, ``name_1``, ... as one matrix again."""
    found: dict[str, NDArray[Any]] = {n: v for n, v in columns.items() if n == "score"}
    for name in {n.rpartition("_")[0] for n in columns if n != "score"}:
        width = sum(n.rpartition("_")[0] == name for n in columns)
        found[name] = np.stack([columns[f"{name}_{n}"] for n in range(width)], axis=1)
    return found


def _numbers(
    work: Work,
    own: HeadJudgeable,
    rival: HeadJudgeable | None,
    champion: Champion | None,
    reason: str,
) -> dict[str, Any]:
    samples, seed = work.pipeline.evaluation.bootstrap_samples, work.pipeline.training.seed
    copies = resamples(int(own.place.max()) + 1, samples, seed)
    metrics, sampled = own.metrics(), [own.metrics(c) for c in copies]
    theirs, told = None, None
    if rival is not None and champion is not None:
        theirs = rival.metrics()
        other = [rival.metrics(c) for c in copies]
        differences = [{n: a[n] - b[n] for n in a} for a, b in zip(sampled, other, strict=True)]
        told = champion[0] | {
            "metrics": theirs,
            "difference_intervals": intervals(differences),
        }
    verdict = judge(work.pipeline.gates, metrics, theirs, reason, work.pipeline.head)
    return {
        "metrics": metrics,
        "intervals": intervals(sampled),
        "champion": told,
        "verdict": verdict.name,
        "reasons": list(verdict.reasons),
    }


def _facts(work: Work, model: Manifest, rows: int) -> dict[str, Any]:
    days, evaluation = work.days(), work.pipeline.evaluation
    return {
        "pipeline": work.pipeline.name,
        "as_of": work.model_day,
        "seed": work.pipeline.training.seed,
        "train_days": list(days.train),
        "test_days": list(days.test),
        "rows": rows,
        "alert_entity": evaluation.alert_entity,
        "bootstrap_samples": evaluation.bootstrap_samples,
        "settings": dict(model.config),
        "model_digest": model.digest,
    }


def _write_scores(
    path: Path, keys: pa.Table, y: NDArray[np.float64], told: Mapping[str, NDArray[Any]]
) -> None:
    table = keys.replace_schema_metadata(None).append_column("label", pa.array(y))
    for name, values in sorted(told.items()):
        flat = pa.array(values) if values.ndim == 1 else pa.array(list(values))
        table = table.append_column(name, flat)
    pq.write_table(table, path, compression="zstd", compression_level=1)
