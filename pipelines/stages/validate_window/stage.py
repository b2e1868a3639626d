"""Stage ``validate_window``: validate a model's window as a whole, before a model is trained on it.

Why: each day may be valid and the window still be wrong: days are missing, labels stopped, or the
    population differs from that of the champion's training days.
Promise: only manifests and the days' small files are read. A refused window is published, with
    its report, and raised; no model is trained on it. The same window gets the same verdict
    whenever it is validated, also after its own model's promotion.
Not here: the tables and rules (``tables.py``), comparing days (``pipelines/shared/expectations/``),
    validating single days (``pipelines/stages/validate/``).
"""

import itertools
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.core.errors import TransientError, listed
from pipelines.core.store import Manifest, Ref
from pipelines.protocol import (
    ACCEPTED,
    REFUSED,
    Maker,
    Plan,
    StageOutcome,
    Work,
    code_of,
    stage_of,
)
from pipelines.protocol.declared_code import rule_code
from pipelines.shared.expectations.gate_run import docs_page, run_of
from pipelines.shared.expectations.other_days import behind_window, remedy
from pipelines.shared.registry import Version, champion_before, read_registry, registry_uri
from pipelines.shared.tables.cohort_names import COHORTS
from pipelines.shared.tables.known_days import statistics_as_of
from pipelines.shared.tables.window import FEATURES, ModelWindow, features_digest, window_of
from pipelines.spec import TRAIN, Outcome, model_days

if TYPE_CHECKING:
    from pipelines.shared.expectations.day_compare import Compared
    from pipelines.shared.expectations.engine import RuleResult
    from pipelines.stages.validate_window.tables import Days, Row

CHAMPION = "champion's"
MAX_LISTED = 5


def plan(work: Work) -> Plan:
    """The features of the window, those of the champion's window, and the declared limits.

    Raises:
        InputMissingError: Days have no features, or outdated ones.
    """
    champion = _champion(work)
    theirs = {} if champion is None else _champion_days(work, champion)
    window = window_of(work)
    return Plan(
        inputs=_inputs(work, window, champion, theirs),
        config={
            "days": asdict(work.days()),
            "window": asdict(work.pipeline.validation.window),
            "beside_other_days": asdict(work.pipeline.validation.days),
            "head": type(work.pipeline.head).__name__,
            "champion": "" if champion is None else champion.digest,
            "champion_as_of": "" if champion is None else champion.as_of,
        },
        code=code_of(__name__, *rule_code(work.pipeline)),
    )


def run(work: Work, plan: Plan, out: Path) -> StageOutcome:
    """Validate the window; write its tables, the report and Data Docs.

    Raises:
        TransientError: A day was published again while this work waited for its lock.
    """
    from pipelines.stages.validate_window.report import write_window_report
    from pipelines.stages.validate_window.tables import BESIDE, days_of, rows_beside, tables_of

    window, champion = window_of(work), _champion(work)
    theirs = {} if champion is None else _champion_days(work, champion)
    _require_planned(work, plan, window, champion, theirs)
    train = work.days().train
    own, after = _split(window.days, train)
    training = days_of(_statistics(work, own, work.model_day))
    known = days_of(_statistics(work, after, work.model_day)).rows
    later = dict.fromkeys(after, 0) | dict(known)
    before = None
    if champion is not None and theirs:
        before = days_of(_statistics(work, theirs, champion.as_of))
    compared = behind_window(work, window).compared()
    tables = tables_of(work.pipeline, train, later, training, before)
    tables[BESIDE] = rows_beside(compared)
    findings = _evaluated(work, plan, tables)
    failed = [f for f in findings if not f.success]
    refused = [f for f in failed if f.rule.severity == "critical"]
    verdict = REFUSED if refused else ACCEPTED
    reason = _reason(work, plan, refused or failed, tables, compared, before)
    (out / "window.json").write_text(json.dumps(tables, indent=1) + "\n")
    write_window_report(
        work, plan, run_of(plan), tables, compared, findings, verdict, reason, out
    )
    return StageOutcome(
        rows=sum(training.rows.values()) + sum(later.values()),
        verdict=verdict,
        reason=reason,
        metrics=_metrics(tables),
    )


def pages(_work: Work) -> Mapping[str, Maker]:
    """The pages of a verdict, each rendered from the published files alone."""
    return {"report.html": _report_page, "data_docs.html": docs_page}


def _report_page(folder: Path) -> str:
    from pipelines.stages.validate_window.report import window_page

    return window_page(folder)


def _champion(work: Work) -> Version | None:
    uri = work.options.get("mlflow_uri")
    if not uri and not work.store.is_local:
        return None  # a remote store has no registry; promote will require one
    registered = read_registry(registry_uri(work.store, uri), work.pipeline.name)
    return champion_before(registered, work.model_day)


def _champion_days(work: Work, champion: Version) -> dict[str, Manifest]:
    """Features of the champion's training days that are still in the store."""
    made = work.find(Ref(work.pipeline.name, "training_set", f"as_of={champion.as_of}"))
    days = (
        model_days(work.pipeline, champion.as_of).train
        if made is None
        else made.config["days"][TRAIN]
    )
    found = {day: work.find(work.partition_ref(FEATURES, day)) for day in days}
    return {day: manifest for day, manifest in found.items() if manifest is not None}


