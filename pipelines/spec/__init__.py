"""The declaration of a pipeline, checked before anything runs.

Why: one declaration has four uses: validation, features, DAGs and docs.
Promise: importing this package costs milliseconds, because Airflow does so at each parse.
"""

from pipelines import operators
from pipelines.operators import *  # noqa: F403  the features of a declaration
from pipelines.operators.operator import Feature
from pipelines.spec.checks import require_valid
from pipelines.spec.gates import DayGate, Limit, Rule, Validation, WindowGate
from pipelines.spec.heads import (
    Binary,
    Head,
    MultiClass,
    Ordinal,
    Regression,
    Survival,
    head_settings,
    metrics_of,
    outputs_of,
    primary_metric,
)
from pipelines.spec.learning import (
    Evaluation,
    Gates,
    Label,
    Outcome,
    Schedule,
    Split,
    Training,
)
from pipelines.spec.models import (
    AnyModel,
    Builder,
    DeepCross,
    Model,
    Recurrent,
    Transformer,
    kind_of,
    model_code,
    model_settings,
)
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.registry import declared_names, load, load_all
from pipelines.spec.search import Choice, Range, Search
from pipelines.spec.settings import with_settings
from pipelines.spec.split import PARTS, TRAIN, ModelDays, model_days, search_day
from pipelines.spec.tables import Column, Source, Table

__all__ = [
    "PARTS",
    "TRAIN",
    "AnyModel",
    "Binary",
    "Builder",
    "Choice",
    "Column",
    "DayGate",
    "DeepCross",
    "Entity",
    "Evaluation",
    "Feature",
    "Gates",
    "Head",
    "Label",
    "Limit",
    "Model",
    "ModelDays",
    "MultiClass",
    "Ordinal",
    "Outcome",
    "Pipeline",
    "Range",
    "Recurrent",
    "Regression",
    "Rule",
    "Schedule",
    "Search",
    "Source",
    "Split",
    "Survival",
    "Table",
    "Training",
    "Transformer",
    "Validation",
    "WindowGate",
    "declared_names",
    "head_settings",
    "kind_of",
    "load",
    "load_all",
    "metrics_of",
    "model_code",
    "model_days",
    "model_settings",
    "outputs_of",
    "primary_metric",
    "require_valid",
    "search_day",
    "with_settings",
]
__all__ += operators.__all__
