"""What docstrings point at: files and folders of the tree, each by its path or by its name beside the module."""

import ast
import re

import pytest

from tests.structure.trees import ROOT, modules

CODE = re.compile(r"``([^`\n]+)``")
PATH = re.compile(
    r"(?:pipelines|plugins|dags|docs|infra|tests)/(?:[\w-]+/)*(?:[\w-]+(?:\.\w+)?)?"
    r"|(?:[\w-]+/)*[\w-]+\.(?:py|md|sh|j2|yaml)"
)
SPEAKING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# Great Expectations' own source, named as where a function comes from.
OTHERS = {"validator/v1_validator.py"}


def pointers(tree):
    """Paths that the docstrings of a module name."""
    for node in ast.walk(tree):
        said = ast.get_docstring(node) if isinstance(node, SPEAKING) else None
        yield from (code for code in CODE.findall(said or "") if PATH.fullmatch(code))


def lost(folder, tree):
    """Those that lead nowhere, from the root or from the module's folder."""
    return [
        each
        for each in pointers(tree)
        if each not in OTHERS and not any((base / each).exists() for base in (ROOT, folder))
    ]


def test_a_path_in_a_docstring_leads_somewhere():
    found = [
        f"{path.relative_to(ROOT)}: {each}"
        for path, tree in modules().values()
        for each in lost(path.parent, tree)
    ]
    assert not found, "Name a file beside the module, or its path from the root:\n" + "\n".join(
        found
    )


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("Not here: a (``trees.py``), b (``pipelines/core/errors.py``), c (``docs/``).", []),
        ("Not here: a (``gone.py``).", ["gone.py"]),
        ("Not here: a (``errors.py``), which is in another folder.", ["errors.py"]),
        (
            "Not here: a (``pipelines/core/gone.py``, ``pipelines/gone/``).",
            ["pipelines/core/gone.py", "pipelines/gone/"],
        ),
        ("Writes ``manifest.json`` and reads ``name``.", []),
    ],
)
def test_what_counts_as_a_lost_path(said, wanted):
    assert lost(ROOT / "tests/structure", ast.parse(f'"""{said}"""')) == wanted
