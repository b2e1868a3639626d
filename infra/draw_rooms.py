"""Draw the rooms of the tree, and the way of a day and of a model through the stages.

Why: a picture that is drawn from the tree cannot claim what is no longer so.
Promise: names and sentences are the packages' own, arrows are the edges of the stages' records, and a
    room that imports from a row above it is an error. The same tree gives the same bytes.

    python infra/draw_rooms.py           # writes docs/images/rooms.svg
"""

import ast
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs/images/rooms.svg"
# From the top: a room may import rooms of the rows below its own.
ROWS = (
    ("dags",),
    ("plugins/millrace",),
    ("pipelines/cli",),
    ("pipelines/api",),
    ("pipelines/drivers", "pipelines/domains", "pipelines/projects"),
    ("pipelines/process",),
    ("pipelines/stages",),
    ("pipelines/shared",),
    ("pipelines/protocol",),
    ("pipelines/spec",),
    ("pipelines/operators",),
    ("pipelines/core", "pipelines/gx_dask"),
)
TOPS = {"millrace": "plugins/millrace"}
WIDTH, HEIGHT, GAP, STAGES = 960, 46, 8, 218
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1c2430 } .name { font-weight: 650; font-size: 14px }
  .soft { fill: #5b6675; font-size: 12px } .room { fill: #f5f6f8; stroke: #c9d0d8 }
  .stage { fill: #fff; stroke: #1f6feb } .way { stroke: #1f6feb; fill: none; stroke-width: 1.6 }
  .paper { fill: #fff } .head { fill: #1f6feb }
  @media (prefers-color-scheme: dark) { text { fill: #e6e9ee } .soft { fill: #9aa5b3 } .paper { fill: #12161c }
  .room { fill: #1a2028; stroke: #2c3541 } .stage { fill: #12161c; stroke: #5b9dff } .way { stroke: #5b9dff }
  .head { fill: #5b9dff } }
"""


def rooms() -> list[str]:
    """Every room, from the top."""
    return [room for row in ROWS for room in row]


def room_of(module: str) -> str:
    """The room of a dotted module; empty for a library."""
    top, _, rest = module.partition(".")
    return TOPS.get(top) or (f"pipelines/{rest.split('.')[0]}" if top == "pipelines" else "")


def imported(room: str) -> set[str]:
    """The other rooms that a room's modules import, anywhere in them."""
    found = set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {f"{node.module}.{name.name}" for name in node.names}
            elif isinstance(node, ast.Import):
                found |= {name.name for name in node.names}
    return {room_of(module) for module in found} & set(rooms()) - {room}


def climbing() -> list[str]:
    """Rooms that import from their own row or a higher one; none in a tree that keeps its order."""
    row = {room: number for number, each in enumerate(ROWS) for room in each}
    return [
        f"{room} imports {other}, which is not below it"
        for room in rooms()
        for other in sorted(imported(room))
        if row[other] <= row[room]
    ]


def sentence(room: str) -> str:
    """What a package says of itself in its first line."""
    path = ROOT / room / "__init__.py"
    said = ast.get_docstring(ast.parse(path.read_text())) if path.is_file() else None
    return (said or "Airflow's DAG files, wiring only.").splitlines()[0].replace("``", "")


def _box(room: str, x: float, y: float, width: float, height: float) -> Iterator[str]:
    fits = int(width / 6.3)
    said = sentence(room)
    said = said if len(said) <= fits else f"{said[: fits - 1].rsplit(' ', 1)[0]} ..."
    yield f'<rect class="room" x="{x}" y="{y}" width="{width}" height="{height}" rx="6"/>'
    yield f'<text class="name" x="{x + 12}" y="{y + 19}">{escape(room)}/</text>'
    yield f'<text class="soft" x="{x + 12}" y="{y + 36}">{escape(said)}</text>'


def _stages(y: float) -> Iterator[str]:
    """The stages of a day, of a model and of a search, with the datasets that they publish."""
    sys.path.insert(0, str(ROOT))
    from pipelines.protocol import stages

    lines: dict[str, list[tuple[str, str]]] = {}
    for stage in stages():
        lines.setdefault(stage.dag, []).append((stage.name, stage.dataset))
    for number, (dag, line) in enumerate(lines.items()):
        top, x = y + 46 + number * 56, 132
        yield f'<text class="soft" x="24" y="{top + 19}">{escape(WAYS.get(dag, dag))}</text>'
        for name, dataset in line:
            wide = max(30 + 8 * len(name), 16 + 7 * len(dataset))
            middle = f'x="{x + wide / 2}" text-anchor="middle"'
            yield f'<rect class="stage" x="{x}" y="{top}" width="{wide}" height="28" rx="14"/>'
            yield f'<text {middle} y="{top + 18}">{name}</text>'
            yield f'<text class="soft" {middle} y="{top + 43}">{dataset}</text>'
            if (name, dataset) != line[-1]:
                yield f'<path class="way" d="M{x + wide} {top + 14} h16"/>'
                yield f'<path class="head" d="M{x + wide + 14} {top + 10} l8 4 l-8 4 z"/>'
            x += wide + 22


WAYS = {"data": "a day", "model": "a model", "tune": "a search"}


def drawing() -> str:
    """The picture as SVG."""
    parts: list[str] = []
    y = GAP
    for row in ROWS:
        height = STAGES if row == ("pipelines/stages",) else HEIGHT
        width = (WIDTH - GAP * (len(row) + 1)) / len(row)
        for number, room in enumerate(row):
            parts += _box(room, GAP + number * (width + GAP), y, width, height)
        if height == STAGES:
            parts += _stages(y)
        y += height + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}">',
            "<title>The rooms of the tree: each imports only rooms of the rows below it</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{y}"/>',
            *parts,
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    PICTURE.write_text(drawing())
    sys.exit("\n".join(climbing()) or 0)
