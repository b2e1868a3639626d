"""Who took part: the flow from the source's rows to those that the model was trained and evaluated on.

Promise: counts of published artifacts; a step of which the store has nothing is left out, never guessed.
"""

import json
from collections import Counter
from typing import Any

from pipelines.core.store import Manifest
from pipelines.protocol import VALIDATED, Work
from pipelines.shared.tables.cohort_names import COHORTS, SUMMARY

# The input of a training set whose rows were drawn.
DRAWN = "model_cohort"


def participant_flow(work: Work, training_set: Manifest) -> list[dict[str, Any]]:
    """Steps with their rows and, where known, entities; ``left_out`` marks those that went no further."""
    return [*_quarantined(work), *_drawn(work, training_set)]


def _quarantined(work: Work) -> list[dict[str, Any]]:
    """Rows that the gate quarantined in the model's days, by rule."""
    counts = Counter[str]()
    for day in work.days().all():
        manifest = work.find(work.partition_ref(VALIDATED, day))
        if manifest is not None:
            counts.update(manifest.outcome.get("quarantined", {}))
    return [
        {"step": f"quarantined: {rule}", "rows": rows, "entities": None, "left_out": True}
        for rule, rows in sorted(counts.items())
    ]


def _drawn(work: Work, training_set: Manifest) -> list[dict[str, Any]]:
    """The steps of the drawn rows; none where the store has another draw by now."""
    manifest = work.find(work.window_ref(COHORTS)) if DRAWN in training_set.inputs else None
    if manifest is None or manifest.content != training_set.inputs[DRAWN]:
        return []
    drawn = json.loads((work.store.open(manifest) / SUMMARY).read_text())
    derived = [
        {
            "step": f"{each['step']} {each['setting']}".strip(),
            "rows": each["rows"],
            "entities": None,
            "left_out": False,
        }
        for each in drawn.get("derived", ())
    ]
    steps = [
        {
            "step": each.get("step") or each["left_out"],
            "rows": each["rows"],
            "entities": each.get("entities"),
            "left_out": "left_out" in each,
        }
        for each in drawn["flow"]
    ]
    parts = [
        {
            "step": f"in {part}",
            "rows": c["rows"],
            "entities": c.get("entities"),
            "left_out": False,
        }
        for part, c in drawn["parts"].items()
    ]
    return derived + steps + parts
