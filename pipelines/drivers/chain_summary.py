"""What a chain of stages adds up to: seconds and rows of each stage, refused days, the model.

Why: ``run`` and ``replay`` print one table and one line of JSON for all that was done.
Promise: every number is one that a stage reported; results are found by what a stage gives.
Not here: running the stages (``chain.py``), printing (``pipelines/cli/summary.py``).
"""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.protocol import (
    REFUSED,
    Result,
    chain_stages,
    giver_of,
    partition_named,
    stages,
)
from pipelines.protocol.stage import PARTITION
from pipelines.shared.tables import UNLABELLED
from pipelines.spec import PARTS, TRAIN

Summary = dict[str, Any]
Totals = defaultdict[str, "StageTotals"]

# What the summary lists, by the names of the results that stages give.
PREPARED, TRAINED, EVALUATED, PROMOTED = "training_set", "model", "evaluation", "promotion"


@dataclass(slots=True)
class StageTotals:
    """One stage's share of a chain: what its children reported, added up."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    rows: int = 0
    peak_memory_bytes: int = 0
    work: int = 0
    cached: int = 0
    results: list[Result] = field(default_factory=list)

    def as_dict(self) -> dict[str, float]:
        """The line of the summary; ``rows_per_s`` counts only rows worked on in this run."""
        return {
            "seconds": round(self.seconds, 2),
            "cpu_seconds": round(self.cpu_seconds, 2),
            "rows": self.rows,
            "rows_per_s": round(self.rows / self.seconds, 1) if self.seconds else 0.0,
            "peak_memory_bytes": self.peak_memory_bytes,
            "work": self.work,
            "cached": self.cached,
        }


def add_result(totals: StageTotals, result: Result) -> None:
    """Count what one child published."""
    if "left" in result:  # a refused day has no features
        return
    totals.results.append(result)
    totals.work += 1
    totals.cached += bool(result.get("cached"))
    if result.get("cached") is False:
        totals.seconds += result["seconds"]
        totals.rows += result["rows"]


def summary_of(totals: Totals, *, by_fold: bool = False) -> Summary:
    """What the stages' results add up to.

    Args:
        totals: Every stage's share of the chain.
        by_fold: Whether the models are those of the folds of a split, rather than of seeds.
    """
    of_days = [result for s in chain_stages(PARTITION) for result in totals[s.name].results]
    quarantined: dict[str, int] = defaultdict(int)
    for result in of_days:
        for rule, rows in result["quarantined"].items():
            quarantined[rule] += rows
    return {
        "stages": {s.name: totals[s.name].as_dict() for s in stages() if totals[s.name].work},
        "refused": sorted(
            {partition_named(r["key"]) for r in of_days if r["verdict"] == REFUSED}
        ),
        "quarantined": dict(sorted(quarantined.items())),
        "pages_missing": _pages_missing(totals),
        **_unlabelled(totals),
        **(_folds(totals) if by_fold else _model(totals)),
    }


def _pages_missing(totals: Totals) -> list[str]:
    """Pages that artifacts are published without: ``validated/ds=.../report.html``."""
    return sorted(
        f"{stage.dataset}/{result['key']}/{page}"
        for stage in stages()
        for result in totals[stage.name].results
        for page in result.get("pages_missing", ())
    )


def _unlabelled(totals: Totals) -> Summary:
    """Rows without a label by part of the model's days, where a label may be null."""
    for result in totals[giver_of(PREPARED).name].results:
        names = {part: f"{part}_{UNLABELLED}" for part in PARTS}
        if names[TRAIN] in result["metrics"]:
            return {UNLABELLED: {p: int(result["metrics"][n]) for p, n in names.items()}}
    return {}


def _model(totals: Totals) -> Summary:
    trainings, evaluations, promotions = (
        totals[giver_of(result).name].results for result in (TRAINED, EVALUATED, PROMOTED)
    )
    if not evaluations:
        return {}
    first, trained = evaluations[0], trainings[0]
    return {
        "metrics": first["metrics"],
        "seeds": [result["metrics"] for result in evaluations],
        "over_seeds": _over_models(evaluations),
        "verdict": first["verdict"],
        "reason": first["reason"],
        "model": {key: trained[key] for key in ("uri", "digest", "content")},
        "registered": _registered(promotions[0]) if promotions else {},
    }


def _folds(totals: Totals) -> Summary:
    """The metrics of each fold's model, and their mean and standard deviation over the folds."""
    evaluations = totals[giver_of(EVALUATED).name].results
    return {
        "folds": [
            {"fold": fold, "metrics": each["metrics"], "digest": each["digest"]}
            for fold, each in enumerate(evaluations)
        ],
        "over_folds": _over_models(evaluations),
    }


def _registered(promotion: Result) -> dict[str, Any]:
    """What happened to the model."""
    facts = ("version", "fate", "champion", "reason")
    return {name: promotion.get(name) for name in facts}


def _over_models(evaluations: Sequence[Result]) -> dict[str, dict[str, float]]:
    """Mean and standard deviation of each headline metric over several models."""
    names = evaluations[0]["metrics"]
    values = {name: [r["metrics"].get(name, math.nan) for r in evaluations] for name in names}
    return {
        name: {"mean": statistics.fmean(each), "sd": _deviation(each)}
        for name, each in values.items()
    }


def _deviation(values: Sequence[float]) -> float:
    if not all(map(math.isfinite, values)):
        return math.nan
    return statistics.stdev(values) if len(values) > 1 else 0.0
