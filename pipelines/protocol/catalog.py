"""The stages, in order: which module does each, what it publishes, what it works on.

Why: the command line, the operator and the docs list the same stages from one place.
Promise: listing stages imports none of them.
"""

from dataclasses import dataclass

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step with published inputs and outputs.

    Attributes:
        name: Its name in logs, tasks and the command line.
        module: Module with ``plan`` and ``run``.
        dataset: Dataset it publishes to.
        scope: ``partition`` (a day), ``window`` (an as-of day) or ``model`` (as-of and seed).
        heavy: Whether it imports TensorFlow or starts a cluster, and so wants an interpreter
            of its own rather than a fork of the preloaded one.
        gives: Name under which later stages of a run are given its result; empty for none.
        takes: Names of the results that a run hands to it, by digest.
        does: One line for people.
    """

    name: str
    module: str
    dataset: str
    scope: str
    does: str
    heavy: bool = False
    gives: str = ""
    takes: tuple[str, ...] = ()


CATALOG = (
    Stage(
        name="ingest",
        module="pipelines.stages.ingest.stage",
        dataset="ingested",
        scope="partition",
        does="Read a day of source files into typed Parquet, after looking them over.",
    ),
    Stage(
        name="validate",
        module="pipelines.stages.validate.stage",
        dataset="validated",
        scope="partition",
        does="Judge a day with Great Expectations: keep, quarantine rows, or refuse it.",
    ),
    Stage(
        name="featurize",
        module="pipelines.stages.featurize.stage",
        dataset="features",
        scope="partition",
        does="Compute each row's features from the row and its entities' history.",
    ),
    Stage(
        name="validate_window",
        module="pipelines.stages.validate_window.stage",
        dataset="window_validations",
        scope="window",
        does="Judge the window as a whole: days, rows, labels, nulls, drift from the champion's.",
        gives="window_validation",
    ),
    Stage(
        name="preprocess",
        module="pipelines.stages.preprocess.stage",
        dataset="training_set",
        scope="window",
        does="Merge the days' statistics, standardise, and write training shards.",
        gives="training_set",
        takes=("window_validation",),
    ),
    Stage(
        name="tune",
        module="pipelines.stages.tune.stage",
        dataset="tunings",
        scope="window",
        does="Publish the settings that did best in a search.",
        takes=("training_set",),
    ),
    Stage(
        name="train",
        module="pipelines.stages.train.stage",
        dataset="models",
        scope="model",
        heavy=True,
        does="Train the network on every GPU, or the CPU; resume where a kill left it.",
        gives="model",
        takes=("training_set",),
    ),
    Stage(
        name="evaluate",
        module="pipelines.stages.evaluate.stage",
        dataset="evaluations",
        scope="model",
        does="Judge the model on later days, against the champion, with intervals.",
        gives="evaluation",
        takes=("training_set", "model"),
    ),
    Stage(
        name="promote",
        module="pipelines.stages.promote.stage",
        dataset="promotions",
        scope="model",
        does="Register the model, and make it the champion if its gates passed.",
        takes=("model", "evaluation"),
    ),
)

STAGES = {stage.name: stage for stage in CATALOG}

GIVERS = {stage.gives: stage for stage in CATALOG if stage.gives}
"""The stage that gives each result, by the result's name."""


def stage_named(name: str) -> Stage:
    """The stage of that name.

    Raises:
        ConfigError: There is none; says the nearest one.
    """
    if name not in STAGES:
        raise ConfigError(f"There is no stage {name!r}. {nearest(name, STAGES)}")
    return STAGES[name]
