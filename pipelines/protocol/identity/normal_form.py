"""Source as text that only its meaning changes.

Why: a comment, a docstring, another layout or another name for an import must not make a stage's
    work be done again.
Promise: the text has no positions, no docstrings, no import statements and no name of a module; an
    imported name is written as the number of its first use, so what it stands for is left to whoever
    resolves it.
Not here: what names stand for (``reach.py``).
"""

import ast
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

Chain = tuple[str, ...]
MODULE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(:[A-Za-z_]\w*)?")

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
IMPORTS = (ast.Import, ast.ImportFrom)


def hash_of(text: str) -> str:
    """The short hash that units and digests are compared by."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def chain_of(node: ast.expr) -> Chain | None:
    """``a.b.c`` as its names; None where it does not begin with a name."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return (node.id, *reversed(names)) if isinstance(node, ast.Name) else None


def is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring, or a text that explains the line before it."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class NormalForm:
    """The normal form of statements of one unit, and what they refer to by imported names.

    Attributes:
        chains: What begins with an imported name, in the order of first use.
        modules: Texts that may name a module of the tree, or a file beside this one, in the order of
            first use.
    """

    def __init__(self, imported: Collection[str], dotted: Collection[Chain], top: str) -> None:
        self._imported, self._top = imported, top
        self._dotted = sorted(dotted, key=len, reverse=True)
        self._numbers: dict[str, int] = {}
        self.chains: dict[Chain, None] = {}
        self.modules: dict[str, None] = {}

    def text(self, nodes: Iterable[ast.AST]) -> str:
        """The nodes, one a line."""
        return "\n".join(self._node(node) for node in nodes if not _is_left_out(node))

    def _node(self, node: ast.AST) -> str:
        if isinstance(node, ast.Attribute | ast.Name):
            known = self._reference(node)
            if known:
                return known
        if isinstance(node, ast.Constant):
            return self._constant(node)
        parts = [f"{name}={text}" for name, text in self._fields(node) if text]
        return f"{type(node).__name__}({','.join(parts)})"

    def _fields(self, node: ast.AST) -> Iterator[tuple[str, str]]:
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.AST):
                yield name, self._node(value)
            elif isinstance(value, list):
                yield name, self._list(value)
            elif value is not None and name not in {"type_comment", "kind"}:
                yield name, repr(value)

    def _list(self, values: list[Any]) -> str:
        kept = [each for each in values if not _is_left_out(each)]
        texts = [self._node(e) if isinstance(e, ast.AST) else repr(e) for e in kept]
        return f"[{','.join(texts)}]" if texts else ""

    def _reference(self, node: ast.Attribute | ast.Name) -> str:
        chain = chain_of(node)
        if chain is None or chain[0] not in self._imported:
            return ""
        self.chains.setdefault(chain)
        # ``import a.b.c`` binds ``a``; the module's location is no part of what is done with it.
        whole = next((d for d in self._dotted if chain[: len(d)] == d), chain[:1])
        number = self._numbers.setdefault(".".join(whole), len(self._numbers))
        return ".".join([f"<{number}>", *chain[len(whole) :]])

    def _constant(self, node: ast.Constant) -> str:
        value = node.value
        if isinstance(value, str) and self._names_source(value):
            self.modules.setdefault(value)
            return f"<module {list(self.modules).index(value)}>"
        return repr(value)

    def _names_source(self, text: str) -> bool:
        if text.endswith(".py"):
            return text[:-3].isidentifier()
        return text.startswith(f"{self._top}.") and MODULE.fullmatch(text) is not None


def _is_left_out(node: object) -> bool:
    """Imports, texts, and ``pass``, which stands where a docstring could."""
    if isinstance(node, (*IMPORTS, ast.Pass)):
        return True
    return isinstance(node, ast.stmt) and is_text(node)