def _inputs(
    work: Work, window: ModelWindow, champion: Version | None, theirs: Mapping[str, Manifest]
) -> dict[str, str]:
    """Digests of the window's days, of the days they are compared with, and of the champion's days."""
    as_of = "" if champion is None else champion.as_of
    own = window.inputs() | behind_window(work, window).inputs()
    return own | {
        f"{CHAMPION} {FEATURES}/ds={day}": features_digest(work.pipeline, manifest, as_of)
        for day, manifest in theirs.items()
    }


def _require_planned(
    work: Work,
    plan: Plan,
    window: ModelWindow,
    champion: Version | None,
    theirs: Mapping[str, Manifest],
) -> None:
    if _inputs(work, window, champion, theirs) != dict(plan.inputs):
        raise TransientError(
            f"{work.report.work}: features were published again, or a champion was promoted, "
            "while this work waited. Run it again: the next run reads the new version."
        )


def _statistics(work: Work, manifests: Mapping[str, Manifest], as_of: str) -> dict[str, Path]:
    """The statistics of each day with rows, as known when the as-of day began."""
    return {
        day: work.store.open(manifest) / statistics_as_of(manifest, as_of)
        for day, manifest in manifests.items()
        if manifest.outcome["rows"]
    }


def _evaluated(work: Work, plan: Plan, tables: "Mapping[str, list[Row]]") -> "list[RuleResult]":
    import pyarrow as pa
    import pyarrow.parquet as pq

    from pipelines.shared.expectations.engine import evaluate
    from pipelines.stages.validate_window.tables import rules_of_window

    scratch = work.scratch(plan, work.window_ref("window_validations"))
    findings: list[RuleResult] = []
    for name, rules in rules_of_window(work.pipeline.validation.window).items():
        file = scratch / f"{name}.parquet"
        columns = tables[name][0] if tables[name] else {"subject": ""}
        schema = pa.schema(
            [(c, pa.string() if c == "subject" else pa.float64()) for c in columns]
        )
        pq.write_table(pa.Table.from_pylist(tables[name], schema=schema), file)
        if rules and tables[name]:
            locations = scratch / f"row-locations-{name}"
            findings += evaluate(rules, [file], locations, suite=name).findings
    return findings


def _reason(
    work: Work,
    plan: Plan,
    failed: "list[RuleResult]",
    tables: "Mapping[str, list[Row]]",
    compared: "Sequence[Compared]",
    champion: "Days | None",
) -> str:
    reasons = [_described(finding, tables, compared) for finding in failed]
    if champion is None:
        gone = "the features of the champion's training days are no longer in the store"
        none = "there is no champion of an earlier day"
        reasons.append(f"Drift was not evaluated: {gone if plan.config['champion'] else none}")
    if isinstance(work.pipeline.label, Outcome):
        reasons.append(
            f"Labels were not evaluated: they are events of table {work.pipeline.label.table}, which "
            f"{stage_of(COHORTS).name} checks"
        )
    return ". ".join([*reasons, ""]).strip()


def _measured(tables: "Mapping[str, list[Row]]", column: str) -> Iterator[tuple[Any, Any]]:
    """Subject and value of every row that has one in the column."""
    rows = itertools.chain.from_iterable(tables.values())
    return ((row["subject"], row[column]) for row in rows if row.get(column) is not None)


def _split(
    days: Mapping[str, Manifest], first: Collection[str]
) -> tuple[dict[str, Manifest], dict[str, Manifest]]:
    """The days among ``first``, and the others."""
    own = {day: manifest for day, manifest in days.items() if day in first}
    return own, {day: manifest for day, manifest in days.items() if day not in first}


def _described(
    finding: "RuleResult", tables: "Mapping[str, list[Row]]", compared: "Sequence[Compared]"
) -> str:
    from pipelines.stages.validate_window.tables import LEVEL, levels_beyond

    if finding.rule.kwargs["column"] == LEVEL:
        levels = levels_beyond(finding.rule.kwargs["max_value"])
        odd = [day.text(*levels) for day in compared if day.odd(*levels)]
        return f"{finding.rule.name}: {'; '.join(odd[:MAX_LISTED])}{_more(odd)}. {remedy()}"
    column = str(finding.rule.kwargs["column"])
    limits = {k: v for k, v in finding.rule.kwargs.items() if k != "column"}
    low, high = limits.get("min_value", float("-inf")), limits["max_value"]
    measured = _measured(tables, column)
    bad = [f"{name} {value:.4g}" for name, value in measured if not low <= value <= high]
    wanted = f"at most {high:g}" if "min_value" not in limits else f"{low:g} to {high:g}"
    return f"{finding.rule.name}: {listed(bad, 5)}, expected {wanted}"


def _more(odd: "Sequence[str]") -> str:
    return f", and {len(odd) - MAX_LISTED} more days" if len(odd) > MAX_LISTED else ""


def _metrics(tables: "Mapping[str, list[Row]]") -> dict[str, float]:
    """The window's own numbers, and the largest of each feature's."""
    window = tables["window"][0]
    found = {k: float(v) for k, v in window.items() if k != "subject" and v is not None}
    for name in ("null_share", "psi", "js"):
        known = [row[name] for row in tables["features"] if row[name] is not None]
        if known:
            found[f"max_{name}"] = float(max(known))
    return found
