"""The declaration of a pipeline, checked before anything runs.

Why: one declaration has four uses: validation, features, DAGs and docs.
Promise: importing this package costs milliseconds, because Airflow does so at each parse.
"""

from pipelines import operators
from pipelines.operators import *  # noqa: F403  the features of a declaration
from pipelines.operators.operator import Feature
from pipelines.spec import evaluation, heads, models, scoring, slices, watching
from pipelines.spec.checks import require_valid
from pipelines.spec.evaluation import *  # noqa: F403  how it is evaluated
from pipelines.spec.gates import DayGate, Limit, Measurements, Rule, Validation, WindowGate
from pipelines.spec.heads import *  # noqa: F403  the heads of a declaration
from pipelines.spec.learning import Label, Outcome, Schedule, Split, Training
from pipelines.spec.models import *  # noqa: F403  the networks of a declaration
from pipelines.spec.pipeline import Entity, Pipeline
from pipelines.spec.registry import declared_names, load, load_all
from pipelines.spec.scoring import *  # noqa: F403  what is done with scores
from pipelines.spec.search import Choice, Range, Search
from pipelines.spec.settings import with_settings
from pipelines.spec.slices import *  # noqa: F403  slices that it fails
from pipelines.spec.sources import AnySource, LakeTable, Landmarks, Meds, Query, Source
from pipelines.spec.split import (
    PARTS,
    TRAIN,
    ModelDays,
    labels_until,
    model_days,
    outcome_tables,
    search_day,
)
from pipelines.spec.tables import Column, Table
from pipelines.spec.watching import *  # noqa: F403  what scored days are compared with

__all__ = [
    "PARTS",
    "TRAIN",
    "AnySource",
    "Choice",
    "Column",
    "DayGate",
    "Entity",
    "Feature",
    "Label",
    "LakeTable",
    "Landmarks",
    "Limit",
    "Measurements",
    "Meds",
    "ModelDays",
    "Outcome",
    "Pipeline",
    "Query",
    "Range",
    "Rule",
    "Schedule",
    "Search",
    "Source",
    "Split",
    "Table",
    "Training",
    "Validation",
    "WindowGate",
    "declared_names",
    "labels_until",
    "load",
    "load_all",
    "model_days",
    "outcome_tables",
    "require_valid",
    "search_day",
    "with_settings",
]
__all__ += evaluation.__all__ + heads.__all__ + models.__all__ + operators.__all__
__all__ += scoring.__all__ + slices.__all__ + watching.__all__
