"""The report of a verdict: every rule with what it found, as JSON and as pages.

Why: a program reads ``report.json``, a person opens ``report.html`` or, who knows Great
    Expectations, ``data_docs.html``; all must say the same.
Promise: all follow from the data alone (no times, no random ids); the pages load nothing from
    anywhere; values of sensitive columns are masked in all of them. Each page is made from the
    JSON beside it alone, so it can be made again at any time.
Not here: rendering Data Docs (``data_docs/``), what follows where a page cannot be made
    (``pipelines/protocol/pages.py``).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2

from pipelines.core.masking import HIDDEN, mask
from pipelines.core.text import every_text, for_page, plain
from pipelines.shared.expectations.data_docs.heading import Heading
from pipelines.shared.expectations.data_docs.masking import masked
from pipelines.shared.expectations.day_columns import EARLIER
from pipelines.shared.expectations.day_compare import Compared
from pipelines.shared.expectations.engine import RuleResult
from pipelines.shared.expectations.rules import finds_any_of
from pipelines.shared.expectations.verdict import GateVerdict, outcome_of
from pipelines.spec import Pipeline

First = dict[str, list[dict[str, Any]]]
"""The first failing rows of each rule: their number in the source and the value seen."""

REPORT, DATA_DOCS = "report.json", "data_docs.json"


@dataclass(frozen=True, slots=True, eq=False)
class ReportContent:
    """What a report is made of.

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
    findings: Sequence[RuleResult]
    verdict: GateVerdict
    first: First
    suite: str = "declared"


def write_report(
    content: ReportContent, folder: Path, compared: Compared | None = None
) -> None:
    """Write ``report.json`` and ``data_docs.json``, which the pages are made from.

    The comparison with other days goes to a file of its own and the page: ``report.json`` follows from the
    day alone.
    """
    report = report_of(content)
    write_json(report, folder / REPORT)
    if compared is not None:
        write_json(compared.as_json(), folder / EARLIER)
    heading = Heading(
        title=f"{report['title']}: {content.subject}",
        asset=content.subject,
        verdict=content.verdict.word,
        reason=content.verdict.reason,
        run=content.run,
        masked=tuple(sorted(content.pipeline.sensitive_columns())),
    )
    write_results(content.findings, content.suite, heading, folder)


def write_json(value: Mapping[str, Any], path: Path) -> None:
    """Write JSON as a report has it: a value that JSON does not know as its text."""
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=True, default=str)
    path.write_bytes(f"{text}\n".encode("utf-8", "backslashreplace"))


def write_results(
    findings: Sequence[RuleResult], suite: str, heading: Heading, folder: Path
) -> None:
    """Write ``data_docs.json``: what each expectation found, sensitive values masked."""
    results = [masked(finding.result, heading.masked) for finding in findings]
    document = {"suite": suite, "heading": asdict(heading), "results": results}
    write_json(document, folder / DATA_DOCS)


def report_page(folder: Path) -> str:
    """The report's page, from ``report.json`` and the comparison with days before."""
    named = (folder / name for name in (REPORT, EARLIER))
    report, *beside = (json.loads(p.read_text(encoding="utf-8")) for p in named if p.exists())
    return page(report, beside)


def docs_page(folder: Path) -> str:
    """The Data Docs page, from ``data_docs.json``."""
    from pipelines.shared.expectations.data_docs.page import data_docs_page

    document = json.loads((folder / DATA_DOCS).read_text(encoding="utf-8"))
    heading = Heading(**every_text(document["heading"]))
    return data_docs_page(document["results"], document["suite"], heading)


def report_of(content: ReportContent) -> dict[str, Any]:
    """The report as JSON knows it; values of sensitive columns are masked."""
    pipeline, verdict = content.pipeline, content.verdict
    masked = pipeline.sensitive_columns()
    return {
        "pipeline": pipeline.name,
        "title": pipeline.title,
        "subject": content.subject,
        "key": content.key,
        "run": content.run,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "rows_in": verdict.good + verdict.bad,
        "rows_good": verdict.good,
        "rows_quarantined": verdict.bad,
        "masked": sorted(masked),
        "rules": [
            _entry(f, content.first.get(f.rule.name, []), masked) for f in content.findings
        ],
    }


def page(report: dict[str, Any], beside: Sequence[Mapping[str, Any]] = ()) -> str:
    """The report as one self-contained HTML page, with the day beside others where it was compared."""
    return environment().get_template("report.html.j2").render(report=report, beside=beside)


def environment(*folders: Path) -> jinja2.Environment:
    """Templates of these folders, and those beside this module."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader([*folders, Path(__file__).parent]),
        autoescape=True,
        finalize=for_page,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _entry(
    finding: RuleResult, first: Sequence[Mapping[str, Any]], masked: Collection[str]
) -> dict[str, Any]:
    rule = finding.rule
    hide = finds_any_of(masked, rule.expectation, rule.kwargs)
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
        "observed": HIDDEN
        if hide and finding.observed is not None
        else plain(finding.observed),
        "first": [
            {**row, "value": plain(mask(row["value"]) if hide else row["value"])}
            for row in first
        ],
    }
