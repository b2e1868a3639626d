"""Stage ``validate``: validate a day; publish its good rows, quarantine the others, or refuse it.

Promise: good and quarantined rows together are the ingested ones, which is checked; a refused day
    is published too, with its report and its failing rows and without anything that a later stage
    could use. A day need not fit into memory.
Not here: rules, the engine and the verdict (``pipelines/shared/expectations/``), writing rows
    (``splitting.py``).
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import ArtifactError
from pipelines.core.events import evenly
from pipelines.core.store import Manifest, file_digest
from pipelines.protocol import (
    VALIDATED,
    Maker,
    Plan,
    StageOutcome,
    Work,
    code_of,
    partition_key,
)
from pipelines.protocol.declared_code import rule_code
from pipelines.shared.compute.settings import ComputeSettings
from pipelines.shared.expectations.gate_run import docs_page, run_of
from pipelines.shared.expectations.rules import CheckedRule, rules_of, suite_path
from pipelines.shared.tables.static_tables import (
    contents_of,
    input_name,
    validated_static_tables,
)
from pipelines.spec import Column, Pipeline
from pipelines.spec.time_bounds import time_bounds
from pipelines.stages.validate.repeated_ids import RepeatedIds, inputs_of, shared_in

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.shared.expectations.engine import Evaluated, RuleResult
    from pipelines.shared.expectations.verdict import GateVerdict
    from pipelines.stages.validate.splitting import Counted

PART = "part-0.parquet"
SETTLES = True
"""A day is validated again if the ids of an earlier one were published meanwhile."""


def due(work: Work) -> tuple[bool, list[str]]:
    """The work's own day, and the later ones that repeat other ids, or have other rows, than when validated.

    Rows that are derived from others can change whenever an earlier partition does.
    """
    outdated = _ingested_again(work) if work.pipeline.table.derived_from else []
    return True, [*RepeatedIds(work).outdated(), *outdated]


def _ingested_again(work: Work) -> list[str]:
    """Later validated partitions whose ingested rows were published again."""
    keys = work.store.keys(work.pipeline.name, VALIDATED)
    days = (key.removeprefix("ds=") for key in keys if key.startswith(partition_key("")))
    return [day for day in days if day > work.day and _has_other_rows(work, day)]


def _has_other_rows(work: Work, day: str) -> bool:
    validated = work.find(work.partition_ref(VALIDATED, day))
    ingested = work.find(work.partition_ref("ingested", day))
    if validated is None or ingested is None:
        return False
    return validated.inputs.get(f"ingested {ingested.key}") != ingested.content


def plan(work: Work) -> Plan:
    """Plan by the content of the ingested day, the ids that it repeats, and its rules."""
    ingested = work.need(work.partition_ref("ingested"))
    rules_of(work.pipeline, work.day)
    bounds = time_bounds(work.pipeline)
    static = validated_static_tables(work, (b.table for b in bounds), "bounds of its times")
    return Plan(
        inputs={f"ingested {ingested.key}": ingested.content}
        | contents_of(static)
        | inputs_of(RepeatedIds(work).of(work.day)),
        config=_config(work.pipeline, work.day),
        code=code_of(__name__, *rule_code(work.pipeline)),
        made_from={"ingested": ingested} | static,
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Validate the day; write good rows, quarantine, report and histories."""
    from pipelines.shared.compute import open_compute
    from pipelines.shared.expectations.day_columns import EARLIER
    from pipelines.shared.expectations.engine import evaluate
    from pipelines.shared.expectations.other_days import compared_before, noted_of
    from pipelines.shared.expectations.report import ReportContent, write_report
    from pipelines.shared.expectations.verdict import quarantines_rows, verdict_of
    from pipelines.stages.validate.repeated_ids_report import with_days, without_folders
    from pipelines.stages.validate.splitting import count_rows, split_rows

    pipeline, day, run_id = work.pipeline, work.day, run_of(plan)
    repeats, shared = RepeatedIds(work), shared_in(plan.inputs)
    file, rows = _ingested(work, plan.made_from["ingested"])
    stored = file.stat().st_size
    work.report.progress(0, rows)
    scratch = _empty(work.scratch(plan, work.partition_ref("validated")))
    with open_compute(rows, ComputeSettings.from_options(work.options)) as compute:
        rules = repeats.with_days(_rules(work, plan, file), shared)
        evaluated = without_folders(evaluate(rules, [file], scratch / "row-locations", compute))
        quarantining = [finding for finding in evaluated.findings if quarantines_rows(finding)]
        counted = count_rows(evaluated, quarantining, compute)
        bad = sum(part.bad for part in counted)
        verdict = with_days(
            verdict_of(evaluated.findings, rows, bad, pipeline.validation, pipeline.min_rows()),
            shared,
        )
        done = [0]

        def report_progress(part_rows: int) -> None:
            done[0] += part_rows
            work.report.progress(done[0], rows, of_bytes=evenly(done[0], rows, stored))

        first = split_rows(
            evaluated,
            quarantining,
            counted,
            compute,
            pipeline=pipeline,
            day=day,
            run=run_id,
            keep_good=verdict.accepted,
            scratch=scratch,
            out=out,
            on_rows=report_progress,
        )
    _require_every_row(work, evaluated, quarantining, counted, verdict, out)
    subject = f"{pipeline.table.name} of {day}{pipeline.partitions().note}"
    content = ReportContent(
        pipeline, subject, f"ds={day}", run_id, evaluated.findings, verdict, first
    )
    compared = compared_before(work, out) if verdict.accepted else None
    write_report(content, out, compared)
    noted = noted_of(compared)
    if noted:
        work.report.log(f"WARNING: {noted}")
    return replace(_outcome(verdict, rows), volatile=(EARLIER,), noted=noted)


