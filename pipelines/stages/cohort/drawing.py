"""Which part of a model's data each example is in, with its label, or why it is left out.

Why: who is counted is the first question that a reader of a medical model asks.
Promise: a partition at a time; the fold of an entity depends on its key and the seed of the folds alone.
Not here: what became of an example (``outcomes.py``), weights (``weights.py``), counts (``tally.py``).
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipelines.operators.hashing import mix
from pipelines.protocol.settings import cohort_entities
from pipelines.shared.tables.cohort import hashed_keys
from pipelines.shared.tables.cohort_names import (
    BEYOND,
    COHORT_PARTS,
    NO_ENTITY,
    NO_LABEL,
    OTHER_SIDE,
    PREVALENT,
    REASONS,
    TEST,
    TRAIN,
    UNKNOWN,
    VALIDATION,
)
from pipelines.shared.tables.window import ModelWindow
from pipelines.spec import Binary, Label, Split
from pipelines.spec.learning import BY_ENTITY, BY_TIME
from pipelines.stages.cohort.events import COMPETING_EVENT, EVENT, History
from pipelines.stages.cohort.outcomes import ExampleEnds, ends_of

Mask = NDArray[np.bool_]
AT = {name: number for number, name in enumerate(COHORT_PARTS)}
WHY = {name: number for number, name in enumerate(REASONS)}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The examples of a partition, each array ``(n_rows,)``.

    Attributes:
        row_ids: Their ids.
        part: The part that each is in, or would be were it not left out; an index into ``COHORT_PARTS``.
        left_out: Why it is left out, an index into ``REASONS``.
        label: Its label, NaN for none.
        entity: Hash of its entity's key.
        days: Days until it ended; NaN where the label is a column.
        cause: What ended it.
        followed: Whether it is known what happened within the horizon.
    """

    row_ids: pa.ChunkedArray
    part: NDArray[np.int8]
    left_out: NDArray[np.int8]
    label: NDArray[np.float32]
    entity: NDArray[np.uint64]
    days: NDArray[np.float64]
    cause: NDArray[np.int8]
    followed: Mask

    @property
    def taken(self) -> Mask:
        """Rows that are in the model's data."""
        return self.left_out == 0

    @property
    def at_risk(self) -> Mask:
        """Those, and the rows that would be had they been followed longer."""
        return self.taken | (self.left_out == WHY[UNKNOWN])


@dataclass(frozen=True, slots=True)
class Drawing:
    """How the examples of a model are drawn.

    Attributes:
        window: Their features.
        history: What became of entities; None where the label is a column.
    """

    window: ModelWindow
    history: History | None

    def of(self, partition: str) -> Drawn:
        """The examples of a partition."""
        work = self.window.work
        pipeline, split = work.pipeline, work.pipeline.split
        rows, names = self._rows(partition), cohort_entities(pipeline)
        keys = {name: rows[pipeline.entity(name).key] for name in names}
        divided = split.entity or names[0]
        hashes = hashed_keys(keys[divided])
        part, other_side = self._parts(partition, folds_of(hashes, split))
        ended, label = self._labels(rows, keys)
        lacks = np.logical_or.reduce([k.is_null().to_numpy() for k in keys.values()])
        reasons = {NO_ENTITY: lacks, OTHER_SIDE: other_side}
        if ended is None:
            trains = (part == AT[TRAIN]) | (part == AT[VALIDATION])
            reasons[NO_LABEL] = np.isnan(label) & trains
        else:
            recurrent = getattr(pipeline.label, "recurrent", False)
            reasons[PREVALENT] = ended.prevalent & (not recurrent)
            reasons[BEYOND] = ended.beyond
            reasons[UNKNOWN] = np.isnan(label)
        return Drawn(
            row_ids=rows[pipeline.table.id_column],
            part=part,
            left_out=_first(reasons, rows.num_rows),
            label=label,
            entity=hashes,
            days=np.full(rows.num_rows, np.nan) if ended is None else ended.days,
            cause=np.zeros(rows.num_rows, np.int8) if ended is None else ended.cause,
            followed=np.ones(rows.num_rows, bool) if ended is None else ended.followed,
        )

    def _rows(self, partition: str) -> pa.Table:
        work = self.window.work
        pipeline, label = work.pipeline, work.pipeline.label
        columns = [pipeline.table.id_column, pipeline.table.time_column]
        columns += [pipeline.entity(name).key for name in cohort_entities(pipeline)]
        columns += [label.column] if isinstance(label, Label) else []
        path = work.store.open(self.window.days[partition]) / self.window.part(partition)
        return pq.read_table(path, columns=list(dict.fromkeys(columns)), use_threads=False)

    def _parts(self, partition: str, fold: NDArray[np.int64]) -> tuple[NDArray[np.int8], Mask]:
        """The part of each row, and which of them are of an entity of the other side."""
        days, split = self.window.work.days(), self.window.work.pipeline.split
        nobody = np.zeros(len(fold), bool)
        if split.by == BY_ENTITY:
            later = (fold - split.fold) % split.folds
            validates = (later > 0) & (later <= split.validation_folds)
            others = np.where(validates, AT[VALIDATION], AT[TRAIN])
            return np.where(later == 0, AT[TEST], others).astype(np.int8), nobody
        names = [p for p in COHORT_PARTS if partition in getattr(days, p)]
        name = names[-1] if TEST not in names else TEST
        part = np.full(len(fold), AT[name], np.int8)
        if split.by == BY_TIME or name not in (TRAIN, VALIDATION, TEST):
            return part, nobody
        tested = fold == split.fold
        return part, ~tested if name == TEST else tested

    def _labels(
        self, rows: pa.Table, keys: dict[str, pa.ChunkedArray]
    ) -> tuple[ExampleEnds | None, NDArray[np.float32]]:
        """What became of each row, and its label, NaN for none."""
        pipeline = self.window.work.pipeline
        label = pipeline.label
        if isinstance(label, Label):
            numbers = rows[label.column].cast(pa.float64(), safe=False).to_numpy()
            return None, np.where(np.isfinite(numbers), numbers, np.nan).astype(np.float32)
        assert self.history is not None, "read for every outcome"
        time_us = rows[pipeline.table.time_column].cast(pa.int64()).to_numpy()
        code = self.history.codes(keys[label.entity])
        ended = ends_of(self.history, code, time_us, label.horizon_days)
        if isinstance(pipeline.head, Binary):
            known = np.where(ended.followed, ended.cause == EVENT, np.nan)
            return ended, known.astype(np.float32)
        return ended, np.where(ended.cause == EVENT, ended.days, -ended.days).astype(np.float32)


def folds_of(hashes: NDArray[np.uint64], split: Split) -> NDArray[np.int64]:
    """The fold of each entity, ``0`` to ``folds - 1``, by the hash of its key."""
    drawn = mix(np, hashes ^ np.uint64(split.fold_seed))
    return (drawn % np.uint64(split.folds)).astype(np.int64)


def competing_of(drawn: Drawn) -> Mask:
    """Which rows the competing event ended."""
    return drawn.cause == COMPETING_EVENT


def _first(reasons: dict[str, Mask], n_rows: int) -> NDArray[np.int8]:
    """The first reason that applies to each row; 0 for none."""
    found = np.zeros(n_rows, np.int8)
    for name, applies in reasons.items():
        found[applies & (found == 0)] = WHY[name]
    return found
