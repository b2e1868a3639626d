"""What one source file holds: its units, and what each of them mentions.

Why: identity is a matter of functions, not of files: a stage must not be done again because a
    neighbour of what it calls was changed.
Promise: what is found follows from the file's text alone, and is plain lists and texts, so it can be
    kept on disk. A unit is a function, a method, a class without its methods, or a statement of the
    module.
Not here: what the mentioned names stand for (``reach.py``).
"""

import ast
import itertools
from collections.abc import Container, Iterable, Iterator
from typing import Any

from pipelines.protocol.identity.mentions import Mentions
from pipelines.protocol.identity.normal_form import (
    FUNCTIONS,
    IMPORTS,
    NormalForm,
    chain_of,
    hash_of,
    is_text,
)
from pipelines.protocol.identity.scopes import Scopes

Facts = dict[str, Any]


def facts_of(source: str, name: str) -> Facts:
    """What the text of a module holds.

    Args:
        source: Its text.
        name: Dotted name that it is imported by.

    Returns:
        ``imports``: for each name that an import binds what it stands for; ``stars``: modules whose
        names it takes all; ``runs``: modules that importing it imports; ``units``, ``names`` and
        ``classes``: see ``_File``.
    """
    file = _File(source, name)
    for statement in file.tree.body:
        file.take(statement)
    return {
        "imports": file.imports,
        "stars": file.stars,
        "runs": file.runs,
        "units": file.units,
        "names": file.names,
        "classes": file.classes,
    }


class _File:
    """A file while it is read.

    Attributes:
        tree: Its syntax.
        imports: For each bound name ``[level, module, attribute or ""]`` of every import.
        stars: Modules of ``from m import *``.
        runs: Modules that are imported when this one is.
        units: Facts of each unit.
        names: Positions of the units that each name of the module stands for.
        classes: For each class its unit, bases, decorators, methods and fields.
    """

    def __init__(self, source: str, name: str) -> None:
        self.tree, self._top = ast.parse(source), name.partition(".")[0]
        self._scopes = Scopes(source, name)
        self.imports: dict[str, list[list[Any]]] = {}
        self.stars: list[list[Any]] = []
        self.runs: list[list[Any]] = []
        self.units: list[Facts] = []
        self.names: dict[str, list[int]] = {}
        self.classes: dict[str, Facts] = {}
        for node in ast.walk(self.tree):
            if isinstance(node, IMPORTS):
                self._bind(node)
        self._dotted = [
            tuple(path.split("."))
            for bound in self.imports.values()
            for _, path, attribute in bound
            if attribute == "." and path.startswith(f"{self._top}.")
        ]

    def take(self, statement: ast.stmt) -> None:
        """Add the units of one statement of the module."""
        if isinstance(statement, IMPORTS):
            self.runs += _imported(statement)
        elif isinstance(statement, FUNCTIONS):
            self._named(statement.name, self._function(statement, statement.name))
        elif isinstance(statement, ast.ClassDef):
            self._class(statement)
        elif isinstance(statement, ast.If) and _is_for_types(statement.test):
            for each in statement.orelse:
                self.take(each)
        elif not is_text(statement):
            self._statement(statement)

    def _bind(self, node: ast.Import | ast.ImportFrom) -> None:
        for level, module, attribute, name in _bindings(node):
            if name == "*":
                self.stars.append([level, module])
            else:
                self.imports.setdefault(name, []).append([level, module, attribute])

    def _named(self, name: str, position: int) -> None:
        self.names.setdefault(name, []).append(position)

    def _statement(self, node: ast.stmt) -> None:
        for inner in ast.walk(node):
            if isinstance(inner, IMPORTS):
                self.runs += _imported(inner)
        names = sorted(_stored(node))
        position = self._unit("statement", ", ".join(names), [node], None)
        plain = isinstance(node, ast.Assign | ast.AnnAssign) and bool(names)
        self.units[position]["effect"] = not plain and names != ["__all__"]
        self.units[position]["main"] = "'__main__'" in ast.dump(node)[:200]
        for name in names:
            self._named(name, position)
        for inner in ast.walk(node):
            if isinstance(inner, FUNCTIONS):
                self._named(inner.name, position)
            elif isinstance(inner, ast.ClassDef):
                self._named(inner.name, position)
                self._class(inner)

    def _function(self, node: Any, name: str) -> int:
        outside = {name for each in _outside(node) for name in _read_names(each)}
        outer = self._scopes.outer_names(node.name, node.lineno) | outside
        position = self._unit("function", name, [node], outer)
        self.units[position]["decorators"] = [
            list(chain) for chain in Mentions([*node.decorator_list]).chains
        ]
        return position

    def _class(self, node: ast.ClassDef) -> None:
        inner = [n for n in node.body if isinstance(n, FUNCTIONS)]
        rest = [n for n in node.body if not isinstance(n, FUNCTIONS)]
        heads = [*node.decorator_list, *node.bases, *node.keywords]
        bases = [*node.bases, *(k.value for k in node.keywords if k.arg == "metaclass")]
        shell = self._unit("class", node.name, [*heads, *rest], None)
        self._named(node.name, shell)
        methods: dict[str, list[int]] = {}
        for each in inner:
            methods.setdefault(each.name, []).append(
                self._function(each, f"{node.name}.{each.name}")
            )
        self.classes[node.name] = {
            "shell": shell,
            "bases": _lists(itertools.chain.from_iterable(Mentions([b]).chains for b in bases)),
            "decorators": _lists(Mentions([*node.decorator_list]).chains),
            "methods": methods,
            "fields": dict(_fields(rest)),
        }

    def _unit(self, kind: str, name: str, nodes: list[ast.AST], outer: set[str] | None) -> int:
        own = {name for node in nodes for name in _bound_inside(node)}
        form = NormalForm({*self.imports, *own}, self._dotted, self._top)
        text = form.text(nodes)
        found = Mentions(nodes)
        wanted = None if outer is None else outer | own
        self.units.append(
            {
                "kind": kind,
                "name": name,
                "own": hash_of(f"{kind} {name if kind != 'statement' else ''}\n{text}"),
                "order": _lists(form.chains),
                "modules": list(form.modules),
                "chains": _lists(_known(found.chains, wanted)),
                "mentioned": _lists(_known(found.mentioned, wanted)),
                "imported": list(itertools.chain.from_iterable(map(_imports_inside, nodes))),
                "signature": _lists(itertools.chain.from_iterable(map(_signature, nodes))),
                "attributes": sorted(found.attributes),
                "texts": sorted(found.texts),
                "relative": sorted(found.relative),
                "called": _lists(found.called),
                "built": sorted(map(list, found.built)),
                "does": sorted(found.does | _changes(nodes, outer)),
                "replaces": found.replaces,
            }
        )
        return len(self.units) - 1


