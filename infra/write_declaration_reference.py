"""Write the reference of everything that a declaration can say.

Why: a reference that is made from the classes themselves cannot lag behind them.
Promise: every declared class has its attributes, their types, defaults and meanings, and an example out
    of a declaration in docs/examples that is valid as a whole; a class without one of these is an error.

    python infra/write_declaration_reference.py           # writes docs/declaration.md
"""

import ast
import dataclasses
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/declaration.md"
EXAMPLES = ROOT / "docs/examples"
sys.path.insert(0, str(ROOT))

INTRODUCTION = """# What a declaration can say

Written from the docstrings by `python infra/write_declaration_reference.py`; edit those. Every example is a part of
one of the declarations in [examples](examples), each of which is valid as a whole, or of `docs/examples/parts.py`. How to start from data of yours:
[adding a pipeline](adding-a-pipeline.md).

Names that are misspelt, types that do not match and settings that contradict one another are found by
`python -m pipelines check NAME`, all at once.
"""
GROUPS = (
    ("A pipeline", ("pipeline",)),
    ("Tables", ("tables",)),
    ("Sources", ("sources",)),
    ("Label, split, training, schedule", ("learning",)),
    ("Evaluation and gates on models", ("evaluation", "slices")),
    ("Scoring and watching", ("scoring", "watching")),
    ("Heads", ("heads",)),
    ("Networks", ("models",)),
    ("Search", ("search",)),
    ("Gates on data", ("gates",)),
)
FEATURES = "Features: columns, times and windows"
STEPS = "Features: steps after `>>`"
# The first step of a Ratio, which nobody declares.
INTERNAL = {"Divide"}
LONGEST = 900


def declared_classes() -> list[tuple[str, list[type]]]:
    """The declared classes of each section, in the order of the page."""
    from pipelines import spec
    from pipelines.operators.operator import FeatureSource, Operator

    classes = list(filter(_is_declared, {getattr(spec, name) for name in spec.__all__}))
    sections = []
    for title, modules in GROUPS:
        inside = [c for c in classes if c.__module__.rpartition(".")[2] in modules]
        sections.append((title, sorted(inside, key=_line)))
    for title, base in ((FEATURES, FeatureSource), (STEPS, Operator)):
        inside = [c for c in classes if issubclass(c, base)]
        sections.append((title, sorted(inside, key=lambda c: c.__name__)))
    return sections


def _is_declared(found: object) -> bool:
    """Whether it is a class made by ``@declared``, which keeps a call's mistakes."""
    if not isinstance(found, type) or found.__name__ in INTERNAL:
        return False
    made: Any = found.__init__  # type: ignore[misc]
    return dataclasses.is_dataclass(found) and made.__name__ == "collecting_init"


def _line(found: type) -> int:
    return inspect.getsourcelines(found)[1]


def examples() -> dict[str, str]:
    """A call of each class in the examples, as it stands there: of steps with the whole chain."""
    found: dict[str, set[str]] = {}
    for path in sorted(EXAMPLES.glob("*.py")):
        text = path.read_text()
        for node, shown in _shown(ast.parse(text)):
            _keep(found, node, shown, text)
    return {name: _most_detailed(shown) for name, shown in found.items()}


def _shown(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each node, and what is shown for it: a step's whole chain, else the node itself."""
    steps: set[int] = set()
    for chain in (node for node in ast.walk(tree) if isinstance(node, ast.BinOp)):
        steps |= {id(node) for node in ast.walk(chain.right)}
        yield from ((node, chain) for node in ast.walk(chain.right))
    yield from ((node, node) for node in ast.walk(tree) if id(node) not in steps)


def _keep(found: dict[str, set[str]], node: ast.AST, shown: ast.AST, text: str) -> None:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        lines = (ast.get_source_segment(text, shown) or "").splitlines()
        margin = len(lines[-1]) - len(lines[-1].lstrip()) if len(lines) > 1 else 0
        plain = "\n".join(line.removeprefix(" " * margin) for line in lines)
        found.setdefault(node.func.id, set()).add(plain)


def _most_detailed(shown: set[str]) -> str:
    """The longest that can be read at a glance."""
    short = [each for each in shown if len(each) <= LONGEST]
    return max(short, key=lambda each: (len(each), each)) if short else min(shown, key=len)


def attributes(found: type) -> dict[str, str]:
    """The meaning of each attribute, from the docstrings of the class and of those it extends."""
    meanings: dict[str, str] = {}
    for each in reversed(found.__mro__):
        meanings |= _documented(inspect.cleandoc(each.__dict__.get("__doc__") or ""))
    return meanings


def _documented(docstring: str) -> dict[str, str]:
    text, meanings = docstring.partition("Attributes:\n")[2], dict[str, str]()
    for line in text.splitlines():
        begun = re.fullmatch(r" {4}(\w+): (.*)", line)
        if begun:
            name = begun.group(1)
            meanings[name] = begun.group(2)
        elif line.startswith("     ") and meanings:
            meanings[name] += f" {line.strip()}"
    return meanings


def written_fields(found: type) -> Iterator[tuple[str, str, str]]:
    """Name, type and default of each setting, as the source writes them; no default: empty."""
    tree = ast.parse(Path(inspect.getfile(found)).read_text())
    (node,) = (
        n for n in ast.walk(tree) if isinstance(n, ast.ClassDef) and n.name == found.__name__
    )
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            kind = ast.unparse(each.annotation)
            if not kind.startswith("ClassVar"):
                yield each.target.id, kind, ast.unparse(each.value) if each.value else ""


def _section(found: type, example: str) -> Iterator[str]:
    meanings, said = attributes(found), inspect.cleandoc(found.__doc__ or "")
    yield f"### {found.__name__}\n"
    yield _prose(said.partition("Attributes:\n")[0].strip()) + "\n"
    rows = list(written_fields(found))
    defaults = {field.name: field.default for field in dataclasses.fields(found)}
    if rows:
        yield "| setting | type | default | meaning |\n|---|---|---|---|"
    for name, kind, default in rows:
        if name not in meanings:
            raise SystemExit(
                f"{found.__name__}.{name} has no line in its docstring's Attributes."
            )
        named = repr(defaults[name]) if default.isupper() else default
        shown = f"`{_code(named)}`" if default else "required"
        meaning = _cell(_prose(meanings[name]))
        yield f"| `{name}` | `{_code(kind)}` | {shown} | {meaning} |"
    yield f"\n```python\n{example}\n```\n"


def _prose(text: str) -> str:
    return text.replace("``", "`")


def _code(text: str) -> str:
    """Python as the formatter writes it."""
    return _cell(text.replace("'", '"'))


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def page() -> str:
    """The whole reference."""
    parts, shown = [INTRODUCTION], examples()
    for title, classes in declared_classes():
        parts.append(f"## {title}\n")
        for found in classes:
            if found.__name__ not in shown:
                raise SystemExit(
                    f"{found.__name__} is in no example. Add a call of it to docs/examples/parts.py."
                )
            parts += _section(found, shown[found.__name__])
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
