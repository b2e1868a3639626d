"""The events of a running stage: JSON lines on a pipe, or lines in a log.

Why: the Airflow task, the command line and a test run the same child process and need its
    progress, its result and its error without parsing log text.
Promise: one event is one line of JSON with an ``event`` field; a reader may ignore kinds it
    does not know. Progress is throttled, so a stage may report as often as it likes.
Not here: what the reader does with an event (``pipelines/process/``, ``plugins/millrace/airflow/``).
"""

import json
import logging
import math
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from pipelines.core.causes import sorted_by_cause
from pipelines.core.errors import PermanentError, PipelineError, TransientError
from pipelines.core.masking import message_of, traceback_of
from pipelines.core.text import every_text, message

PROGRESS_INTERVAL_S = 2.0
_PROGRESS = re.compile(r": [\d,]+( of [\d,]+)? (\w+), [\d,]+ \2/s")

# Values that are shown in percent; values from which on decimals are not shown.
SHARES, WHOLE_FROM = frozenset({"input_stall"}), 1000

Sink = Callable[[Mapping[str, object]], None]

log = logging.getLogger("millrace")


_reporting: ContextVar["Reporter | None"] = ContextVar("reporting", default=None)


@contextmanager
def reporting(reporter: "Reporter") -> Iterator[None]:
    """Let the code inside emit events through this reporter without passing it along."""
    token = _reporting.set(reporter)
    try:
        yield
    finally:
        _reporting.reset(token)


def dashboard(url: str) -> None:
    """Emit the address of a dashboard for the running stage, if there is one."""
    reporter = _reporting.get()
    if reporter is not None:
        reporter.sink({"event": "dashboard", "work": reporter.work, "url": url})


def to_pipe(fd: int) -> Sink:
    """Write events to a file descriptor, one JSON line each.

    A closed pipe does not stop the stage; its guard on the parent process does.
    """

    def write(event: Mapping[str, object]) -> None:
        try:
            os.write(fd, (json.dumps(every_text(event), default=str) + "\n").encode())
        except BrokenPipeError:
            log.warning("the reader of this stage's events has closed the pipe")

    return write


def to_log(event: Mapping[str, object]) -> None:
    """Write progress and messages as log lines, for a person at a terminal."""
    kind = event["event"]
    if kind == "progress":
        log.info("%s", message(describe_progress(event)))
    elif kind == "log":
        log.log(level_of(event), "%s", message(event["message"]))


def level_of(event: Mapping[str, object]) -> int:
    """The logging level of a ``log`` event."""
    level = event.get("level")
    return level if isinstance(level, int) else logging.INFO


def describe_progress(event: Mapping[str, object]) -> str:
    """One line for a progress event: done of total, rate, and the time left."""
    done, total, unit = event["done"], event["total"], event["unit"]
    of = f" of {total:,}" if total else ""
    left = f", {event['eta_s']:.0f} s left" if event.get("eta_s") is not None else ""
    values = event.get("values")
    described = worded(values) if isinstance(values, Mapping) else []
    notes = [str(event["note"])] if event.get("note") else []
    notes += [f"{name} {text}" for name, text in described]
    note = f" ({', '.join(notes)})" if notes else ""
    bytes_per_s = event.get("bytes_per_s")
    of_bytes = f", {bytes_per_s / 1e6:,.1f} MB/s" if isinstance(bytes_per_s, float) else ""
    speed = f"{event['per_s']:,.0f} {unit}/s{of_bytes}"
    return f"{event['work']}: {done:,}{of} {unit}, {speed}{left}{note}"


def worded(values: Mapping[str, float]) -> list[tuple[str, str]]:
    """Names and numbers as a person reads them: ``epoch`` beside ``epochs`` is "3 of 20"."""
    totals = {f"{name}s" for name in values} & set(values)
    return [
        (name.replace("_", " "), _number(name, values[name]) + _of(values, f"{name}s"))
        for name in values
        if name not in totals
    ]


def _of(values: Mapping[str, float], total: str) -> str:
    return f" of {_number(total, values[total])}" if total in values else ""


def _number(name: str, value: float) -> str:
    if name in SHARES:
        return f"{value:.1%}"
    whole = isinstance(value, int) or abs(value) >= WHOLE_FROM
    return f"{value:,.0f}" if whole else f"{value:.4g}"


def is_progress(line: str) -> bool:
    """Whether a line of a task's log is one of ``describe_progress``."""
    return _PROGRESS.search(line) is not None


def evenly(done: int, total: int, stored_bytes: int) -> tuple[int, int]:
    """``of_bytes`` of a scan through files of that size, all rows taken as equally wide."""
    return stored_bytes * done // max(total, 1), stored_bytes


