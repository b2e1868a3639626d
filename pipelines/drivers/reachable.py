"""How near a model of simulated rows comes to the best score that the rows allow.

Why: a concordance of 0.85 is poor where 0.95 can be reached, and as good as it gets where 0.86 can.
Promise: the model and the truth are compared on the same test rows, by the same count of pairs; nothing is
    published.
Not here: the true model, which the pipeline's simulation has (``pipelines/spec/simulation.py``).
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import ConfigError, InputMissingError
from pipelines.core.events import Reporter
from pipelines.core.store import Manifest, Store
from pipelines.protocol import Work, giver_of, ref_of
from pipelines.spec import Pipeline, load
from pipelines.spec.heads import TIMES
from pipelines.spec.simulation import best_scores_of

EVALUATED, SCORES, ENDED = "evaluation", "scores.parquet", "competing_event"
BLOCK_PAIRS = 1 << 24


@dataclass(frozen=True, slots=True)
class Reachable:
    """Chances that of two test rows the one with the earlier event has the higher score.

    Attributes:
        rows: Test rows with a label.
        events: Those with the event.
        model: The chance by the model's score.
        recorded: The chance by the true risk, given all that was recorded until the example: the best reachable.
        hidden: The chance by the true risk, given the hidden state too, which no record shows.
        share: Share of the best reachable that the model reaches, both above 0.5.
    """

    rows: int
    events: int
    model: float
    recorded: float
    hidden: float
    share: float

    def as_dict(self) -> dict[str, float]:
        """By name."""
        return asdict(self)


def reachable(name: str, store: str, source: str | Path, as_of: str) -> Reachable:
    """Compare the model of an as-of day with the truth of its simulated source.

    Raises:
        ConfigError: The pipeline's simulation has no true scores, or the source is not simulated.
        InputMissingError: The model was not evaluated.
    """
    pipeline, best = load(name), best_scores_of(name)
    if best is None:
        raise ConfigError(
            f"{name} has no simulation with best_scores(source, row_ids), so the best score is not known."
        )
    work = Work(
        pipeline=pipeline,
        store=Store(store),
        report=Reporter("reachable"),
        as_of=as_of,
        history_from="",
    )
    evaluated = work.store.find(ref_of(giver_of(EVALUATED), work))
    if evaluated is None:
        raise InputMissingError(
            f"{name}: no model as of {as_of} was evaluated in {store}. Run the pipeline up to that day, or "
            f"choose another with --as-of."
        )
    scored = _scores(work, pipeline, evaluated)
    truth = best(Path(source), scored.ids)
    model, recorded, hidden = (
        concordance(scored.time, scored.happened, each)
        for each in (scored.score, truth.recorded, truth.hidden)
    )
    share = (model - 0.5) / (recorded - 0.5)
    events = int(scored.happened.sum())
    return Reachable(len(scored.ids), events, model, recorded, hidden, share)


def concordance(
    time: NDArray[np.float64], happened: NDArray[np.bool_], score: NDArray[np.float64]
) -> float:
    """Chance that of two rows the one with the earlier event has the higher score; equal scores count half.

    A pair is comparable if the first row's event is before the second's time, or at that time and the second
    has none then. A row that a competing event ended has no event, at an infinite time (Wolbers et al. 2014).

    Source:
        F. E. Harrell, K. L. Lee and D. B. Mark, "Multivariable prognostic models", Statistics in
        Medicine 15, 1996, section 5.5.
    """
    events, won, pairs = np.flatnonzero(happened), 0.0, 0
    step = max(1, BLOCK_PAIRS // max(len(time), 1))
    for start in range(0, len(events), step):
        own = events[start : start + step, None]
        later = (time > time[own]) | ((time == time[own]) & ~happened)
        above = (score[own] > score) + 0.5 * (score[own] == score)
        won, pairs = won + float((later * above).sum()), pairs + int(later.sum())
    return won / pairs if pairs else float("nan")


@dataclass(frozen=True, slots=True)
class _Scored:
    """Labelled test rows: ids, times, whether the event happened, and the model's scores."""

    ids: list[str]
    time: NDArray[np.float64]
    happened: NDArray[np.bool_]
    score: NDArray[np.float64]


def _scores(work: Work, pipeline: Pipeline, evaluated: Manifest) -> _Scored:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(work.store.open(evaluated) / SCORES, use_threads=False)
    table = table.filter(pc.is_valid(table["label"]))
    if "counted" in table.column_names:
        table = table.filter(table["counted"])
    label, score = (table[n].to_numpy().astype(np.float64) for n in ("label", "score"))
    happened = label > 0
    time = np.abs(label) if pipeline.head.labels == TIMES else np.where(happened, 1.0, 2.0)
    if ENDED in table.column_names:
        # Who died will never have the event.
        time = np.where(table[ENDED].to_numpy(zero_copy_only=False), np.inf, time)
    ids = [str(each) for each in table[pipeline.table.id_column].to_pylist()]
    return _Scored(ids, time, happened, score)
