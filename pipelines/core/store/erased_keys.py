"""The list of entities that were erased from a store: hashes of their keys, never the keys.

Why: a source still has the rows of an entity that was erased, and the next delivery has more of them.
Promise: replaced in one step; the same key has the same hash in one pipeline of one store, and another in
    every other. A hash that is salted keeps a list from being compared with another list; whoever has the
    file and can guess all keys (numbers of nine digits) can find the key of a hash.
Not here: leaving rows out (``pipelines/shared/tables/erased_rows.py``), erasing (``pipelines/drivers/erasure/``).

Layout: ``<root>/<pipeline>/erased.json``.
"""

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Self

from pipelines.core.errors import ArtifactError
from pipelines.core.store.durable import replace_durably
from pipelines.core.store.manifest import digest_of
from pipelines.core.store.store import Store

FILE = "erased.json"
INPUT = "erased entities"
"""What a plan calls the erased keys that its rows had, among its inputs."""


@dataclass(frozen=True, slots=True)
class ErasedKeys:
    """The erased keys of a pipeline.

    Attributes:
        salt: Makes the hashes of this list differ from those of others.
        entities: The hashes of each entity's erased keys.
        held: By artifact, as ``ingested/ds=2026-01-31``, the hashes that its source's rows had.
        pending: Artifacts of an erasure that was begun and not finished.
    """

    salt: str = ""
    entities: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    held: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pending: tuple[str, ...] = ()

    @classmethod
    def of(cls, store: Store, pipeline: str) -> Self:
        """The list as it is in a store; an empty one where nothing was erased.

        Raises:
            ArtifactError: It is damaged, so that erased rows could come back.
        """
        path = f"{pipeline}/{FILE}"
        text = store.read(path)
        if text is None:
            return cls()
        try:
            raw = json.loads(text)
            lists = {name: _tuples(raw[name]) for name in ("entities", "held")}
            return cls(salt=raw["salt"], pending=tuple(raw["pending"]), **lists)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtifactError(
                f"{path} of {store.uri} is damaged: it lists the entities that were erased, whose rows must "
                f"not be taken in again. Restore it from a copy."
            ) from error

    def hashed(self, key: str) -> str:
        """The hash of a key."""
        return hmac.new(self.salt.encode(), key.encode(), hashlib.sha256).hexdigest()

    def inputs(self, artifact: str) -> dict[str, str]:
        """The erased keys that an artifact's rows had, as one of the inputs of its plan."""
        held = self.held.get(artifact)
        return {INPUT: digest_of(sorted(held))} if held else {}

    def begun(self, entity: str, key: str, artifacts: Iterable[str]) -> Self:
        """The list with one more key, and what is to be rewritten without it."""
        salted = self if self.salt else replace(self, salt=secrets.token_hex(16))
        one, artifacts = salted.hashed(key), tuple(artifacts)
        return replace(
            salted,
            entities=_added(salted.entities, [entity], one),
            held=_added(salted.held, artifacts, one),
            pending=tuple(sorted({*salted.pending, *artifacts})),
        )

    def write(self, store: Store, pipeline: str) -> None:
        """Replace the list in a local store."""
        path = store.root / pipeline / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(asdict(self), indent=1, sort_keys=True) + "\n"
        replace_durably(path, text, path.with_name(f".{FILE}-{os.getpid()}"))


def _tuples(raw: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {name: tuple(hashes) for name, hashes in raw.items()}


def _added(
    held: Mapping[str, tuple[str, ...]], names: Iterable[str], one: str
) -> dict[str, tuple[str, ...]]:
    more = {name: tuple(sorted({*held.get(name, ()), one})) for name in names}
    return {**held, **more}
