"""Pages beside a result: made from its published files, and never a reason to lose it.

Why: a renderer that trips over a name or a value says nothing about the data, and a day that is not
    published holds up every later one.
Promise: a page is not part of an artifact's content. One that cannot be made is logged, its artifact is
    published without it, and it is added later to the same version, from the same files.
Not here: what a page shows (each stage's ``pages``), the command (``pipelines/cli/pages.py``).
"""

import importlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipelines.core.errors import StageStoppedError
from pipelines.core.masking import message_of
from pipelines.core.store import Manifest
from pipelines.core.store.added import add_file, find_added
from pipelines.core.text import readable
from pipelines.protocol.stage import Stage
from pipelines.protocol.work import StageOutcome, Work

MISSING = "pages_missing"
MAX_REASON_CHARS = 300

Maker = Callable[[Path], str]
"""Makes the text of a page from the folder of the published files."""


@dataclass(frozen=True, slots=True)
class MadePages:
    """What became of an artifact's pages.

    Attributes:
        made: Pages that were made now.
        there: Pages that were there and left alone.
        failed: Why a page could not be made, by its name.
    """

    made: tuple[str, ...]
    there: tuple[str, ...]
    failed: Mapping[str, str]


def module_of(stage: Stage) -> Any:
    """The module that does a stage's work."""
    return importlib.import_module(stage.module)


def pages_of(module: Any, work: Work) -> Mapping[str, Maker]:
    """The pages that a stage publishes, by file name; none for a stage without."""
    found: Mapping[str, Maker] = module.pages(work) if hasattr(module, "pages") else {}
    return found


def with_pages(module: Any, work: Work, out: Path, outcome: StageOutcome) -> StageOutcome:
    """Write a stage's pages beside what it made, as far as they can be made."""
    makers, missing = pages_of(module, work), {}
    for name, make in makers.items():
        text, why = _text(make, out)
        why = why or _written(out / name, text)
        if why:
            missing[name] = why
    volatile = (*outcome.volatile, *(n for n in makers if n not in outcome.volatile))
    return replace(outcome, volatile=volatile, pages_missing=missing)


def make_pages(module: Any, work: Work, manifest: Manifest, *, again: bool) -> MadePages:
    """Add the pages that a published artifact lacks, or that are damaged.

    Args:
        module: The stage's.
        work: The artifact's work.
        manifest: The artifact.
        again: Whether to make those anew that are there.

    Raises:
        ArtifactError: Its files are damaged.
    """
    makers = pages_of(module, work)
    # A page that is damaged is made again from the other files, which must be whole.
    others = {n: facts for n, facts in manifest.volatile_files.items() if n not in makers}
    folder = work.store.open(replace(manifest, volatile_files=others))
    made, there, failed = [], [], {}
    for name, make in makers.items():
        # A file that counts as content may not be written over.
        if name in manifest.files or (not again and _is_there(work, manifest, name)):
            there.append(name)
            continue
        text, why = _text(make, folder)
        if why:
            failed[name] = why
        else:
            add_file(work.store, manifest, name, encoded(text))
            made.append(name)
    return MadePages(tuple(made), tuple(there), failed)


def still_missing(work: Work, manifest: Manifest) -> dict[str, str]:
    """Pages that an artifact was published without and that nobody added since, with the reason."""
    missing: Mapping[str, str] = manifest.made.get(MISSING, {})
    return {name: why for name, why in missing.items() if not _is_there(work, manifest, name)}


def without(manifest: Manifest, store_uri: str, missing: Mapping[str, str]) -> str:
    """The sentences that say so: which pages, why, and how they are made later."""
    named = "; ".join(f"{name} ({why})" for name, why in missing.items())
    return (
        f"{manifest.ref.path()} is published without {named}. Its result stands. Make the page with: "
        f"{command(manifest, store_uri)}"
    )


def command(manifest: Manifest, store_uri: str) -> str:
    """The command that makes an artifact's pages."""
    day = manifest.key.partition("/")[0]
    option = {"ds": "--partition", "as_of": "--as-of"}[day.partition("=")[0]]
    return (
        f"python -m pipelines pages {manifest.pipeline} --store {shlex.quote(store_uri)} "
        f"{option} {day.partition('=')[2]}"
    )


def encoded(text: str) -> bytes:
    """UTF-8, whatever characters the text holds."""
    return text.encode("utf-8", "backslashreplace")


def _is_there(work: Work, manifest: Manifest, name: str) -> bool:
    return find_added(work.store, manifest, name) is not None


def _text(make: Maker, folder: Path) -> tuple[str, str]:
    """The page's text, or why there is none."""
    try:
        return make(folder), ""
    except StageStoppedError:
        raise
    except Exception as error:
        return "", _reason(error)


def _written(path: Path, text: str) -> str:
    """Write a page, or nothing; why it was not written, or empty."""
    try:
        path.write_bytes(encoded(text))
    except OSError as error:
        path.unlink(missing_ok=True)
        return _reason(error)
    return ""


def _reason(error: Exception) -> str:
    text = f"{type(error).__name__}: {' '.join(message_of(error).split())}"
    return readable(text, MAX_REASON_CHARS)
