"""Showing a person at a terminal, or in a log, what is going on.

Why: the first run takes minutes; what is being done, how far it is and how long it will take
    must be visible throughout.
Promise: a terminal gets a bar that moves, anything else plain lines, one every few seconds.
Not here: what a stage reports while it runs (``pipelines/core/events.py``).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

LINE_INTERVAL_S = 5.0


@dataclass(slots=True)
class Phase:
    """Something that is being done.

    Attributes:
        title: What, in a few words.
        terminal: Where it is shown.
        bar: What moves on a terminal; None where there is none.
        started: When it began, on the monotonic clock.
    """

    title: str
    terminal: "Terminal"
    bar: Progress | None = None
    started: float = field(default_factory=time.monotonic)
    _last: float = 0.0

    def progress(
        self,
        done: int,
        total: int,
        unit: str,
        rows: int = 0,
        note: str = "",
        *,
        alike: bool = True,
    ) -> None:
        """Show how far it is.

        Args:
            done: Units that are done.
            total: Units there are.
            unit: What is counted.
            rows: Rows of what is done so far.
            note: What else to show.
            alike: Whether a unit takes as long as another, so that the time left can be computed.
        """
        seconds = max(time.monotonic() - self.started, 1e-9)
        known = alike and 0 < done < total
        parts = [f"{done} of {total} {unit}"]
        parts += [f"{rows / seconds:,.0f} rows/s"] if rows else []
        parts += [f"{seconds * (total - done) / done:.0f} s left"] if known else []
        parts += [note] if note else []
        self._show(", ".join(parts), done, total)

    def note(self, text: str) -> None:
        """Show what is going on where nothing can be counted."""
        self._show(text, None, None)

    def _show(self, text: str, done: int | None, total: int | None) -> None:
        if self.bar is not None:
            task = self.bar.tasks[0].id
            self.bar.update(task, completed=done or 0, total=total, text=text)
            return
        now = time.monotonic()
        if now - self._last >= LINE_INTERVAL_S:
            self._last = now
            self.terminal.line(f"{self.title}: {text}")


@dataclass(slots=True)
class Terminal:
    """Shows phases, and keeps how long each took.

    Attributes:
        console: Where to.
        seconds: Wall-clock seconds of each phase that is over, by title.
    """

    console: Console
    seconds: dict[str, float] = field(default_factory=dict)

    def line(self, text: str, style: str | None = None) -> None:
        """Print one line."""
        self.console.print(text, style=style, highlight=False, soft_wrap=True, markup=False)

    @contextmanager
    def phase(self, title: str) -> Iterator[Phase]:
        """Show something from its beginning to its end."""
        phase = Phase(title, self)
        if self.console.is_terminal:
            columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(24))
            text = TextColumn("{task.fields[text]}", markup=False)
            bar = Progress(
                *columns, TimeElapsedColumn(), text, console=self.console, transient=True
            )
            bar.add_task(title, total=None, text="")
            phase.bar = bar
            with bar:
                yield phase
        else:
            self.line(f"{title} ...")
            yield phase
        self.seconds[title] = time.monotonic() - phase.started
        self.line(f"{title}: done in {self.seconds[title]:.1f} s")
