"""The report of a verdict: every rule with what it found, as JSON and as pages.

Why: a program reads ``report.json``, a person opens ``report.html`` or, who knows Great
    Expectations, ``data_docs.html``; all must say the same.
Promise: all follow from the data alone (no times, no random ids); the pages load nothing from
    anywhere; values of sensitive columns are masked in all of them.
Not here: the Data Docs page (``data_docs/``).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from pipelines.spec import Pipeline
from pipelines.validation.data_docs.masking import HIDDEN, mask
from pipelines.validation.day_columns import EARLIER
from pipelines.validation.day_compare import Compared
from pipelines.validation.engine import Finding
from pipelines.validation.splitting import First
from pipelines.validation.verdict import Verdict, outcome_of


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """What a report tells.

    Attributes:
        pipeline: Whose data.
        subject: Which data: a table and its day, or a window.
        key: Key of the artifact.
        run: Identity of the run.
        findings: What each rule found.
        verdict: What follows.
        first: The first failing rows of each rule.
        suite: Name of the suite.
    """

    pipeline: Pipeline
    subject: str
    key: str
    run: str
    findings: Sequence[Finding]
    verdict: Verdict
    first: First
    suite: str = "declared"


def write_report(judged: Judged, folder: Path, compared: Compared | None = None) -> None:
    """Write ``report.json``, ``report.html`` and ``data_docs.html``.

    What other days said goes to a file of its own and the page: ``report.json`` follows from the
    day alone.
    """
    from pipelines.validation.data_docs.page import Heading, data_docs_page

    report = report_of(judged)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=True)
    (folder / "report.json").write_text(text + "\n", encoding="utf-8")
    beside = [] if compared is None else [compared.as_json()]
    if beside:
        (folder / EARLIER).write_text(json.dumps(beside[0], indent=1) + "\n")
    (folder / "report.html").write_text(page(report, beside), encoding="utf-8")
    heading = Heading(
        title=f"{report['title']}: {judged.subject}",
        asset=judged.subject,
        verdict=judged.verdict.word,
        reason=judged.verdict.reason,
        run=judged.run,
        masked=judged.pipeline.sensitive_columns(),
    )
    results = [finding.result for finding in judged.findings]
    docs = data_docs_page(results, judged.suite, heading)
    (folder / "data_docs.html").write_text(docs, encoding="utf-8")


def report_of(judged: Judged) -> dict[str, Any]:
    """The report as JSON knows it; values of sensitive columns are masked."""
    pipeline, verdict = judged.pipeline, judged.verdict
    masked = pipeline.sensitive_columns()
    return {
        "pipeline": pipeline.name,
        "title": pipeline.title,
        "subject": judged.subject,
        "key": judged.key,
        "run": judged.run,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "rows_in": verdict.good + verdict.bad,
        "rows_good": verdict.good,
        "rows_quarantined": verdict.bad,
        "masked": sorted(masked),
        "rules": [
            _entry(f, judged.first.get(f.rule.name, []), masked) for f in judged.findings
        ],
    }


def page(report: dict[str, Any], beside: Sequence[Mapping[str, Any]] = ()) -> str:
    """The report as one self-contained HTML page, with the day beside others where it was compared."""
    return environment().get_template("report.html.j2").render(report=report, beside=beside)


def environment() -> jinja2.Environment:
    """Templates beside this module."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _entry(
    finding: Finding, first: Sequence[Mapping[str, Any]], masked: Collection[str]
) -> dict[str, Any]:
    rule = finding.rule
    hide = bool(set(rule.columns()) & set(masked))
    return {
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
        "observed": HIDDEN if hide and finding.observed is not None else finding.observed,
        "first": [{**row, "value": mask(row["value"])} if hide else dict(row) for row in first],
    }
