"""The slices that were found, as groups that are measured like declared ones.

Promise: bounded by ``MOST_ROWS`` rows, evenly taken, and by the declared number of looks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.row_groups import RowGroup
from pipelines.spec import Binary, SliceSearch
from pipelines.stages.evaluate.heads.protocol import HeadEvaluation, Predictions, Yardstick
from pipelines.stages.evaluate.rows import TestRows
from pipelines.stages.evaluate.slices.cuts import cut_columns
from pipelines.stages.evaluate.slices.row_losses import row_losses
from pipelines.stages.evaluate.slices.search import (
    CLEAR,
    Cell,
    LookedAt,
    SearchedRows,
    searched,
    worst,
)

MOST_ROWS = 200_000


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What a search found.

    Attributes:
        loss: What the loss is by which slices were compared.
        looks: Slices that were looked at.
        found: Those that are worse beyond chance, the worst first.
        groups: Their rows among all test rows, in the same order.
    """

    loss: str
    looks: int
    found: tuple[LookedAt, ...]
    groups: tuple[RowGroup, ...]

    def facts(
        self, described: Sequence[Mapping[str, Any]], search: SliceSearch
    ) -> dict[str, Any]:
        """What ``metrics.json`` holds: ``described`` are the groups' metrics."""
        found = [
            {
                **group,
                "effect": each.effect,
                "effect_interval": [
                    each.effect - CLEAR * each.error,
                    each.effect + CLEAR * each.error,
                ],
                "p": each.p,
                "corrected_p": each.corrected,
            }
            for each, group in zip(self.found, described, strict=True)
        ]
        return {"loss": self.loss, "looks": self.looks, "level": search.level, "found": found}


def find_slices(
    search: SliceSearch,
    head: HeadEvaluation,
    rows: TestRows,
    predictions: Predictions,
    yardstick: Yardstick,
    columns: Mapping[str, NDArray[Any]],
) -> SearchResult:
    """Search the rows that count.

    Args:
        search: As declared.
        head: How the model is evaluated.
        rows: All test rows.
        predictions: Of them.
        yardstick: What they are measured by.
        columns: Raw values of the searched features, of all test rows.
    """
    here = np.flatnonzero(rows.counted)
    name, losses = row_losses(head, rows, predictions, yardstick)
    every = np.linspace(0, len(here) - 1, min(len(here), MOST_ROWS)).astype(np.int64)
    chosen = here[every]
    _, entity = np.unique(rows.entity[chosen], return_inverse=True)
    event = rows.events[chosen] if isinstance(head.head, Binary) else np.ones(len(chosen), bool)
    few = SearchedRows(losses[every], rows.weight[chosen], entity, event)
    whole = cut_columns(columns, search.ranges)
    cuts = [type(each)(each.column, each.names, each.code[chosen]) for each in whole]
    looks = searched(few, cuts, search)
    found = worst(looks, search)
    of_all = {each.column: each for each in whole}
    groups = tuple(
        _group(Cell(tuple((of_all[c.column], n) for c, n in each.cell.parts))) for each in found
    )
    return SearchResult(name, len(looks), tuple(found), groups)


def _group(cell: Cell) -> RowGroup:
    if len(cell.parts) == 1:
        column, nth = cell.parts[0]
        return RowGroup(column.column, column.names[nth], cell.rows())
    columns = " and ".join(column.column for column, _ in cell.parts)
    names = ", ".join(f"{column.column}: {column.names[nth]}" for column, nth in cell.parts)
    return RowGroup(columns, names, cell.rows())
