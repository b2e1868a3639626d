"""Where the source of a module is, and what it holds.

Why: reach goes through Millrace's own modules and through a user's, and through no library's.
Promise: nothing is imported. Every file that was looked for is remembered with its stamp, those that
    are not there too, so that whoever keeps a result can see whether it still holds.
"""

import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from pipelines.core.errors import ConfigError
from pipelines.protocol.identity.cache import Stamp, stamp_of
from pipelines.protocol.identity.units import Facts, facts_of
from pipelines.spec.folders import import_path
from pipelines.spec.locations import PROJECTS

LIBRARIES = frozenset({"site-packages", "dist-packages"})


class Sources:
    """The modules that reach goes through.

    Attributes:
        stamps: Of each file that was looked for, by its path.
        known: Facts of files by path, each with the stamp of the file they were read from.
        read: Whether any file was read that was not known.
    """

    def __init__(
        self,
        own: Iterable[str],
        folders: dict[str, Path] | None = None,
        known: dict[str, list[object]] | None = None,
    ) -> None:
        self._own, self._folders = frozenset(own), folders or {}
        self._tops: dict[str, list[Path]] = {}
        self._paths: dict[str, Path | None] = {}
        self._facts: dict[str, Facts] = {}
        self.stamps: dict[str, Stamp] = {}
        self.known = known if known is not None else {}
        self.read = False

    def path(self, module: str) -> Path | None:
        """File of a module; None where it is a library's, or there is none."""
        if module not in self._paths:
            self._paths[module] = self._find(module)
        return self._paths[module]

    def follows(self, module: str) -> bool:
        """Whether a module belongs to a tree that reach goes through."""
        return bool(self._roots(module.partition(".")[0]))

    def is_foreign(self, top: str) -> bool:
        """Whether a package is neither followed nor Python's own."""
        return top not in sys.stdlib_module_names and not self.follows(top)

    def facts(self, module: str) -> Facts:
        """What the module's file holds."""
        if module not in self._facts:
            self._facts[module] = self._read(module)
        return self._facts[module]

    def _find(self, module: str) -> Path | None:
        roots, rest = self._search(module)
        for root in roots:
            if root.suffix == ".py":
                if not rest:
                    return self._there(root)
                continue
            base = root.joinpath(*rest)
            found = self._there(base / "__init__.py")
            if found is None and rest:
                found = self._there(base.with_suffix(".py"))
            if found is not None:
                return found
        return None

    def _search(self, module: str) -> tuple[list[Path], list[str]]:
        """Where to look for a module, and its name there."""
        if module.startswith(f"{PROJECTS}."):  # users' folders, which may be anywhere
            return [Path(folder) for folder in import_path()], module.split(".")[2:]
        top, *rest = module.split(".")
        return self._roots(top), rest

    def _there(self, path: Path) -> Path | None:
        stamp = self.stamps[str(path)] = stamp_of(str(path))
        return path if stamp else None

    def _roots(self, top: str) -> list[Path]:
        if top not in self._tops:
            self._tops[top] = self._top(top)
        return self._tops[top]

    def _top(self, top: str) -> list[Path]:
        if top in self._folders:
            return [self._folders[top]]
        if top in sys.stdlib_module_names or not top:
            return []
        found = _installed(top)
        ours = top in self._own or not any(LIBRARIES & set(path.parts) for path in found)
        return found if ours else []

    def _read(self, module: str) -> Facts:
        path = self.path(module)
        if path is None:
            return facts_of("", module)
        stamp = self.stamps[str(path)]
        key = f"{module} {path}"
        known = self.known.get(key)
        if known is not None and known[0] == stamp:
            return known[1]  # type: ignore[return-value]
        try:
            facts = facts_of(path.read_text(encoding="utf-8"), module)
        except (SyntaxError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"{path} is not Python source ({error}), so it cannot be said what its results depend "
                f"on. Mend the file."
            ) from error
        self.known[key] = [stamp, facts]
        self.read = True
        return facts


def _installed(top: str) -> list[Path]:
    """Folders of a package, or the file of a module; none where it has no source."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    folders, file = spec.submodule_search_locations, Path(spec.origin or "")
    if folders:
        return [Path(folder) for folder in folders]
    return [file] if folders is not None or file.suffix == ".py" else []
