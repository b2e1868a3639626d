"""A stage that doubles a number a day; it counts how often it really works."""

import os
import signal
from pathlib import Path

from pipelines.protocol import Plan, StageOutcome, Work, code_of

LOG = "TOY_LOG"
KILL_AT = "TOY_KILL_AT"


def plan(work: Work) -> Plan:
    number = work.options.get("number", 1)
    return Plan(
        inputs={"number": str(number)},
        config={"epochs": work.pipeline.training.epochs},
        code=code_of(__name__),
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    with Path(os.environ[LOG]).open("a") as log:
        log.write(f"{work.day}\n")
    (out / "half.txt").write_text("first half")
    if os.environ.get(KILL_AT) == "run":
        os.kill(os.getpid(), signal.SIGKILL)
    number = int(plan.inputs["number"])
    (out / "number.txt").write_text(str(2 * number))
    (out / "volatile.txt").write_text(str(os.getpid()))
    refused = number < 0
    return StageOutcome(
        rows=number,
        verdict="refused" if refused else "accepted",
        reason=f"{number} is below 0." if refused else "",
        volatile=("volatile.txt",),
    )
