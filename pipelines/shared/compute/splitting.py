"""Tasks that run out of memory: retry as smaller tasks, then on the CPU, then raise an error.

Why: how much memory a task takes is known only when it runs, and a retry of the same task on the
    same machine fails the same way.
Promise: a task that can be split is split up to ``SPLITS`` times and the results of its parts are
    joined, so the result is that of the whole; one that ran on a GPU is then run on the CPU;
    then the error reports how often it was split.
Not here: running tasks (``compute.py``).
"""

import dataclasses
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Self

from pipelines.core.errors import OutOfMemoryError, TransientError, WorkerLostError

SPLITS = 2
LONGEST_NAME = 80

log = logging.getLogger("millrace")


class Splittable(ABC):
    """A task's item that can be split. A base class, because strings have ``split`` and ``join`` too."""

    __slots__ = ()

    @abstractmethod
    def split(self) -> Sequence[Self]:
        """Smaller items that together are this one; fewer than two where it cannot be split."""

    @abstractmethod
    def join(self, results: Sequence[Any]) -> Any:
        """The result of this item from those of its parts, in order."""


@dataclasses.dataclass(frozen=True, slots=True)
class OutOfMemoryResult:
    """The result of a task that ran out of memory.

    Attributes:
        reason: The error's message.
        killed: Whether its workers were killed instead, which only the kernel reports.
    """

    reason: str
    killed: bool = False


def attempt(function: Callable[[Any], Any], item: Any) -> Any:
    """Call a function on its item; out of memory is returned as a result, not raised."""
    try:
        return function(item)
    # CuPy's and RMM's errors are MemoryErrors as well.
    except MemoryError as error:
        return OutOfMemoryResult(str(error) or type(error).__name__)


Run = Callable[[Sequence[Any]], list[Any]]
"""Runs items and returns a result, or ``OutOfMemoryResult``, for each."""


def retried_smaller(
    item: Any, failure: OutOfMemoryResult, run: Run, where: str, depth: int = 0
) -> Any:
    """The result of an item that ran out of memory, from a retry as smaller items.

    Args:
        item: The item.
        failure: Its result.
        run: Runs smaller items.
        where: The backend, for the message.
        depth: How often it was split already.

    Raises:
        OutOfMemoryError: The smallest parts ran out of memory too.
        WorkerLostError: Workers were killed while they ran the smallest parts.
    """
    parts = item.split() if depth < SPLITS and isinstance(item, Splittable) else []
    if len(parts) > 1:
        log.warning(
            "compute: %s ran out of memory (%s); it is retried as %d smaller tasks",
            _named(item),
            failure.reason,
            len(parts),
        )
        found = [
            retried_smaller(part, result, run, where, depth + 1)
            if isinstance(result, OutOfMemoryResult)
            else result
            for part, result in zip(parts, run(parts), strict=True)
        ]
        return item.join(found)
    slower = on_cpu(item)
    if slower is None:
        raise _out_of_memory(item, failure, where, depth)
    log.warning(
        "compute: %s ran out of memory on its GPU; it is retried on the CPU", _named(item)
    )
    (result,) = run([slower])
    if isinstance(result, OutOfMemoryResult):
        raise _out_of_memory(slower, result, f"{where}, then on the CPU", depth)
    return result


def on_cpu(item: Any) -> Any | None:
    """The same item with NumPy instead of CuPy; None where it uses NumPy already."""
    if getattr(item, "array_module", None) != "cupy":
        return None
    return dataclasses.replace(item, array_module="numpy")


def _out_of_memory(
    item: Any, failure: OutOfMemoryResult, where: str, depth: int
) -> TransientError:
    splits = f" after it was split {depth} times" if depth else ""
    return (WorkerLostError if failure.killed else OutOfMemoryError)(
        f"A task ({_named(item)}) ran out of memory{splits} ({failure.reason}) on {where}. "
        f"Raise the pipeline's buckets, so that one holds fewer rows, use fewer workers, or "
        f"a machine with more memory, and run it again."
    )


def _named(item: Any) -> str:
    """A short name of an item: its repr may hold whole tables."""
    text = " ".join(repr(item).split())
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."
