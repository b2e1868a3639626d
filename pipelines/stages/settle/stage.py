"""Stage ``settle``: what a partition's scores are expected to be worth, and what those with known labels were.

Why: what a model did is known only when labels have come in.
Promise: no row is scored again; a settlement follows from its inputs alone, whatever is settled before or after it.
    Labels that are corrected later make another version, and the first is kept.
Not here: the ledger of all settlements (``pipelines/shared/settlements/``).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.core.errors import TransientError
from pipelines.protocol import Maker, Plan, StageOutcome, Work, code_of
from pipelines.stages.settle.inputs import GIVEN, settled_settings, settlement_inputs


def plan(work: Work) -> Plan:
    """The scores, the labels that became known, and what is measured.

    Raises:
        InputMissingError: The partition was not scored, or labels that are known have no features.
    """
    inputs = settlement_inputs(work)
    return Plan(
        inputs=inputs.digests(work.pipeline),
        config=settled_settings(work.pipeline),
        code=code_of(__name__),
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Estimate, measure, and write both.

    Raises:
        TransientError: Scores or features were published again while this work waited for its lock.
        ArtifactError: Published scores lack a column, or a row id is there twice.
    """
    from pipelines.stages.settle.settlement import Settlement

    inputs = settlement_inputs(work)
    if inputs.digests(work.pipeline) != dict(plan.inputs):
        raise TransientError(
            f"{work.report.work}: scores or features were published again while this work waited. Run it again: the "
            f"next run reads the new version."
        )
    settled = Settlement(work, inputs).write(out)
    return StageOutcome(
        rows=_rows(settled), metrics=_headline(settled), reason=" ".join(_said(settled))
    )


def pages(work: Work) -> Mapping[str, Maker]:
    """The settlement beside the four weeks before it, as published when the page is made."""

    def page(folder: Path) -> str:
        from pipelines.stages.settle.page import settlement_page

        return settlement_page(work, folder)

    return {"settlement.html": page}


def _rows(settled: Mapping[str, Any]) -> int:
    """Rows that were estimated or measured, each partition once."""
    own = [each["rows_scored"] for each in settled["estimates"] if each["role"] == GIVEN]
    return sum(own) + sum(
        each["labels"]["rows"] for each in settled["matured"] if not each["says"]
    )


def _headline(settled: Mapping[str, Any]) -> dict[str, float]:
    """The metrics of the scores that were given, of the newest partition; and what is expected of this one's."""
    found: dict[str, float] = {}
    for matured in settled["matured"]:
        for model in matured.get("models", ()):
            if model["role"] == GIVEN:
                found = dict(model["metrics"])
                for name, (low, high) in model["intervals"].items():
                    found |= {f"{name}_low": low, f"{name}_high": high}
    for estimate in settled["estimates"]:
        if estimate["role"] == GIVEN:
            found |= {f"expected_{name}": value for name, value in estimate["expected"].items()}
    return found


def _said(settled: Mapping[str, Any]) -> list[str]:
    days = settled["settled_days"]
    none = f"No labels became known in it: they are {days} days after a partition's end."
    said = [each["says"] for each in settled["matured"]] if settled["matured"] else [none]
    return list(filter(None, [settled["no_estimate"], *said]))
