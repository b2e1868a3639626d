"""Graphs of tasks, the same for every backend.

Why: a stage runs unchanged on a laptop and on a cluster.
Promise: a graph is made of ``dask.delayed`` calls in the order of its items; nothing runs
    until ``Compute.run``.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any
from uuid import uuid4

from dask.delayed import Delayed, delayed
from dask.utils import funcname

FAN_IN = 8


def calls(function: Callable[..., Any], items: Iterable[Any], name: str = "") -> list[Delayed]:
    """One task per item. Never pure: a file that is rewritten keeps its path.

    Args:
        function: The function to call.
        items: Its argument, one per task.
        name: The tasks' name on the dashboard; by default the function's name.
    """
    name = name or funcname(function)
    # Dask would search an argument, a dataclass field by field, for tasks.
    bound = (partial(function, item) for item in items)
    return [
        delayed(call, pure=False, traverse=False)(dask_key_name=f"{name}-{uuid4().hex}")
        for call in bound
    ]


def merged(merge: Callable[[list[Any]], Any], parts: Sequence[Any]) -> Any:
    """Merge parts in groups of up to ``FAN_IN`` neighbours, level by level.

    The tree depends on the number of parts alone, so floating-point sums are the same whichever
    task finished first.

    Args:
        merge: Takes a list of neighbouring parts, in order.
        parts: Values or tasks, in file order; at least one.

    Returns:
        The task that returns the merged value; a single part unchanged.
    """
    if not parts:
        raise ValueError("merged: got no parts to merge; expected at least one.")
    task = delayed(merge, pure=False, traverse=False)
    level = list(parts)
    while len(level) > 1:
        groups = [level[n : n + FAN_IN] for n in range(0, len(level), FAN_IN)]
        level = [task(group) if len(group) > 1 else group[0] for group in groups]
    return level[0]
