"""What findings mean for a day: which rows are quarantined, and whether the day is refused.

Why: severity declares what a failure may cost; only this module reads it.
Promise: ``info`` is only reported; ``warning`` quarantines the failing rows; ``critical``
    refuses the day. A failure that names no row, or more rows than its ``mostly`` allows, refuses it too,
    and so do more quarantined rows than ``max_quarantined_share``, or than a rule's own budget.
Not here: evaluating (``engine.py``), writing rows (``pipelines/stages/validate/splitting.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.core.errors import listed
from pipelines.core.masking import HIDDEN
from pipelines.core.text import readable
from pipelines.protocol import ACCEPTED, REFUSED
from pipelines.shared.expectations.engine import RuleResult
from pipelines.shared.expectations.rules import CRITICAL, INFO
from pipelines.spec import Validation


@dataclass(frozen=True, slots=True, eq=False)
class GateVerdict:
    """What follows for a day.

    Attributes:
        accepted: Whether the good rows may be used.
        reason: Why not, or which rules found something; empty where none did.
        good: Rows that break no rule.
        bad: Rows that break one or more.
        quarantined: Failing rows of each rule that quarantines any.
    """

    accepted: bool
    reason: str
    good: int
    bad: int
    quarantined: dict[str, int]

    @property
    def word(self) -> str:
        """``accepted`` or ``refused``, as manifests and reports have it."""
        return ACCEPTED if self.accepted else REFUSED


def quarantines_rows(finding: RuleResult) -> bool:
    """Whether the finding's failing rows go to quarantine."""
    return finding.rule.severity != INFO and finding.failing > 0


def verdict_of(
    findings: Sequence[RuleResult], rows: int, bad: int, validation: Validation, min_rows: int
) -> GateVerdict:
    """Decide on a day.

    Args:
        findings: What the rules found.
        rows: Rows of the day.
        bad: Rows that one rule or more quarantines.
        validation: Budgets.
        min_rows: Minimum number of rows, as ``Pipeline.min_rows`` has it.
    """
    counts = {f.rule.name: f.failing for f in findings if quarantines_rows(f)}
    broken = [
        f"{finding.rule.name} ({finding.rule.severity}) failed: {_seen(finding)}"
        for finding in findings
        if refuses(finding)
    ]
    broken += _over_budget(rows, bad, counts, validation, min_rows)
    return GateVerdict(
        accepted=not broken,
        reason=_advice(broken) if broken else _noticed(findings, bad),
        good=rows - bad,
        bad=bad,
        quarantined=counts,
    )


def refuses(finding: RuleResult) -> bool:
    """Whether the finding refuses the day by itself."""
    rule = finding.rule
    # Rows are quarantined one by one, unless a share of them was declared to be too many.
    beyond = rule.severity == CRITICAL or not finding.by_row or "mostly" in rule.kwargs
    return rule.severity != INFO and not finding.success and beyond


def outcome_of(finding: RuleResult) -> str:
    """One word for a report: ``held``, ``noted``, ``quarantined`` or ``failed``."""
    if refuses(finding):
        return "failed"
    if quarantines_rows(finding):
        return "quarantined"
    return "noted" if finding.failing or not finding.success else "held"


def _over_budget(
    rows: int, bad: int, counts: dict[str, int], validation: Validation, min_rows: int
) -> Iterator[str]:
    by_rule = listed((f"{name} {count:,}" for name, count in counts.items()), 10)
    if bad and bad / rows > validation.max_quarantined_share:
        yield (
            f"{bad:,} of {rows:,} rows ({bad / rows:.2%}) break a rule, more than "
            f"validation.max_quarantined_share = {validation.max_quarantined_share:.2%} allows "
            f"({by_rule})"
        )
    elif rows - bad < min_rows <= rows:
        yield (
            f"{rows - bad:,} of {rows:,} rows are good, fewer than validation.min_rows = "
            f"{min_rows:,} ({by_rule})"
        )
    for name, share in validation.budgets:
        if counts.get(name, 0) > share * rows:
            yield (
                f"{name}: {counts[name]:,} of {rows:,} rows ({counts[name] / rows:.2%}) fail, more "
                f"than its budget of {share:.2%} in validation.budgets allows"
            )


def _seen(finding: RuleResult) -> str:
    if not finding.by_row:
        wanted = {k: v for k, v in finding.rule.kwargs.items() if k != "column"}
        return f"saw {_observed(finding)}, expected {readable(repr(wanted), 500)}"
    return f"{finding.failing:,} of {finding.checked:,} rows"


def _observed(finding: RuleResult) -> str:
    hidden = finding.rule.sensitive and finding.observed is not None
    return HIDDEN if hidden else readable(repr(finding.observed))


def _advice(broken: Sequence[str]) -> str:
    return (
        f"{'; '.join(broken)}. report.html and quarantine.parquet of this verdict show the rows. "
        f"Correct the source, or the rule if it is wrong, and run again."
    )


def _noticed(findings: Sequence[RuleResult], bad: int) -> str:
    noticed = [
        f"{finding.rule.name}: {_seen(finding)}"
        for finding in findings
        if finding.failing or not finding.success
    ]
    if not noticed:
        return ""
    return f"{bad:,} rows went to quarantine. {listed(noticed, 10)}."
