"""Rows without those of erased entities.

Why: whatever takes rows in must leave out the same ones.
Promise: the other rows keep their order; where nothing was erased no row is looked at.
Not here: the list of erased keys (``pipelines/core/store/erased_keys.py``).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipelines.core.store import Store
from pipelines.core.store.erased_keys import ErasedKeys
from pipelines.spec import Entity, Pipeline

if TYPE_CHECKING:
    import pyarrow as pa

WORD = re.compile(r"[^\s,;|\"'{}\[\]:]+")
Joined = Callable[["Sequence[pa.ChunkedArray]"], "pa.ChunkedArray"]


@dataclass(slots=True)
class ErasedRows:
    """The rows of erased entities in a table.

    Attributes:
        keys: The erased keys.
        entities: The table's entities.
        joined: Makes one text a row of several columns, as composites are stored.
        rows: How many rows were left out so far.
    """

    keys: ErasedKeys
    entities: tuple[Entity, ...]
    joined: Joined
    rows: int = field(default=0)

    @classmethod
    def of(cls, store: Store, pipeline: Pipeline, joined: Joined) -> "ErasedRows":
        """Those of a pipeline's table, as they are listed in a store."""
        keys = ErasedKeys.of(store, pipeline.name)
        own = tuple(e for e in pipeline.entities if keys.entities.get(e.name))
        return cls(keys, own, joined)

    def without(self, rows: "pa.Table") -> "pa.Table":
        """The rows of entities that were not erased."""
        for entity in self.entities:
            kept = rows.filter(self._is_kept(rows, entity))
            self.rows += rows.num_rows - kept.num_rows
            rows = kept
        return rows

    def are_named_in(self, text: str) -> bool:
        """Whether a line that is no valid row has the key of an erased entity as one of its words."""
        erased = {one for e in self.entities for one in self.keys.entities[e.name]}
        words = set(WORD.findall(text)) if erased else ()
        return any(self.keys.hashed(word) in erased for word in words)

    def _is_kept(self, rows: "pa.Table", entity: Entity) -> "pa.ChunkedArray":
        import pyarrow as pa
        import pyarrow.compute as pc

        erased = set(self.keys.entities[entity.name])
        texts = key_texts(rows, entity, self.joined)
        distinct = pc.unique(texts).drop_null().to_pylist()
        found = [text for text in distinct if self.keys.hashed(text) in erased]
        return pc.invert(pc.is_in(texts, value_set=pa.array(found, pa.string())))


def key_texts(rows: "pa.Table", entity: Entity, joined: Joined) -> "pa.ChunkedArray":
    """The key of each row's entity as a text: what the erasure of an entity names it by."""
    import pyarrow as pa

    columns = entity.columns()
    if len(columns) > 1:
        return joined([rows[name] for name in columns])
    return rows[columns[0]].cast(pa.string())
