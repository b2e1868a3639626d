"""How models with each head are evaluated, one module a head.

To add one: write its module with a class of ``HeadEvaluation``, and name it in ``EVALUATIONS``.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pipelines.spec import Binary, Head, MultiClass, Ordinal, Regression, Survival
from pipelines.stages.evaluate.heads.binary import BinaryEvaluation
from pipelines.stages.evaluate.heads.multi_class import MultiClassEvaluation
from pipelines.stages.evaluate.heads.ordinal import OrdinalEvaluation
from pipelines.stages.evaluate.heads.protocol import HeadEvaluation
from pipelines.stages.evaluate.heads.regression import RegressionEvaluation
from pipelines.stages.evaluate.heads.survival import SurvivalEvaluation

EVALUATIONS: Mapping[type, Callable[[Any], HeadEvaluation]] = {
    Binary: BinaryEvaluation,
    MultiClass: MultiClassEvaluation,
    Regression: RegressionEvaluation,
    Ordinal: OrdinalEvaluation,
    Survival: SurvivalEvaluation,
}


def evaluation_of(head: Head) -> HeadEvaluation:
    """How models with this head are evaluated."""
    return EVALUATIONS[type(head)](head)
