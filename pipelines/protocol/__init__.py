"""The stage protocol: what every stage is given, gives back, and how it is done once.

Why: memoisation, publishing and explaining must be the same for all stages.
Promise: importing this package imports no stage.
"""

from pipelines.protocol.catalog import CATALOG, GIVERS, STAGES, Stage, stage_named
from pipelines.protocol.identity import code_by_class, code_of, dotted, same_code
from pipelines.protocol.inputs import input_of, require_pair
from pipelines.protocol.options import option_values
from pipelines.protocol.pages import Maker
from pipelines.protocol.perform import Result, perform, refusal
from pipelines.protocol.publishing import publish_work
from pipelines.protocol.verdicts import VALIDATED, judged_day
from pipelines.protocol.work import ACCEPTED, REFUSED, Outcome, Plan, Work, ref_of

__all__ = [
    "ACCEPTED",
    "CATALOG",
    "GIVERS",
    "REFUSED",
    "STAGES",
    "VALIDATED",
    "Maker",
    "Outcome",
    "Plan",
    "Result",
    "Stage",
    "Work",
    "code_by_class",
    "code_of",
    "dotted",
    "input_of",
    "judged_day",
    "option_values",
    "perform",
    "publish_work",
    "ref_of",
    "refusal",
    "require_pair",
    "same_code",
    "stage_named",
]
