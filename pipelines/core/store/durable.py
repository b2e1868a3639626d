"""Files that survive a loss of power, which a rename alone does not promise, and their removal."""

import os
import shutil
import time
from pathlib import Path


def make_durable(path: Path) -> None:
    """Have the disk hold a file, or a folder with every file below it."""
    for each in [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else []:
        _sync(each)
    _sync(path)


def make_names_durable(folder: Path) -> None:
    """Have the disk hold which files and folders a folder names: what was renamed into it."""
    _sync(folder)


def replace_durably(path: Path, text: str, staged: Path) -> None:
    """Write a file in staging and put it in place of another; nothing is left where that fails."""
    try:
        staged.write_text(text)
        make_durable(staged)
        staged.replace(path)
    finally:
        staged.unlink(missing_ok=True)
    make_names_durable(path.parent)


def remove(path: Path) -> None:
    """Remove a file or a folder, one to which a thread that is being stopped still writes too."""
    for _ in range(20):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        if not path.exists():
            return
        time.sleep(0.05)


def _sync(path: Path) -> None:
    held = os.open(path, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
