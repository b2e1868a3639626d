"""The code version of a stage: a digest of the source that does its work.

Why: a changed kernel must redo what it computed, and nothing else.
Promise: the digest depends on the files' bytes and names only, so the same checkout gives the
    same digest on every machine.
"""

import hashlib
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@cache
def code_digests(*packages: str) -> dict[str, str]:
    """Digest of the Python source of each package (or module), by its name."""
    return {package: _digest(ROOT / package.replace(".", "/")) for package in packages}


def _digest(path: Path) -> str:
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
