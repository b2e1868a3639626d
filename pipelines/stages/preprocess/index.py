"""The index of a training set: its inputs, and the files of each day.

Promise: days are in their order; paths are relative to the training set; checksums are in the manifest.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.operators.program import FittedProgram
from pipelines.shared.tables.window import ModelWindow
from pipelines.stages.preprocess.source_rows import Shapes, SourceRows

if TYPE_CHECKING:
    from pipelines.stages.preprocess.shards import Shard


def described_inputs(fitted: FittedProgram) -> dict[str, Any]:
    """The model's inputs by kind, in their order."""
    blocks, sizes = fitted.program.blocks, fitted.sizes().items()
    return {
        "numeric": fitted.program.numeric(),
        "categorical": [{"name": name, "size": size} for name, size in sizes],
        "sequences": [
            {"name": b.name, "steps": b.steps, "features": b.features} for b in blocks
        ],
    }


def write_index(
    window: ModelWindow,
    source: SourceRows,
    fitted: FittedProgram,
    shapes: Shapes,
    shards: "list[Shard]",
    out: Path,
) -> None:
    """Write the list of all files; rows are in the order of the keys."""
    program = fitted.program
    index: dict[str, Any] = {
        "features": program.numeric(),
        "inputs": described_inputs(fitted),
        "types": {n: kind for n, (_, kind) in shapes.items()}
        | ({"x": program.x_type} if "x" in shapes else {}),
        "label": source.described,
    }
    for part, days in source.parts.items():
        names = ["y"] if part == "gap" else list(shapes)
        index[part] = [
            _entry(part, day, names, [s for s in shards if (s.part, s.day) == (part, day)])
            for day in days
        ]
    index["refused"] = window.refused
    (out / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def _entry(part: str, day: str, names: list[str], shards: "list[Shard]") -> dict[str, Any]:
    """The entry of one day; paths are relative to the training set."""
    return {
        "day": day,
        "rows": sum(shard.rows for shard in shards),
        "positives": sum(shard.positives for shard in shards),
        **{name: f"{part}/{day}-{name}.npy" for name in names},
        "keys": f"{part}/{day}-keys.parquet",
    }
