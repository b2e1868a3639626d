"""The report of a day that repeats ids: the days of those ids, without their folders.

Why: a report must be the same wherever the store is, and name the days to check.
Not here: finding those days (``repeated_ids.py``), validating the rows
    (``pipelines/shared/expectations/new_ids.py``).
"""

from collections.abc import Mapping
from dataclasses import replace

from pipelines.core.errors import listed
from pipelines.shared.expectations.engine import Evaluated, RuleResult
from pipelines.shared.expectations.verdict import GateVerdict

FOLDERS = "folders"


def without_folders(evaluated: Evaluated) -> Evaluated:
    """The results without the folders of other days and tables."""
    cleaned = tuple(_cleaned(f) if FOLDERS in f.rule.kwargs else f for f in evaluated.findings)
    return replace(evaluated, findings=cleaned)


def with_days(verdict: GateVerdict, shared: Mapping[str, str]) -> GateVerdict:
    """The verdict, its reason extended by the days whose ids the day repeats."""
    if not shared:
        return verdict
    days = listed(f"{day} ({int(what.split()[0]):,})" for day, what in shared.items())
    return replace(
        verdict,
        reason=(
            f"{verdict.reason} It has ids of days before: {days}. If its source delivered those "
            f"rows again, have it deliver this day's rows; if an earlier day is the wrong one, have "
            f"that day delivered again."
        ),
    )


def _cleaned(finding: RuleResult) -> RuleResult:
    kwargs = {k: v for k, v in finding.rule.kwargs.items() if k != FOLDERS}
    result = dict(finding.result)
    config = dict(result["expectation_config"])
    config["kwargs"] = {k: v for k, v in config["kwargs"].items() if k != FOLDERS}
    result["expectation_config"] = config
    return replace(finding, rule=replace(finding.rule, kwargs=kwargs), result=result)
