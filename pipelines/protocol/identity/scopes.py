"""Which names of a function are looked up outside it.

Why: a local variable that is called like a function of the module is not a use of that function.
Promise: Python's own symbol table decides, nested functions and comprehensions included.
"""

import symtable
from collections.abc import Iterator


class Scopes:
    """The names that each function of a module takes from the module, or from builtins."""

    def __init__(self, source: str, name: str) -> None:
        self._names: dict[tuple[str, int], set[str]] = {}
        self._read(symtable.symtable(source, name, "exec"))

    def outer_names(self, function: str, line: int) -> set[str]:
        """Of the function that is defined on that line."""
        return self._names[function, line]

    def _read(self, table: symtable.SymbolTable) -> None:
        for child in table.get_children():
            if child.get_type() == "function":
                key = child.get_name(), child.get_lineno()
                self._names[key] = self._names.get(key, set()) | set(_outer(child))
            self._read(child)


def _outer(table: symtable.SymbolTable) -> Iterator[str]:
    for symbol in table.get_symbols():
        if symbol.is_global() or table.get_type() == "class":
            yield symbol.get_name()
    for child in table.get_children():
        yield from _outer(child)