def types_in(annotation: ast.expr | None) -> list[tuple[str, ...]]:
    """Names in an annotation, in the texts among it too."""
    if annotation is None:
        return []
    found = list(Mentions([annotation]).chains)
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                found += types_in(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                continue
    return found


def _lists(chains: Iterable[tuple[str, ...]]) -> list[list[str]]:
    return [list(each) for each in chains]


def _known(
    chains: Iterable[tuple[str, ...]], names: Container[str] | None
) -> Iterator[tuple[str, ...]]:
    """The chains that begin with one of the names; None for all of them."""
    return (each for each in chains if names is None or each[0] in names)


def _fields(nodes: Iterable[ast.AST]) -> Iterator[tuple[str, list[list[str]]]]:
    """Annotated names of a class body, and the names in their annotations."""
    for node in nodes:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, _lists(types_in(node.annotation))


def _signature(node: ast.AST) -> list[tuple[str, ...]]:
    if not isinstance(node, FUNCTIONS):
        return []
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    annotations = [*(each.annotation for each in every), node.returns]
    return [chain for each in annotations for chain in types_in(each)]


def _bindings(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[int, str, str, str]]:
    """Level, module, attribute and bound name; ``.`` stands for a plain ``import a.b``."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield node.level, node.module or "", alias.name, alias.asname or alias.name
        elif alias.asname:
            yield 0, alias.name, "", alias.asname
        else:
            yield 0, alias.name, ".", alias.name.partition(".")[0]


def _imported(node: ast.Import | ast.ImportFrom) -> list[list[Any]]:
    return [[lv, module, "" if a in {".", "*"} else a] for lv, module, a, _ in _bindings(node)]


def _imports_inside(node: ast.AST) -> list[list[Any]]:
    return [b for n in ast.walk(node) if isinstance(n, IMPORTS) for b in _imported(n)]


def _bound_inside(node: ast.AST) -> set[str]:
    return {b[3] for n in ast.walk(node) if isinstance(n, IMPORTS) for b in _bindings(n)}


def _outside(node: Any) -> Iterable[ast.AST]:
    """What of a function is worked out where it is defined."""
    defaults = (each for each in node.args.kw_defaults if each is not None)
    return (*node.decorator_list, *node.args.defaults, *defaults)


def _read_names(node: ast.AST) -> Iterator[str]:
    return (n.id for n in ast.walk(node) if isinstance(n, ast.Name))


def _is_for_types(test: ast.expr) -> bool:
    chain = chain_of(test)
    return chain is not None and chain[-1] == "TYPE_CHECKING"


def _stored(node: ast.AST) -> set[str]:
    """Names that a statement of the module gives a value to."""
    return {
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }


CHANGING = frozenset({"append", "add", "update", "setdefault", "register", "extend", "insert"})


def _changes(nodes: list[ast.AST], outer: set[str] | None) -> set[str]:
    """``registers`` where a function changes what belongs to the module: a decorator may do so."""
    for node in itertools.chain.from_iterable(map(ast.walk, nodes)):
        target = _changed(node)
        chain = None if target is None else chain_of(target)
        known = chain is not None and outer is not None and chain[0] in outer
        if known or isinstance(node, ast.Global):
            return {"registers"}
    return set()


def _changed(node: ast.AST) -> ast.expr | None:
    """What a node changes the content of, if anything."""
    if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.value if node.func.attr in CHANGING else None
    return None
