"""Reading several sources at once, a few items ahead, and handing them on in their order.

Why: reading and casting keep one core busy and writing another, and a day may come in many
    files; yet what is written must not depend on which of them was read first.
Promise: the items are those of the sources one after the other, whatever the number of
    threads; at most ``threads * (DEPTH + 1)`` of them are held; an error is raised where its
    item would have been. Leaving early ends the threads.
"""

import queue
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

DEPTH = 2
PATIENCE_S = 0.1

T = TypeVar("T")
Item = tuple[str, Any]
ITEM, END, ERROR = "item", "end", "error"


@contextmanager
def read_ahead(
    sources: Sequence[Callable[[], Generator[T, None, None]]], threads: int
) -> Iterator[list[Iterator[T]]]:
    """One iterator for each source, to be used up in order.

    Args:
        sources: Make the generators that are read, each on a thread of its own.
        threads: How many are read at once, at least one.
    """
    stop = threading.Event()
    queues = [queue.Queue[Item](DEPTH) for _ in sources]

    def start(place: int) -> None:
        if place < len(sources):
            fill = threading.Thread(
                target=_fill, args=(sources[place], queues[place], stop), daemon=True
            )
            fill.start()

    def drained(place: int) -> Iterator[T]:
        try:
            yield from _drain(queues[place])
        finally:
            start(place + max(1, threads))

    for place in range(max(1, threads)):
        start(place)
    try:
        yield [drained(place) for place in range(len(sources))]
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
    # Whatever it is, it is raised where the items are read.
    except BaseException as error:
        _put(items, (ERROR, error), stop)


def _put(items: queue.Queue[Item], item: Item, stop: threading.Event) -> bool:
    while not stop.is_set():
        try:
            items.put(item, timeout=PATIENCE_S)
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
