"""Predictions of a Cox baseline: of the event, and where another event competes of both.

Promise: with a competing event the risk is the cumulative incidence that follows from both cause-specific models, so
    that it is comparable to the model's.
Source: J. Benichou and M. H. Gail, "Estimates of absolute cause-specific risk in cohort studies", Biometrics 46, 1990.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.operators.hashing import hash_wholes
from pipelines.spec import CoxBaseline, Survival
from pipelines.stages.evaluate.baselines.cox import CoxModel, fit_cox
from pipelines.stages.evaluate.baselines.cox_inputs import fit_inputs
from pipelines.stages.evaluate.times.follow_up import FollowUp, exact, follow_up

Floats = NDArray[np.float64]
# Rows times event times in memory at once.
CHUNK_VALUES = 4_000_000
TIMES = 500


def cox_predictions(
    head: Survival,
    declared: CoxBaseline,
    train: Mapping[str, NDArray[Any]],
    test: Mapping[str, NDArray[Any]],
    labels: NDArray[Any],
) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Fit to training rows, predict test rows.

    Args:
        head: Whose cuts are predicted.
        declared: The baseline's settings.
        train: Raw columns of training rows.
        test: Those of test rows.
        labels: Labels of training rows.

    Returns:
        ``survival`` and ``score``, and what was fitted.
    """
    chosen = _chosen(len(labels), declared.max_rows)
    rows = follow_up(labels[chosen])
    inputs = fit_inputs({name: values[chosen] for name, values in train.items()})
    x = inputs.matrix({name: values[chosen] for name, values in train.items()})
    causes = (rows.event, rows.competing) if rows.competing.any() else (rows.event,)
    models = [fit_cox(x, rows.days, cause, declared.ridge) for cause in causes]
    cuts = np.array([exact(cut) for cut in head.cuts_days])
    risk = _incidence(models, inputs.matrix(test), cuts)
    survival = (1.0 - risk).astype(np.float32)
    facts = {"rows": len(chosen), "events": int(rows.event.sum()), "ridge": declared.ridge}
    return {"survival": survival, "score": 1.0 - survival[:, -1]}, facts | _inputs(rows, x)


def _inputs(rows: FollowUp, x: Floats) -> dict[str, Any]:
    return {"columns": x.shape[1], "competing": int(rows.competing.sum())}


def _chosen(rows: int, most: int) -> NDArray[np.int64]:
    """Numbers of the rows to fit to, ascending."""
    if rows <= most:
        return np.arange(rows)
    hashed = hash_wholes(np, np.arange(rows))
    return np.sort(np.argsort(hashed, kind="stable")[:most])


def _incidence(models: list[CoxModel], x: Floats, cuts: Floats) -> Floats:
    """Cumulative incidence of the first cause by each cut, ``(n_rows, n_cuts)``."""
    at = np.unique(np.concatenate([model.at for model in models]))
    steps = np.stack([_on(model, at) for model in models])
    if len(at) > TIMES:
        # Hazards of neighbouring times are added up; no cut is between them.
        edges = np.unique(np.concatenate([np.quantile(at, np.linspace(0, 1, TIMES)), cuts]))
        group = np.searchsorted(edges, at, side="left")
        steps = np.stack(
            [np.bincount(group, weights=s, minlength=len(edges) + 1) for s in steps]
        )
        at = np.append(edges, np.inf)
    ratios = np.stack([model.ratio(x) for model in models])
    size = max(1, CHUNK_VALUES // max(len(at), 1))
    parts = [
        _of_chunk(ratios[:, n : n + size], steps, np.searchsorted(at, cuts, side="right"))
        for n in range(0, len(x), size)
    ]
    return np.concatenate(parts) if parts else np.empty((0, len(cuts)))


def _of_chunk(ratios: Floats, steps: Floats, upto: NDArray[np.int64]) -> Floats:
    hazards = ratios[:, :, None] * steps[:, None, :]
    every = hazards.sum(axis=0)
    # Of those at risk a step takes 1 - exp(-hazard), by cause in proportion to its hazard.
    before = np.exp(-(np.cumsum(every, axis=1) - every))
    share = np.divide(hazards[0], every, out=np.zeros_like(every), where=every > 0)
    found = np.cumsum(before * -np.expm1(-every) * share, axis=1)
    return np.column_stack([np.zeros(len(found)), found])[:, upto]


def _on(model: CoxModel, at: Floats) -> Floats:
    """A model's hazards on a finer grid of times."""
    steps = np.zeros(len(at))
    steps[np.searchsorted(at, model.at)] = model.steps
    return steps
