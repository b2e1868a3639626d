"""Manifests: what an artifact is, what it was made from, and digests that name both.

Why: memoisation, `why` and "the same answer from a retry and a backfill" all compare digests.
Promise: a digest depends on values only, never on dictionary order, paths or time; a damaged
    manifest is never read as a whole one; fields that a later version added are kept.
Not here: where manifests are (``store.py``), when work is done again (``pipelines/protocol/``).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from pipelines.core.errors import ArtifactError, ConfigError

SCHEMA = 1
"""Raised only by a change that older readers would misread; a field that is added leaves it."""

MANIFEST, PAGE = "manifest.json", ".html"
CHECKSUM, OTHER = "checksum", "other"


@dataclass(frozen=True, slots=True)
class Ref:
    """The name of an artifact: which dataset of which pipeline, for which key.

    Attributes:
        pipeline: Declared pipeline.
        dataset: What a stage publishes (``validated``, ``models``).
        key: ``ds=YYYY-MM-DD`` or ``as_of=YYYY-MM-DD/seed=N``.
    """

    pipeline: str
    dataset: str
    key: str

    def path(self) -> str:
        """Path below the store's root."""
        return f"{self.pipeline}/{self.dataset}/{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything about one published artifact that is not its bytes.

    Attributes:
        pipeline: Declared pipeline.
        dataset: Dataset it belongs to.
        key: Its key in the dataset.
        stage: Stage that made it.
        digest: Names the work: sha256 of inputs, config and code.
        inputs: Content digest of each input, by its name.
        config: The settings that the work depends on.
        code: Digest of all source that the stage could reach, and versions of libraries.
        content: Names the result: sha256 over the reproducible files and the outcome.
        files: ``{path: {"bytes": n, "sha256": hex}}`` of the reproducible files.
        volatile: Files that hold times or random ids (logs, protobuf fingerprints).
        outcome: Short facts of the result: rows, verdict, metrics.
        made: How it was made (seconds, CPU-seconds, peak memory): differs each time.
        volatile_files: Size and sha256 of the volatile files, no part of ``content``; empty in
            manifests of before they were recorded.
        schema: How the manifest is to be read.
        other: Fields that a later version of Millrace wrote, as they were read.
    """

    pipeline: str
    dataset: str
    key: str
    stage: str
    digest: str
    inputs: Mapping[str, str]
    config: Mapping[str, Any]
    code: Mapping[str, str]
    content: str = ""
    files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    volatile: tuple[str, ...] = ()
    outcome: Mapping[str, Any] = field(default_factory=dict)
    made: Mapping[str, Any] = field(default_factory=dict)
    volatile_files: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    schema: int = SCHEMA
    other: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ref(self) -> Ref:
        """The artifact's name."""
        return Ref(self.pipeline, self.dataset, self.key)

    @property
    def version(self) -> str:
        """Folder of this version below the artifact's key."""
        return self.digest[:16]

    @property
    def recorded(self) -> dict[str, Mapping[str, Any]]:
        """Size and sha256 of every file that is recorded, the volatile ones too."""
        return {**self.files, **self.volatile_files}

    @property
    def needed(self) -> dict[str, Mapping[str, Any]]:
        """The same without pages for people, which nothing is made from."""
        pages = {name for name in self.volatile_files if name.endswith(PAGE)}
        return {name: facts for name, facts in self.recorded.items() if name not in pages}

    def to_json(self) -> str:
        """Stable, readable JSON that ends with a checksum of itself."""
        own = asdict(self)
        # As a reader will have it: keys that are numbers become texts, and are sorted as such.
        written = json.loads(json.dumps(own.pop(OTHER) | own))
        written[CHECKSUM] = digest_of(written)
        return json.dumps(written, indent=1, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, where: str) -> Self:
        """Read a manifest.

        Raises:
            ArtifactError: The text is not a manifest, or not as it was written.
            ConfigError: A later version of Millrace wrote it in a way that this one cannot read.
        """
        try:
            raw = json.loads(text)
            _require_readable(raw, where)
            _require_unchanged(raw)
            known = {f.name for f in fields(cls)} - {OTHER}
            other = {name: value for name, value in raw.items() if name not in known}
            own = {name: value for name, value in raw.items() if name in known}
            return cls(**own | {"volatile": tuple(raw["volatile"]), OTHER: other})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ArtifactError(
                f"{where} is not a manifest, or not as it was written ({error})."
            ) from error


def _require_readable(raw: Mapping[str, Any], where: str) -> None:
    schema = raw.get("schema", SCHEMA)
    if isinstance(schema, int) and schema > SCHEMA:
        raise ConfigError(
            f"{where} was written by a later version of Millrace: it has schema {schema}, and this "
            f"one reads up to {SCHEMA}. Upgrade Millrace here, or use another --store."
        )


def _require_unchanged(raw: dict[str, Any]) -> None:
    """Compare with the checksum; manifests of before there was a schema have none."""
    checksum = raw.pop(CHECKSUM, None)
    if checksum is None and "schema" not in raw:
        return
    values = digest_of(raw)
    if checksum != values:
        raise ValueError(
            f"its checksum is {str(checksum)[:16]!r}, its values give {values[:16]!r}"
        )


def digest_of(value: object) -> str:
    """Sha256 of a JSON-able value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def work_digest(
    inputs: Mapping[str, str], config: Mapping[str, Any], code: Mapping[str, str]
) -> str:
    """The digest that names some work before it is done."""
    return digest_of({"inputs": dict(inputs), "config": dict(config), "code": dict(code)})


def file_digest(path: Path) -> str:
    """Sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe_files(folder: Path, volatile: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Size and sha256 of each file below a folder, but for the volatile ones.

    Args:
        folder: What will be published.
        volatile: Relative paths, or folders ending in ``/``, that differ from run to run.
    """
    return {
        name: {"bytes": path.stat().st_size, "sha256": file_digest(path)}
        for name, path in files_below(folder).items()
        if not any(name == v or (v.endswith("/") and name.startswith(v)) for v in volatile)
    }


def files_below(folder: Path) -> dict[str, Path]:
    """The files of a version by their name in a manifest, sorted; its own manifest is none of them."""
    paths = sorted(p for p in folder.rglob("*") if p.is_file())
    named = {p.relative_to(folder).as_posix(): p for p in paths}
    return {name: path for name, path in named.items() if name != MANIFEST}


def _plain(value: object) -> object:
    if isinstance(value, tuple | frozenset | set):
        return sorted(value) if isinstance(value, frozenset | set) else list(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a digest: {value!r}")
