"""The ledger: every settlement of a partition that is over when a day begins.

Why: what a model was worth must be reported as it was known on any day.
Promise: a later partition's settlement changes nothing of an earlier day's ledger. Settlements that were made anew,
    after labels were corrected, are listed with the versions that they replaced.
Not here: sums over weeks (``cumulative.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipelines.core.store import Ref, Store
from pipelines.shared.settlements.files import RESAMPLED, SETTLEMENTS, read_settled
from pipelines.spec import Pipeline

GIVEN = "given"


@dataclass(frozen=True, slots=True)
class SettledPartition:
    """A settlement in the ledger.

    Attributes:
        partition: The partition that was over.
        digest: That of its published version; empty where it is about to be published.
        earlier: Digests of the versions that it replaced, newest first.
        settled: What its file says.
        resampled: Its metrics of each resample; None where nothing was measured.
    """

    partition: str
    digest: str
    earlier: tuple[str, ...]
    settled: dict[str, Any]
    resampled: Path | None

    @classmethod
    def of_folder(
        cls, partition: str, folder: Path, digest: str = "", earlier: tuple[str, ...] = ()
    ) -> Self:
        """The settlement whose files are in a folder."""
        resampled = folder / RESAMPLED
        there = resampled if resampled.exists() else None
        return cls(partition, digest, earlier, read_settled(folder), there)

    def models(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each model that was measured, with the partition that it was measured on."""
        for matured in self.settled["matured"]:
            for model in matured.get("models", ()):
                if model["metrics"]:
                    yield matured["partition"], model


def read_ledger(
    store: Store, pipeline: Pipeline, as_of: str, first: str = ""
) -> list[SettledPartition]:
    """Every settlement of a partition that is over when the as-of day begins, oldest first.

    Args:
        store: Where they are.
        pipeline: Whose.
        as_of: The day.
        first: The first partition to read; empty for all of them.
    """
    partitions, begins = pipeline.partitions(), pipeline.days().start(as_of)
    keys = (key.removeprefix("ds=") for key in store.keys(pipeline.name, SETTLEMENTS))
    over = (key for key in sorted(keys) if key >= first and partitions.end(key) <= begins)
    found = (_settled(store, pipeline, partition) for partition in over)
    return [each for each in found if each is not None]


def _settled(store: Store, pipeline: Pipeline, partition: str) -> SettledPartition | None:
    ref = Ref(pipeline.name, SETTLEMENTS, f"ds={partition}")
    manifest = store.find(ref)
    if manifest is None:
        return None
    others = (each.digest for each in store.own_versions(ref) if each.digest != manifest.digest)
    return SettledPartition.of_folder(
        partition, store.open(manifest), manifest.digest, tuple(others)
    )
