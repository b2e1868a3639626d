"""The rows of a published training set, mapped into memory.

Why: a step must cost no parsing, and the rows may be more than memory holds.
Promise: reading takes copies of neighbouring rows; mapped pages can be released, so that the resident
    set does not grow with the rows.
Not here: their order (``epoch_order.py``), the steps (``batches.py``).
"""

import json
import mmap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.core.errors import ArtifactError
from pipelines.operators.bfloat16 import BFLOAT16, widened
from pipelines.protocol import VALIDATED, giver_of, stage_of
from pipelines.spec import ModelDays

Rows = dict[str, NDArray[Any]]

LABEL, WEIGHT = "y", "w"
KINDS: dict[str, Any] = {
    "x": np.float32,
    "ids": np.int32,
    LABEL: np.float32,
    WEIGHT: np.float32,
}
TRAIN, VALIDATION = "train", "validation"


@dataclass(frozen=True, slots=True)
class Shards:
    """Some days' rows: arrays by input name, one a day each.

    Attributes:
        days: One mapping a day from input (``x``, ``ids``, ``seq_NAME``, ``len_NAME``, ``y``, and ``w`` where
            rows are weighted) to an array whose first axis is the day's rows; bfloat16 ones as their
            bits, uint16. Of several columns of ``y`` the first is the label.
        starts: First row of each day, then the number of rows, ``(n_days + 1,)``.
        features: Names of the columns of ``x``.
        maps: The memory maps behind the arrays.
        categorical: Names of the columns of ``ids``.
    """

    days: tuple[Mapping[str, NDArray[Any]], ...]
    starts: NDArray[np.int64]
    features: tuple[str, ...] = ()
    maps: tuple[mmap.mmap, ...] = ()
    categorical: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of all days."""
        return int(self.starts[-1])

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the network's input arrays."""
        return tuple(name for name in self.days[0] if name not in (LABEL, WEIGHT))

    @property
    def row_bytes(self) -> int:
        """Bytes of one row in memory, its label included."""
        return sum(array.nbytes for array in self.empty(1).values())

    def labels(self) -> list[NDArray[np.float32]]:
        """The label of each day's rows, ``(n_rows,)``."""
        return [first_column(day[LABEL]) for day in self.days]

    def positives(self) -> int:
        """Rows with label 1."""
        return sum(int(np.count_nonzero(labels == 1)) for labels in self.labels())

    def empty(self, rows: int) -> Rows:
        """Arrays for so many rows, all zero."""
        return {
            name: np.zeros((rows, *array.shape[1:]), widened(np, array[:0]).dtype)
            for name, array in self.days[0].items()
        }

    def copy(self, first: int, rows: int, out: Rows, at: int) -> None:
        """Copy neighbouring rows of one day into ``out`` from its row ``at`` on."""
        day = int(np.searchsorted(self.starts, first, side="right")) - 1
        inside = first - int(self.starts[day])
        for name, array in self.days[day].items():
            out[name][at : at + rows] = widened(np, array[inside : inside + rows])

    def release(self) -> None:
        """Drop mapped pages from the resident set; the next read maps them again."""
        for mapped in self.maps:
            mapped.madvise(mmap.MADV_DONTNEED)


def first_column(labels: NDArray[Any]) -> NDArray[Any]:
    """The label of each row, where ``y`` has more than it."""
    return labels if labels.ndim == 1 else labels[:, 0]


def open_sides(training_set: Path, days: ModelDays) -> tuple[Shards, Shards | None]:
    """Map the rows to train on, and those that evaluate an epoch; None where there are none.

    They are other days, or, where a cohort was drawn, other parts of the training set.

    Raises:
        ArtifactError: As ``open_shards``.
    """
    index = json.loads((training_set / "index.json").read_text())
    if VALIDATION in index:
        held_out = open_shards(training_set, part=VALIDATION) if index[VALIDATION] else None
        return open_shards(training_set), held_out
    held_out = open_shards(training_set, days.validation) if days.validation else None
    return open_shards(training_set, set(days.train) - set(days.validation)), held_out


def held_out_entries(training_set: Path, days: ModelDays) -> list[dict[str, Any]]:
    """The files of the days of the second of ``open_sides``, in the order of its rows."""
    index = json.loads((training_set / "index.json").read_text())
    if VALIDATION in index:
        return _chosen_days(training_set, index[VALIDATION], None)
    return _chosen_days(training_set, index[TRAIN], days.validation)


def open_shards(
    training_set: Path, days: Collection[str] | None = None, part: str = TRAIN
) -> Shards:
    """Map the training days of a published training set.

    Args:
        training_set: Its folder.
        days: Days to take; None for every one of the part.
        part: The part of it.

    Raises:
        ArtifactError: A shard's shape is not what the index says, or no day has rows.
    """
    index = json.loads((training_set / "index.json").read_text())
    chosen = _chosen_days(training_set, index[part], days)
    counts = [day["rows"] for day in chosen]
    starts = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)
    inputs = index.get("inputs", {})
    features = tuple(inputs.get("numeric", index["features"]))
    categorical = tuple(each["name"] for each in inputs.get("categorical", ()))
    bits = index.get("types", {}).get("x") == BFLOAT16
    kinds = KINDS | ({"x": np.uint16} if bits else {})
    arrays = [_mapped(training_set, day, len(features), kinds) for day in chosen]
    return Shards(tuple(map(_plain, arrays)), starts, features, _maps(arrays), categorical)


def _chosen_days(
    training_set: Path, days: Sequence[dict[str, Any]], names: Collection[str] | None
) -> list[dict[str, Any]]:
    """The days that have rows, of those of these names; None for any."""
    chosen = [d for d in days if d["rows"] and (names is None or d["day"] in names)]
    if not chosen:
        raise ArtifactError(
            f"{training_set.name}: none of the {len(days)} training days has the "
            f"requested rows. Widen split.train_days, or check the days that "
            f"{stage_of(VALIDATED).name} refused."
        )
    return chosen


def _plain(day: Rows) -> Rows:
    """Arrays without their class: ``np.memmap`` costs more than the copy when few rows are taken."""
    return {name: np.asarray(array) for name, array in day.items()}


def _maps(arrays: Sequence[Rows]) -> tuple[mmap.mmap, ...]:
    maps: list[Any] = [array.base for day in arrays for array in day.values()]
    return tuple(m for m in maps if isinstance(m, mmap.mmap))


def _mapped(
    folder: Path, day: Mapping[str, Any], n_features: int, kinds: Mapping[str, Any]
) -> Rows:
    names = [n for n in day if n in kinds or n.startswith(("seq_", "len_"))]
    arrays = {name: np.load(folder / day[name], mmap_mode="r") for name in names}
    for name, array in arrays.items():
        kind = kinds.get(name, np.int32 if name.startswith("len_") else np.float32)
        shape = (day["rows"], n_features) if name == "x" else (day["rows"], *array.shape[1:])
        if array.shape != shape or array.dtype != kind:
            raise ArtifactError(
                f"{day[name]} is {array.dtype} {array.shape}; its index says "
                f"{np.dtype(kind)} {shape}. Run {giver_of('training_set').name} again."
            )
    return arrays
