"""The program from declared features to the model's inputs: what is fitted and transformed.

Why: fitting, transforming and serving must apply the same steps in the same order.
Promise: a fitted program is plain values, so it is written as JSON and Parquet and never
    pickled; model inputs keep the order of the declaration.
Not here: single operators (their own files), reading and writing (``state.py``), running over
    days (``pipelines/stages/preprocess/``).
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

from pipelines import operators
from pipelines.operators.arrays import ArrayTransform, overflow_allowed
from pipelines.operators.bfloat16 import BFLOAT16, narrowed, widened
from pipelines.operators.blocks import SequenceBlock, opened
from pipelines.operators.events import EventSource
from pipelines.operators.lines import Line
from pipelines.operators.operator import (
    IDS,
    NUMERIC,
    SEQUENCE,
    Chain,
    Feature,
    FeatureSource,
    Fit,
    Operator,
    State,
)
from pipelines.operators.standardise import Standardise


@dataclass(frozen=True, slots=True)
class Program:
    """Every line of a pipeline's features.

    Attributes:
        lines: In the order of the declaration; a sequence has one for each number of its events.
        kinds: Type of each feature column it reads: ``number``, ``integer``, ``text``, or
            ``block`` and ``length`` of a sequence.
        blocks: Sequences.
        x_type: What ``x`` is rounded to: ``float32`` or ``bfloat16``.
    """

    lines: tuple[Line, ...]
    kinds: Mapping[str, str]
    blocks: tuple[SequenceBlock, ...] = ()
    x_type: str = "float32"

    def numeric(self) -> tuple[str, ...]:
        """Columns of ``x``."""
        rows = (line for line in self.lines if line.kind != SEQUENCE)
        return tuple(name for line in rows for name in line.numeric(line.outputs()))

    def categorical(self) -> tuple[str, ...]:
        """Columns of ``ids``."""
        return tuple(line.outputs()[0] for line in self.lines if line.gives() == IDS)

    def partials(self, xp: Any, columns: Mapping[str, Any]) -> dict[str, State]:
        """The statistics of one partition, by expression (``Line.expression``)."""
        found: dict[str, State] = {}
        with overflow_allowed():
            columns = opened(xp, self.blocks, columns)
            for line in self.lines:
                expressions = [line.expression(nth) for nth in line.fitted_steps()]
                if any(one not in found for one in expressions):
                    found |= zip(expressions, line.partials(xp, columns), strict=True)
        return found

    def statistics(self) -> dict[str, tuple[Operator, ...]]:
        """For each statistic the steps up to the one that is fitted to it, by expression."""
        return {
            line.expression(n): line.steps[: n + 1]
            for line in self.lines
            for n in line.fitted_steps()
        }

    def only(self, expressions: Container[str]) -> "Program":
        """The program of those lines alone that are fitted to any of these statistics."""
        lines = [line for line in self.lines if line.is_fitted_to(expressions)]
        read = set(chain.from_iterable(line.inputs for line in lines))
        blocks = tuple(block for block in self.blocks if read & set(block.columns()))
        read |= set(chain.from_iterable(block.reads() for block in blocks))
        kinds = {n: k for n, k in self.kinds.items() if n in read}
        return replace(self, lines=tuple(lines), kinds=kinds, blocks=blocks)

    def fitted(self, states: Mapping[str, State]) -> "FittedProgram":
        """Fit the program to the merged statistics of all partitions."""
        return FittedProgram(
            self,
            tuple(
                tuple(
                    step.finalise(states[line.expression(n)]) if step.is_fitted() else {}
                    for n, step in enumerate(line.steps)
                )
                for line in self.lines
            ),
        )


@dataclass(frozen=True, slots=True)
class FittedProgram:
    """A program and the fit of each of its steps.

    Attributes:
        program: The program.
        fits: For each line the fit of each step, empty for steps that are not fitted.
    """

    program: Program
    fits: tuple[tuple[Fit, ...], ...]

    def sizes(self) -> dict[str, int]:
        """Number of ids of each column of ``ids``."""
        return {
            line.outputs()[0]: line.steps[_giving(line)].size(fits[_giving(line)])
            for line, fits in self.each()
            if line.gives() == IDS
        }

    def transform(self, xp: Any, columns: Mapping[str, Any]) -> dict[str, Any]:
        """Transform columns to ``x`` float32 and ``ids`` int32, row-major.

        Values are rounded to float32 once, at the end. A numeric output that is unknown, or overflows
        float32, is 0.0: the mean, where the line ends with ``Standardise``. A sequence is
        ``seq_NAME`` float32 ``(n_rows, steps, features)`` and ``len_NAME`` int32; the steps after its
        last event are 0.0 too. Where the program's ``x_type`` is ``bfloat16``, ``x`` is rounded to
        that as well, and stays float32.
        """
        found = self.over(xp, columns).whole()
        if self.program.x_type == BFLOAT16 and "x" in found:
            found["x"] = widened(xp, narrowed(xp, found["x"]))
        return found

    def over(self, xp: Any, columns: Mapping[str, Any]) -> ArrayTransform:
        """The transform of these columns, for callers that process them in blocks."""
        return ArrayTransform(xp, list(self.each()), self.program.blocks, columns)

    def each(self) -> Iterator[tuple[Line, tuple[Fit, ...]]]:
        """Each line with the fits of its steps."""
        return zip(self.program.lines, self.fits, strict=True)


def program_of(
    features: Iterable[Feature], kinds: Mapping[str, str], x_type: str = "float32"
) -> Program:
    """The program of declared features.

    Args:
        features: Sources, with or without steps.
        kinds: Declared type of the example's columns; a feature that is not a column is a number.
        x_type: What ``x`` is rounded to: ``float32`` or ``bfloat16``.
    """
    features = tuple(features)
    lines, blocks = lines_of(features), blocks_of(features)
    read = {n: line.kind for line in lines if line.kind != SEQUENCE for n in line.inputs}
    every = {name: _kind(name, kind, kinds) for name, kind in read.items()}
    for block in blocks:
        every |= zip(block.reads(), ("block", "length"), strict=True)
    return Program(lines, every, blocks, x_type)


def lines_of(features: Iterable[Feature]) -> tuple[Line, ...]:
    """The lines of declared features, in order."""
    return tuple(line for feature in features for line in _lines(feature))


def blocks_of(features: Iterable[Feature]) -> tuple[SequenceBlock, ...]:
    """The sequences of declared features, in order."""
    found = (s for s in sources_of(features) if isinstance(s, EventSource))
    return tuple(SequenceBlock(s.name(), s.steps, s.features()) for s in found)


def sources_of(features: Iterable[Feature]) -> tuple[FeatureSource, ...]:
    """The distinct sources of declared features."""
    every = (f.source if isinstance(f, Chain) else f for f in features)
    return tuple(dict.fromkeys(every))


def written(step: Operator | FeatureSource) -> dict[str, Any]:
    """A step, or a source, as JSON values."""
    return {"kind": type(step).__name__, **asdict(step)}  # type: ignore[call-overload]


def read_step(raw: Mapping[str, Any]) -> Operator:
    """A step from JSON values."""
    values = {n: tuple(v) if isinstance(v, list) else v for n, v in raw.items() if n != "kind"}
    step: Operator = getattr(operators, raw["kind"])(**values)
    return step


def _lines(feature: Feature) -> Iterator[Line]:
    source = feature.source if isinstance(feature, Chain) else feature
    steps = feature.steps if isinstance(feature, Chain) else _usual(source)
    as_they_are = source.unprocessed()
    for start, inputs, first in source.lines():
        of_line = () if start in as_they_are else steps
        yield Line(start, inputs, source.kind, (*first, *of_line))


def _kind(name: str, kind: str, kinds: Mapping[str, str]) -> str:
    if kind == NUMERIC:
        return "number"
    return "text" if kinds[name] == "text" else "integer"


def _giving(line: Line) -> int:
    return max(nth for nth, step in enumerate(line.steps) if step.gives == IDS)


def _usual(source: FeatureSource) -> tuple[Operator, ...]:
    steps = source.usual()
    return (Standardise(),) if steps is None else steps
