"""What of a branch is another version than main's, and why.

Promise: only pointers and manifests are read. An artifact that the branch has no pointer of is main's.
Not here: rows and values (``feature_values.py``), models (``paired_metrics.py``).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.core.store import Manifest, Ref, Store
from pipelines.core.store.branches import pointers
from pipelines.core.store.why import differences, stale_inputs
from pipelines.protocol import VALIDATED, stages

SAME, DIFFERS, ONLY, OUTDATED = "same", "differs", "only on the branch", "outdated"
"""Main's own; made by other settings, inputs or code; not published on main; main moved on since."""


@dataclass(frozen=True, slots=True)
class BranchedArtifact:
    """An artifact of which a branch has a version of its own.

    Attributes:
        ref: The artifact.
        own: The branch's manifest.
        published: Main's, or None.
        outdated_by: Why the branch's is outdated: main published another version, or an input changed.
    """

    ref: Ref
    own: Manifest
    published: Manifest | None
    outdated_by: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """Whether it differs, is on the branch alone, or is outdated."""
        if self.outdated_by:
            return OUTDATED
        return ONLY if self.published is None else DIFFERS

    @property
    def same_content(self) -> bool:
        """Whether the result is the same although its making differs."""
        return self.published is not None and self.published.content == self.own.content

    def facts(self, store: Store) -> dict[str, Any]:
        """The same as JSON, with what differs in words."""
        was = self.published
        return {
            "artifact": self.ref.path(),
            "status": self.status,
            "branch": self.own.version,
            "main": was.version if was is not None else None,
            "same_content": self.same_content,
            "differs": differences(was, self.own, store) if was is not None else [],
            "outdated_by": list(self.outdated_by),
        }


def branched_artifacts(store: Store, pipeline: str) -> list[BranchedArtifact]:
    """What the store's branch has versions of its own of, in the order of stages and keys.

    Raises:
        ArtifactError: A pointer or a manifest is damaged.
    """
    found = [
        _artifact(store, ref, pointer.digest) for ref, pointer in pointers(store, pipeline)
    ]
    order = {stage.dataset: at for at, stage in enumerate(stages())}
    last = len(order)
    return sorted(
        (each for each in found if each is not None),
        # Other datasets are parts of what stages of a partition publish.
        key=lambda each: (order.get(each.ref.dataset, -1) % (last + 1), each.ref.key),
    )


def _artifact(store: Store, ref: Ref, digest: str) -> BranchedArtifact | None:
    own, published = store.find(ref), store.main.find(ref)
    if own is None or (published is not None and published.digest == digest):
        return None  # main came to it since
    moved = (
        ["main publishes another version than when it was made"] if store.moved_on(own) else []
    )
    inputs = [
        f"{name} is published with another content now" for name in stale_inputs(store, own)
    ]
    return BranchedArtifact(ref, own, published, (*moved, *inputs))


def counts(store: Store, pipeline: str, own: Iterable[BranchedArtifact]) -> dict[str, Any]:
    """Artifacts by dataset and status."""
    by_dataset: dict[str, Counter[str]] = {}
    branched = {each.ref: each.status for each in own}
    datasets = dict.fromkeys([*(s.dataset for s in stages()), *(r.dataset for r in branched)])
    for dataset in datasets:
        keys = store.keys(pipeline, dataset)
        refs = (Ref(pipeline, dataset, key) for key in keys)
        by_dataset[dataset] = Counter(branched.get(ref, SAME) for ref in refs)
    return {name: dict(sorted(found.items())) for name, found in by_dataset.items() if found}


def quarantined(own: Sequence[BranchedArtifact]) -> dict[str, dict[str, int]]:
    """Quarantined rows by rule on main and on the branch, over the partitions that differ on both."""
    found: dict[str, dict[str, int]] = {}
    both = (e for e in own if e.ref.dataset == VALIDATED and e.published is not None)
    for each in both:
        sides = (("main", each.published), ("branch", each.own))
        for side, manifest in sides:
            rules = manifest.outcome.get("quarantined", {}) if manifest is not None else {}
            for rule, rows in rules.items():
                found.setdefault(rule, {"main": 0, "branch": 0})[side] += int(rows)
    return {rule: found[rule] for rule in sorted(found)}


def refused(own: Sequence[BranchedArtifact]) -> dict[str, list[str]]:
    """Partitions that one side alone refuses."""
    found: dict[str, list[str]] = {"main": [], "branch": []}
    for each in own:
        if each.published is None or "ds=" not in each.ref.key:
            continue
        main, branch = (
            m.outcome.get("verdict") == "refused" for m in (each.published, each.own)
        )
        if main != branch:
            found["main" if main else "branch"].append(f"{each.ref.dataset}/{each.ref.key}")
    return {side: names for side, names in found.items() if names}
