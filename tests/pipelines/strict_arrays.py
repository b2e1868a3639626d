"""NumPy with the manners of CuPy: what CuPy lacks or refuses is refused here.

Why: kernels take an array module, and most machines that test them have no GPU.
Promise: only functions that CuPy documents under the same name; an array never becomes a NumPy
    array without ``get``, never mixes with one, and is not an iterable of Python numbers.
Source: docs.cupy.dev/en/stable/reference/comparison.html and "Differences between CuPy and NumPy".
"""

import numpy as np

KNOWN = {
    "abs",
    "arange",
    "argsort",
    "ascontiguousarray",
    "bincount",
    "clip",
    "concatenate",
    "copysign",
    "cos",
    "cumsum",
    "empty",
    "empty_like",
    "flatnonzero",
    "floor",
    "frexp",
    "full",
    "isfinite",
    "isin",
    "isnan",
    "lexsort",
    "log",
    "maximum",
    "mean",
    "minimum",
    "ones",
    "searchsorted",
    "sin",
    "stack",
    "sum",
    "take",
    "trunc",
    "unique",
    "where",
    "zeros",
    "zeros_like",
}
TYPES = (
    "bool_",
    "float32",
    "float64",
    "int8",
    "int32",
    "int64",
    "uint16",
    "uint32",
    "uint64",
    "nan",
)


class Array:
    """An array that behaves as one on a device."""

    def __init__(self, values):
        self._values = values

    def get(self):
        return self._values

    def __array__(self, *_args, **_kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed.")

    def __iter__(self):
        raise TypeError("Iterating over a device array copies one number at a time.")

    def __len__(self):
        return len(self._values)

    def __bool__(self):
        return bool(self._values)

    def __int__(self):
        return int(self._values)

    def __float__(self):
        return float(self._values)

    def __getitem__(self, at):
        return Array(np.asarray(self._values[_taken(at)]))

    def __setitem__(self, at, values):
        self._values[_taken(at)] = _taken(values)

    def __getattr__(self, name):
        if name in ("dtype", "shape", "ndim"):
            return getattr(self._values, name)
        if name in ("all", "any", "astype", "max", "min", "reshape", "sort", "sum", "view"):
            return _wrapped(getattr(self._values, name))
        raise AttributeError(f"no {name} in this check of what CuPy has")


def _operator(name):
    def apply(self, *others):
        return Array(np.asarray(getattr(self._values, name)(*map(_taken, others))))

    return apply


def _in_place(name):
    def apply(self, other):
        # As CuPy does: into the array itself, whose other views see it.
        getattr(self._values, name)(_taken(other))
        return self

    return apply


for _name in [
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
]:
    for _form in (f"__{_name}__", f"__r{_name}__"):
        setattr(Array, _form, _operator(_form))
    setattr(Array, f"__i{_name}__", _in_place(f"__i{_name}__"))
for _form in (
    "__eq__",
    "__ne__",
    "__lt__",
    "__le__",
    "__gt__",
    "__ge__",
    "__neg__",
    "__invert__",
):
    setattr(Array, _form, _operator(_form))


def _taken(value):
    if isinstance(value, Array):
        return value._values
    if isinstance(value, tuple):
        return tuple(map(_taken, value))
    if isinstance(value, np.ndarray | list):
        raise TypeError(f"Unsupported type {type(value)} beside a device array")
    return value


def _argument(value):
    if isinstance(value, list):
        return [_taken(item) for item in value]
    return _taken(value)


def _given(value):
    if isinstance(value, tuple):
        return tuple(map(_given, value))
    return Array(np.asarray(value)) if isinstance(value, np.ndarray | np.generic) else value


def _wrapped(function):
    def call(*args, **given):
        out = given.get("out")
        found = function(
            *map(_argument, args), **{name: _argument(value) for name, value in given.items()}
        )
        return out if out is not None else _given(found)

    return call


def __getattr__(name):
    if name in TYPES:
        return getattr(np, name)
    if name in KNOWN:
        return _wrapped(getattr(np, name))
    raise AttributeError(f"CuPy kernels here may not use {name}: add it if CuPy documents it")


def asarray(values, dtype=None):
    """A host array or plain numbers, copied over; a device array stays where it is."""
    if isinstance(values, Array):
        return values if dtype in (None, values.dtype) else values.astype(dtype)
    return Array(np.array(values, dtype))
