"""Statistics and fitted programs as files: JSON, and Parquet for what is long.

Why: a fit is kept for months and read by other programs; pickle would run their code.
Promise: what is read is equal to what was written, to the last bit, and the same state gives the
    same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.operators.blocks import Block
from pipelines.operators.lines import Line
from pipelines.operators.operator import State
from pipelines.operators.program import FittedProgram, Program, read_step, written

PROGRAM = "program.json"


def write_states(folder: Path, states: Mapping[str, State]) -> list[dict[str, Any]]:
    """Write the tables of some states; what is left of each is JSON, with its name as ``of``."""
    return [
        {"of": of} | _packed(folder, f"statistic-{nth:03d}", state)
        for nth, (of, state) in enumerate(states.items())
    ]


def read_states(folder: Path, raw: Sequence[Mapping[str, Any]]) -> dict[str, State]:
    """States from what ``write_states`` gave."""
    return {each["of"]: _unpacked(folder, each, without=("of",)) for each in raw}


def write_program(folder: Path, fitted: FittedProgram) -> None:
    """Write a fitted program as ``program.json`` and a Parquet file for each vocabulary."""
    lines = []
    for line, fits in zip(fitted.program.lines, fitted.fits, strict=True):
        name = line.outputs()[0]
        packed = [_packed(folder, f"fit-{name}-{n}", dict(fit)) for n, fit in enumerate(fits)]
        lines.append(
            {
                "start": line.start,
                "inputs": list(line.inputs),
                "kind": line.kind,
                "steps": [written(step) for step in line.steps],
                "fits": packed,
            }
        )
    blocks = [asdict(block) for block in fitted.program.blocks]
    told = {"kinds": dict(fitted.program.kinds), "lines": lines, "blocks": blocks}
    told["x_type"] = fitted.program.x_type
    (folder / PROGRAM).write_text(json.dumps(told, indent=1) + "\n")


def read_program(folder: Path) -> FittedProgram:
    """Read a fitted program."""
    told = json.loads((folder / PROGRAM).read_text())
    lines = tuple(
        Line(
            start=raw["start"],
            inputs=tuple(raw["inputs"]),
            kind=raw["kind"],
            steps=tuple(read_step(step) for step in raw["steps"]),
        )
        for raw in told["lines"]
    )
    fits = tuple(tuple(_unpacked(folder, fit) for fit in raw["fits"]) for raw in told["lines"])
    blocks = tuple(
        Block(raw["name"], raw["steps"], tuple(raw["features"])) for raw in told["blocks"]
    )
    program = Program(lines, told["kinds"], blocks, told.get("x_type", "float32"))
    return FittedProgram(program, fits)


def _packed(folder: Path, stem: str, state: State) -> dict[str, Any]:
    if "table" not in state:
        return dict(state)
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({name: pa.array(values) for name, values in state["table"].items()})
    pq.write_table(table, folder / f"{stem}.parquet", compression="zstd", compression_level=1)
    return dict(state) | {"table": f"{stem}.parquet"}


def _unpacked(folder: Path, raw: Mapping[str, Any], without: Sequence[str] = ()) -> State:
    state = {name: value for name, value in raw.items() if name not in without}
    if "table" in state:
        import pyarrow.parquet as pq

        table = pq.read_table(folder / state["table"], use_threads=False)
        state["table"] = {name: _plain(table[name]) for name in table.column_names}
    return state


def _plain(column: Any) -> Any:
    """Numpy for numbers, one pyarrow array for words."""
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return column.to_numpy()
    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.array([], pa.string())
