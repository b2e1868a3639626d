"""Stage ``evaluate``: the model's worth on the test days, and a verdict.

Why: only a model that beats the one in use, on rows neither was trained on, should replace it.
Promise: the champion a model meets is part of what its evaluation is made from, so a verdict
    never changes silently; TensorFlow is imported only for a network that is not dense.
Not here: acting on the verdict (``pipelines/stages/promote/``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import TransientError
from pipelines.core.store import Manifest, Ref
from pipelines.protocol import Maker, Plan, StageOutcome, Work, code_of, input_of, require_pair
from pipelines.protocol.declared_code import declared_code
from pipelines.protocol.settings import (
    evaluation_settings,
    trained_settings,
    training_set_settings,
)
from pipelines.shared.registry import Version, opponent_of, read_registry, registry_uri
from pipelines.shared.tables import UNLABELLED

OVER_BASELINE = "_over_baseline"
"""Ending of a metric's name: its difference from the declared baseline's on the same rows."""

if TYPE_CHECKING:
    from pipelines.stages.evaluate.comparison import Champion


def plan(work: Work) -> Plan:
    """The rows, the model, the champion it meets, and what it is asked to reach."""
    training_set, model = _inputs(work)
    opponent = _opponent(work, model)
    champion = {} if opponent is None else {"champion": opponent.name}
    return Plan(
        inputs={"training_set": training_set.content, "model": model.content} | champion,
        config=evaluation_settings(work),
        code=code_of(__name__, *declared_code(work.pipeline.features)),
        made_from={"training_set": training_set, "model": model},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Score the test days, evaluate, and write the numbers and the scores.

    Raises:
        TrainingError: The test days hold no rows, or of an event one class only.
    """
    from pipelines.stages.evaluate.evaluation import evaluate_model

    training_set, model = plan.made_from["training_set"], plan.made_from["model"]
    evaluated = evaluate_model(work, training_set, model, _champion(work, plan), out)
    metrics = dict(evaluated["metrics"])
    for name, (low, high) in evaluated["intervals"].items():
        metrics |= {f"{name}_low": low, f"{name}_high": high}
    if work.pipeline.evaluation.baseline is not None:
        beside = evaluated["baselines"][-1]["metrics"]
        both = [name for name in evaluated["metrics"] if name in beside]
        metrics |= {f"{n}{OVER_BASELINE}": metrics[n] - beside[n] for n in both}
    if UNLABELLED in evaluated:
        metrics[UNLABELLED] = float(evaluated[UNLABELLED])
    return StageOutcome(
        rows=evaluated["rows"],
        metrics=metrics,
        verdict=evaluated["verdict"],
        reason=" ".join(evaluated["reasons"]),
    )


def pages(work: Work) -> Mapping[str, Maker]:
    """The model card, from the published numbers and scores."""

    def card(folder: Path) -> str:
        from pipelines.stages.evaluate.model_card import model_card

        return model_card(work, folder)

    return {"model_card.html": card}


def _inputs(work: Work) -> tuple[Manifest, Manifest]:
    """The training set and the model that was trained on it."""
    model = input_of(work, "model", trained_settings(work))
    training_set = input_of(work, "training_set", training_set_settings(work))
    require_pair(work, "model", model, "training_set", training_set)
    return training_set, model


def _opponent(work: Work, model: Manifest) -> Version | None:
    uri = work.options.get("mlflow_uri")
    if not uri and not work.store.is_local:
        return None  # no registry can be there; promote will ask for one
    registered = read_registry(registry_uri(work.store, uri), work.pipeline.name)
    return opponent_of(registered, model.digest, work.model_day)


def _champion(work: Work, plan: Plan) -> "Champion | None":
    """The planned champion.

    Looked up by its name in the plan: another model may have become champion since.

    Raises:
        TransientError: It was removed from the registry meanwhile.
    """
    from pipelines.stages.evaluate.comparison import Champion

    name = plan.inputs.get("champion")
    if name is None:
        return None
    uri = registry_uri(work.store, work.options.get("mlflow_uri"))
    versions = read_registry(uri, work.pipeline.name).versions
    version = next((v for v in versions if v.name == name), None)
    if version is None:
        raise TransientError(
            f"{work.report.work}: the champion ({name}) was removed from the registry {uri} while this "
            f"work waited. Try again: the next try meets the champion of then."
        )
    facts = {"as_of": version.as_of, "seed": version.tags.get("seed", ""), "digest": name}
    if not version.digest:
        return Champion(facts, None)
    ref = Ref(work.pipeline.name, "models", f"as_of={version.as_of}/seed={facts['seed']}")
    return Champion(facts, work.store.find_version(ref, name))
