"""What becomes of a task that finds no memory: smaller tasks, the CPU, and last an error.

Why: how much memory a task takes is known once it is run, and a retry of the same task on the
    same machine ends in the same way.
Promise: a task that can be split is split up to ``SPLITS`` times and its pieces' results are
    joined, so the result is that of the whole; one that ran on a GPU is then run on the CPU;
    then the error tells how far it came.
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
    """A task's item that knows how to become smaller ones. Subclassed, as text can split too."""

    __slots__ = ()

    @abstractmethod
    def split(self) -> Sequence[Self]:
        """Smaller items that together are this one; fewer than two where it cannot be split."""

    @abstractmethod
    def join(self, results: Sequence[Any]) -> Any:
        """The result of this item from those of its pieces, in their order."""


@dataclasses.dataclass(frozen=True, slots=True)
class Starved:
    """Stands for the result of a task that found no memory.

    Attributes:
        reason: What said so.
        killed: Whether its workers died of it, which is told by nobody but the kernel.
    """

    reason: str
    killed: bool = False


def attempt(function: Callable[[Any], Any], item: Any) -> Any:
    """Call a function, where its item is; a lack of memory is a result, not an error."""
    try:
        return function(item)
    # CuPy's and RMM's errors are MemoryErrors as well.
    except MemoryError as error:
        return Starved(str(error) or type(error).__name__)


Run = Callable[[Sequence[Any]], list[Any]]
"""Runs items and hands back a result, or ``Starved``, for each."""


def fed(item: Any, starved: Starved, run: Run, where: str, depth: int = 0) -> Any:
    """The result of an item that found no memory.

    Args:
        item: The item.
        starved: What it ended with.
        run: Runs smaller items.
        where: What it ran on, for the message.
        depth: How often it was split already.

    Raises:
        OutOfMemoryError: The smallest pieces found no memory either.
        WorkerLostError: Nor did workers live through them.
    """
    pieces = item.split() if depth < SPLITS and isinstance(item, Splittable) else []
    if len(pieces) > 1:
        log.warning(
            "compute: %s found no memory (%s); it goes on as %d smaller ones",
            _named(item),
            starved.reason,
            len(pieces),
        )
        found = [
            fed(piece, result, run, where, depth + 1) if isinstance(result, Starved) else result
            for piece, result in zip(pieces, run(pieces), strict=True)
        ]
        return item.join(found)
    slower = on_cpu(item)
    if slower is None:
        raise _hopeless(item, starved, where, depth)
    log.warning("compute: %s found no memory on its GPU; it goes on on the CPU", _named(item))
    (result,) = run([slower])
    if isinstance(result, Starved):
        raise _hopeless(slower, result, f"{where}, then on the CPU", depth)
    return result


def on_cpu(item: Any) -> Any | None:
    """The same item with NumPy for CuPy; None where it is one for the CPU already."""
    if getattr(item, "array_module", None) != "cupy":
        return None
    return dataclasses.replace(item, array_module="numpy")


def _hopeless(item: Any, starved: Starved, where: str, depth: int) -> TransientError:
    halved = f" after it was split {depth} times" if depth else ""
    return (WorkerLostError if starved.killed else OutOfMemoryError)(
        f"A task ({_named(item)}) found no memory{halved} ({starved.reason}) on {where}. "
        f"Raise the pipeline's buckets, so that one holds fewer rows, give it fewer workers, or "
        f"a machine with more memory, and try again."
    )


def _named(item: Any) -> str:
    """A short name of an item: its repr may hold whole tables."""
    text = " ".join(repr(item).split())
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."
