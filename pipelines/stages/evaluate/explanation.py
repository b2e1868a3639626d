"""What the model's scores are made of: importance of features, contributions, and reasons of the highest scores.

Why: who signs for a model must see what it looks at, and whoever acts on a score why it is high.
Promise: bounded by ``Evaluation.explained_rows``; contributions are complete (``pipelines/shared/scoring/reasons.py``).
    Keys of sensitive columns are masked. A head without log-odds has importances alone.
Not here: the card (``card_explanation.py``).
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.core.masking import mask
from pipelines.operators.state import read_program
from pipelines.shared.scoring.dense import sigmoid
from pipelines.shared.scoring.reasons import (
    Explainer,
    Features,
    features_of,
    open_explainer,
    reason_codes,
)
from pipelines.spec import Binary, Pipeline, primary_metric
from pipelines.stages.evaluate.heads.protocol import (
    Arrays,
    HeadEvaluation,
    Predictions,
    Yardstick,
)
from pipelines.stages.evaluate.importance import REPEATS, permutation_importance
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.sampled_rows import sampled_rows, taken_rows

EXAMPLES, EXAMPLE_REASONS = 5, 4
# Contributions are of so many times fewer rows than importances: exact ones, and sampled ones.
FEWER, FEWER_SAMPLED = 4, 40


def explanation_facts(
    pipeline: Pipeline,
    head: HeadEvaluation,
    model: Path,
    rows: TestRows,
    predictions: Predictions,
    yardstick: Yardstick,
) -> dict[str, Any]:
    """What ``metrics.json`` holds under ``explanation``; nothing where no rows are to be explained."""
    most = pipeline.evaluation.explained_rows
    if not most:
        return {}
    seed = pipeline.training.seed
    sample = sampled_rows(rows, most, pipeline.head, seed)
    explainer = open_explainer(model) if isinstance(pipeline.head, Binary) else None
    importances = permutation_importance(
        head,
        _predict(head, model, explainer),
        sample,
        yardstick,
        _features(model, explainer),
        seed,
    )
    found: dict[str, Any] = {
        "rows": len(sample.labels),
        "metric": primary_metric(pipeline.head),
        "repeats": REPEATS,
        "features": [
            {"name": each.name, "decline": each.decline, "interval": list(each.between)}
            for each in importances
        ],
    }
    if explainer is not None:
        found |= _contributions(explainer, sample, most)
        found["examples"] = _examples(pipeline, explainer, rows, predictions)
    return {"explanation": found}


def _features(model: Path, explainer: Explainer | None) -> Features:
    return features_of(read_program(model)) if explainer is None else explainer.features


def _predict(
    head: HeadEvaluation, model: Path, explainer: Explainer | None
) -> Callable[[Arrays], Predictions]:
    """Predictions of inputs, by a model that is opened once where it can be."""
    if explainer is None:
        return partial(head.predict, model)
    log_odds = explainer.attribution.log_odds
    return lambda inputs: {"score": sigmoid(log_odds(inputs)).astype(np.float32)}


def _contributions(explainer: Explainer, sample: TestRows, most: int) -> dict[str, Any]:
    """How much each feature adds or takes in the mean, of the rows as they come."""
    fewer = FEWER if explainer.is_exact else FEWER_SAMPLED
    count = max(min(len(sample.labels), most // fewer), 1)
    chosen = np.unique(np.linspace(0, len(sample.labels) - 1, count).astype(np.int64))
    some = taken_rows(sample, chosen, np.ones(len(chosen)))
    sizes = np.abs(explainer.of_inputs(some.inputs)).astype(np.float64)
    means = np.average(sizes, axis=0, weights=some.weight)
    return {
        "method": explainer.method,
        "contribution_rows": len(chosen),
        "reference": _short(explainer.reference),
        "contributions": dict(zip(explainer.names, map(_short, means), strict=True)),
    }


def _examples(
    pipeline: Pipeline, explainer: Explainer, rows: TestRows, predictions: Predictions
) -> list[dict[str, Any]]:
    """The highest scores, one of each entity, with what raises them most."""
    score, here = predictions["score"], np.flatnonzero(rows.counted)
    order = here[np.argsort(-score[here], kind="stable")]
    _, first = np.unique(rows.entity[order], return_index=True)
    chosen = order[np.sort(first)[:EXAMPLES]]
    some = taken_rows(rows, chosen, np.ones(len(chosen)))
    reasons = reason_codes(explainer.of_inputs(some.inputs), explainer.names, EXAMPLE_REASONS)
    return [
        {
            "keys": _keys(pipeline, some, nth),
            "score": _short(score[row]),
            "label": int(rows.labels[row]),
            "reasons": [
                each | {"contribution": _short(each["contribution"])}
                for each in reasons[nth].as_py()
            ],
        }
        for nth, row in enumerate(chosen)
    ]


def _keys(pipeline: Pipeline, rows: TestRows, nth: int) -> dict[str, str | None]:
    """Keys of a row, those that name somebody masked."""
    hidden = pipeline.sensitive_columns()
    keys: Mapping[str, Any] = rows.keys.slice(nth, 1).to_pylist()[0]
    return {
        n: mask(v) if n in hidden else None if v is None else str(v) for n, v in keys.items()
    }


def _short(value: float) -> float:
    """Six digits: more than anybody reads, and fewer than threads of a product may change."""
    return float(f"{value:.6g}")
