"""What a name of a module stands for, through imports and what packages pass on.

Promise: every binding of a name counts, wherever in the module it is; what is found too much makes
    work be done once more, what is found too little would leave a wrong result published.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.protocol.identity.sources import Sources

Key = tuple[str, int]
"""A unit: its module, and its position in it. A class is known by its own unit."""

UNIT, CLASS, MODULE, LIBRARY = "unit", "class", "module", "library"


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """What a name stands for.

    Attributes:
        kind: A unit, a class, a module of a tree that is followed, or something of a library.
        module: Dotted name.
        position: Of the unit, or of the class's own unit.
    """

    kind: str
    module: str
    position: int = -1


def key_of(target: Target) -> Key:
    """The unit that a target is, or a class's own unit."""
    return target.module, target.position


class Names:
    """Looks up names in modules.

    Attributes:
        sources: The modules.
    """

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self._found: dict[tuple[str, str], list[Target]] = {}
        self._chains: dict[tuple[str, tuple[str, ...]], list[Target]] = {}

    def unit(self, key: Key) -> dict[str, Any]:
        """Facts of a unit."""
        found: dict[str, Any] = self.sources.facts(key[0])["units"][key[1]]
        return found

    def about(self, key: Key) -> dict[str, Any]:
        """Facts of a class."""
        found: dict[str, Any] = self.sources.facts(key[0])["classes"][self.unit(key)["name"]]
        return found

    def chain(self, module: str, chain: Iterable[str]) -> list[Target]:
        """What ``a.b.c`` stands for, as far as modules and their names go."""
        key = module, tuple(chain)
        if key not in self._chains:
            self._chains[key] = list(self._walk(*key))
        return self._chains[key]

    def every(self, module: str) -> Iterator[Target]:
        """All that a module's names stand for."""
        facts = self.sources.facts(module)
        for name in (*facts["names"], *facts["imports"]):
            yield from self.name(module, name)
        for level, star in facts["stars"]:
            inner = absolute(self.sources, module, level, star)
            if self.sources.path(inner):
                yield from self.every(inner)

    def name(self, module: str, name: str) -> list[Target]:
        """What a name of a module stands for; nothing where it is a builtin's."""
        key = module, name
        if key not in self._found:
            self._found[key] = []  # two packages may pass on each other's names
            self._found[key] = self._name(module, name)
        return self._found[key]

    def imported(self, module: str, level: int, path: str, attribute: str) -> list[Target]:
        """What one import of a module binds."""
        base = absolute(self.sources, module, level, path)
        if attribute == ".":
            base, attribute = base.partition(".")[0], ""
        if not self.sources.follows(base):
            return [Target(LIBRARY, f"{base}.{attribute}" if attribute else base)]
        if not attribute:
            return [Target(MODULE, base)]
        found = self.name(base, attribute) if self.sources.path(base) else []
        if not found and self.sources.path(f"{base}.{attribute}"):
            found = [Target(MODULE, f"{base}.{attribute}")]
        return found

    def _name(self, module: str, name: str) -> list[Target]:
        facts = self.sources.facts(module)
        found = [
            Target(CLASS if self._is_class(module, name, p) else UNIT, module, p)
            for p in facts["names"].get(name, ())
        ]
        for level, path, attribute in facts["imports"].get(name, ()):
            found += self.imported(module, level, path, attribute)
        if not found:
            for level, star in facts["stars"]:
                inner = absolute(self.sources, module, level, star)
                if self.sources.path(inner) and not name.startswith("__"):
                    found += self.name(inner, name)
        return list(dict.fromkeys(found))

    def _is_class(self, module: str, name: str, position: int) -> bool:
        found = self.sources.facts(module)["classes"].get(name)
        return found is not None and found["shell"] == position

    def _walk(self, module: str, chain: tuple[str, ...]) -> Iterator[Target]:
        first, *rest = chain
        targets = self.name(module, first)
        for name in rest:
            modules = [t for t in targets if t.kind == MODULE]
            yield from (t for t in targets if t.kind != MODULE)
            targets = [t for m in modules for t in self._inside(m.module, name)]
            if not targets:
                return
        yield from targets

    def _inside(self, module: str, name: str) -> list[Target]:
        found = self.name(module, name) if self.sources.path(module) else []
        if not found and self.sources.path(f"{module}.{name}"):
            return [Target(MODULE, f"{module}.{name}")]
        lazily = self.name(module, "__getattr__") if self.sources.path(module) else []
        return found or (lazily if not name.startswith("__") else [])


def absolute(sources: Sources, module: str, level: int, path: str) -> str:
    """The dotted name of what a module imports."""
    if not level:
        return path
    file = sources.path(module)
    package = module.split(".")
    if file is not None and file.name != "__init__.py":
        package = package[:-1]
    package = package[: len(package) - (level - 1)]
    return ".".join([*package, *([path] if path else [])])
