"""The model card from what its evaluation published, and from the model's own files.

Why: a card that could not be drawn must not cost the evaluation, and is made later without judging again.
Promise: every plot is made from the published scores; no model scores anything here.
Not here: the pages (``card.py``, ``head_card.py``), judging (``judging.py``, ``other_heads.py``).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from pipelines.core.errors import InputMissingError
from pipelines.core.store import Ref
from pipelines.protocol import Work, steps_to
from pipelines.protocol.stage import MODEL
from pipelines.shared.pages.plots import Plot
from pipelines.stages.evaluate.card import card_page
from pipelines.stages.evaluate.figures import (
    calibration_plot,
    loss_plot,
    precision_recall_plot,
    roc_plot,
    score_plot,
)
from pipelines.stages.evaluate.head_card import head_card
from pipelines.stages.evaluate.judgement import (
    CHAMPION_SCORE,
    METRICS,
    SCORES,
    losses_of,
)
from pipelines.stages.evaluate.metrics import ranking
from pipelines.stages.evaluate.serving_facts import serving_facts


def model_card(work: Work, folder: Path) -> str:
    """The page as HTML.

    Args:
        work: Names the pipeline and the store.
        folder: What the evaluation published.

    Raises:
        InputMissingError: The store has the judged model no more.
    """
    judged = json.loads((folder / METRICS).read_text())
    model, title = _model(work, judged), work.pipeline.title
    if "calibration" not in judged:  # a head other than ``Binary``
        return head_card(judged, title, losses_of(model), serving_facts(model))
    return card_page(judged, title, _plots(judged, folder, model), serving_facts(model))


def _model(work: Work, judged: Mapping[str, Any]) -> Path:
    ref = Ref(work.pipeline.name, "models", f"as_of={judged['as_of']}/seed={judged['seed']}")
    manifest = work.store.find_version(ref, judged["model_digest"])
    if manifest is None:
        raise InputMissingError(
            f"{ref.path()}: version {judged['model_digest'][:16]}, which was judged, is no longer in "
            f"the store. Run {steps_to('evaluations', scopes=(MODEL,))} for it again."
        )
    return work.store.open(manifest)


def _plots(judged: Mapping[str, Any], folder: Path, model: Path) -> list[Plot]:
    table = pq.read_table(folder / SCORES, use_threads=False)

    def column(name: str) -> Any:
        own = f"_{name}" if f"_{name}" in table.column_names else name
        return table[own].to_numpy()

    here = column("counted")
    y, scores = column("label")[here] > 0, column("score")[here]
    own, theirs = ranking(y, scores), None
    if CHAMPION_SCORE in table.column_names:
        theirs = ranking(y, table[CHAMPION_SCORE].to_numpy()[here])
    return [
        roc_plot(own, theirs),
        precision_recall_plot(own, theirs, judged["positives"] / judged["rows"]),
        score_plot(y, scores),
        calibration_plot(judged["calibration"]),
        loss_plot(losses_of(model)),
    ]
