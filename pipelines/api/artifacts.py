"""What artifacts were made from, whether they are as written, and which rows were quarantined.

Why: these are asked of a store by people and by programs alike.
Promise: ``why`` and ``quarantine`` only read; ``verify`` writes manifests, and only if asked.
"""

from collections import Counter
from dataclasses import asdict
from os import PathLike
from typing import Any

from pipelines.api.opening import PipelineHandle, opened, text
from pipelines.api.store import PublishedStore, open_store
from pipelines.core.days import parse_day
from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.store import Store
from pipelines.protocol import VALIDATED, stage_of

AnyStore = str | PathLike[str] | PublishedStore


def why(artifact: str, store: AnyStore) -> dict[str, Any]:
    """What an artifact was made from, and why it was made again.

    Args:
        artifact: ``<pipeline>/<dataset>/<key>``, such as ``fraud_detection/features/ds=2026-01-31``,
            or the URI that a result has.
        store: Where it is.

    Returns:
        ``artifact``, ``digest``, ``content``, ``stage``, ``inputs``, ``config``, ``code``,
        ``outcome``, ``made``; ``stale``, the inputs published again since; and ``earlier``, of each
        kept earlier version its digest and what differs.

    Raises:
        ConfigError: There is no such artifact; names the nearest one.
    """
    from pipelines.core.store.why import explain

    return explain(open_store(store).artifacts, text(artifact, "The name of an artifact"))


def verify(
    store: AnyStore, pipeline: str | PipelineHandle | None = None, *, repair: bool = False
) -> dict[str, Any]:
    """Read every published file back and compare it with what was written.

    Args:
        store: The store.
        pipeline: Only this pipeline's; by default every one's.
        repair: Mend manifests, and have damaged files made again by the next run.

    Returns:
        Counts of ``artifacts``, ``versions``, ``files`` and ``bytes``; and lists: ``damaged``,
        ``repaired``, ``busy``.

    Raises:
        ConfigError: The store holds no artifact, or one of a later version of Millrace.
    """
    from pipelines.core.store import verify as reading

    name = pipeline.name if isinstance(pipeline, PipelineHandle) else pipeline
    if name is not None:
        text(name, "The name of a pipeline")
    return asdict(reading.verify(open_store(store).artifacts, name, repair=repair))


def quarantine(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    partition: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    rule: str | None = None,
    rows: int = 5,
) -> dict[str, Any]:
    """Which rows are quarantined, by which rules, and the first of them.

    Values of sensitive columns are masked.

    Args:
        pipeline: A declared pipeline.
        store: Where it is published.
        partition: One day.
        from_: First day; by default the first that is validated.
        to: Last day; by default the last.
        rule: Only rows that this rule quarantined.
        rows: Lines to return.

    Returns:
        ``pipeline``, ``from``, ``to``, ``days``, ``rows_in``, ``rows_quarantined``, ``refused`` days,
        ``rules`` with their counts, ``lines``, and ``files`` that have them all.

    Raises:
        ConfigError: No day is validated between these, or no rule of that name quarantined a row.
    """
    from pipelines.shared.expectations.quarantined import lines_of, quarantined_days

    if type(rows) is not int or rows < 0:
        raise ConfigError(f"rows must be a whole number from 0; got {rows!r}.")
    spec, opened_store = opened(pipeline).declaration, open_store(store)
    for day, option in ((partition, "--partition"), (from_, "--from"), (to, "--to")):
        if day is not None:
            parse_day(day, option)
    days = quarantined_days(
        Store(opened_store.uri), spec.name, partition or from_, partition or to
    )
    if not days:
        raise ConfigError(
            f"{spec.name}: no day is validated in {opened_store.uri} between {partition or from_ or 'ever'} "
            f"and {partition or to or 'now'}. Run {stage_of(VALIDATED).name} first, or choose other days."
        )
    return {
        "pipeline": spec.name,
        "from": days[0].day,
        "to": days[-1].day,
        "days": len(days),
        "rows_in": sum(each.rows_in for each in days),
        "rows_quarantined": sum(each.rows for each in days),
        "refused": [each.day for each in days if each.verdict != "accepted"],
        "rules": _rules(spec.name, days, rule),
        "lines": lines_of(days, spec, rule, rows),
        "files": [str(each.file) for each in days if each.rows],
    }


def _rules(pipeline: str, days: list[Any], rule: str | None) -> dict[str, int]:
    by_rule: Counter[str] = Counter()
    for each in days:
        by_rule.update({name: n for name, n in each.by_rule.items() if rule in (None, name)})
    if rule is not None and rule not in by_rule:
        known = {name for each in days for name in each.by_rule}
        hint = nearest(rule, known) if known else "No rule quarantined any row."
        raise ConfigError(
            f"{pipeline}: no row was quarantined by {rule!r} on those days. {hint}"
        )
    return dict(sorted(by_rule.items()))
