"""No modules import each other, in a circle of any length.

Imports inside functions and under ``TYPE_CHECKING`` count: a module that needs another to be read,
however late, cannot be understood, moved or tested without it.
"""

import ast
import graphlib

import pytest

from tests.structure.trees import modules


def imports_of(name, tree, known):
    """Known modules that a module imports, at any depth of its tree."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {each if each in known else node.module for each in names}
    return (found & known) - {name}


def require_no_circle(trees):
    graph = {name: imports_of(name, tree, trees.keys()) for name, tree in trees.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        raise AssertionError(" imports ".join(reversed(error.args[1]))) from None


def test_no_module_imports_itself_by_way_of_others():
    trees = {name: tree for name, (_, tree) in modules().items()}
    assert len(trees) > 300
    require_no_circle(trees)


def test_a_circle_through_a_function_is_found():
    sources = {
        "a": "from b import c",
        "b": "def f():\n    import d",
        "d": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from a import x",
    }
    trees = {name: ast.parse(source) for name, source in sources.items()}
    with pytest.raises(AssertionError, match="d imports a"):
        require_no_circle(trees)
    require_no_circle(trees | {"d": ast.parse("import json")})
