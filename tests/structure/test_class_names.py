"""No two classes of the tree share a name: an import line then says which one is meant."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_no_two_classes_share_a_name():
    where = defaultdict(list)
    for tree in ("pipelines", "plugins"):
        for path in sorted((ROOT / tree).rglob("*.py")):
            for node in ast.parse(path.read_text()).body:
                if isinstance(node, ast.ClassDef):
                    where[node.name.lstrip("_")].append(path.relative_to(ROOT).as_posix())
    assert {name: paths for name, paths in where.items() if len(paths) > 1} == {}
