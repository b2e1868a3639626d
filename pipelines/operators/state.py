"""Statistics and fitted programs as files: JSON, and Parquet for long tables.

Why: a fit is stored for months and read by other programs; unpickling could run any code.
Promise: a state that is read equals the written one, to the last bit, and the same state gives the
    same bytes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipelines.operators.blocks import SequenceBlock
from pipelines.operators.lines import Line
from pipelines.operators.operator import State
from pipelines.operators.program import FittedProgram, Program, read_step, written

PROGRAM = "program.json"


def write_states(folder: Path, states: Mapping[str, State]) -> list[dict[str, Any]]:
    """Write the tables of states; return the rest of each as JSON values, with its name as ``of``."""
    return [
        {"of": of} | _packed(folder, f"statistic-{nth:03d}", state)
        for nth, (of, state) in enumerate(states.items())
    ]


def read_states(folder: Path, raw: Sequence[Mapping[str, Any]]) -> dict[str, State]:
    """Read the states from the result of ``write_states``."""
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
    content = {"kinds": dict(fitted.program.kinds), "lines": lines, "blocks": blocks}
    content["x_type"] = fitted.program.x_type
    (folder / PROGRAM).write_text(json.dumps(content, indent=1) + "\n")


def read_program(folder: Path) -> FittedProgram:
    """Read a fitted program."""
    content = json.loads((folder / PROGRAM).read_text())
    lines = tuple(
        Line(
            start=raw["start"],
            inputs=tuple(raw["inputs"]),
            kind=raw["kind"],
            steps=tuple(read_step(step) for step in raw["steps"]),
        )
        for raw in content["lines"]
    )
    fits = tuple(
        tuple(_unpacked(folder, fit) for fit in raw["fits"]) for raw in content["lines"]
    )
    blocks = tuple(
        SequenceBlock(raw["name"], raw["steps"], tuple(raw["features"]))
        for raw in content["blocks"]
    )
    program = Program(lines, content["kinds"], blocks, content.get("x_type", "float32"))
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
    """NumPy for numbers, one pyarrow array for texts."""
    import pyarrow as pa

    if not pa.types.is_string(column.type):
        return column.to_numpy()
    whole = column.combine_chunks()
    return whole if isinstance(whole, pa.Array) else pa.array([], pa.string())
