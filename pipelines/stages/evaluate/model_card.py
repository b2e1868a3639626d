"""The model card from what its evaluation published, and from the model's own files.

Why: a card that could not be drawn must not cost the evaluation, and is made later without
    evaluating again.
Promise: every plot is made from the published scores; no model scores anything here.
Not here: the page (``card.py``), the evaluation (``evaluation.py``).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.core.errors import InputMissingError
from pipelines.core.store import Ref
from pipelines.protocol import Work, steps_to
from pipelines.protocol.stage import MODEL
from pipelines.spec import head_in
from pipelines.stages.evaluate.card import card_page
from pipelines.stages.evaluate.evaluation import METRICS
from pipelines.stages.evaluate.figures import loss_plot
from pipelines.stages.evaluate.heads import evaluation_of
from pipelines.stages.evaluate.scores import SCORES
from pipelines.stages.evaluate.serving_facts import serving_facts


def model_card(work: Work, folder: Path) -> str:
    """The page as HTML.

    Args:
        work: Names the pipeline and the store.
        folder: What the evaluation published.

    Raises:
        InputMissingError: The store has the evaluated model no more.
    """
    evaluated = json.loads((folder / METRICS).read_text())
    model = _model(work, evaluated)
    # As published: the declaration may have another head by now.
    head = evaluation_of(head_in(evaluated["settings"]["head"]))
    losses = json.loads((model / "history.json").read_text())["loss"]
    plots = [*head.plots(evaluated, folder / SCORES), loss_plot(losses)]
    zone = work.pipeline.days().note
    return card_page(evaluated, work.pipeline.title, head, plots, serving_facts(model), zone)


def _model(work: Work, evaluated: Mapping[str, Any]) -> Path:
    ref = Ref(
        work.pipeline.name, "models", f"as_of={evaluated['as_of']}/seed={evaluated['seed']}"
    )
    manifest = work.store.find_version(ref, evaluated["model_digest"])
    if manifest is None:
        raise InputMissingError(
            f"{ref.path()}: version {evaluated['model_digest'][:16]}, which was evaluated, is no longer "
            f"in the store. Run {steps_to('evaluations', scopes=(MODEL,))} for it again."
        )
    return work.store.open(manifest)
