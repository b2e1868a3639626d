"""The libraries whose version is part of a result's name, and those whose version is not.

Why: another TensorFlow trains another model, and another Jinja makes the same one.
Promise: a library that stands in neither table counts, so a user's own dependencies do.
"""

import sys
from collections.abc import Iterable, Iterator
from functools import cache

COUNTED = {
    "dask": "how arrays and tables are split, shuffled and summed where it computes",
    "great_expectations": "what an expectation means, and what its report says",
    "keras": "initial weights, layers, optimizers and saved models",
    "numpy": "arithmetic, sums, sorting and random numbers",
    "optuna": "which settings a search draws, and which trials it ends",
    "pandas": "values as expectations compare them",
    "pyarrow": "parsing, casting and the bytes of Parquet files",
    "python_calamine": "values of Excel files",
    "scipy": "statistics",
    "sklearn": "metrics, and isotonic calibration",
    "tensorflow": "kernels, graphs and the order of sums",
}
"""Import name and what of a result depends on it."""

NOT_COUNTED = {
    "cudf": "gives the tables that pyarrow gives; tested to be equal",
    "cupy": "gives the arrays that NumPy gives; tested to be equal",
    "dask_cuda": "starts workers",
    "deltalake": "finds the files of a table's version, which are named in a digest",
    "distributed": "starts workers and moves what they made; released with dask",
    "fsspec": "moves bytes, which are compared by their hashes",
    "jinja2": "makes pages, which are not content",
    "mlflow": "records what was made, and moves the champion's alias",
    "psutil": "finds processes",
    "pynvml": "counts GPUs",
    "rmm": "allocates memory",
    "threadpoolctl": "has each product computed by one thread",
    "psycopg": "gives a database's rows, which are compared by their hash",
    "sqlalchemy": "reads the registry's tables, and databases' rows, which are compared by their hash",
}
"""Import name and why a result does not depend on its version."""

DISTRIBUTIONS = {"sklearn": "scikit-learn"}
"""What is installed under another name than it is imported by."""

ABSENT = "absent"
"""Written where a library is used that is not installed."""


def versions_of(libraries: Iterable[str]) -> dict[str, str]:
    """The version of each library that counts, by its name."""
    return {
        name: version_of(name)
        for name in sorted(set(libraries))
        if name not in NOT_COUNTED and (name in COUNTED or not _is_standard(name))
    }


@cache
def version_of(library: str) -> str:
    """The installed version of a library, by the name it is imported by."""
    from importlib.metadata import PackageNotFoundError, version

    for names in _distributions(library):
        for name in names:
            try:
                return version(name)
            except PackageNotFoundError:
                continue
    return ABSENT


def _distributions(library: str) -> Iterator[list[str]]:
    from importlib.metadata import packages_distributions

    yield [DISTRIBUTIONS.get(library, library)]
    # Reading what every installed package holds takes a second: only where nothing is called so.
    yield sorted(packages_distributions().get(library, ()))


def _is_standard(name: str) -> bool:
    return name in sys.stdlib_module_names
