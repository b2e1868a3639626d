"""Prefetch the items of several sources on threads, and yield them in order.

Why: reading and casting keep one core busy and writing another, and a day may have many files; yet
    the result must not depend on which of them was read first.
Promise: the items are those of the sources one after another, whatever the number of threads; at
    most ``threads * (DEPTH + 1)`` of them are in memory; an error is raised at the position of its
    item. Leaving the context early ends the threads.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

DEPTH = 2
POLL_S = 0.1

T = TypeVar("T")
Item = tuple[str, Any]
ITEM, END, ERROR = "item", "end", "error"


@contextmanager
def prefetched(
    sources: Sequence[Callable[[], Generator[T, None, None]]], threads: int
) -> Iterator[list[Iterator[T]]]:
    """One iterator for each source, to be consumed in order.

    Args:
        sources: Functions that return the generators, each read on its own thread.
        threads: How many are read concurrently, at least one.
    """
    stop = threading.Event()
    queues = [queue.Queue[Item](DEPTH) for _ in sources]

    def start(index: int) -> None:
        if index < len(sources):
            fill = threading.Thread(
                target=_fill, args=(sources[index], queues[index], stop), daemon=True
            )
            fill.start()

    def drained(index: int) -> Iterator[T]:
        try:
            yield from _drain(queues[index])
        finally:
            start(index + max(1, threads))

    for index in range(max(1, threads)):
        start(index)
    try:
        yield [drained(index) for index in range(len(sources))]
    finally:
        stop.set()


def _fill(
    source: Callable[[], Generator[T, None, None]],
    items: queue.Queue[Item],
    stop: threading.Event,
) -> None:
    try:
        with closing(source()) as made:
            for item in made:
                if not _put(items, (ITEM, item), stop):
                    return
        _put(items, (END, None), stop)
    # Any error is raised again where the items are consumed.
    except BaseException as error:
        _put(items, (ERROR, error), stop)


def _put(items: queue.Queue[Item], item: Item, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            items.put(item, timeout=POLL_S)
        except queue.Full:
            continue
        return True
    return False


def _drain(items: queue.Queue[Item]) -> Iterator[Any]:
    while True:
        kind, item = items.get()
        if kind == END:
            return
        if kind == ERROR:
            raise item
        yield item
