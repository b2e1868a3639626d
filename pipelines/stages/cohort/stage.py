"""Stage ``cohort``: the rows of a model, with their labels, parts and weights, and the count of those left out.

Why: where a label is an event of another table, or entities are divided, which rows a model is made of does
    not follow from a day and a column alone.
Promise: nothing that became known after the as-of day is read; the chance to be followed is estimated on
    training rows alone; the same inputs give the same bytes. A cohort that no model can be made of is
    published, with its page, and raised.
Not here: what became of a row (``outcomes.py``), its part (``drawing.py``), arrays
    (``pipelines/stages/preprocess/``).
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.errors import TransientError
from pipelines.protocol import ACCEPTED, REFUSED, Maker, Plan, StageOutcome, Work, code_of
from pipelines.protocol.settings import cohort_settings
from pipelines.shared.tables.cohort_names import (
    CENSORING,
    NO_PART,
    SUMMARY,
    TEST,
    TRAIN,
    cohort_file,
)
from pipelines.shared.tables.window import ModelWindow, model_window
from pipelines.spec import Label, Outcome
from pipelines.stages.cohort.derived import derived_flow, flow_digests, flow_manifests
from pipelines.stages.cohort.inputs import OutcomeInputs, outcome_inputs

if TYPE_CHECKING:
    from pipelines.shared.metrics.survival_curves import StepFunction
    from pipelines.stages.cohort.drawing import Drawing
    from pipelines.stages.cohort.events import History
    from pipelines.stages.cohort.tally import Tally


def plan(work: Work) -> Plan:
    """The features of the model's days, the events of their labels, and how they are divided.

    Raises:
        InputMissingError: Days have no features, or outdated ones.
        TableNotReadyError: Partitions with events have no verdict yet.
        PartitionRefusedError: Partitions with events were refused.
    """
    inputs = _inputs(work, model_window(work), outcome_inputs(work))
    return Plan(inputs=inputs, config=cohort_settings(work), code=code_of(__name__))


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Draw the rows, write them with their counts.

    Raises:
        TransientError: A partition was published again while this work waited for its lock.
    """
    from pipelines.stages.cohort.drawing import Drawing
    from pipelines.stages.cohort.summary import censoring_of, refusals, summary_of_cohort

    window, inputs = model_window(work), outcome_inputs(work)
    _require_planned(work, plan, window, inputs)
    drawing = Drawing(window, _history(work, inputs))
    tally = _counted(drawing)
    censoring = censoring_of(tally)
    _write_rows(drawing, censoring, out)
    if isinstance(work.pipeline.label, Outcome):
        _write_censoring(censoring, out / CENSORING)
    reasons = refusals(work, tally)
    verdict, reason = REFUSED if reasons else ACCEPTED, " ".join(reasons)
    summary = summary_of_cohort(work, tally, censoring)
    derived = derived_flow(work, flow_manifests(work, window.days))
    facts: dict[str, object] = {"verdict": verdict, "reason": reason}
    facts["refused"] = list(window.refused)
    facts |= {"derived": derived} if derived else {}
    (out / SUMMARY).write_text(json.dumps(summary | facts, indent=1) + "\n")
    return StageOutcome(
        rows=tally.every.rows, verdict=verdict, reason=reason, metrics=_metrics(tally)
    )


def pages(_work: Work) -> Mapping[str, Maker]:
    """The page of a cohort, rendered from the published counts alone."""

    def page(folder: Path) -> str:
        from pipelines.stages.cohort.page import cohort_page

        return cohort_page(folder)

    return {"report.html": page}


def _inputs(work: Work, window: ModelWindow, inputs: OutcomeInputs) -> dict[str, str]:
    derived = flow_digests(flow_manifests(work, window.days))
    return window.inputs() | inputs.digests(work.pipeline) | derived


def _require_planned(
    work: Work, plan: Plan, window: ModelWindow, inputs: OutcomeInputs
) -> None:
    if _inputs(work, window, inputs) != dict(plan.inputs):
        raise TransientError(
            f"{work.report.work}: a partition was published again while this work waited. Run it again: "
            f"the next run reads the new version."
        )


def _history(work: Work, inputs: OutcomeInputs) -> "History | None":
    from pipelines.stages.cohort.events import read_history

    label = work.pipeline.label
    return read_history(work, label, inputs) if isinstance(label, Outcome) else None


def _counted(drawing: "Drawing") -> "Tally":
    """Count the rows of every partition, oldest first."""
    from pipelines.stages.cohort.tally import Tally

    work, tally = drawing.window.work, Tally()
    is_column = isinstance(work.pipeline.label, Label)
    for partition in drawing.window.days:
        tally.add(drawing.of(partition), is_column=is_column)
    return tally


def _write_rows(drawing: "Drawing", censoring: "StepFunction", out: Path) -> None:
    """Write each partition's rows; drawn a second time, as all of them may not fit into memory."""
    import numpy as np

    from pipelines.shared.tables.cohort import CohortRows, write_cohort
    from pipelines.stages.cohort.drawing import competing_of
    from pipelines.stages.cohort.weights import weighs, weights_of

    work, total = drawing.window.work, len(drawing.window.days)
    for done, partition in enumerate(drawing.window.days, start=1):
        drawn = drawing.of(partition)
        rows = CohortRows(
            part=np.where(drawn.taken, drawn.part, NO_PART).astype(np.int8),
            left_out=drawn.left_out,
            label=drawn.label,
            competing=competing_of(drawn),
            weight=weights_of(drawn, censoring, weigh=weighs(work.pipeline)),
            days=drawn.days,
            cause=drawn.cause,
        )
        write_cohort(out / cohort_file(partition), drawn.row_ids, rows)
        work.report.progress(done, total, "partitions")


def _write_censoring(censoring: "StepFunction", path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.shared.tables.schema import parquet_options

    table = pa.table({"days": censoring.days, "followed": censoring.value})
    pq.write_table(table, path, **parquet_options(table.schema))


def _metrics(tally: "Tally") -> dict[str, float]:
    """Rows and events of the sides."""
    found = {"on_both_sides": float(tally.on_both_sides())}
    for part in (TRAIN, TEST):
        found |= {f"{part}_rows": float(tally.parts[part].rows)}
        found |= {f"{part}_events": float(tally.events[part])}
    return found
