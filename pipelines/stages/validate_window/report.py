"""The report and the pages of a window's verdict.

Why: to decide whether a window may be used anyway, its numbers are shown beside the limits.
Promise: the report is JSON; its page and Data Docs are rendered from that alone, and load nothing.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.protocol import Plan, Work
from pipelines.shared.expectations.data_docs.heading import Heading
from pipelines.shared.expectations.day_compare import Compared
from pipelines.shared.expectations.engine import RuleResult
from pipelines.shared.expectations.report import REPORT, environment, write_json, write_results
from pipelines.stages.validate_window.tables import Row


def write_window_report(
    work: Work,
    plan: Plan,
    run: str,
    tables: Mapping[str, Sequence[Row]],
    compared: Sequence[Compared],
    findings: Sequence[RuleResult],
    verdict: str,
    reason: str,
    out: Path,
) -> None:
    """Write ``report.json`` and ``data_docs.json``, from which the pages are rendered."""
    report: dict[str, Any] = {
        "pipeline": work.pipeline.name,
        "title": work.pipeline.title,
        "subject": f"window of the model as of {work.model_day}{work.pipeline.days().note}",
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
    write_json(report, out / REPORT)
    heading = Heading(
        title=f"{report['title']}: {report['subject']}",
        asset=report["subject"],
        verdict=verdict,
        reason=reason,
        run=run,
    )
    write_results(findings, "window", heading, out)


def window_page(folder: Path) -> str:
    """The window's page, from ``report.json``."""
    report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    template = environment(Path(__file__).parent).get_template("window.html.j2")
    return template.render(report=report, limits=report["limits"])
