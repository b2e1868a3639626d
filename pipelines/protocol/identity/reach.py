"""Everything that some functions can reach, found without running anything.

Why: what names a result's code must follow from the code; a list kept by hand has holes.
Promise: too much may be found, too little is a bug. A name reaches what it stands for, through all
    imports; an attribute reaches the methods of that name of every class that may have objects;
    importing a module reaches what the module then does.
Not here: digests (``code.py``), what a name stands for (``names.py``), which classes have objects
    (``objects.py``).
"""

from collections.abc import Iterable, Iterator
from typing import Any

from pipelines.protocol.identity.names import (
    CLASS,
    LIBRARY,
    MODULE,
    UNIT,
    Key,
    Names,
    Target,
    absolute,
    key_of,
)
from pipelines.protocol.identity.objects import Objects
from pipelines.protocol.identity.sources import Sources

UNNAMED = ("pipelines.protocol.identity", "pipelines.core.store.code_units")
"""What names code is not part of what it names: the same digest is the same work."""


class Reach:
    """What has been found so far.

    Attributes:
        names: Of the modules.
        units: Units that are reached.
        libraries: Libraries that they use, by the name they are imported by.
        modules: Modules that are imported on the way.
    """

    def __init__(self, sources: Sources, sealed: Iterable[str] = ()) -> None:
        self.sources, self.names = sources, Names(sources)
        self.units: set[Key] = set()
        self.libraries: set[str] = set()
        self.modules: set[str] = set()
        self._seen: set[Key] = set()
        self._to_do: list[Key | str] = []
        self._objects = Objects(
            self.names, self._reach, self._run, self._classes(sealed), self._use_name
        )

    def start(self, root: str) -> None:
        """Begin at a function, with objects of its parameters' classes, or at a class.

        Args:
            root: Dotted name; ``package.module.Class.*`` for all that can be done with an object.
        """
        module, _, name = root.removesuffix(".*").rpartition(".")
        self._run(module)
        for target in self.names.name(module, name):
            self._use(target)
            if target.kind == UNIT:
                self._objects.annotated(
                    target.module, self.names.unit(key_of(target))["signature"]
                )
            elif target.kind == CLASS and root.endswith(".*"):
                self._objects.all_methods(key_of(target))
        while self._to_do:
            self._follow(self._to_do.pop())

    def _classes(self, dotted: Iterable[str]) -> Iterator[Key]:
        for module, _, name in (each.rpartition(".") for each in dotted):
            yield from (key_of(t) for t in self.names.name(module, name) if t.kind == CLASS)

    def _reach(self, key: Key) -> None:
        if key not in self._seen and not key[0].startswith(UNNAMED):
            self._seen.add(key)
            self.units.add(key)
            self._to_do.append(key)

    def _follow(self, found: Key | str) -> None:
        if isinstance(found, str):
            self._follow_module(found)
            return
        module, unit = found[0], self.names.unit(found)
        for chain in unit["chains"]:
            self._use_all(self.names.chain(module, chain))
        for chain in unit["mentioned"]:
            self._mention(self.names.chain(module, chain))
        for binding in unit["imported"]:
            self._import(module, *binding)
        for name in unit["attributes"]:
            self._objects.attribute(name)
        self._objects.ways_around(found, unit)
        self._follow_subclasses(found, unit)
        self._follow_attributes(module, unit)
        self._follow_modules(module, unit)

    def _use_name(self, module: str, name: str) -> None:
        if not name.startswith("__"):
            self._use_all(self.names.name(module, name))

    def _use_all(self, targets: Iterable[Target]) -> None:
        for target in targets:
            self._use(target)

    def _use(self, target: Target) -> None:
        if target.kind == LIBRARY:
            self.libraries.add(target.module.partition(".")[0])
            return
        self._run(target.module)
        if target.kind == UNIT:
            self._reach(key_of(target))
        elif target.kind == CLASS:
            self._objects.make(key_of(target))
        elif self.sources.path(target.module):
            # The module itself is passed on: whoever has it may ask it for anything.
            every = self.names.every(target.module)
            self._use_all(t for t in every if t.kind in {UNIT, CLASS})

    def _mention(self, targets: Iterable[Target]) -> None:
        """Something is only compared with: no object is made of it."""
        for target in targets:
            if target.kind == CLASS:
                self._run(target.module)
                self._reach(key_of(target))
                self._objects.compared(key_of(target))
            elif target.kind == UNIT and self.names.unit(key_of(target))["kind"] == "statement":
                # A name for several classes: ``Pair = A | B``.
                self._run(target.module)
                self.units.add(key_of(target))
                for chain in self.names.unit(key_of(target))["chains"]:
                    self._mention(self.names.chain(target.module, chain))
            else:
                self._use(target)

    def _follow_attributes(self, module: str, unit: dict[str, Any]) -> None:
        """Attributes that ``getattr`` may be given by a text.

        It may be one of the unit that asks, of a constant that it uses, of its class, or of a unit
        that calls it.
        """
        used = list(self._used(module, unit))
        if not any("gets" in each["does"] for each in (unit, *used)):
            return
        near = [each for each in used if each["kind"] == "statement"]
        for each in (unit, *near, *self._of_its_class(module, unit)):
            for text in each["texts"]:
                self._objects.attribute(text)
            for ends in each["built"]:
                self._objects.built(*ends)

    def _follow_subclasses(self, found: Key, unit: dict[str, Any]) -> None:
        """Classes of which all subclasses are asked for."""
        if "__subclasses__" not in unit["attributes"]:
            return
        own = [unit["name"].partition(".")[0]] if "." in unit["name"] else []
        asked = [chain[:-1] for chain in unit["chains"] if chain[-1] == "__subclasses__"]
        for target in (t for c in (own, *asked) if c for t in self.names.chain(found[0], c)):
            if target.kind == CLASS:
                self._objects.asked_for_subclasses(key_of(target))

    def _of_its_class(self, module: str, unit: dict[str, Any]) -> list[dict[str, Any]]:
        """A method's class and its methods; none for any other unit."""
        owner, dot, _ = unit["name"].partition(".")
        every = self.sources.facts(module)["units"] if dot else []
        return [each for each in every if each["name"].startswith(f"{owner}.")]

    def _used(self, module: str, unit: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Units that a unit names."""
        for target in (t for chain in unit["chains"] for t in self.names.chain(module, chain)):
            if target.kind == UNIT:
                yield self.names.unit(key_of(target))

    def _follow_modules(self, module: str, unit: dict[str, Any]) -> None:
        """Modules that a unit imports, or runs, by a text of its own or of a constant it uses."""
        if "globals" in unit["does"]:
            self._use(Target(MODULE, module))
        for text in unit["modules"]:
            if text.endswith(".py"):
                self._run_main(absolute(self.sources, module, 1, text[:-3]))
        if "imports" not in unit["does"]:
            return
        for each in (unit, *self._used(module, unit)):
            self._follow_texts(module, each)
        self._objects.annotated(module, unit["signature"])

    def _follow_texts(self, module: str, unit: dict[str, Any]) -> None:
        for text in unit["modules"]:
            self._named(text.replace(":", "."))
        for text in unit["relative"]:
            path = text.lstrip(".")
            self._named(absolute(self.sources, module, len(text) - len(path), path))

    def _named(self, path: str) -> None:
        """A dotted path to a module, or to something in one."""
        if self.sources.path(path):
            self._run_main(path)
            self._objects.module(path)
            return
        module, _, name = path.rpartition(".")
        if self.sources.path(module):
            self._use_all(self.names.chain(module, [name]))

    def _run_main(self, module: str) -> None:
        """A module that may be run as a program."""
        self._run(module)
        if self.sources.path(module):
            for position, unit in enumerate(self.sources.facts(module)["units"]):
                if unit.get("main"):
                    self._reach((module, position))

    def _import(self, module: str, level: int, path: str, attribute: str) -> None:
        base = absolute(self.sources, module, level, path)
        self._run(base)
        if attribute:
            self._run(f"{base}.{attribute}")

    def _run(self, module: str) -> None:
        """Import a module, and the packages it is in."""
        if module in self.modules or not self.sources.follows(module):
            return
        if "." in module:
            self._run(module.rpartition(".")[0])
        if self.sources.path(module) is None:
            return
        self.modules.add(module)
        for binding in self.sources.facts(module)["runs"]:
            self._import(module, *binding)
        self._to_do.append(module)

    def _follow_module(self, module: str) -> None:
        """What importing a module does: its statements, and what its decorators remember."""
        facts = self.sources.facts(module)
        for about in facts["classes"].values():
            self._objects.is_there((module, about["shell"]))
            if self._keeps(module, about["decorators"]):
                self._objects.make((module, about["shell"]))
        for position, unit in enumerate(facts["units"]):
            if self._does_something(module, unit):
                self._reach((module, position))

    def _does_something(self, module: str, unit: dict[str, Any]) -> bool:
        if unit["kind"] != "statement":
            return self._keeps(module, unit.get("decorators", ()))
        ran = unit["effect"] and not unit["main"]
        return (
            ran
            or self._registers(module, unit["chains"])
            or self._is_given_to_an_object(module, unit)
        )

    def _is_object(self, target: Target) -> bool:
        """Whether it is a class, or what a statement of a module made."""
        if target.kind == UNIT:
            return self.names.unit(key_of(target))["kind"] == "statement"
        return target.kind == CLASS

    def _registers(self, module: str, chains: Iterable[list[str]]) -> bool:
        """Whether one of our functions that is called there changes what belongs to its module."""
        seen: set[Key] = set()
        to_do = [(module, list(chain)) for chain in chains]
        while to_do:
            inside, chain = to_do.pop()
            for key in self._functions(inside, chain) - seen:
                seen.add(key)
                if "registers" in self.names.unit(key)["does"]:
                    return True
                to_do += [(key[0], each) for each in self.names.unit(key)["chains"]]
        return False

    def _functions(self, module: str, chain: Iterable[str]) -> set[Key]:
        found = (key_of(t) for t in self.names.chain(module, chain) if t.kind == UNIT)
        return {key for key in found if self.names.unit(key)["kind"] == "function"}

    def _is_given_to_an_object(self, module: str, unit: dict[str, Any]) -> bool:
        """Whether a method of an object of ours is called: ``_ = TABLE.add(function)``."""
        for chain in (chain for chain in unit["called"] if len(chain) > 1):
            for target in self.names.chain(module, chain):
                if (
                    target.kind == UNIT
                    and self.names.unit(key_of(target))["kind"] == "statement"
                ):
                    return True
        return False

    def _keeps(self, module: str, decorators: Iterable[list[str]]) -> bool:
        """Whether a decorator may keep what it is given where somebody else finds it."""
        found = [(c, t) for c in decorators for t in self.names.chain(module, c)]
        return any(self._may_keep(*each) for each in found) or self._registers(
            module, decorators
        )

    def _may_keep(self, chain: list[str], target: Target) -> bool:
        """Whether it is a library's, ``@function.register``, or an object of ours."""
        if target.kind == LIBRARY:
            return self.sources.is_foreign(target.module.partition(".")[0])
        return self._is_object(target) or (target.kind == UNIT and len(chain) > 1)
