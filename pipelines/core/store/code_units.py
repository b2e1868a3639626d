"""What a digest of code stands for: the hash of each function, kept once for each digest.

Why: a manifest names the code by one digest and stays small; `why` must still say which function
    changed.
Promise: a file is written before the first version with its code is published, whole, and never
    changed; it can be checked against its own name. Nothing is made from it: without it only `why`
    knows less.
Not here: finding the functions (``pipelines/protocol/identity/``).

Layout: ``<root>/<pipeline>/code/<digest>.json``.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from threading import get_native_id

from pipelines.core.store.durable import replace_durably
from pipelines.core.store.store import Store

FOLDER, MANY = "code", 20
Units = Mapping[str, Mapping[str, str]]
"""Hashes of each function, method, class or statement, by module and name."""
Key = tuple[str, str]
Hashes = Mapping[Key, str]


def units_digest(units: Units) -> str:
    """The digest of the units: of what they are, not of where they are."""
    hashes = sorted(
        h for named in units.values() for text in named.values() for h in text.split()
    )
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:16]


def write_units(store: Store, pipeline: str, digest: str, units: Units) -> None:
    """Keep what a digest stands for, if it is not kept yet."""
    path = f"{pipeline}/{FOLDER}/{digest}.json"
    text = json.dumps(units, indent=0, sort_keys=True) + "\n"
    if not store.is_local:
        if read_units(store, pipeline, digest) is None:
            store.remote.write(path, text.encode())
        return
    file = store.root / path
    with suppress(OSError):
        os.utime(file)  # it is in use again: housekeeping leaves it
    if read_units(store, pipeline, digest) is None:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_durably(file, text, file.with_name(f".{digest}-{get_native_id()}"))


def read_units(store: Store, pipeline: str, digest: str) -> Units | None:
    """What a digest stands for; None where it is not kept, or not as it was written."""
    path = f"{pipeline}/{FOLDER}/{digest}.json"
    try:
        raw = (store.root / path).read_bytes() if store.is_local else store.remote.read(path)
        units: Units = json.loads(raw or b"")
        return units if units_digest(units) == digest else None
    except (OSError, ValueError, AttributeError, TypeError):
        return None


def kept_units(store: Store, pipeline: str) -> list[str]:
    """Digests of which there is a file."""
    if store.is_local:
        paths = (Path(p).name for p in (store.root / pipeline / FOLDER).glob("[!.]*.json"))
    else:
        paths = (PurePosixPath(p).name for p in store.remote.sizes(f"{pipeline}/{FOLDER}"))
    return sorted(name.removesuffix(".json") for name in paths)


def drop_units(store: Store, pipeline: str, digest: str) -> int:
    """Remove a file; return its bytes."""
    path = f"{pipeline}/{FOLDER}/{digest}.json"
    if not store.is_local:
        store.remote.remove(path)
        return 0
    size = (store.root / path).stat().st_size
    (store.root / path).unlink(missing_ok=True)
    return size


def _by_module_and_name(units: Units) -> Hashes:
    return {
        (module, name): text for module, named in units.items() for name, text in named.items()
    }


def _in_one_alone(before: Hashes, after: Hashes) -> Iterator[tuple[Key, str]]:
    """Units removed or added, but those that only moved to another module."""
    gone = {key: text for key, text in before.items() if key not in after}
    added = {key: text for key, text in after.items() if key not in before}
    moved = _names_and_texts(gone) & _names_and_texts(added)
    for what, units in (("removed", gone), ("added", added)):
        for key, text in units.items():
            if (key[1], text) not in moved:
                yield key, what


def _names_and_texts(units: Hashes) -> set[tuple[str, str]]:
    return {(name, text) for (_, name), text in units.items()}


def changed_units(old: Units, new: Units) -> Iterator[str]:
    """What differs, one line a module; what is only in another file does not."""
    before, after = _by_module_and_name(old), _by_module_and_name(new)
    both = before.keys() & after.keys()
    changes = [
        *_in_one_alone(before, after),
        *((key, "changed") for key in both if _own(before[key]) != _own(after[key])),
    ] or [(key, "uses other functions") for key in both if before[key] != after[key]]
    found: dict[str, list[str]] = {}
    for (module, name), what in changes:
        found.setdefault(module, []).append(f"{_named(name)} {what}")
    lines = [f"{module}: {', '.join(sorted(found[module]))}" for module in sorted(found)]
    yield from lines[:MANY]
    if lines[MANY:]:
        yield f"{len(lines) - MANY} more modules"


def _own(text: str) -> list[str]:
    """Hashes of the units of a name, without those of what they use."""
    return [each.partition(".")[0] for each in text.split()]


def _named(name: str) -> str:
    return name or "statements of the module"
