"""The quarantine over days: how many rows each rule quarantined, and the rows themselves.

Why: a broken source shows over days and rules, and whoever repairs it needs the rows.
Promise: only what is published is read, each day's present version; counts come from manifests
    alone. Values of sensitive columns are masked unless they are asked for.
Not here: writing it (``pipelines/stages/validate/splitting.py``), re-admitting rows
    (``pipelines/drivers/chain.py``).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.core.masking import mask
from pipelines.core.store import Manifest, Ref, Store
from pipelines.core.text import plain
from pipelines.protocol import partition_key
from pipelines.shared.expectations.rules import rules_of
from pipelines.spec import Pipeline

DATASET, FILE = "validated", "quarantine.parquet"
RULE, EXPECTATION, VALUE = "_rule", "_expectation", "_value"
PARTITION, RUN = "_partition", "_run"
"""What a line of the quarantine has beside the row's own columns."""


@dataclass(frozen=True, slots=True)
class QuarantinedDay:
    """One day's quarantine.

    Attributes:
        day: The partition.
        verdict: ``accepted`` or ``refused``.
        rows_in: Rows of the day.
        rows: Rows that are in no use.
        by_rule: Failing rows of each rule.
        file: Where their lines are.
    """

    day: str
    verdict: str
    rows_in: int
    rows: int
    by_rule: Mapping[str, int]
    file: Path


def quarantined_days(
    store: Store,
    pipeline: str,
    first: str | None = None,
    last: str | None = None,
    table: str | None = None,
) -> list[QuarantinedDay]:
    """The quarantine of each validated partition from ``first`` to ``last``, oldest first.

    Args:
        store: Where it is published.
        pipeline: Name of the pipeline.
        first: First partition; None for the first that is published.
        last: Last partition.
        table: Declared table, where it is not the examples'.

    Raises:
        ArtifactError: A published day lacks files.
    """
    prefix, keys = partition_key("", table), store.keys(pipeline, DATASET)
    days = (key.removeprefix(prefix) for key in keys if key.startswith(prefix))
    wanted = [day for day in days if (first or day) <= day <= (last or day)]
    found = ((day, store.find(Ref(pipeline, DATASET, f"{prefix}{day}"))) for day in wanted)
    return [
        _quarantined_day(store, day, manifest)
        for day, manifest in found
        if manifest is not None
    ]


def _quarantined_day(store: Store, day: str, manifest: Manifest) -> QuarantinedDay:
    outcome = manifest.outcome
    return QuarantinedDay(
        day=day,
        verdict=str(outcome["verdict"]),
        rows_in=int(outcome["metrics"]["rows_in"]),
        rows=int(outcome["metrics"]["rows_quarantined"]),
        by_rule=outcome["quarantined"],
        file=store.open(manifest) / FILE,
    )


def lines_of(
    days: Sequence[QuarantinedDay], pipeline: Pipeline, rule: str | None, limit: int
) -> list[dict[str, Any]]:
    """The first lines of the quarantine, each as a mapping from column to value.

    Args:
        days: Whose lines.
        pipeline: Says which columns are sensitive.
        rule: Only this rule's lines; None for all.
        limit: How many at most.
    """
    masked, shown = pipeline.sensitive_columns(), _shown_rules(pipeline, days)
    found: list[dict[str, Any]] = []
    for line in _lines(days, rule):
        if len(found) == limit:
            break
        found.append(_masked(line, masked, is_shown=line[RULE] in shown))
    return found


def _shown_rules(pipeline: Pipeline, days: Sequence[QuarantinedDay]) -> frozenset[str]:
    """Rules whose values may be shown; one that is declared no more is not among them."""
    each = rules_of(pipeline, days[0].day) if days else ()
    return frozenset(rule.name for rule in each if not rule.sensitive)


def _lines(days: Sequence[QuarantinedDay], rule: str | None) -> Iterator[dict[str, Any]]:
    import pyarrow.parquet as pq

    for day in days:
        if rule is None or rule in day.by_rule:
            with pq.ParquetFile(day.file) as file:
                for batch in file.iter_batches(batch_size=1024):
                    yield from (r for r in batch.to_pylist() if rule is None or r[RULE] == rule)


def _masked(line: dict[str, Any], masked: Collection[str], *, is_shown: bool) -> dict[str, Any]:
    """A line without sensitive values."""
    hide = {name for name in masked if line.get(name) is not None}
    if masked and not is_shown:
        hide.add(VALUE)
    hidden = {name: mask(line[name]) for name in hide}
    return {name: plain(value) for name, value in (line | hidden).items()}
