"""A model's metrics with intervals and verdict, beside the champion's on the same rows.

Why: a verdict must rest on the same resamples for the model and for the one in use.
Promise: resamples are of entities and shared with the champion, so their difference has an interval
    of its own; a champion that cannot be evaluated on these rows says why.
Not here: predictions (``heads/``), the record (``evaluation.py``).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.core.store import Manifest
from pipelines.protocol import Work
from pipelines.shared.metrics.bootstrap import Measured, Sampled, resamples
from pipelines.spec import Pipeline, metrics_of, primary_metric
from pipelines.stages.evaluate.baselines import BaselinePredictions
from pipelines.stages.evaluate.gates_beside import (
    baseline_finding,
    champion_findings,
    subgroup_findings,
)
from pipelines.stages.evaluate.heads.protocol import Predictions
from pipelines.stages.evaluate.subgroups import MeasuredGroup
from pipelines.stages.evaluate.verdict import GateFinding, decide


@dataclass(frozen=True, slots=True)
class Champion:
    """The model in use, as it was registered.

    Attributes:
        facts: ``as_of``, ``seed`` and ``digest``, the first empty where another program
            registered it.
        model: Its artifact; None if the store has it no more.
    """

    facts: dict[str, Any]
    model: Manifest | None


@dataclass(frozen=True, slots=True)
class MeasuredChampion:
    """The champion on the rows that count, or why it cannot be evaluated on them."""

    facts: dict[str, Any]
    measured: Measured | None = None
    predictions: Predictions | None = None
    reason: str = ""


def measure_champion(
    champion: Champion | None,
    measure: Callable[[Path], tuple[Predictions, Measured]],
    work: Work,
) -> MeasuredChampion | None:
    """The champion, evaluated as it serves; None where there is none.

    Args:
        champion: The model in use.
        measure: Evaluates the model in a folder; KeyError or IndexError where it reads or predicts
            what these rows, or this head, have not.
        work: Whose store it is in.

    Raises:
        ArtifactError: Its files are damaged.
    """
    if champion is None:
        return None
    facts = champion.facts
    if not facts["as_of"]:
        reason = (
            f"The champion ({facts['digest']}) was registered by somebody else, so it cannot be "
            f"compared. Promote by hand."
        )
        return MeasuredChampion(facts, reason=reason)
    named = f"The champion (as of {facts['as_of']}, seed {facts['seed']})"
    if champion.model is None:
        reason = (
            f"{named} is no longer in the store, so it cannot be compared. Promote by hand."
        )
        return MeasuredChampion(facts, reason=reason)
    try:
        predictions, measured = measure(work.store.open(champion.model))
    except ArtifactError as error:
        raise ArtifactError(
            f"{named} cannot be compared: {error} Or make another version the champion: python -m "
            f"pipelines models {work.pipeline.name} --store {work.store.uri} --promote NUMBER."
        ) from error
    except (KeyError, IndexError) as missing:
        reason = (
            f"{named} cannot be compared: it reads features that these rows lack "
            f"({missing.args[0]}), or predicts something else. Promote by hand."
        )
        return MeasuredChampion(facts, reason=reason)
    return MeasuredChampion(facts, measured, predictions)


@dataclass(frozen=True, slots=True)
class MeasuredBaseline:
    """A baseline's metrics on the model's rows and resamples."""

    about: BaselinePredictions
    sampled: Sampled


def copies_of_entities(work: Work, own: Measured) -> NDArray[np.float64]:
    """Copies of each entity in each resample, the same for all that is compared."""
    samples, seed = work.pipeline.evaluation.bootstrap_samples, work.pipeline.training.seed
    return resamples(int(own.entity_index.max()) + 1, samples, seed)


def compare(
    work: Work,
    own: Measured,
    champion: MeasuredChampion | None,
    groups: Sequence[MeasuredGroup] = (),
    baselines: Sequence[MeasuredBaseline] = (),
    slices: Sequence[MeasuredGroup] = (),
) -> dict[str, Any]:
    """Metrics, intervals and verdict, the champion's beside them; a metric that is not defined is left out."""
    pipeline, copies = work.pipeline, copies_of_entities(work, own)
    sampled = Sampled.of(own, copies)
    theirs = beside = None
    if champion is not None and champion.measured is not None:
        rival = Sampled.of(champion.measured, copies)
        theirs = rival.metrics
        between = {"metrics": theirs, "difference_intervals": sampled.less(rival)}
        beside = champion.facts | between
    reason = champion.reason if champion else ""
    primary = primary_metric(pipeline.head)
    if theirs is not None and not {primary} <= theirs.keys() & sampled.metrics.keys():
        theirs, reason = None, f"{primary} is not defined on these rows. Promote by hand."
    verdict = decide(
        pipeline.gates,
        sampled.metrics,
        theirs,
        reason,
        pipeline.head,
        [
            *_findings(pipeline, sampled, groups, baselines),
            *champion_findings(pipeline.gates, pipeline.head, [*groups, *slices]),
        ],
        pipeline.evaluation.horizons_days,
    )
    return {
        "metrics": sampled.metrics,
        "intervals": sampled.intervals(),
        "champion": beside,
        **({"baselines": [_beside(sampled, each) for each in baselines]} if baselines else {}),
        "verdict": verdict.name,
        "reasons": list(verdict.reasons),
    }


def _findings(
    pipeline: Pipeline,
    own: Sampled,
    groups: Sequence[MeasuredGroup],
    baselines: Sequence[MeasuredBaseline],
) -> Iterator[GateFinding]:
    known = metrics_of(pipeline.head, pipeline.evaluation.horizons_days)
    for each in baselines[-1:]:
        yield from baseline_finding(
            pipeline.gates, pipeline.head, own, each.sampled, each.about.title
        )
    yield from subgroup_findings(pipeline.gates, known, groups)


def _beside(own: Sampled, baseline: MeasuredBaseline) -> dict[str, Any]:
    return {
        "name": baseline.about.name,
        "title": baseline.about.title,
        "facts": dict(baseline.about.facts),
        "metrics": baseline.sampled.metrics,
        "intervals": baseline.sampled.intervals(),
        "difference_intervals": own.less(baseline.sampled),
    }
