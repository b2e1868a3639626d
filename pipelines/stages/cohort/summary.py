"""The summary of a cohort, and whether a model may be made of it.

Why: a model of one class, of nobody, or of a label that came out wrong costs a training to find.
Promise: plain values that follow from the counts alone, the same whatever the order of the rows.
Not here: counting (``tally.py``), the page (``page.py``).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pipelines.protocol import Work
from pipelines.shared.metrics.survival_curves import (
    StepFunction,
    censoring_curve,
    free_of,
    incidence,
)
from pipelines.shared.tables.cohort_names import COHORT_PARTS, TEST, TRAIN, VALIDATION
from pipelines.spec import Binary, Outcome, Survival
from pipelines.spec.learning import BY_BOTH, BY_ENTITY
from pipelines.stages.cohort.events import EVENT
from pipelines.stages.cohort.tally import PartEnds, Tally
from pipelines.stages.cohort.weights import LEAST_FOLLOWED, weighs


def censoring_of(tally: Tally) -> StepFunction:
    """The probability of training rows not to have been censored by a time."""
    days, _cause, followed = tally.ends[TRAIN].together()
    known = ~np.isnan(days)
    return censoring_curve(days[known], ~followed[known])


def summary_of_cohort(work: Work, tally: Tally, censoring: StepFunction) -> dict[str, Any]:
    """What ``cohort.json`` holds, but for the verdict."""
    pipeline = work.pipeline
    label, days = pipeline.label, work.days()
    is_outcome = isinstance(label, Outcome)
    return {
        "pipeline": pipeline.name,
        "title": pipeline.title,
        "as_of": work.model_day,
        "label": "outcome" if is_outcome else "column",
        "horizon_days": label.horizon_days if isinstance(label, Outcome) else None,
        "partitions": {part: len(getattr(days, part)) for part in COHORT_PARTS},
        "split": {"by": pipeline.split.by, "entity": pipeline.split.entity}
        | ({} if pipeline.split.entity is None else _folds(work)),
        "flow": [
            {
                "step": f"rows of {pipeline.examples} in the model's days",
                **tally.every.counts(),
            },
            *({"left_out": why, **group.counts()} for why, group in tally.left_out.items()),
        ],
        "parts": {part: _part(work, tally, part) for part in COHORT_PARTS},
        "rows_are_weighted": weighs(pipeline),
        "on_both_sides": tally.on_both_sides(),
        "apart": pipeline.split.by in (BY_ENTITY, BY_BOTH),
        **({"censoring": _censoring(work, censoring)} if is_outcome else {}),
    }


def _folds(work: Work) -> dict[str, int]:
    split = work.pipeline.split
    return {"folds": split.folds, "fold": split.fold, "fold_seed": split.fold_seed}


def _part(work: Work, tally: Tally, part: str) -> dict[str, Any]:
    found: dict[str, Any] = {**tally.parts[part].counts(), "events": tally.events[part]}
    if not isinstance(work.pipeline.label, Outcome):
        return found
    ends = tally.ends[part]
    days, _cause, followed = ends.together()
    return found | {
        "competing": tally.competing[part],
        "at_risk": len(days),
        "censored": int(np.count_nonzero(~followed)),
        "median_days": float(np.median(days)) if len(days) else None,
        "incidence": list(_incidence(work, ends)),
    }


def _incidence(work: Work, ends: PartEnds) -> Iterator[dict[str, float]]:
    """The observed probability of the event by each cut, or by the horizon."""
    head, label = work.pipeline.head, work.pipeline.label
    days, cause, _followed = ends.together()
    if not len(days) or not isinstance(label, Outcome):
        return
    at = head.cuts_days if isinstance(head, Survival) else (float(label.horizon_days),)
    own, free = incidence(days, cause, EVENT), free_of(days, cause == EVENT)
    for day in at:
        by = np.array([day])
        yield {
            "days": float(day),
            "aalen_johansen": float(1 - own.at(by)[0]),
            "one_minus_kaplan_meier": float(1 - free.at(by)[0]),
        }


def _censoring(work: Work, censoring: StepFunction) -> dict[str, Any]:
    """The training rows' chance to be followed, at tenths of the horizon, and what is capped of weights."""
    label = work.pipeline.label
    horizon = label.horizon_days if isinstance(label, Outcome) else 0
    tenths = np.linspace(0.1, 1.0, 10) * horizon
    lowest = float(censoring.before(np.array([float(horizon)]))[0])
    return {
        "days": tenths.tolist(),
        "followed": censoring.before(tenths).tolist(),
        "least_followed": LEAST_FOLLOWED,
        "capped": lowest < LEAST_FOLLOWED,
    }


def refusals(work: Work, tally: Tally) -> list[str]:
    """Why no model can be made of the cohort, one sentence each; none if it can."""
    found = [*_empty(work, tally)]
    if found or not isinstance(work.pipeline.label, Outcome):
        return found
    rows, events = tally.parts[TRAIN].rows, tally.events[TRAIN]
    horizon = work.pipeline.label.horizon_days
    if not events or (isinstance(work.pipeline.head, Binary) and events == rows):
        both = (
            "Both are needed" if isinstance(work.pipeline.head, Binary) else "Events are needed"
        )
        return [
            f"{events} of {rows} training rows have the event within {horizon} days. {both}: check "
            f"label.where and label.entity, or widen split.train_days."
        ]
    gate = work.pipeline.validation.window
    rate, low, high = events / rows, gate.min_label_rate, gate.max_label_rate
    if isinstance(work.pipeline.head, Binary) and not low <= rate <= high:
        return [
            f"{events} of {rows} training rows have the event within {horizon} days, a label rate of "
            f"{rate:.4g}; expected {low:g} to {high:g}. Check label.where, or the limits "
            f"validation.window.min_label_rate and max_label_rate."
        ]
    return []


def _empty(work: Work, tally: Tally) -> Iterator[str]:
    split = work.pipeline.split
    wanted = {TRAIN: "split.train_days", TEST: "split.test_days or split.folds"}
    if split.validation_days or split.validation_folds:
        wanted[VALIDATION] = "split.validation_days or split.validation_folds"
    for part, setting in wanted.items():
        if not tally.parts[part].rows:
            left = {why: group.rows for why, group in tally.left_out.items() if group.rows}
            reasons = ", ".join(f"{rows} {why}" for why, rows in left.items())
            yield (
                f"There is no {part} row: of {tally.every.rows} rows, left out were {reasons or 'none'}. "
                f"Widen {setting}, or train as of another day."
            )