@dataclass(slots=True)
class Reporter:
    """Emits the events of one unit of work.

    Attributes:
        work: Stage and key, as every line of the log names it (``train as_of=2026-02-15``).
        sink: Where events go.
    """

    work: str
    sink: Sink = to_log
    _started: float = field(default_factory=time.monotonic)
    _before: int = 0
    _reported_at: float | None = None

    def started(self, **fields: object) -> None:
        """Emit that the work starts, with the fields that identify it."""
        self.sink({"event": "started", "work": self.work, "pid": os.getpid(), **fields})

    def begin(self, done: int = 0) -> None:
        """Count rates and the time left from now; the time before was preparation.

        Args:
            done: What is done already, in the unit of ``progress``; bytes are counted from the start.
        """
        self._started, self._before = time.monotonic(), done

    def progress(
        self,
        done: int,
        total: int | None,
        unit: str = "rows",
        note: str = "",
        of_bytes: tuple[int, int] | None = None,
        values: Mapping[str, float] | None = None,
    ) -> None:
        """Emit the progress, at most every two seconds, and the end if it took that long.

        Args:
            done: What is done so far, in ``unit``.
            total: All there is to do; None where it is unknown.
            unit: Rows, steps, days, ...
            note: The current step of the work.
            of_bytes: Bytes read so far, and all there are (``evenly``, where only rows are
                counted); they give the time left where the total is unknown.
            values: Current values by name (epoch, loss, ...); non-finite ones are omitted,
                because JSON cannot represent them.
        """
        now = time.monotonic()
        is_end = done == total and self._reported_at is not None
        if now - (self._reported_at or self._started) < PROGRESS_INTERVAL_S and not is_end:
            return
        self._reported_at = now
        spent_s = max(now - self._started, 1e-9)
        rates = _rates(done - self._before, total - done if total else None, spent_s, of_bytes)
        finite = {name: v for name, v in (values or {}).items() if math.isfinite(v)}
        self.sink(
            {"event": "progress", "work": self.work, "done": done, "total": total}
            | {"unit": unit, "note": note, "values": finite}
            | rates
        )

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """Emit metrics after a step: a curve's next points."""
        self.sink({"event": "metric", "work": self.work, "step": step, "values": dict(values)})

    def log(self, message: str, *, level: int = logging.INFO) -> None:
        """Emit one log message. It names the work once, also where it is an error's that names it."""
        key = self.work.partition(" ")[2]
        said = message.removeprefix(f"{self.work}: ").removeprefix(f"{key}: ")
        event = {"event": "log", "work": self.work, "message": f"{self.work}: {said}"}
        self.sink(event | ({} if level == logging.INFO else {"level": level}))

    def result(self, result: Mapping[str, object]) -> None:
        """Emit the result of the work, a short JSON object."""
        self.sink({"event": "result", "work": self.work, "result": dict(result)})

    def also(self, partitions: list[str]) -> None:
        """Emit which later partitions were done, for work that ends with an error."""
        self.sink({"event": "also", "work": self.work, "partitions": partitions})

    def error(self, error: BaseException) -> None:
        """Emit the error that ended the work, so that the reader can raise the same error."""
        self.sink({"event": "error", "work": self.work, **describe_error(error)})


def _rates(
    done: int, left: int | None, spent_s: float, of_bytes: tuple[int, int] | None
) -> dict[str, float | None]:
    """Rates since the beginning, and the time left: by the bytes where what is left is unknown."""
    per_s = done / spent_s
    rates: dict[str, float | None] = {"per_s": per_s, "eta_s": None}
    if left is not None and per_s > 0:
        rates["eta_s"] = left / per_s
    if of_bytes is not None:
        read, whole = of_bytes
        rates["bytes_per_s"] = read / spent_s
        if read and rates["eta_s"] is None:
            rates["eta_s"] = (whole - read) * spent_s / read
    return rates


def describe_error(error: BaseException) -> dict[str, object]:
    """Fields from which ``pipelines.core.errors.rebuild`` rebuilds the error.

    An error that is not ours is permanent unless its cause is one that a retry can help
    (``causes.py``).
    """
    ours = isinstance(error, PipelineError)
    passing = isinstance(error if ours else sorted_by_cause(error, ""), TransientError)
    # The text of a KeyError is the key alone.
    said = message(str(error) if ours else f"{type(error).__name__}: {message_of(error)}")
    return {
        "kind": (TransientError if passing else PermanentError).__name__,
        "cls": type(error).__name__,
        "args": [*error.args] if ours else [said],
        "message": said,
        "traceback": traceback_of(error)[-8000:],
    }
