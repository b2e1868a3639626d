"""The source of Millrace with some modules changed, and what its stages then reach."""

import ast
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pipelines.protocol import stages
from pipelines.protocol.identity import cache as kept
from pipelines.protocol.identity.code import HOOKS
from pipelines.protocol.identity.sources import Sources
from pipelines.protocol.identity.units import facts_of
from pipelines.protocol.identity.working_out import worked_out

ROOT = Path(__file__).resolve().parents[4]
PACKAGE = ROOT / "pipelines"
KNOWN = kept.read_facts()


class Changed(Sources):
    """The tree as it is, but for some modules' texts."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__(["pipelines"], folders={"pipelines": PACKAGE}, known=KNOWN)
        self._texts = texts

    def facts(self, module):
        """What the module's text holds."""
        if module in self._texts and module not in self._facts:
            self._facts[module] = facts_of(self._texts[module], module)
        return super().facts(module)


def roots_of(name):
    """The functions of a stage that decide what it publishes."""
    return [f"pipelines.stages.{name}.stage.{hook}" for hook in HOOKS]


def names():
    return [stage.name for stage in stages()]


def found(texts=None, sources=None):
    """What is found for each stage."""
    sources = sources or Changed(texts or {})
    return {name: worked_out(sources, roots_of(name)) for name in names()}


@cache
def as_it_is():
    return found()


def text_of(module):
    path = PACKAGE.parent / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text()


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules():
    return sorted(module_of(path) for path in PACKAGE.rglob("*.py"))


@cache
def tree_of(module):
    return ast.parse(text_of(module))


@cache
def functions_of(module):
    """Name and last statement of each function and method that is a unit."""
    return list(_functions(tree_of(module)))


def _functions(tree):
    for node in tree.body:
        for each in node.body if isinstance(node, ast.ClassDef) else [node]:
            if isinstance(each, ast.FunctionDef):
                yield each.name if each is node else f"{node.name}.{each.name}", each.body[-1]


def with_statement(module, statement):
    """The module's text with one more statement before one that a function ends with."""
    lines = text_of(module).splitlines(keepends=True)
    indent = " " * statement.col_offset
    lines.insert(statement.lineno - 1, f"{indent}_changed = 'changed'\n")
    return "".join(lines)


def changed_units(before, after):
    """Modules and names of units whose own hash is another, or that are new or gone."""
    was, now = (
        {
            (m, n): [part.partition(".")[0] for part in text.split()]
            for m, units in each["units"].items()
            for n, text in units.items()
        }
        for each in (before, after)
    )
    return {key for key in was.keys() | now.keys() if was.get(key) != now.get(key)}
