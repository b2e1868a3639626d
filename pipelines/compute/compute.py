"""What a stage is handed to run its tasks on.

Why: ``map`` and ``tree`` are all that most stages need; ``run`` takes any graph.
Promise: results come in the order of the items, whatever finished first.
Not here: making graphs (``graph.py``), where they run (``threads.py``, ``cluster.py``).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from dask.delayed import Delayed

from pipelines.compute.graph import calls, merged

OnDone = Callable[[Any], None]


class Compute(ABC):
    """Something that runs tasks.

    Attributes:
        workers: Threads or processes that run them.
        array_module: ``cupy`` where the workers hold a GPU each, else ``numpy``.
    """

    workers: int
    array_module: str = "numpy"

    @abstractmethod
    def run(self, tasks: Sequence[Delayed], on_done: OnDone | None = None) -> list[Any]:
        """Run tasks and what they depend on, and hand back their results in order.

        Args:
            tasks: The tasks whose results are wanted.
            on_done: Called here, on the caller's thread, with each result as it comes.

        Raises:
            WorkerLostError: Workers that ran a task died, again and again.
            OutOfMemoryError: A task found no memory.
            TransientError: The scheduler went away.
            Exception: Whatever a task raised.
        """

    def map(
        self,
        function: Callable[[Any], Any],
        items: Iterable[Any],
        on_done: OnDone | None = None,
    ) -> list[Any]:
        """Call a function on each item."""
        return self.run(calls(function, items), on_done)

    def tree(self, merge: Callable[[list[Any]], Any], parts: Sequence[Any]) -> Any:
        """Merge parts, values or tasks, in their order; ``graph.merged`` says how."""
        whole = merged(merge, parts)
        return self.run([whole])[0] if isinstance(whole, Delayed) else whole
