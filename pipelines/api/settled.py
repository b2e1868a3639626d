"""The ledger of settlements: what scores were expected to be worth, and what they were.

Why: a service, a notebook and the command line must report alike how a model did.
Promise: only what is published is read; the ledger as of a day is the same whenever it is asked for, but for
    settlements that were made anew.
"""

from os import PathLike
from typing import TYPE_CHECKING, Any

from pipelines.api.opening import PipelineHandle, opened, text
from pipelines.api.store import PublishedStore, open_store
from pipelines.core.days import parse_day
from pipelines.core.errors import InputMissingError
from pipelines.core.store.branches import require_there
from pipelines.spec import Pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.shared.settlements.ledger import SettledPartition

AnyStore = str | PathLike[str] | PublishedStore


def settled(pipeline: str | PipelineHandle, store: AnyStore, *, as_of: str) -> dict[str, Any]:
    """Every settlement of a partition that is over when the as-of day begins.

    Args:
        pipeline: Whose.
        store: Where they are.
        as_of: The day, ``YYYY-MM-DD``.

    Returns:
        ``pipeline``, ``as_of``; ``settlements``, each with its ``partition``, ``digest``, the ``earlier`` digests that
        it replaced, ``estimates`` and ``matured``; ``cumulative`` metrics of the last 7 and 28 days; and
        ``estimate_errors`` by metric; ``missing``, partitions between them that are not settled.

    Raises:
        ConfigError: No such pipeline, or the day is malformed.
        InputMissingError: No partition before that day is settled.
    """
    from pipelines.shared.settlements.cumulative import cumulative, estimate_errors
    from pipelines.shared.settlements.ledger import read_ledger

    declared, opened_store = opened(pipeline).declaration, open_store(store)
    require_there(opened_store.artifacts, declared.name)
    parse_day(text(as_of, "--as-of"), "--as-of")
    ledger = read_ledger(opened_store.artifacts, declared, as_of)
    if not ledger:
        raise InputMissingError(
            f"{declared.name}: no partition that is over before {as_of} is settled in {opened_store.uri}. Settle one: "
            f"python -m pipelines stage settle {declared.name} --store {opened_store.uri} --partition ..., or give a "
            f"later --as-of."
        )
    return {
        "pipeline": declared.name,
        "as_of": as_of,
        "settlements": [
            {
                "partition": each.partition,
                "digest": each.digest,
                "earlier": list(each.earlier),
                **{
                    name: each.settled[name] for name in ("estimates", "no_estimate", "matured")
                },
            }
            for each in ledger
        ],
        "cumulative": cumulative(ledger, declared, as_of),
        "estimate_errors": estimate_errors(ledger),
        "missing": _missing(declared, ledger),
    }


def _missing(pipeline: Pipeline, ledger: "Sequence[SettledPartition]") -> list[str]:
    found = {each.partition for each in ledger}
    every = pipeline.partitions().between(ledger[0].partition, ledger[-1].partition)
    return [each for each in every if each not in found]
