"""A stage that adds a setting to what the toy stage doubled."""

from pathlib import Path

from pipelines.protocol import Plan, StageOutcome, Work, code_of


def plan(work: Work) -> Plan:
    doubled = work.need(work.partition_ref("doubled"))
    return Plan(
        inputs={"doubled": doubled.content},
        config={"rows": work.pipeline.training.global_batch_rows},
        code=code_of(__name__),
        made_from={"doubled": doubled},
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    doubled = int((work.store.open(plan.made_from["doubled"]) / "number.txt").read_text())
    (out / "sum.txt").write_text(str(doubled + plan.config["rows"]))
    return StageOutcome(rows=1, verdict="accepted")
