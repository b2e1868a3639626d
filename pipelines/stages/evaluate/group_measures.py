"""Groups of rows, declared and found, each beside the rest and beside the champion.

Not here: groups and their metrics (``subgroups.py``), the search (``slices/``), gates (``gates_beside.py``).
"""

from dataclasses import dataclass
from typing import Any

from pipelines.shared.metrics.row_groups import groups_of
from pipelines.spec import Pipeline
from pipelines.spec.checks.evaluation import subgroup_kinds
from pipelines.stages.evaluate.heads.protocol import (
    Floats,
    HeadEvaluation,
    Predictions,
    ReadRaw,
    Yardstick,
)
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.slices.cuts import searched_kinds
from pipelines.stages.evaluate.slices.found import SearchResult, find_slices
from pipelines.stages.evaluate.subgroups import MeasuredGroup, described, measure_groups


@dataclass(frozen=True, slots=True)
class GroupMeasures:
    """All groups of an evaluation.

    Attributes:
        declared: The declared ones.
        found: The slices that a search found, the worst first.
        search: What the search says beside; None where none is declared.
    """

    declared: tuple[MeasuredGroup, ...] = ()
    found: tuple[MeasuredGroup, ...] = ()
    search: SearchResult | None = None

    def facts(self, pipeline: Pipeline, rows: TestRows) -> dict[str, Any]:
        """What ``metrics.json`` holds of them."""
        facts: dict[str, Any] = {}
        if self.declared:
            facts["subgroups"] = described(self.declared, rows)
        declared = pipeline.evaluation.slice_search
        if self.search is not None and declared is not None:
            # What several slices have in common could be a few people: their counts are rounded.
            groups = described(self.found, rows, rounded=True)
            facts["slices"] = self.search.facts(groups, declared)
        return facts


def measured_groups(
    pipeline: Pipeline,
    head: HeadEvaluation,
    rows: TestRows,
    predictions: Predictions,
    yardstick: Yardstick,
    read: ReadRaw,
    copies: Floats,
    champion: Predictions | None,
) -> GroupMeasures:
    """Measure the declared groups, search for slices where that is declared, and measure those.

    Args:
        pipeline: As declared.
        head: How the model is evaluated.
        rows: All test rows.
        predictions: The model's, of them.
        yardstick: What they are measured by.
        read: Reads raw columns of them.
        copies: Copies of each entity of the counted rows in each resample.
        champion: The champion's predictions; None where there is none to compare with.
    """
    kinds, evaluation = subgroup_kinds(pipeline), pipeline.evaluation
    names = [each.column for each in evaluation.subgroups]
    columns = read({name: kinds[name] for name in names}) if names else {}
    groups = [g for each in evaluation.subgroups for g in groups_of(each, columns[each.column])]
    result = None
    if evaluation.slice_search is not None:
        searched = read(searched_kinds(pipeline, evaluation.slice_search))
        result = find_slices(
            evaluation.slice_search, head, rows, predictions, yardstick, searched
        )
    every = [*groups, *(() if result is None else result.groups)]
    measured = measure_groups(head, rows, predictions, yardstick, every, copies, champion)
    return GroupMeasures(tuple(measured[: len(groups)]), tuple(measured[len(groups) :]), result)
