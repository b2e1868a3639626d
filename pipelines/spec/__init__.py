"""The declaration of a pipeline: what it is made of, checked before anything runs.

Why: one declaration has four uses: validation, features, DAGs and docs.
Promise: importing this package costs milliseconds, because Airflow does so at each parse.
"""

from pipelines.spec.checks import require_valid
from pipelines.spec.features import Feature, Night, Numeric, Trailing, Weekend
from pipelines.spec.learning import (
    Evaluation,
    Gates,
    Label,
    Model,
    Outcome,
    Rule,
    Schedule,
    Split,
    Training,
    Validation,
)
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.registry import declared_names, load
from pipelines.spec.settings import with_settings
from pipelines.spec.split import ModelDays, model_days
from pipelines.spec.tables import Column, Source, Table

__all__ = [
    "Column",
    "Entity",
    "Evaluation",
    "Feature",
    "Gates",
    "Label",
    "Model",
    "ModelDays",
    "Night",
    "Numeric",
    "Outcome",
    "Pipeline",
    "Rule",
    "Schedule",
    "Source",
    "Split",
    "Table",
    "Trailing",
    "Training",
    "Validation",
    "Weekend",
    "declared_names",
    "load",
    "model_days",
    "require_valid",
    "with_settings",
]
