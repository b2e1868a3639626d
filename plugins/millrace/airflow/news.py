"""What a task's work means for whoever waits for its assets: one item an asset and partition.

Why: an event must say what is published now, of each partition that the task changed, and of a refused
    day that it was refused.
Promise: facts are read from the published manifests; two items with the same ``state`` say the same.
Not here: which news are events (``announcing.py``), the assets' names (``assets.py``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Asset

from millrace.airflow.assets import asset_of
from pipelines.core.store import Manifest
from pipelines.protocol import (
    REFUSED,
    VALIDATED,
    Stage,
    Work,
    day_verdict,
    ref_of,
)
from pipelines.protocol.stage import MODEL, PARTITION

CHAMPION, MODELS = "champion", "models"
MODEL_FACTS = ("verdict", "fate", "version", "champion", "reason", "decided_by")


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What may be worth an event.

    Attributes:
        asset: The asset.
        key: What of it the news are about: a partition, a model, or its champion.
        state: Two items about a key say the same where this is the same.
        facts: What the event has in its ``extra``.
        partition: The event's partition key; empty for none.
        wanted: Whether the asset has events of such a verdict or fate.
        fresh: Whether the task's work was done now, and not found published.
    """

    asset: Asset
    key: str
    state: str
    facts: Mapping[str, Any]
    partition: str = ""
    wanted: bool = True
    fresh: bool = True


def news_of_partitions(
    stage: Stage, work: Work, partitions: Sequence[str], *, fresh: bool = True
) -> Iterator[News]:
    """The news of a stage of a table about some partitions."""
    for partition in partitions:
        own = work.on(partition)
        facts = _facts(stage, own)
        for outlet in stage.outlets if facts else ():
            yield News(
                asset=asset_of(work.pipeline, outlet, work.table),
                key=partition,
                state=f"{facts['verdict']} {facts['content']}",
                facts=facts,
                partition=partition,
                wanted=outlet.only in ("", facts["verdict"]),
                fresh=fresh,
            )


def news_of_model(stage: Stage, work: Work, result: Mapping[str, Any]) -> Iterator[News]:
    """The news of a promotion: of the model that was evaluated, and of the champion where that changed."""
    facts = {name: result[name] for name in MODEL_FACTS if result.get(name) not in (None, "")}
    digest = str(result.get("model_digest", ""))
    model = work.store.find_version(work.model_ref(MODELS), digest) if digest else None
    facts |= {"as_of": work.as_of, "digest": digest}
    facts |= {"uri": work.store.uri_of(model)} if model else {}
    fresh = not result.get("cached", False)
    for outlet in stage.outlets:
        asset = asset_of(work.pipeline, outlet)
        if not outlet.only:
            key, state = str(result.get("key", work.as_of)), str(result.get("content", ""))
            yield News(asset=asset, key=key, state=state, facts=facts, fresh=fresh)
        elif outlet.only == result.get("fate"):
            changed = fresh and bool(result.get("changed"))
            state = f"version {result.get('version')}"
            yield News(asset=asset, key=CHAMPION, state=state, facts=facts, fresh=changed)


def news_of(stage: Stage, work: Work, result: Mapping[str, Any]) -> list[News]:
    """The news of a task that ended well."""
    if stage.scope == MODEL:
        return list(news_of_model(stage, work, result))
    if stage.scope != PARTITION:
        return []
    fresh = not result.get("cached", False)
    own = news_of_partitions(stage, work, [work.day], fresh=fresh)
    return [*own, *news_of_partitions(stage, work, result.get("also", ()))]


def _facts(stage: Stage, work: Work) -> dict[str, Any]:
    """What is published of a partition now; empty where the stage published nothing that holds."""
    given = day_verdict(work.store, work.pipeline.name, work.day, work.table)
    if given is None:
        return {}
    made = given if stage.dataset == VALIDATED else work.store.find(ref_of(stage, work))
    if made is None or (made is not given and given.outcome["verdict"] == REFUSED):
        return {}
    return {
        "pipeline": work.pipeline.name,
        "table": work.table or work.pipeline.examples,
        "partition": work.day,
        **_of_verdict(given),
        "rows": made.outcome["rows"],
        "uri": work.store.uri_of(made),
        "digest": made.digest,
        "content": made.content,
        **({"alarms": made.outcome["alarms"]} if made.outcome.get("alarms") else {}),
    }


def _of_verdict(given: Manifest) -> dict[str, Any]:
    """The verdict on a partition, and how many of its rows were quarantined."""
    metrics = given.outcome.get("metrics", {})
    rows, bad = metrics.get("rows_in", 0.0), metrics.get("rows_quarantined", 0.0)
    return {
        "verdict": given.outcome["verdict"],
        "reason": given.outcome.get("reason", ""),
        "rows_in": int(rows),
        "rows_quarantined": int(bad),
        "quarantined_share": bad / rows if rows else 0.0,
    }
