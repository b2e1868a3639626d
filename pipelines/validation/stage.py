"""Stage ``validate``: judge a day; keep its good rows, keep out the others, or refuse it.

Promise: good and quarantined rows together are the ingested ones; a refused day is published
    too, with its report and its failing rows and without anything a later stage could use.
Not here: the rules (``rules.py``), the engine (``engine.py``), the verdict (``verdict.py``).
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import ArtifactError
from pipelines.spec import Column, Pipeline
from pipelines.stages import Outcome, Plan, Work, code_digests
from pipelines.store import file_digest
from pipelines.validation.rules import rules_of

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.validation.verdict import Verdict

PART = "part-0.parquet"
SHARED = tuple(f"pipelines.tables.{name}" for name in ("hashing", "history", "schema"))
PAGE = "pipelines.validation.report.html"


def plan(work: Work) -> Plan:
    """Name the ingested day by its content, and everything it is judged by."""
    ingested = work.need(work.partition_ref("ingested"), "ingest")
    rules_of(work.pipeline, work.day)
    code = code_digests("pipelines.validation", *SHARED)
    page = {PAGE: file_digest(Path(__file__).with_name("report.html.j2"))[:16]}
    return Plan(
        inputs={f"ingested {ingested.key}": ingested.content},
        config=_config(work.pipeline, work.day),
        code=code | page,
    )


def run(work: Work, plan: Plan, out: Path) -> Outcome:
    """Judge the day; write good rows, quarantine, report and histories."""
    from pipelines.tables.schema import write_table
    from pipelines.validation.engine import evaluate
    from pipelines.validation.quarantine import quarantine_table
    from pipelines.validation.report import write_report
    from pipelines.validation.verdict import judge

    pipeline, day = work.pipeline, work.day
    ingested = _read(work)
    rows = ingested.num_rows
    work.report.progress(0, rows, "rows")
    findings = evaluate(rules_of(pipeline, day), ingested)
    verdict = judge(findings, rows, pipeline.validation)
    _require_every_row(verdict, rows, work)
    kept_out = quarantine_table(findings, ingested, pipeline.table, day)
    write_table(kept_out, out / "quarantine.parquet")
    write_report(pipeline, day, findings, verdict, ingested, out)
    if verdict.accepted:
        _write_good(ingested, verdict, pipeline, out)
    work.report.progress(rows, rows, "rows")
    return _outcome(verdict, rows)


def _read(work: Work) -> "pa.Table":
    import pyarrow.parquet as pq

    from pipelines.tables.schema import table_schema

    manifest = work.need(work.partition_ref("ingested"), "ingest")
    path = work.store.open(manifest) / PART
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        ingested = file.read()
    wanted = table_schema(work.pipeline.table)
    if not ingested.schema.equals(wanted):
        raise ArtifactError(
            f"{manifest.ref.path()}: {PART} has {_columns(ingested)}. Expected, from the "
            f"declaration, {_columns(wanted.empty_table())}. Run ingest for it again."
        )
    return ingested


def _columns(table: "pa.Table") -> str:
    return ", ".join(f"{field.name}: {field.type}" for field in table.schema)


def _write_good(
    ingested: "pa.Table", verdict: "Verdict", pipeline: Pipeline, out: Path
) -> None:
    from pipelines.tables.history import write_histories
    from pipelines.tables.schema import write_table

    good = ingested.take(verdict.good) if len(verdict.bad) else ingested
    write_table(good, out / PART)
    write_histories(good, pipeline, out)


def _require_every_row(verdict: "Verdict", rows: int, work: Work) -> None:
    good, bad = len(verdict.good), len(verdict.bad)
    if good + bad != rows:
        raise ArtifactError(
            f"{work.report.work}: {good} good and {bad} quarantined rows are not the {rows} "
            f"ingested ones. Expected every row in one of the two. Report this as a defect."
        )


def _outcome(verdict: "Verdict", rows: int) -> Outcome:
    return Outcome(
        rows=len(verdict.good) if verdict.accepted else 0,
        verdict=verdict.word,
        reason=verdict.reason,
        quarantined=verdict.quarantined,
        metrics={
            "rows_in": float(rows),
            "rows_good": float(len(verdict.good)),
            "rows_quarantined": float(len(verdict.bad)),
        },
    )


def _config(pipeline: Pipeline, day: str) -> dict[str, Any]:
    """What the result depends on: not what the columns mean, nor what models are made of."""
    table = pipeline.table
    return {
        "partition": day,
        "row_id": table.row_id,
        "event_time": table.event_time,
        "columns": [_column(column) for column in table.columns],
        "entities": [asdict(entity) for entity in pipeline.entities],
        "buckets": pipeline.buckets,
        "validation": asdict(pipeline.validation),
    }


def _column(column: Column) -> dict[str, Any]:
    told = ("meaning", "unit")
    return {name: value for name, value in asdict(column).items() if name not in told}
