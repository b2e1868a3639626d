"""Functions say what they return, as far as the libraries that they use have types."""

import ast

from tests.structure.trees import ROOT, modules

# TensorFlow, cuDF and JSON have nothing better. Lower it where one is replaced.
MOST = 63


def test_no_more_functions_return_anything_at_all_than_before():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path, tree in modules().values()
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and isinstance(node.returns, ast.Name)
        and node.returns.id == "Any"
    ]
    assert len(found) <= MOST, (
        f"{len(found)} functions return Any, and {MOST} did. Name a type, a Protocol, or an alias "
        f"that says what it is (pipelines/operators/array_types.py):\n" + "\n".join(found)
    )
