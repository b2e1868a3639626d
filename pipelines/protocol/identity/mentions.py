"""What some source mentions: names, attributes, texts, and ways around both.

Why: whatever a unit may call must be found without running it.
Promise: all of it is found but for what annotations say, which runs nothing; ``isinstance``, ``except``
    and ``case`` mention a class without making or using one.
"""

import ast
import re
from collections.abc import Iterable
from typing import Any

from pipelines.protocol.identity.normal_form import Chain, chain_of

GETTERS = frozenset({"getattr", "hasattr", "attrgetter", "methodcaller", "delattr", "setattr"})
IMPORTERS = frozenset(
    {"import_module", "__import__", "run_module", "find_spec", "resolve_name"}
)
# What a unit that calls one of these does.
NOTED = dict.fromkeys(IMPORTERS, "imports") | {"fields": "fields"}
RELATIVE = re.compile(r"\.+[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
PART = re.compile(r"\w*")
ASKING = frozenset({"isinstance", "issubclass"})


class Mentions(ast.NodeVisitor):
    """What the given nodes mention.

    Attributes:
        chains: ``a.b.c`` that begin with a name that is read, in order.
        mentioned: Those that are only compared with.
        called: Those that are called.
        relative: Texts that may name a module beside this one: ``.network``.
        attributes: Names of attributes, those that ``getattr`` names among them.
        texts: Texts that could be a name.
        built: Beginning and end of names that are put together: ``f"load_{kind}"``.
        does: ``gets``: ``getattr`` of a name that is worked out; ``fields``: of every field of a
            dataclass; ``imports``: a module by its text;
            ``globals``: the module's names as a dictionary; ``makes``: an object of its own class;
            ``makes any``: of the class of any object.
        replaces: For each ``replace(x, a=..., b=...)`` its keywords.
    """

    def __init__(self, nodes: Iterable[ast.AST]) -> None:
        self.chains: dict[Chain, None] = {}
        self.mentioned: dict[Chain, None] = {}
        self.attributes: set[str] = set()
        self.texts: set[str] = set()
        self.relative: set[str] = set()
        self.called: dict[Chain, None] = {}
        self.built: set[tuple[str, str]] = set()
        self.does: set[str] = set()
        self.replaces: list[list[str]] = []
        self._into = self.chains
        for node in nodes:
            self.visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        """A name that is read."""
        if isinstance(node.ctx, ast.Load):
            self._into.setdefault((node.id,))
            if node.id in {"cls", "__class__"}:
                self.does.add("makes")
            elif node.id in {"globals", "vars", "eval", "exec"}:
                self.does.add("globals")

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """``a.b.c``, or an attribute of anything else."""
        chain = chain_of(node)
        if chain is not None:
            self._into.setdefault(chain)
            self.attributes.update(chain[1:])
            if "__class__" in chain:
                self.does.add("makes")
            if chain[0] == "cls":
                self.does.add("makes")
            return
        self.attributes.add(node.attr)
        self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        """A text that ``getattr`` might be given somewhere else."""
        if node.value == "-m":
            self.does.add("imports")
        elif isinstance(node.value, str) and node.value.isidentifier():
            self.texts.add(node.value)
        elif isinstance(node.value, str) and RELATIVE.fullmatch(node.value):
            self.relative.add(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        """``sys.modules[__name__]`` is the module itself."""
        if chain_of(node.value) == ("sys", "modules") and chain_of(node.slice) == ("__name__",):
            self.does.add("globals")
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        """A name of the module that is changed, and read where ``+=`` does it."""
        for name in node.names:
            self._into.setdefault((name,))

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        """A text that may be a name for ``getattr``."""
        self._build(node.values[0], node.values[-1])
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """The same, by ``+`` or ``%``."""
        self._build(node.left, node.right)
        self.generic_visit(node)

    def _build(self, first: ast.expr, last: ast.expr) -> None:
        ends = _text(first).partition("%")[0], _text(last)
        if any(end.isidentifier() for end in ends) and all(PART.fullmatch(end) for end in ends):
            self.built.add(ends)

    def visit_Call(self, node: ast.Call) -> None:
        """Calls that go around names."""
        chain = chain_of(node.func) or ("",)
        name = chain[-1]
        self.called.setdefault(chain)
        if name in GETTERS:
            self._getter(name, node)
        elif name in NOTED:
            self.does.add(NOTED[name])
        elif name == "replace" and not node.args[1:]:
            self.replaces.append(_keywords(node))
        elif _calls_a_type(node):
            self.does.add("makes any")
        elif name in ASKING and len(node.args) > 1:
            self.visit(node.func)
            self.visit(node.args[0])
            self._mention(node.args[1])
            return
        self.generic_visit(node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        """``except E`` compares with E."""
        if node.type is not None:
            self._mention(node.type)
        for each in node.body:
            self.visit(each)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        """``case C(...)`` compares with C, and reads attributes."""
        self._mention(node.cls)
        self.attributes.update(node.kwd_attrs)
        for each in (*node.patterns, *node.kwd_patterns):
            self.visit(each)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """``x: T = value``, without T."""
        self.visit(node.target)
        if node.value is not None:
            self.visit(node.value)

    def visit_arg(self, node: ast.arg) -> None:
        """A parameter: its annotation runs nothing."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """A function, without what it says that it returns."""
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """The same."""
        self._function(node)

    def _function(self, node: Any) -> None:
        for each in (*node.decorator_list, node.args, *node.body):
            self.visit(each)

    def _getter(self, name: str, node: ast.Call) -> None:
        named = node.args[:1] if name in {"attrgetter", "methodcaller"} else node.args[1:2]
        for each in named:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                self.attributes.update(each.value.split("."))
            else:
                self.does.add("gets")

    def _mention(self, node: ast.AST) -> None:
        before, self._into = self._into, self.mentioned
        self.visit(node)
        self._into = before


def _text(node: ast.expr) -> str:
    value = node.value if isinstance(node, ast.Constant) else ""
    return value if isinstance(value, str) else ""


def _calls_a_type(node: ast.Call) -> bool:
    """Whether it is ``type(...)(...)``."""
    return isinstance(node.func, ast.Call) and chain_of(node.func.func) == ("type",)


def _keywords(node: ast.Call) -> list[str]:
    return [each.arg or "**" for each in node.keywords]