def pages(_work: Work) -> Mapping[str, Maker]:
    """The pages of a verdict, each rendered from the published files alone."""
    return {"report.html": _report_page, "data_docs.html": docs_page}


def _report_page(folder: Path) -> str:
    from pipelines.shared.expectations.report import report_page

    return report_page(folder)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder)
    folder.mkdir()
    return folder


def _rules(work: Work, plan: Plan, file: Path) -> Sequence[CheckedRule]:
    """The rules of the day, with what those that depend on its rows or on other tables need."""
    from pipelines.shared.expectations.time_bounds import with_static_rows

    bounds, declared = time_bounds(work.pipeline), work.pipeline.validation.measurements
    opened = {b.table: work.store.open(plan.made_from[input_name(b.table)]) for b in bounds}
    rules = with_static_rows(rules_of(work.pipeline, work.day), opened)
    if declared is None:
        return rules
    from pipelines.stages.validate.repeated_codes import described, repeated_codes, with_repeats

    found = repeated_codes(file, declared)
    if found:
        work.report.log(f"WARNING: {described(found, declared)}")
    return with_repeats(rules, declared, found)


def _ingested(work: Work, manifest: Manifest) -> tuple[Path, int]:
    """The ingested file, its columns checked, and its number of rows."""
    import pyarrow.parquet as pq

    from pipelines.shared.tables.schema import table_schema

    path = work.store.open(manifest) / PART
    with pq.ParquetFile(path) as file:
        schema, rows = file.schema_arrow, file.metadata.num_rows
    wanted = table_schema(work.pipeline.stored)
    if not schema.equals(wanted):
        raise ArtifactError(
            f"{manifest.ref.path()}: {PART} has {_columns(schema)}. Expected, from the "
            f"declaration, {_columns(wanted)}. Run {manifest.stage} for it again."
        )
    return path, rows


def _columns(schema: "pa.Schema") -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in schema)


def _require_every_row(
    work: Work,
    evaluated: "Evaluated",
    quarantining: "Sequence[RuleResult]",
    counted: "Sequence[Counted]",
    verdict: "GateVerdict",
    out: Path,
) -> None:
    """Check that each ingested row is either good or quarantined, and each failure has a line."""
    import pyarrow.parquet as pq

    from pipelines.stages.validate.splitting import QUARANTINE

    lines = pq.read_metadata(out / QUARANTINE).num_rows
    failing = sum(finding.failing for finding in quarantining)
    good = pq.read_metadata(out / PART).num_rows if verdict.accepted else verdict.good
    failures = sum(sum(part.by_rule) for part in counted)
    if good + verdict.bad != evaluated.rows or not lines == failing == failures:
        raise ArtifactError(
            f"{work.report.work}: {good} good and {verdict.bad} quarantined rows of "
            f"{evaluated.rows} ingested ones, {lines} quarantine lines and {failures} row locations of "
            f"{failing} failures. Expected every row in one of the two and a line for each failure. "
            f"Report this as a bug."
        )


def _outcome(verdict: "GateVerdict", rows: int) -> StageOutcome:
    return StageOutcome(
        rows=verdict.good if verdict.accepted else 0,
        verdict=verdict.word,
        reason=verdict.reason,
        quarantined=verdict.quarantined,
        metrics={
            "rows_in": float(rows),
            "rows_good": float(verdict.good),
            "rows_quarantined": float(verdict.bad),
        },
    )


def _config(pipeline: Pipeline, day: str) -> dict[str, Any]:
    """The settings that the result depends on: neither the columns' meanings nor the model's."""
    table = pipeline.stored
    return {
        "partition": day,
        "time_zone": {"name": pipeline.time_zone, "bounds": _bounds(pipeline, day)},
        "row_id": table.id_column,
        "event_time": table.event_time,
        "known_time": table.known_time,
        "unique_days": table.unique_days,
        "columns": [_column(column) for column in table.columns],
        "entities": [asdict(entity) for entity in pipeline.entities],
        "buckets": pipeline.buckets,
        "validation": _validation(pipeline),
    }


def _bounds(pipeline: Pipeline, key: str) -> list[str]:
    return [str(instant) for instant in pipeline.partitions().bounds(key)]


def _validation(pipeline: Pipeline) -> dict[str, Any]:
    """The gate without the limits for other days and windows; suites by their content."""
    settings = asdict(pipeline.validation) | {"min_rows": pipeline.min_rows()}
    del settings["window"], settings["days"]
    settings["suites"] = {
        path: file_digest(suite_path(pipeline, path)) for path in settings["suites"]
    }
    return settings


def _column(column: Column) -> dict[str, Any]:
    ignored = ("meaning", "unit")
    return {name: value for name, value in asdict(column).items() if name not in ignored}
