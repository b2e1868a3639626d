"""Everything that some functions can reach, found without running anything.

Why: what names a result's code must follow from the code; a list kept by hand has holes.
Promise: too much may be found, too little is a bug. A name reaches what it stands for, through all
    imports; an attribute reaches the methods of that name of every class of which there may be an
    object; importing a module reaches what the module then does.
Not here: digests (``code.py``), what a name stands for (``names.py``).
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipelines.protocol.identity.names import (
    CLASS,
    LIBRARY,
    MODULE,
    UNIT,
    Names,
    Target,
    absolute,
)
from pipelines.protocol.identity.sources import Sources

Key = tuple[str, int]  # module, and a unit's or a class's own unit's position in it

UNNAMED = "pipelines.protocol.identity"
"""What names code is no part of what it names: the same digest is the same work."""

MAKING = frozenset(
    {"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"}
)


class Reach:
    """What has been found so far.

    Attributes:
        units: Units that are reached.
        libraries: Libraries that they use, by the name they are imported by.
        modules: Modules that are imported on the way.
    """

    def __init__(self, sources: Sources, sealed: Iterable[Key] = ()) -> None:
        self.sources, self.names = sources, Names(sources)
        self.units: set[Key] = set()
        self.libraries: set[str] = set()
        self.modules: set[str] = set()
        self._sealed = frozenset(sealed)
        self._live: dict[Key, dict[str, Any]] = {}
        self._made: set[Key] = set()
        self._open: set[Key] = set()
        self._subclasses: dict[Key, list[Key]] = defaultdict(list)
        self._attributes: set[str] = set()
        self._texts: set[str] = set()
        self._replaces: list[list[str]] = []
        self._dynamic = self._makes_any = False
        self._methods: dict[str, list[Key]] = defaultdict(list)
        self._fields: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        self._to_do: list[Callable[[], None]] = []

    def start(self, module: str, name: str) -> None:
        """Begin at a function or a class, with objects of what a function's parameters are."""
        self._run(module)
        for target in self.names.name(module, name):
            self._use(target)
            if target.kind == UNIT:
                self._opened(target.module, self._unit(_key(target))["signature"])
        self._finish()

    def all_of(self, module: str, name: str) -> None:
        """Add every method of a class, its bases' too."""
        for target in self.names.name(module, name):
            if target.kind == CLASS:
                for key in (_key(target), *self._all_bases(_key(target))):
                    self._every_method(key)
        self._finish()

    def _finish(self) -> None:
        while self._to_do:
            self._to_do.pop()()

    def _unit(self, key: Key) -> dict[str, Any]:
        found: dict[str, Any] = self.sources.facts(key[0])["units"][key[1]]
        return found

    def _class(self, key: Key) -> dict[str, Any]:
        found: dict[str, Any] = self.sources.facts(key[0])["classes"][self._unit(key)["name"]]
        return found

    def _use(self, target: Target) -> None:
        key = target.module, target.position
        if target.kind == LIBRARY:
            self.libraries.add(target.module.partition(".")[0])
            return
        self._run(target.module)
        if target.kind == UNIT:
            self._reach(key)
        elif target.kind == CLASS:
            self._make(key)
        elif target.kind == MODULE and self.sources.path(target.module):
            # The module itself is passed on: whoever has it may ask it for anything.
            for each in self.names.every(target.module):
                if each.kind not in {MODULE, LIBRARY}:
                    self._use(each)

    def _reach(self, key: Key) -> None:
        if key in self.units or key[0].startswith(UNNAMED):
            return
        self.units.add(key)
        self._to_do.append(lambda: self._follow(key))

    def _follow(self, key: Key) -> None:
        module, unit = key[0], self._unit(key)
        for chain in unit["chains"]:
            for target in self.names.chain(module, chain):
                self._use(target)
        for chain in unit["mentioned"]:
            for target in self.names.chain(module, chain):
                self._mention(target)
        for level, path, attribute in unit["imported"]:
            self._import(module, level, path, attribute)
        for text in unit["modules"]:
            if text.endswith(".py"):
                beside = absolute(self.sources, module, 1, text[:-3])
                self._run(beside, named=True)
        if "imports" in unit["does"]:
            self._by_text(module, unit)
        for name in unit["attributes"]:
            self._attribute(name)
        self._ways_around(key, unit)

    def _by_text(self, module: str, unit: dict[str, Any]) -> None:
        """Modules that a unit imports, or runs, by a text of its own or of a constant it uses."""
        texts = list(unit["modules"])
        for chain in unit["chains"]:
            for target in self.names.chain(module, chain):
                if target.kind == UNIT:
                    texts += self._unit(_key(target))["modules"]
        for text in texts:
            self._named_module(text)
        self._opened(module, unit["signature"])

    def _ways_around(self, key: Key, unit: dict[str, Any]) -> None:
        self._texts.update(unit["texts"])
        if self._dynamic:
            for text in unit["texts"]:
                self._attribute(text)
        if "gets" in unit["does"] and not self._dynamic:
            self._dynamic = True
            for text in list(self._texts):
                self._attribute(text)
        if "globals" in unit["does"]:
            self._use(Target(MODULE, key[0]))
        if "makes" in unit["does"] and "." in unit["name"]:
            owner = unit["name"].partition(".")[0]
            shell = self.sources.facts(key[0])["classes"][owner]["shell"]
            for each in self._with_subclasses((key[0], shell)):
                self._make(each)
        for keywords in unit["replaces"]:
            self._replaces.append(keywords)
            for each in list(self._live):
                self._maybe_replaced(each, keywords)
        if "makes any" in unit["does"] and not self._makes_any:
            self._makes_any = True
            for each in list(self._live):
                self._make(each)

    def _with_subclasses(self, key: Key) -> Iterator[Key]:
        yield key
        for each in self._subclasses[key]:
            if each in self._live:
                yield from self._with_subclasses(each)

    def _mention(self, target: Target) -> None:
        if target.kind == CLASS:
            self._run(target.module)
            self._shell(_key(target))
        elif target.kind == UNIT and self._unit(_key(target))["kind"] != "function":
            # A name for several classes: ``Pair = A | B``.
            key = target.module, target.position
            self.units.add(key)
            for chain in self._unit(key)["chains"]:
                for each in self.names.chain(target.module, chain):
                    self._mention(each)
        elif target.kind == LIBRARY:
            self._use(target)

    def _shell(self, key: Key) -> None:
        """The class itself: bases, decorators and what its body does."""
        self._reach(key)

    def _import(self, module: str, level: int, path: str, attribute: str) -> None:
        base = absolute(self.sources, module, level, path)
        self._run(base)
        if attribute:
            self._run(f"{base}.{attribute}")

    def _named_module(self, text: str) -> None:
        path, _, function = text.partition(":")
        if function:
            path = f"{path}.{function}"
        module, rest = path, list[str]()
        while module and not self.sources.path(module):
            module, _, last = module.rpartition(".")
            rest.insert(0, last)
        if not rest:
            self._run(module, named=True)
        elif module and len(rest) == 1:
            for target in self.names.chain(module, rest):
                self._use(target)

    def _run(self, module: str, *, named: bool = False) -> None:
        """Import a module, and the packages it is in."""
        if "." in module:
            self._run(module.rpartition(".")[0])
        if not self.sources.follows(module) or self.sources.path(module) is None:
            return
        facts = self.sources.facts(module)
        if named:
            for position, unit in enumerate(facts["units"]):
                if unit.get("main"):
                    self._reach((module, position))
        if module in self.modules:
            return
        self.modules.add(module)
        for level, path, attribute in facts["runs"]:
            self._import(module, level, path, attribute)
        for name, about in facts["classes"].items():
            self._class_is_there(module, name, about)
        self._to_do.append(lambda: self._effects(module))

    def _effects(self, module: str) -> None:
        facts = self.sources.facts(module)
        classes = {about["shell"]: about for about in facts["classes"].values()}
        for position, unit in enumerate(facts["units"]):
            if (
                (unit.get("effect") and not unit.get("main"))
                or (unit["kind"] == "statement" and self._registers(module, unit["chains"]))
                or self._decorated(module, unit.get("decorators", ()))
            ):
                self._reach((module, position))
            elif position in classes and self._decorated(
                module, classes[position]["decorators"]
            ):
                self._make((module, position))

    def _registers(self, module: str, chains: Iterable[list[str]]) -> bool:
        """Whether something that is called when the module is imported may remember it elsewhere."""
        for chain in chains:
            for target in self.names.chain(module, chain):
                if target.kind == UNIT and "registers" in self._unit(_key(target))["does"]:
                    return True
        return False

    def _decorated(self, module: str, chains: Iterable[list[str]]) -> bool:
        """Whether a decorator may keep what it is given where a library finds it."""
        return self._registers(module, chains) or any(
            target.kind == LIBRARY and not _is_standard(target.module)
            for chain in chains
            for target in self.names.chain(module, chain)
        )

    def _class_is_there(self, module: str, name: str, about: dict[str, Any]) -> None:
        key = module, about["shell"]
        for chain in about["bases"]:
            for target in self.names.chain(module, chain):
                if target.kind == CLASS:
                    base = target.module, target.position
                    self._subclasses[base].append(key)
                    if base in self._open and base not in self._sealed:
                        self._open_class(key)
                elif target.kind == LIBRARY and not _is_standard(target.module):
                    # A library's metaclass may register it; its methods are then called from there.
                    self._to_do.append(lambda: self._make(key))

    def _make(self, key: Key) -> None:
        if key in self._made:
            return
        self._made.add(key)
        self._is_live(key)
        for base in self._bases(key):
            self._make(base)
        for name, positions in self._class(key)["methods"].items():
            if name in MAKING:
                for position in positions:
                    self._reach((key[0], position))

    def _is_live(self, key: Key) -> None:
        if key in self._live:
            return
        about = self._live[key] = self._class(key)
        self._shell(key)
        for base in self._bases(key):
            self._is_live(base)
        for name, positions in about["methods"].items():
            special = name.startswith("__") and name not in MAKING
            for position in positions:
                self._methods[name].append((key[0], position))
                if special or name in self._attributes:
                    self._reach((key[0], position))
        for name, chains in about["fields"].items():
            self._fields[name].append((key[0], chains))
            if name in self._attributes:
                self._opened(key[0], chains)
        if self._called_from_outside(key):
            self._every_method(key)
        for keywords in self._replaces:
            self._maybe_replaced(key, keywords)
        if self._makes_any:
            self._make(key)

    def _every_method(self, key: Key) -> None:
        for positions in self._class(key)["methods"].values():
            for position in positions:
                self._reach((key[0], position))

    def _called_from_outside(self, key: Key) -> bool:
        """Whether a class of a library is among its bases, which calls methods by their names."""
        for chain in self._class(key)["bases"]:
            if any(
                t.kind == LIBRARY and t.module.partition(".")[0] not in QUIET
                for t in self.names.chain(key[0], chain)
            ):
                return True
        return any(self._called_from_outside(base) for base in self._bases(key))

    def _bases(self, key: Key) -> list[Key]:
        found = [t for c in self._class(key)["bases"] for t in self.names.chain(key[0], c)]
        return [(t.module, t.position) for t in found if t.kind == CLASS]

    def _maybe_replaced(self, key: Key, keywords: list[str]) -> None:
        fields = {
            f for each in (key, *self._all_bases(key)) for f in self._class(each)["fields"]
        }
        if "**" in keywords or set(keywords) <= fields:
            self._make(key)

    def _all_bases(self, key: Key) -> Iterator[Key]:
        for base in self._bases(key):
            yield base
            yield from self._all_bases(base)

    def _attribute(self, name: str) -> None:
        if name in self._attributes:
            return
        self._attributes.add(name)
        for key in self._methods.get(name, ()):
            self._reach(key)
        for module, chains in self._fields.get(name, ()):
            self._opened(module, chains)

    def _opened(self, module: str, chains: Iterable[Iterable[str]]) -> None:
        """There may be objects of these classes that were made elsewhere, of subclasses too."""
        for chain in chains:
            for target in self.names.chain(module, chain):
                key = target.module, target.position
                if target.kind == CLASS:
                    self._run(target.module)
                    self._open_class(key)
                elif target.kind == UNIT and self._unit(key)["kind"] == "statement":
                    if key not in self._open:
                        self._open.add(key)
                        self._run(target.module)
                        self._opened(target.module, self._unit(key)["chains"])

    def _open_class(self, key: Key) -> None:
        if key in self._open:
            return
        self._open.add(key)
        self._is_live(key)
        if key not in self._sealed:
            for each in list(self._subclasses[key]):
                self._open_class(each)


QUIET = frozenset({"typing", "abc", "enum", "collections", "types", "typing_extensions"})


def _key(target: Target) -> Key:
    return (target.module, target.position)


def _is_standard(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
