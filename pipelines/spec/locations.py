"""The locations of declared pipelines: users' folders, installed packages, Millrace's own domains.

Why: users' pipelines and ours are found in the same way, so ours test that way each day.
Promise: the search imports no pipeline; a broken one is listed like the others.
Not here: importing a declaration (``declaration_import.py``), the folders (``folders.py``).
"""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.core.installation import checkout
from pipelines.spec.folders import VARIABLE, folders

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "millrace.pipelines"
"""Entry points by which an installed package offers pipelines: name = module or package."""

PROJECTS, DOMAINS = "pipelines.projects", "pipelines.domains"
PIPELINE = "PIPELINE"

_ASSIGNED = re.compile(rb"^PIPELINE\s*[:=]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Location:
    """The location of one declared pipeline.

    Attributes:
        name: Name of the pipeline.
        module: The module with the declaration, or a package that has it in ``declaration``.
        origin: Its file, or its entry point, for messages.
        attribute: Name of the declaration in the module.
        file: The file; None for an entry point.
    """

    name: str
    module: str
    origin: str
    attribute: str = PIPELINE
    file: Path | None = None

    def is_same(self, other: "Location") -> bool:
        """Whether the other location is the same file, or the same module of an installed package."""
        if self.file is not None and other.file is not None:
            return self.file == other.file
        return self.module == other.module


def locations() -> list[Location]:
    """Every declared pipeline in the order of the sources: folders, entry points, own domains.

    A pipeline that is found twice as the same module or file is listed once.

    Raises:
        ConfigError: A folder of ``MILLRACE_PIPELINES`` cannot be used.
    """
    own = [each for folder in folders() for each in _in_folder(folder, PROJECTS)]
    return _each_once([*own, *installed_locations()])


def installed_locations() -> list[Location]:
    """The pipelines of installed packages and our own, without users' folders."""
    found = [_installed(point) for point in _entry_points(tuple(sys.path))]
    root = checkout()
    if root is not None:  # an installation has an entry point for each of them
        found += _in_folder(root / "pipelines" / "domains", DOMAINS)
    return _each_once(found)


def sources() -> str:
    """The searched locations, for messages."""
    named = ", ".join(map(str, folders())) or f"no folder ({VARIABLE} is not set)"
    return f"{named}; entry points of the group {GROUP}; Millrace's own domains"


def _each_once(locations: list[Location]) -> list[Location]:
    found: list[Location] = []
    for each in locations:
        if not any(each.is_same(other) for other in found):
            found.append(each)
    return found


def _in_folder(folder: Path, package: str) -> Iterator[Location]:
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "_")):
            continue
        file = path / "declaration.py"
        if _is_file(file):
            module = f"{package}.{path.name}.declaration"
            yield Location(path.name, module, str(file), file=file.resolve())
        elif path.suffix == ".py" and _is_file(path) and _declares(path):
            yield Location(path.stem, f"{package}.{path.stem}", str(path), file=path.resolve())


def _is_file(path: Path) -> bool:
    """Whether it is a file; True where that cannot be checked, and loading reports why."""
    try:
        return path.is_file()
    except OSError:
        return True


def _declares(path: Path) -> bool:
    try:
        return bool(_ASSIGNED.search(path.read_bytes()))
    except OSError:
        return True


def _installed(point: "EntryPoint") -> Location:
    package = point.dist.name if point.dist is not None else "an installed package"
    module = point.module
    if module.startswith(f"{DOMAINS}."):  # the same name as in a checkout
        module = f"{module.removesuffix('.declaration')}.declaration"
    origin = f"entry point {point.name} = {point.value} of {package}"
    return Location(point.name, module, origin, attribute=point.attr or PIPELINE)


@cache
def _entry_points(path: tuple[str, ...]) -> "tuple[EntryPoint, ...]":
    """The entry points of our group, cached by path.

    ``importlib.metadata.entry_points`` takes 50 ms, its import included, and each stage's process
    would pay for it; searching for the group's name in the same files takes 5.
    """
    offering = [each for entry in path for each in _offering(Path(entry or "."))]
    if not offering:
        return ()
    from importlib.metadata import PathDistribution

    points = [p for each in offering for p in PathDistribution(each).entry_points]
    return tuple(sorted((p for p in points if p.group == GROUP), key=lambda point: point.name))


def _offering(entry: Path) -> Iterator[Path]:
    """Metadata folders of packages below an entry of the import path that provide pipelines."""
    try:
        names = os.listdir(entry)  # noqa: PTH208  hundreds of them
    except OSError:
        return
    for name in names:
        if name.endswith((".dist-info", ".egg-info")):
            with suppress(OSError):
                text = (entry / name / "entry_points.txt").read_bytes()
                if f"[{GROUP}]".encode() in text:
                    yield entry / name
