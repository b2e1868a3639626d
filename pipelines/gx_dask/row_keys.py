"""A 64-bit key of each row's value in one or several columns.

Why: rows of equal values must meet, and keys are small enough to be sent where values are not.
Promise: a number or a time is its own key; keys of text and of several columns are hashes, which
    two different values may share.
Source: the mixing is the finaliser of splitmix64 (Steele, Lea and Flood, OOPSLA 2014), as pandas
    hashes numbers.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.gx_dask.kernels import coded_of
from pipelines.gx_dask.rows import Rows
from pipelines.gx_dask.stock import Node

NULL_KEY = np.uint64(0x9E3779B97F4A7C15)

Keys = NDArray[np.uint64]


def is_own_key(node: Node, kind: str) -> bool:
    """Whether values are compared as 64-bit integers without hashing."""
    return "column" in node.domain and kind in "iufMm"


def mixed(keys: Keys) -> Keys:
    """A bijection of 64-bit numbers whose results look random (splitmix64's finaliser)."""
    hashed: Keys = pd.util.hash_array(keys, categorize=False)
    return hashed


def keys_of(node: Node, rows: Rows) -> Keys:
    """A key of each row, shape ``(n_rows,)``; rows of equal values have equal keys."""
    names = node.columns()
    if is_own_key(node, rows.series_kind(names[0])):
        return _as_integers(rows.series(names[0]))
    keys = np.zeros(rows.count, dtype=np.uint64)
    for name in names:
        keys = mixed(keys * np.uint64(31) ^ _hashes(name, rows))
    return keys


def _as_integers(values: pd.Series) -> Keys:
    array = values.to_numpy()
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        array = values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    if array.dtype.kind == "f":
        return (array.astype(np.float64) + 0.0).view(np.uint64)  # -0.0 equals 0.0
    if array.dtype.kind in "Mm":
        return array.view(np.uint64)
    return array.astype(np.int64).view(np.uint64)


def _hashes(name: str, rows: Rows) -> Keys:
    series = rows.series_kind(name)
    if series in "iufMm":
        hashed = mixed(_as_integers(rows.series(name)))
        hashed[~rows.valid(name)] = NULL_KEY
        return hashed
    coded = coded_of(name, rows)
    each = pd.util.hash_pandas_object(coded.values, index=False, categorize=False).to_numpy()
    return np.append(each, NULL_KEY)[coded.codes]
