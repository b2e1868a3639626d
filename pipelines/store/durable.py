"""Files that survive a loss of power, which a rename alone does not promise."""

import os
from pathlib import Path


def make_durable(path: Path) -> None:
    """Have the disk hold a file, or a folder with every file below it."""
    for each in [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else []:
        _sync(each)
    _sync(path)


def make_names_durable(folder: Path) -> None:
    """Have the disk hold which files and folders a folder names: what was renamed into it."""
    _sync(folder)


def _sync(path: Path) -> None:
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
