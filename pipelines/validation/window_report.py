"""The pages of a window's verdict.

Why: whoever decides whether a window may still be used wants its numbers beside the limits.
Promise: a report as JSON and as a page, and Data Docs; they load nothing.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.stages import Plan, Work
from pipelines.validation.data_docs.page import Heading, data_docs_page
from pipelines.validation.day_compare import Compared
from pipelines.validation.engine import Finding
from pipelines.validation.report import environment
from pipelines.validation.window_tables import Row


def write_window_report(
    work: Work,
    plan: Plan,
    run: str,
    tables: Mapping[str, Sequence[Row]],
    compared: Sequence[Compared],
    findings: Sequence[Finding],
    verdict: str,
    reason: str,
    out: Path,
) -> None:
    """Write ``report.json``, ``report.html`` and ``data_docs.html``."""
    limits = work.pipeline.validation.window
    report: dict[str, Any] = {
        "pipeline": work.pipeline.name,
        "title": work.pipeline.title,
        "subject": f"window of the model as of {work.model_day}",
        "run": run,
        "verdict": verdict,
        "reason": reason,
        "champion_as_of": plan.config["champion_as_of"],
        "days": plan.config["days"],
        "limits": plan.config["window"],
        "tables": tables,
        "compared": [day.as_json() for day in compared],
        "rules": [
            {
                "rule": f.rule.name,
                "kwargs": dict(f.rule.kwargs),
                "severity": f.rule.severity,
                "success": f.success,
            }
            for f in findings
        ],
    }
    (out / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    page = environment().get_template("window.html.j2").render(report=report, limits=limits)
    (out / "report.html").write_text(page, encoding="utf-8")
    heading = Heading(
        title=f"{report['title']}: {report['subject']}",
        asset=report["subject"],
        verdict=verdict,
        reason=reason,
        run=run,
    )
    docs = data_docs_page([f.result for f in findings], "window", heading)
    (out / "data_docs.html").write_text(docs, encoding="utf-8")
