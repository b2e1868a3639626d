"""The syntax trees of the product's modules, parsed once for the tests beside this file."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = {"pipelines": ROOT, "plugins": ROOT / "plugins", "dags": ROOT / "dags", "infra": ROOT}


@cache
def modules():
    """Path and tree of each module, by its name as it is imported."""
    found = {}
    for folder, base in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(base).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = path, ast.parse(path.read_text())
    return found
