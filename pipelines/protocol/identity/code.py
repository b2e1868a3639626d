"""What names the code of a stage: a digest of all that it can reach, and versions of libraries.

Why: a changed kernel must redo what it computed, and nothing else; nobody keeps a list.
Promise: the digest follows from what the reached source means: no comment, docstring, layout, name or
    folder of a file is part of it. A process names its code once, as it was when it first asked: that
    is the code it runs.
Not here: finding it (``working_out.py``), keeping it for the next process (``cache.py``).
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from pipelines.core.store.code_units import Units
from pipelines.protocol.identity import cache as kept
from pipelines.protocol.identity.libraries import COUNTED, versions_of
from pipelines.spec.folders import import_path
from pipelines.spec.locations import PROJECTS

OWN = "millrace"
"""Name of the digest of all that is reached, beside the names of libraries."""

SHARED = "shared"
"""Name of the digest of what is reached whichever classes are declared."""

HOOKS = ("plan", "run", "due", "require_ready", "effects_stand", "SETTLES")
"""What of a stage's module decides what it publishes; ``pages`` does not."""


@dataclass(frozen=True, slots=True)
class Reached:
    """What some functions reach.

    Attributes:
        digest: Of all of it.
        libraries: Libraries that it uses, by the name they are imported by.
        units: Hash of each unit, by module and name.
    """

    digest: str
    libraries: tuple[str, ...]
    units: Units = field(repr=False)

    def code(self) -> dict[str, str]:
        """As a plan has it: the digest, and the versions that results depend on."""
        return {OWN: self.digest, **versions_of(self.libraries)}


_found: dict[str, "Reached"] = {}
"""What this process found, by its digest."""


def code_of(stage: str, *declared: str) -> dict[str, str]:
    """What names the code of a stage's module.

    Args:
        stage: The module, ``__name__``.
        declared: Dotted names of functions and classes that a declaration names and the stage runs.
    """
    return reached(stage, *declared).code()


def code_by_class(
    roots: Iterable[str], kinds: Iterable[type], classes: Iterable[type]
) -> dict[str, str]:
    """What names the code of work that is reused by the classes that a declaration uses.

    Args:
        roots: Dotted names of the functions that do it.
        kinds: Base classes of what is declared.
        classes: Those of them that are used.

    Returns:
        ``SHARED``, what is reached without any class of these kinds, each class by its name with all
        that its methods reach, and the versions of libraries.
    """
    sealed = tuple(sorted(dotted(kind) for kind in kinds))
    parts = {SHARED: reached_from(*roots, sealed=sealed)}
    for each in classes:
        parts[each.__qualname__] = reached_from(f"{dotted(each)}.*", sealed=sealed)
    libraries = {name for part in parts.values() for name in part.libraries}
    return {name: part.digest for name, part in parts.items()} | versions_of(libraries)


def same_code(old: Mapping[str, str], new: Mapping[str, str], classes: Iterable[type]) -> bool:
    """Whether what some classes gave before is what they would give now."""
    libraries = {name for name in new if name in COUNTED}
    names = {SHARED, *(each.__qualname__ for each in classes), *libraries}
    return all(old.get(name) == new[name] for name in names)


def reached(stage: str, *declared: str) -> Reached:
    """What a stage's module reaches."""
    return reached_from(*(f"{stage}.{name}" for name in HOOKS), *declared)


def dotted(declared: type) -> str:
    """The dotted name of a class."""
    return f"{declared.__module__}.{declared.__qualname__}"


def units_of(code: Mapping[str, str]) -> dict[str, Units]:
    """What the digests among a plan's code stand for, of those that this process found."""
    return {each: _found[each].units for each in code.values() if each in _found}


@cache
def reached_from(*roots: str, sealed: tuple[str, ...] = ()) -> Reached:
    """What some functions and classes reach.

    Args:
        roots: Their dotted names; one that its module does not have counts for nothing.
        sealed: Dotted names of classes whose subclasses are left out, unless something names them:
            what is declared of them is named beside.
    """
    key = kept.key_of(roots, sealed, _where(roots))
    found = kept.read(key) or _worked_out(key, roots, sealed)
    result = Reached(found["digest"], tuple(found["libraries"]), found["units"])
    return _found.setdefault(result.digest, result)


def _where(roots: tuple[str, ...]) -> list[str]:
    """Folders of a user's modules: one of the same name may be in another folder now."""
    if all(root.startswith("pipelines.") for root in roots):
        return import_path() if any(root.startswith(f"{PROJECTS}.") for root in roots) else []
    return [*import_path(), *sys.path]


def _worked_out(key: str, roots: tuple[str, ...], sealed: tuple[str, ...]) -> dict[str, Any]:
    from pipelines.protocol.identity.sources import Sources
    from pipelines.protocol.identity.working_out import worked_out

    known = kept.read_facts()
    sources = Sources({root.partition(".")[0] for root in roots}, known=known)
    found = worked_out(sources, roots, sealed)
    if sources.read:
        kept.write_facts(known)
    kept.write(key, sources.stamps, found)
    return found
