"""The report of a day: every rule with what it found, as JSON and as a page.

Why: a program reads ``report.json``, a person opens ``report.html``; both must say the same.
Promise: both follow from the data alone (no times, no random ids); the page loads nothing from
    anywhere, and masks values of columns that name a person or a thing.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa

from pipelines.spec import Pipeline
from pipelines.tables import ROW
from pipelines.validation.engine import Finding
from pipelines.validation.quarantine import failing_values
from pipelines.validation.verdict import Verdict, outcome_of

SHOWN = 20
LEFT_PLAIN = 2
TEMPLATE = Path(__file__).with_name("report.html.j2")


def write_report(
    pipeline: Pipeline,
    day: str,
    findings: Sequence[Finding],
    verdict: Verdict,
    ingested: pa.Table,
    folder: Path,
) -> None:
    """Write ``report.json`` and ``report.html``."""
    report = {
        "pipeline": pipeline.name,
        "table": pipeline.table.name,
        "partition": day,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "rows_in": len(verdict.good) + len(verdict.bad),
        "rows_good": len(verdict.good),
        "rows_quarantined": len(verdict.bad),
        "rules": [_entry(finding, ingested) for finding in findings],
    }
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=True)
    (folder / "report.json").write_text(text + "\n")
    (folder / "report.html").write_text(page(report, pipeline))


def page(report: dict[str, Any], pipeline: Pipeline) -> str:
    """The report as one self-contained HTML page."""
    table = pipeline.table
    masked = {entity.column for entity in pipeline.entities}
    masked |= {column.name for column in table.columns if column.type == "text"}
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["mask"] = mask
    template = environment.from_string(TEMPLATE.read_text())
    return template.render(report=report, title=pipeline.title, masked=masked)


def mask(value: str | None) -> str | None:
    """Hide all but the last two characters of a value that names someone."""
    if value is None:
        return None
    return f"•••{value[-LEFT_PLAIN:]}" if len(value) > 2 * LEFT_PLAIN else "•••"


def _entry(finding: Finding, ingested: pa.Table) -> dict[str, Any]:
    rule = finding.rule
    entry = {
        "rule": rule.name,
        "expectation": rule.expectation,
        "kwargs": dict(rule.kwargs),
        "columns": list(rule.columns()),
        "severity": rule.severity,
        "success": finding.success,
        "result": outcome_of(finding),
        "rows_checked": finding.checked,
        "rows_missing": finding.missing,
        "rows_failing": finding.failing,
        "observed": finding.observed,
        "first": [],
    }
    if finding.rows is not None and finding.failing:
        rows = finding.rows[:SHOWN]
        values = failing_values(finding, rows, ingested).to_pylist()
        places = ingested[ROW].take(rows).to_pylist()
        entry["first"] = [
            {"row": row, "value": value} for row, value in zip(places, values, strict=True)
        ]
    return entry
