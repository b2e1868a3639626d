"""What artifacts were made from, whether they are as written, and which rows were quarantined.

Why: these are asked of a store by people and by programs alike.
Promise: ``why`` and ``quarantine`` only read; ``verify`` writes manifests, and only if asked;
    ``housekeeping`` never touches what readers see or anything refers to.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from os import PathLike
from typing import TYPE_CHECKING, Any

from pipelines.api.opening import PipelineHandle, opened, text
from pipelines.api.store import PublishedStore, open_store
from pipelines.api.work import partitions_named
from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError
from pipelines.core.store import Store
from pipelines.core.store.branches import require_there
from pipelines.protocol import VALIDATED, stage_of
from pipelines.spec import Pipeline

if TYPE_CHECKING:
    from pipelines.shared.expectations.quarantined import QuarantinedDay

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
    store: AnyStore,
    pipeline: str | PipelineHandle | None = None,
    *,
    repair: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Read every published file back and compare it with what was written.

    Args:
        store: The store.
        pipeline: Only this pipeline's; by default every one's.
        repair: Mend manifests, and have damaged files made again by the next run.
        on_progress: Gets, after each artifact, how many of how many are done.

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
    return asdict(
        reading.verify(open_store(store).artifacts, name, repair=repair, on_key=on_progress)
    )


def housekeeping(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    keep_versions: int = 1,
    keep_days: float = 7.0,
    depth: int | None = None,
    dry_run: bool = False,
    mlflow_uri: str | None = None,
) -> dict[str, Any]:
    """Remove replaced versions that nothing refers to, and what killed processes left behind.

    Args:
        pipeline: Whose.
        store: Where they are.
        keep_versions: Versions of an artifact to keep beside the published one.
        keep_days: Days before what a kill left (staging directories, checkpoints) is removed.
        depth: How many steps back to keep what a kept version was made from; by default all.
        dry_run: Count and give reasons, and remove nothing.
        mlflow_uri: Registry, whose versions are kept; by default the one in the store.

    Returns:
        Counts of what was removed: ``versions``, ``leftovers`` and their ``bytes``; ``kept``, old
        versions that something refers to; and ``reasons``: of each version its ``artifact``, ``version``,
        ``bytes``, whether it is ``kept``, and ``why``.

    Raises:
        ConfigError: No such pipeline, or a number below 0.
        TransientError: The registry is locked, or its server cannot be reached.
    """
    from pipelines.core.store.housekeeping import Housekeeping, clean
    from pipelines.shared.registry.references import registered_digests

    name, artifacts = opened(pipeline).name, open_store(store).artifacts
    _require_count("--keep-versions", keep_versions)
    if depth is not None:
        _require_count("--depth", depth)
    if (
        isinstance(keep_days, bool)
        or not isinstance(keep_days, int | float)
        or not keep_days >= 0
    ):
        raise ConfigError(f"--keep-days must be a number from 0; got {keep_days!r}.")
    asked = Housekeeping(
        keep_versions=keep_versions,
        left_before_s=time.time() - keep_days * 86_400,
        outside=registered_digests(artifacts, name, mlflow_uri),
        depth=depth,
        dry_run=dry_run,
    )
    return asdict(clean(artifacts, name, asked))


def _require_count(what: str, given: object) -> None:
    if type(given) is not int or given < 0:
        raise ConfigError(f"{what} must be a whole number from 0; got {given!r}.")


def quarantine(
    pipeline: str | PipelineHandle,
    store: AnyStore,
    *,
    partition: str | None = None,
    from_: str | None = None,
    to: str | None = None,
    table: str | None = None,
    rule: str | None = None,
    rows: int = 5,
) -> dict[str, Any]:
    """Which rows are quarantined, by which rules, and the first of them.

    Values of sensitive columns are masked.

    Args:
        pipeline: A declared pipeline.
        store: Where it is published.
        partition: One partition.
        from_: First partition; by default the first that is validated.
        to: Last partition; by default the last.
        table: Declared table; by default the examples'.
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
    declared, opened_store = opened(pipeline).declaration, open_store(store)
    require_there(opened_store.artifacts, declared.name)
    spec = declared if table is None else declared.of_table(table)
    first, last = _ends(spec, partition, from_, to)
    own = None if spec.examples == declared.examples else table
    days = quarantined_days(Store(opened_store.uri), spec.name, first, last, own)
    if not days:
        raise ConfigError(
            f"{spec.name}: no partition{_between(first, last)} is validated in {opened_store.uri}. Run "
            f"{stage_of(VALIDATED).name} first, or choose others or another store."
        )
    rules = {"rules": _rules(spec.name, days, rule), "lines": lines_of(days, spec, rule, rows)}
    return {"pipeline": spec.name, **_day_counts(days), **rules, "files": _files(days)}


def _ends(
    spec: Pipeline, partition: str | None, from_: str | None, to: str | None
) -> tuple[str | None, str | None]:
    """First and last partition that are asked for, each by its key or a day; None for no end."""
    if partition is not None:
        spec.partitions().parse(partition, "--partition")
        return partition, partition
    first = partitions_named(spec, from_, "--from")[0] if from_ else None
    return first, partitions_named(spec, to, "--to")[-1] if to else None


def _between(first: str | None, last: str | None) -> str:
    if first and first == last:
        return f" {first}"
    return (f" from {first}" if first else "") + (f" to {last}" if last else "")


def _day_counts(days: "Sequence[QuarantinedDay]") -> dict[str, Any]:
    return {
        "from": days[0].day,
        "to": days[-1].day,
        "days": len(days),
        "rows_in": sum(each.rows_in for each in days),
        "rows_quarantined": sum(each.rows for each in days),
        "refused": [each.day for each in days if each.verdict != "accepted"],
    }


def _files(days: "Sequence[QuarantinedDay]") -> list[str]:
    return [str(each.file) for each in days if each.rows]


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
