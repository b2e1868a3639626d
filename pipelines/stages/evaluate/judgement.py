"""What is said of a judged model whatever its head: facts, numbers with intervals, the champion's, files.

Why: a verdict over an amount must rest on the same resamples, rival and record as one over an event.
Promise: resamples are of entities and shared with the champion, so their difference has an interval
    of its own; a champion that cannot be judged on these rows says why.
Not here: what an event's judgement holds beside (``judging.py``), other heads' (``other_heads.py``).
"""

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.core.store import Manifest
from pipelines.protocol import Work
from pipelines.stages.evaluate.bootstrap import intervals, resamples
from pipelines.stages.evaluate.verdict import judge

METRICS, SCORES, CHAMPION_SCORE = "metrics.json", "scores.parquet", "champion_score"
Champion = tuple[dict[str, Any], Manifest | None]


class Measurable(Protocol):
    """One model's predictions of the rows that count, arranged for its head's metrics."""

    @property
    def place(self) -> NDArray[np.int64]:
        """Place of each row's entity among all, ``(n_rows,)``."""

    def metrics(self, copies: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Every metric, for so many copies of each entity."""


M = TypeVar("M", bound=Measurable)


@dataclass(frozen=True, slots=True)
class Rival(Generic[M]):
    """The champion on the rows that count, or why it cannot be judged on them."""

    facts: dict[str, Any]
    measured: M | None
    reason: str = ""


def rival_of(
    champion: Champion | None, measure: Callable[[Path], M], work: Work
) -> Rival[M] | None:
    """The champion, judged as it serves; None where there is none.

    Args:
        champion: Its facts and its artifact, None if the store has it no more.
        measure: Judges the model in a folder; KeyError or IndexError where it reads or says what
            these rows, or this head, have not.
        work: Whose store it is in.
    """
    if champion is None:
        return None
    facts, manifest = champion
    if not facts["as_of"]:
        reason = (
            f"The champion ({facts['digest']}) was registered by somebody else, so it cannot be "
            f"compared. Promote by hand."
        )
        return Rival(facts, None, reason)
    named = f"The champion (as of {facts['as_of']}, seed {facts['seed']})"
    if manifest is None:
        reason = (
            f"{named} is no longer in the store, so it cannot be compared. Promote by hand."
        )
        return Rival(facts, None, reason)
    try:
        return Rival(facts, measure(work.store.open(manifest)))
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
        return Rival(facts, None, reason)


def facts_of(work: Work, model: Manifest, rows: int) -> dict[str, Any]:
    """What was judged: whose model, made of what, on how many rows."""
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


def losses_of(model: Path) -> list[float]:
    """Training loss of each epoch."""
    losses: list[float] = json.loads((model / "history.json").read_text())["loss"]
    return losses


def numbers_of(work: Work, own: Measurable, rival: Rival[Any] | None) -> dict[str, Any]:
    """Metrics, intervals and verdict, the champion's beside them."""
    samples, seed = work.pipeline.evaluation.bootstrap_samples, work.pipeline.training.seed
    copies = resamples(int(own.place.max()) + 1, samples, seed)
    metrics, sampled = own.metrics(), [own.metrics(each) for each in copies]
    theirs = champion = None
    if rival is not None and rival.measured is not None:
        theirs = rival.measured.metrics()
        pairs = zip(sampled, (rival.measured.metrics(each) for each in copies), strict=True)
        differences = [{n: mine[n] - other[n] for n in mine} for mine, other in pairs]
        between = {"metrics": theirs, "difference_intervals": intervals(differences)}
        champion = rival.facts | between
    reason = rival.reason if rival else ""
    verdict = judge(work.pipeline.gates, metrics, theirs, reason, work.pipeline.head)
    return {
        "metrics": metrics,
        "intervals": intervals(sampled),
        "champion": champion,
        "verdict": verdict.name,
        "reasons": list(verdict.reasons),
    }


def own_name(name: str, keys: Collection[str]) -> str:
    """What a column of the scores is called where the table may have one of that name."""
    return f"_{name}" if name in keys else name


def write_judgement(
    out: Path,
    judged: Mapping[str, Any],
    keys: pa.Table,
    columns: Mapping[str, pa.Array],
) -> None:
    """Write ``metrics.json``, and of every test row its keys and columns."""
    (out / METRICS).write_text(json.dumps(judged, indent=1) + "\n")
    table = keys.replace_schema_metadata(None)
    for name, values in columns.items():
        table = table.append_column(own_name(name, keys.column_names), values)
    pq.write_table(table, out / SCORES, compression="zstd", compression_level=1)
