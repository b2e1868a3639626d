"""Classes of which there may be objects, and the methods that are then reached.

Why: ``step.transform(...)`` may call the method of any class whose objects get there; of a class that
    has none, no method runs.
Promise: a class has objects where reached code makes them, or where a field of another one is annotated
    with it: those were made elsewhere, of any subclass. Of such a class every special method is
    reached, and every one whose name is used as an attribute.
Not here: following what a method mentions (``reach.py``).
"""

import itertools
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pipelines.protocol.identity.names import CLASS, LIBRARY, UNIT, Key, Names, key_of

MAKING = frozenset(
    {"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__"}
)
COMPARING = frozenset({"__instancecheck__", "__subclasscheck__", "__subclasshook__"})
QUIET = frozenset({"typing", "abc", "enum", "collections", "types", "typing_extensions"})
"""Libraries whose classes call no method that is named like one of a subclass."""


class Objects:
    """The classes that are known to have objects.

    Attributes:
        sealed: Classes whose subclasses count only where something names them.
    """

    def __init__(
        self,
        names: Names,
        reach: Callable[[Key], None],
        run: Callable[[str], None],
        sealed: Iterable[Key],
        ask: Callable[[str, str], None],
    ) -> None:
        self.sealed = frozenset(sealed)
        self._names, self._reach, self._run, self._ask = names, reach, run, ask
        self._live: set[Key] = set()
        self._made: set[Key] = set()
        self._open: set[Key] = set()
        self._subclasses: dict[Key, list[Key]] = defaultdict(list)
        self._methods: dict[str, list[Key]] = defaultdict(list)
        self._fields: dict[str, list[tuple[str, Any]]] = defaultdict(list)
        self._attributes: set[str] = set()
        self._modules: set[str] = set()
        self._makes_own: set[Key] = set()
        self._replaces: list[list[str]] = []
        self._built: set[tuple[str, str]] = set()
        self._kept: set[Key] = set()
        self._makes_any = self._any_field = False

    def is_there(self, key: Key) -> None:
        """Note a class of an imported module."""
        for base, is_ours in self._base_targets(key):
            if is_ours:
                self._subclasses[base].append(key)
                if base in self._open and base not in self.sealed:
                    self.opened(key)
            elif base[0].partition(".")[0] not in sys.stdlib_module_names:
                # A library's metaclass may register it; its methods are then called from there.
                self.make(key)
        if any(map(self._keeps_subclasses, self._all_bases(key))):
            self.make(key)

    def make(self, key: Key) -> None:
        """Note that reached code instantiates a class."""
        if key in self._made:
            return
        self._made.add(key)
        self.live(key)
        for base in self._bases(key):
            self.make(base)
        self._reach_methods(key, lambda name: name in MAKING)

    def live(self, key: Key) -> None:
        """Note that objects of a class exist."""
        if key in self._live:
            return
        self._live.add(key)
        self._reach(key)
        for base in self._bases(key):
            self.live(base)
        self._note_members(key)
        self._reach_methods(key, self._is_called)
        if self._called_from_outside(key):
            self._reach_methods(key, lambda _name: True)
        own = self._makes_own & {key, *self._all_bases(key)}
        if self._makes_any or own or self._is_replaced(key, self._replaces):
            self.make(key)

    def opened(self, key: Key) -> None:
        """Note that objects of a class, or of its subclasses, may come from elsewhere."""
        if key in self._open:
            return
        self._open.add(key)
        self.live(key)
        if key not in self.sealed:
            for each in list(self._subclasses[key]):
                self.opened(each)

    def annotated(self, module: str, chains: Iterable[Iterable[str]]) -> None:
        """Note that objects of the annotated type may exist."""
        for target in (t for chain in chains for t in self._names.chain(module, chain)):
            key = key_of(target)
            if target.kind == CLASS:
                self._run(target.module)
                self.opened(key)
            elif target.kind == UNIT and key not in self._open:
                self._open.add(key)
                self._run(target.module)
                if self._names.unit(key)["kind"] == "statement":
                    self.annotated(target.module, self._names.unit(key)["chains"])

    def attribute(self, name: str) -> None:
        """Note that reached code uses an attribute of that name."""
        if name in self._attributes:
            return
        self._attributes.add(name)
        for key in self._methods.get(name, ()):
            self._reach(key)
        for module, chains in self._fields.get(name, ()):
            self.annotated(module, chains)
        for module in list(self._modules):
            self._ask(module, name)

    def module(self, module: str) -> None:
        """Reached code has a module that no name stands for: it was imported by a text."""
        if module not in self._modules:
            self._modules.add(module)
            for name in list(self._attributes):
                self._ask(module, name)

    def built(self, begin: str, end: str) -> None:
        """Reached code puts a name of an attribute together."""
        if (begin, end) not in self._built:
            self._built.add((begin, end))
            for name in list(self._methods):
                self._if_built(name)

    def asked_for_subclasses(self, key: Key) -> None:
        """Reached code asks a class for its subclasses, and may make them."""
        self._kept.add(key)
        for each in list(self._subclasses[key]):
            self.make(each)
            self.asked_for_subclasses(each)

    def compared(self, key: Key) -> None:
        """Something is asked whether it is an object of a class."""
        for each in (key, *self._all_bases(key)):
            self._reach_methods(each, lambda name: name in COMPARING)

    def all_methods(self, key: Key) -> None:
        """Every method that can be called on an object of a class."""
        for each in (key, *self._all_bases(key)):
            self._reach_methods(each, lambda _name: True)

    def ways_around(self, key: Key, unit: dict[str, Any]) -> None:
        """Note what a unit does to objects without naming a class or an attribute."""
        if {"gets", "fields"} <= set(unit["does"]) and not self._any_field:
            self._open_any_field()
        if "makes" in unit["does"] and "." in unit["name"]:
            self._make_own(key[0], unit["name"].partition(".")[0])
        self._makes_any = self._makes_any or "makes any" in unit["does"]
        self._make_replaced(unit["replaces"])

    def _make_own(self, module: str, name: str) -> None:
        """Note that a method instantiates its own class, whichever subclass that is."""
        shell = module, self._names.sources.facts(module)["classes"][name]["shell"]
        self._makes_own.add(shell)
        for each in self._live - self._made:
            if shell in {each, *self._all_bases(each)}:
                self.make(each)

    def _is_called(self, name: str) -> bool:
        special = name.startswith("_") and name.endswith("_") and name not in MAKING
        return special or name in self._attributes

    def _if_built(self, name: str) -> None:
        if any(name.startswith(begin) and name.endswith(end) for begin, end in self._built):
            self.attribute(name)

    def _keeps_subclasses(self, key: Key) -> bool:
        return key in self._kept or "__init_subclass__" in self._names.about(key)["methods"]

    def _reach_methods(self, key: Key, wanted: Callable[[str], bool]) -> None:
        for name, positions in self._names.about(key)["methods"].items():
            if wanted(name):
                for position in positions:
                    self._reach((key[0], position))

    def _note_members(self, key: Key) -> None:
        about = self._names.about(key)
        for name, positions in about["methods"].items():
            self._methods[name] += [(key[0], position) for position in positions]
            self._if_built(name)
        for name, chains in about["fields"].items():
            self._fields[name].append((key[0], chains))
            if self._any_field or name in self._attributes:
                self.annotated(key[0], chains)

    def _called_from_outside(self, key: Key) -> bool:
        """Whether it derives from a library's class, which calls methods by their names."""
        for base, is_ours in self._base_targets(key):
            if (
                self._called_from_outside(base)
                if is_ours
                else base[0].partition(".")[0] not in QUIET
            ):
                return True
        return False

    def _may_be_replaced(self, key: Key, keywords: list[str]) -> bool:
        every = (key, *self._all_bases(key))
        fields = {name for each in every for name in self._names.about(each)["fields"]}
        return "**" in keywords or set(keywords) <= fields

    def _open_any_field(self) -> None:
        self._any_field = True
        for module, chains in list(itertools.chain.from_iterable(self._fields.values())):
            self.annotated(module, chains)

    def _make_replaced(self, replaces: Iterable[list[str]]) -> None:
        new = [keywords for keywords in replaces if keywords not in self._replaces]
        self._replaces += new
        for each in self._live - self._made:
            if self._makes_any or self._is_replaced(each, new):
                self.make(each)

    def _is_replaced(self, key: Key, every: Iterable[list[str]]) -> bool:
        return any(self._may_be_replaced(key, keywords) for keywords in every)

    def _base_targets(self, key: Key) -> Iterator[tuple[Key, bool]]:
        for chain in self._names.about(key)["bases"]:
            for target in self._names.chain(key[0], chain):
                if target.kind in {CLASS, LIBRARY}:
                    yield key_of(target), target.kind == CLASS

    def _bases(self, key: Key) -> list[Key]:
        return [base for base, is_ours in self._base_targets(key) if is_ours]

    def _all_bases(self, key: Key) -> Iterator[Key]:
        for base in self._bases(key):
            yield base
            yield from self._all_bases(base)
