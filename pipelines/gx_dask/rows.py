"""The values of one partition, column by column, as Arrow, NumPy and pandas.

Why: several expectations look at one column, most of them at nothing else; each column is
    decoded once, and forgotten after the last of them.
Promise: a frame made here equals the same rows of the whole table's frame: values, types,
    and an index of row numbers counted through the whole table. Text stays encoded, each
    distinct value once, until something wants every row of it.
Not here: what is computed from it (``conditions.py``, ``aggregates.py``).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pandas.api.extensions import ExtensionDtype

from pipelines.gx_dask.files import gone, open_file, unreadable
from pipelines.gx_dask.partitions import Layout, Partition

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """A column as indices into the list of its distinct values.

    Attributes:
        values: Distinct values, of the type that the whole column has as pandas.
        codes: Index of each row's value, shape ``(n_rows,)``; -1 where there is none.
    """

    values: pd.Series
    codes: NDArray[np.int32]


class Rows:
    """Some partitions' rows, read when asked for.

    Args:
        layout: The table.
        partitions: Neighbouring partitions: one for a task of a shared pass, all for a gather.
    """

    def __init__(self, layout: Layout, partitions: Sequence[Partition]) -> None:
        self.layout, self.partitions = layout, tuple(partitions)
        self.count = sum(partition.rows for partition in partitions)
        self.offset = partitions[0].offset if partitions else 0
        self._arrow: dict[str, pa.ChunkedArray] = {}
        self._made: dict[tuple[str, str], object] = {}

    def read(self, names: Iterable[str]) -> None:
        """Read columns together, those that are not here yet.

        Raises:
            FilesMissingError: A file is gone.
            FileDamagedError: A file is damaged.
        """
        wanted = [name for name in dict.fromkeys(names) if name not in self._arrow]
        if not wanted:
            return
        parts = [self._read_partition(partition, wanted) for partition in self.partitions]
        for name in wanted:
            chunks = [chunk for part in parts for chunk in part[name].chunks]
            kind = chunks[0].type if chunks else self.layout.schema.field(name).type
            self._arrow[name] = pa.chunked_array(chunks, kind)

    def _read_partition(
        self, partition: Partition, names: Sequence[str]
    ) -> dict[str, pa.ChunkedArray]:
        stored = [name for name in names if name not in partition.hive]
        text = [n for n in stored if pa.types.is_string(self.layout.schema.field(n).type)]
        found = {
            name: pa.chunked_array([pa.repeat(partition.hive[name], partition.rows)])
            for name in names
            if name in partition.hive
        }
        if stored:
            table = _read(partition, stored, text)
            found |= {name: self._typed(name, table[name]) for name in stored}
        return found

    def _typed(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        kind = self.layout.schema.field(name).type
        if pa.types.is_timestamp(kind) and values.type != kind:
            return values.cast(kind)
        return values

    def forget(self, names: Iterable[str]) -> None:
        """Let go of columns that nothing wants any more."""
        for name in names:
            self._arrow.pop(name, None)
            for what in ("series", "valid", "coded"):
                self._made.pop((what, name), None)

    def arrow(self, name: str) -> pa.ChunkedArray:
        """A column as it was read."""
        self.read([name])
        return self._arrow[name]

    def series(self, name: str) -> pd.Series:
        """A column as pandas, with the row numbers of this partition alone (0, 1, ...)."""
        return self.once("series", name, lambda: self._to_series(name, self.arrow(name)))

    def series_kind(self, name: str) -> str:
        """NumPy's letter for the type that the whole column has as pandas."""
        return self.layout.kind(name)

    def valid(self, name: str) -> NDArray[np.bool_]:
        """Whether each row has a value, by pandas' rule (NaN is none), shape ``(n_rows,)``."""
        return self.once("valid", name, lambda: self._valid(name))

    def _valid(self, name: str) -> NDArray[np.bool_]:
        if self.series_kind(name) == "x":
            return self.series(name).notna().to_numpy()
        values = self.arrow(name)
        if pa.types.is_dictionary(values.type):
            return self.coded(name).codes >= 0
        if not values.null_count and not pa.types.is_floating(values.type):
            return np.ones(self.count, dtype=bool)
        return pc.invert(pc.is_null(values, nan_is_null=True)).to_numpy()

    def coded(self, name: str) -> Coded:
        """A column by its distinct values."""
        return self.once("coded", name, lambda: self._coded(name))

    def _coded(self, name: str) -> Coded:
        values = self.arrow(name)
        if not pa.types.is_dictionary(values.type):
            values = values.dictionary_encode()
        if not values.num_chunks:
            empty = pa.chunked_array([], values.type.value_type)
            return Coded(self._to_series(name, empty), np.zeros(0, dtype=np.int32))
        array = values.unify_dictionaries().combine_chunks()
        codes = pc.fill_null(array.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)
        distinct = pa.chunked_array([array.dictionary])
        return Coded(self._to_series(name, distinct), codes)

    def frame(self, names: Sequence[str]) -> pd.DataFrame:
        """Columns as the whole table's frame has them."""
        self.read(names)
        index = pd.RangeIndex(self.offset, self.offset + self.count)
        columns = {name: self.series(name).set_axis(index) for name in names}
        return pd.DataFrame(columns, index=index, columns=list(names))

    def take(self, indices: NDArray[np.int64], names: Sequence[str]) -> pd.DataFrame:
        """Some rows of the frame; they count from this partition's first row."""
        self.read(names)
        wanted = pa.array(indices)
        columns = {name: self._taken(name, indices, wanted) for name in names}
        frame = pd.DataFrame(columns, columns=list(names))
        frame.index = pd.Index(indices + self.offset)
        return frame

    def _taken(self, name: str, indices: NDArray[np.int64], wanted: pa.Array) -> pd.Series:
        if self.layout.nested(name):
            return self.series(name).iloc[indices].reset_index(drop=True)
        return self._to_series(name, self.arrow(name).take(wanted))

    def _to_series(self, name: str, values: pa.ChunkedArray) -> pd.Series:
        kind = self.layout.schema.field(name).type
        cast = self.layout.casts.get(name)
        if pa.types.is_dictionary(values.type) and not pa.types.is_dictionary(kind):
            values = values.cast(kind)
        if isinstance(cast, ExtensionDtype):
            return values.to_pandas(types_mapper=lambda _: cast)
        whole = pa.types.is_integer(values.type)
        series = values.to_pandas(integer_object_nulls=whole and cast == "object")
        return series if cast is None else series.astype(cast)

    def once(self, what: str, name: str, make: Callable[[], Made]) -> Made:
        """Something made of these rows, made once."""
        if (what, name) not in self._made:
            self._made[what, name] = make()
        return cast("Made", self._made[what, name])


def _read(partition: Partition, names: Sequence[str], text: Sequence[str]) -> pa.Table:
    try:
        with open_file(partition.path, encoded=text) as file:
            return file.read_row_groups(
                list(partition.row_groups), columns=list(names), use_threads=False
            )
    except FileNotFoundError as error:
        raise gone(partition.path) from error
    except (OSError, pa.ArrowException) as error:
        raise unreadable(partition.path, error) from error
