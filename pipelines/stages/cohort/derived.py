"""How the examples of a model were derived from another table's rows, where they were.

Promise: what ingest counted of each partition, added up; nothing is read for examples of a source of their own.
"""

import json
from collections.abc import Iterable, Mapping

from pipelines.core.store import Manifest
from pipelines.protocol import Work
from pipelines.protocol.verdicts import INGESTED

FLOW = "flow.json"


def flow_manifests(work: Work, partitions: Iterable[str]) -> dict[str, Manifest]:
    """The ingested partitions of the examples that have a flow, by partition."""
    found = {key: work.find(work.partition_ref(INGESTED, key)) for key in partitions}
    return {key: each for key, each in found.items() if each is not None and FLOW in each.files}


def flow_digests(manifests: Mapping[str, Manifest]) -> dict[str, str]:
    """Digest of each partition's flow, by its name as an input."""
    return {f"{FLOW} ds={key}": str(m.files[FLOW]["sha256"]) for key, m in manifests.items()}


def derived_flow(work: Work, manifests: Mapping[str, Manifest]) -> list[dict[str, object]]:
    """The steps in their order, with the examples that each left in all partitions."""
    steps: dict[tuple[str, str], int] = {}
    for manifest in manifests.values():
        for step in json.loads(work.store.read_file(manifest, FLOW)):
            named = step["step"], step["setting"]
            steps[named] = steps.get(named, 0) + int(step["examples"])
    return [
        {"step": step, "setting": setting, "rows": rows}
        for (step, setting), rows in steps.items()
    ]
