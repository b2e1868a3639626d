"""What of a store holds the rows of an entity.

Promise: every version of what ingest and validate publish is looked at, also those that were replaced;
    a row group at a time is in memory.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.core.errors import ConfigError
from pipelines.core.store import Manifest, Ref, Store
from pipelines.core.store.walking import keys_below
from pipelines.shared.tables.erased_rows import key_texts
from pipelines.spec import Entity, Pipeline
from pipelines.stages.ingest.day import REJECTS
from pipelines.stages.ingest.values.composites import joined

OF_ROWS = ("ingested", "validated", "splits")
"""Datasets that have the entity's rows as they were delivered."""
TABLE = re.compile(r"table=([^/]+)")


@dataclass(frozen=True, slots=True)
class Sought:
    """The entity that is looked for.

    Attributes:
        pipeline: The declaration.
        entity: The entity.
        key: Its key as a text.
    """

    pipeline: Pipeline
    entity: Entity
    key: str

    def tables(self) -> list[str]:
        """Tables with the entity's columns."""
        columns = set(self.entity.columns())
        return [t.name for t in self.pipeline.tables if columns.issubset(t.column_names())]

    def is_in(self, path: Path) -> bool:
        """Whether a Parquet file has a row, or a rejected line, of the entity."""
        with pq.ParquetFile(path) as file:
            names = set(file.schema_arrow.names)
            wanted = ["text"] if path.name == REJECTS else list(self.entity.columns())
            if not names.issuperset(wanted):
                return False
            groups = range(file.num_row_groups)
            return any(self._in(file.read_row_group(n, columns=wanted), path) for n in groups)

    def _in(self, rows: pa.Table, path: Path) -> bool:
        if path.name == REJECTS:
            return bool(pc.any(pc.match_substring_regex(rows["text"], self.as_word())).as_py())
        texts = key_texts(rows, self.entity, joined)
        return bool(pc.any(pc.equal(texts, self.key)).as_py())

    def as_word(self) -> str:
        """A regular expression of the key within a line."""
        return rf"(^|[^\w])(?:{re.escape(self.key)})([^\w]|$)"


def sought(pipeline: Pipeline, entity: str, key: str) -> Sought:
    """The entity of a declaration by its name and key.

    Raises:
        ConfigError: No such entity, or a key of another type; does not show the key.
    """
    known = {each.name: each for each in pipeline.entities}
    if entity not in known:
        raise ConfigError(
            f"{pipeline.name} declares no entity {entity!r}. Its entities are {', '.join(known) or 'none'}."
        )
    if not key.strip():
        raise ConfigError("The key is empty. Pass the value of the entity's column.")
    return Sought(pipeline, known[entity], _canonical(pipeline, known[entity], key))


def _canonical(pipeline: Pipeline, entity: Entity, key: str) -> str:
    columns = entity.columns()
    kinds = {c.type for t in pipeline.tables for c in t.columns if c.name == columns[0]}
    if len(columns) > 1 or "integer" not in kinds:
        return key
    if not re.fullmatch(r"\s*[+-]?\d+\s*", key):
        raise ConfigError(
            f"The key of {entity.name} must be an integer, as column {columns[0]!r} is; got a text of "
            f"{len(key)} characters. Pass the value as the column has it."
        )
    return str(int(key))


def holdings(store: Store, wanted: Sought) -> dict[str, list[str]]:
    """The versions that hold the entity, by artifact as ``<dataset>/<key>``."""
    tables = set(wanted.tables())
    found: dict[str, list[str]] = {}
    for key in keys_below(store, wanted.pipeline.name):
        if key.ref.dataset in OF_ROWS and table_of(key.ref, wanted.pipeline) in tables:
            versions = [v.name for v in key.versions if holds(v, wanted)]
            if versions:
                found[name_of(key.ref)] = versions
    return found


def holds(version: Path, wanted: Sought) -> bool:
    """Whether a version's files have a row of the entity."""
    return any(wanted.is_in(path) for path in _row_files(version))


def _row_files(version: Path) -> Iterator[Path]:
    # A history has hashes in place of keys, of the rows that part-0 has.
    return (p for p in sorted(version.rglob("*.parquet")) if not p.name.startswith("history"))


def table_of(ref: Ref, pipeline: Pipeline) -> str:
    """The table that an artifact is of."""
    found = TABLE.match(ref.key)
    return found[1] if found else pipeline.examples


def name_of(ref: Ref) -> str:
    """An artifact as ``<dataset>/<key>``."""
    return f"{ref.dataset}/{ref.key}"


def ref_named(pipeline: str, name: str) -> Ref:
    """The artifact of such a name."""
    dataset, _, key = name.partition("/")
    return Ref(pipeline, dataset, key)


def made_of(store: Store, pipeline: str, names: set[str]) -> list[Manifest]:
    """Versions of other datasets that were made from these artifacts, directly or not."""
    left, found = _versions_of_others(store, pipeline), list[Manifest]()
    seen, contents = set(names), set[str]()
    while more := [manifest for manifest in left if _reads(manifest, seen, contents)]:
        found += more
        for manifest in more:
            left.remove(manifest)
            seen.add(name_of(manifest.ref))
            contents |= {manifest.content, manifest.digest}
    return found


def _versions_of_others(store: Store, pipeline: str) -> list[Manifest]:
    others = (k for k in keys_below(store, pipeline) if k.ref.dataset not in OF_ROWS)
    found = (
        store.version_or_none(k.ref, version.name) for k in others for version in k.versions
    )
    return [manifest for manifest in found if manifest is not None]


def _reads(manifest: Manifest, names: set[str], contents: set[str]) -> bool:
    read = {name.replace(" ", "/") for name in manifest.inputs}
    return bool(read & names or contents & set(manifest.inputs.values()))
