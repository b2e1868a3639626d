"""Transform rows with a fitted program: columns in, row-major matrices out.

Why: half a million rows of ten float64 columns and their intermediate results do not fit a cache, and
    allocating memory for each costs more than the arithmetic.
Promise: a row's result depends on that row alone, so the block size changes no bit.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipelines.operators.blocks import SequenceBlock, closed, opened
from pipelines.operators.lines import Line
from pipelines.operators.operator import IDS, SEQUENCE, Fit
from pipelines.operators.values import Words

if TYPE_CHECKING:
    import numpy as np

Fitted = Sequence[tuple[Line, tuple[Fit, ...]]]

# Blocks of 131 k rows allocate memory from the system again and again, and with blocks of 8 k the
# calls cost more than the arithmetic: 1.4 and 2.0 times the CPU of this size.
BLOCK_ROWS = 1 << 15


def overflow_allowed() -> "np.errstate":
    """Context without NumPy's warnings: a value that overflows float64 becomes unknown."""
    import numpy as np

    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


class ArrayTransform:
    """Applies a fitted program to columns; lookups that their blocks share are built once."""

    def __init__(
        self,
        xp: Any,
        fitted: Fitted,
        blocks: Sequence[SequenceBlock],
        columns: Mapping[str, Any],
    ) -> None:
        self.xp, self.blocks, self.columns = xp, blocks, columns
        self.n_rows = _length(next(iter(columns.values())))
        with overflow_allowed():
            self.lines = [(line, _outputs(xp, line, fits, columns)) for line, fits in fitted]

    def whole(self) -> dict[str, Any]:
        """The matrices of all rows; see ``FittedProgram.transform``."""
        found = self._matrices(self.n_rows)
        for rows in in_blocks(self.n_rows):
            self._fill(rows, {name: matrix[rows] for name, matrix in found.items()})
        return found

    def in_turn(self) -> Iterator[dict[str, Any]]:
        """The matrices of each block of rows, which are valid until the next block."""
        into = self._matrices(min(self.n_rows, BLOCK_ROWS))
        for rows in in_blocks(self.n_rows):
            found = {name: matrix[: rows.stop - rows.start] for name, matrix in into.items()}
            self._fill(rows, found)
            yield found

    def _matrices(self, n_rows: int) -> dict[str, Any]:
        xp, found = self.xp, dict[str, Any]()
        rows_alone = [line for line, _ in self.lines if line.kind != SEQUENCE]
        if numeric := sum(len(line.numeric(line.outputs())) for line in rows_alone):
            found["x"] = xp.empty((n_rows, numeric), xp.float32)
        if ids := sum(line.gives() == IDS for line in rows_alone):
            found["ids"] = xp.empty((n_rows, ids), xp.int32)
        for block in self.blocks:
            events, length = block.reads()
            shape = (n_rows, block.steps, len(block.features))
            found |= {events: xp.empty(shape, xp.float32), length: xp.empty(n_rows, xp.int32)}
        return found

    def _fill(self, rows: slice, into: Mapping[str, Any]) -> None:
        with overflow_allowed():
            some = opened(self.xp, self.blocks, some_rows(self.columns, rows))
            self._fill_rows(some, into)
            for block in self.blocks:
                self._fill_block(block, some, into)

    def _fill_rows(self, columns: Mapping[str, Any], into: Mapping[str, Any]) -> None:
        # Each column is written as soon as it is computed: the next one reuses its memory.
        numeric = ids = 0
        for line, outputs_of in self.lines:
            if line.kind == SEQUENCE:
                continue
            outputs = outputs_of(columns)
            if line.gives() == IDS:
                into["ids"][:, ids] = outputs[0]
                ids += 1
            for values in line.numeric(outputs):
                into["x"][:, numeric] = values
                numeric += 1
        if numeric:
            # After the rounding: a value that overflows float32 is unknown, as one that overflows float64.
            finite = self.xp.isfinite(into["x"])
            if not bool(finite.all()):
                into["x"][~finite] = 0.0

    def _fill_block(
        self, block: SequenceBlock, columns: Mapping[str, Any], into: Mapping[str, Any]
    ) -> None:
        outputs = [
            outputs_of(columns)[0]
            for line, outputs_of in self.lines
            if line.inputs[0] in block.columns()
        ]
        events, length = block.reads()
        closed(self.xp, block, columns[length], outputs, into[events])
        into[length][:] = columns[length]


def _outputs(
    xp: Any, line: Line, fits: Sequence[Fit], columns: Mapping[str, Any]
) -> Callable[[Mapping[str, Any]], list[Any]]:
    """A function that returns a line's outputs for a block of the columns' rows.

    A line over texts is computed once per distinct text, and once for an unknown one.
    """
    ready = [step.ready(xp, fit) for step, fit in zip(line.steps, fits, strict=True)]
    values = columns.get(line.inputs[0])
    if not isinstance(values, Words):
        return lambda some: line.transform(xp, some, ready)
    name, words = line.inputs[0], values.words
    code = xp.arange(len(words) + 1)
    code[-1] = -1
    each = line.transform(xp, {name: Words(words, code)}, ready)
    return lambda some: [xp.take(one, some[name].code) for one in each]


def in_blocks(n_rows: int) -> Iterator[slice]:
    """The slice of each block of ``n_rows`` rows."""
    starts = range(0, n_rows, BLOCK_ROWS)
    return (slice(first, min(first + BLOCK_ROWS, n_rows)) for first in starts)


def some_rows(columns: Mapping[str, Any], rows: slice) -> dict[str, Any]:
    """Consecutive rows of columns, without a copy."""
    return {
        name: Words(values.words, values.code[rows])
        if isinstance(values, Words)
        else values[rows]
        for name, values in columns.items()
    }


def _length(values: Any) -> int:
    return len(values.code) if isinstance(values, Words) else len(values)
