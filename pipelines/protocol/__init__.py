"""The stage protocol: what every stage is given, gives back, and how it is done once.

Why: memoisation, publishing and explaining must be the same for all stages.
Promise: importing this package imports no stage, and reads no record before one is asked for.
"""

from pipelines.protocol.catalog import (
    chain_stages,
    giver_of,
    stage_named,
    stage_of,
    stages,
    stages_before,
    steps_to,
)
from pipelines.protocol.identity import code_by_class, code_of, dotted, same_code
from pipelines.protocol.inputs import input_of, require_pair
from pipelines.protocol.options import option_values
from pipelines.protocol.pages import Maker
from pipelines.protocol.perform import Result, perform, refusal
from pipelines.protocol.publishing import publish_work
from pipelines.protocol.stage import Stage
from pipelines.protocol.verdicts import VALIDATED, day_verdict
from pipelines.protocol.work import (
    ACCEPTED,
    REFUSED,
    Plan,
    StageOutcome,
    Work,
    partition_key,
    partition_named,
    ref_of,
)

__all__ = [
    "ACCEPTED",
    "REFUSED",
    "VALIDATED",
    "Maker",
    "Plan",
    "Result",
    "Stage",
    "StageOutcome",
    "Work",
    "chain_stages",
    "code_by_class",
    "code_of",
    "day_verdict",
    "dotted",
    "giver_of",
    "input_of",
    "option_values",
    "partition_key",
    "partition_named",
    "perform",
    "publish_work",
    "ref_of",
    "refusal",
    "require_pair",
    "same_code",
    "stage_named",
    "stage_of",
    "stages",
    "stages_before",
    "steps_to",
]
