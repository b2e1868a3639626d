"""No function of the product has more than ten paths to think of; of tests, assertions are most of them.

Counted as radon does (cyclomatic complexity): 1, and 1 for each ``if``, conditional expression, loop,
``else`` of a loop, handler, comprehension and its conditions, operand of ``and``/``or`` beyond the
first, and assertion. Ruff's C901, which ``make check`` holds to 8, leaves out comprehensions,
conditional expressions and Boolean operators, so a line may hide what a block may not. A nested
function counts for itself. Radon itself would be one more dependency for a count of twenty lines.
"""

import ast

import pytest

from tests.structure.trees import ROOT, modules

MOST = 10
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
COSTS = {
    ast.If: lambda node: 1,
    ast.IfExp: lambda node: 1,
    ast.Assert: lambda node: 1,
    ast.For: lambda node: 1 + bool(node.orelse),
    ast.AsyncFor: lambda node: 1 + bool(node.orelse),
    ast.While: lambda node: 1 + bool(node.orelse),
    ast.Try: lambda node: len(node.handlers) + len(node.orelse),
    ast.BoolOp: lambda node: len(node.values) - 1,
    ast.comprehension: lambda node: 1 + len(node.ifs),
}


def cost(node):
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return 0
    own = COSTS.get(type(node), lambda node: 0)(node)
    # Radon does not look into an assertion.
    inside = () if isinstance(node, ast.Assert) else ast.iter_child_nodes(node)
    return own + sum(map(cost, inside))


def complexity(function):
    return 1 + sum(map(cost, function.body))


def too_complex(path, tree):
    return [
        f"{path}:{node.lineno} {node.name}: {complexity(node)}"
        for node in ast.walk(tree)
        if isinstance(node, FUNCTIONS) and complexity(node) > MOST
    ]


def test_no_function_is_more_complex_than_ten():
    found = [
        line
        for path, tree in modules().values()
        for line in too_complex(path.relative_to(ROOT), tree)
    ]
    assert not found, "Split them:\n" + "\n".join(found)


# What radon 6 says of the same functions.
@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("def f(): pass", 1),
        ("def f(a):\n if a: pass\n elif a: pass\n else: pass", 3),
        ("def f(a): return [x for x in a if x if x > 1]", 4),
        ("def f(a): return a and a or (1 if a else 2)", 4),
        ("def f(a):\n for x in a: pass\n else: pass", 3),
        ("def f():\n try: pass\n except A: pass\n except B: pass\n else: pass", 4),
        ("def f(a):\n def g():\n  if a: pass\n return g", 1),
        ("def f(a):\n assert a or a", 2),
        ("async def f(a):\n with a: return lambda x: x or a", 2),
    ],
)
def test_the_count_is_radons(source, wanted):
    assert complexity(ast.parse(source).body[0]) == wanted
