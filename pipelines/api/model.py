"""A published model that scores raw rows.

Why: trying a model on some rows must not need a server, nor preprocessing written a second time.
Promise: rows go through the SavedModel that is served, its fitted preprocessing inside; a row's score
    depends neither on the rows beside it nor on the machine's GPUs. TensorFlow is imported at the
    first call of ``score``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from pipelines.api.rows import arrow_rows, served_arrays
from pipelines.core.causes import sorted_by_cause, unexpected
from pipelines.core.errors import ArtifactError, PipelineError
from pipelines.core.store import Manifest, Store
from pipelines.operators.serving import TENSORS

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from pipelines.shared.scoring.graph import GraphModel

ABOUT, SAVED = "millrace.json", "saved_model/saved_model.pb"
KIND_OF = {tensor: kind for kind, tensor in TENSORS.items()}


@dataclass(frozen=True)
class PublishedModel:
    """One version of a model. Made by ``PublishedStore.model``.

    Attributes:
        number: Its version in the model registry, if it was chosen there; else None.
    """

    _store: Store
    _manifest: Manifest
    number: int | None = None

    def __repr__(self) -> str:
        """Which version it is, and not its manifest."""
        version = f"version {self.number}, " if self.number else ""
        return f"<PublishedModel {self._manifest.ref.path()}: {version}digest {self._manifest.version}>"

    @property
    def key(self) -> str:
        """``as_of=YYYY-MM-DD/seed=N``."""
        return self._manifest.key

    @property
    def digest(self) -> str:
        """Digest of the version."""
        return self._manifest.digest

    @property
    def metrics(self) -> dict[str, float]:
        """What training measured, by name."""
        return dict(self._manifest.outcome.get("metrics", {}))

    @cached_property
    def about(self) -> dict[str, Any]:
        """Facts of the export: pipeline, as-of day, seed, head, parameters, library versions.

        Raises:
            ArtifactError: The file is damaged, or the version was published without a SavedModel.
        """
        missing = [name for name in (ABOUT, SAVED) if name not in self._manifest.recorded]
        if missing:
            raise ArtifactError(
                f"{self._manifest.ref.path()} {self._manifest.version} has no {missing[0]}, so it "
                f"cannot score. Run {self._manifest.stage} for it again."
            )
        found: dict[str, Any] = json.loads(self._store.read_file(self._manifest, ABOUT))
        return found

    @property
    def columns(self) -> dict[str, str]:
        """Columns that it reads, and of what: ``number``, ``integer``, ``text``, ``block``, ``length``."""
        return {name: KIND_OF[tensor] for name, tensor in self.about["columns"].items()}

    @property
    def outputs(self) -> list[str]:
        """Names of what it predicts, one number a row each."""
        return list(self.about["outputs"])

    def folder(self) -> "Path":
        """Local folder of its files, each compared with the manifest.

        Raises:
            ArtifactError: A file is damaged; running its stage again mends it.
        """
        return self._store.open(self._manifest)

    def score(self, rows: object) -> "pa.Table":
        """Predict raw rows.

        Args:
            rows: Rows as the feature table has them: a pyarrow Table, a pandas or Polars
                DataFrame, a mapping from column to values, or a ``PublishedDataset`` of features.
                Columns that the model does not read are left out; a null or NaN is unknown, as in
                training.

        Returns:
            A pyarrow Table ``(n_rows, n_outputs)``, float32, in the order of the rows: for a
            binary head ``score``, which ranks rows, and ``probability``, that of the event.

        Raises:
            ConfigError: The rows are empty or no table; a column is missing or of another type.
            ArtifactError: A file of the model is damaged.
            TransientError: There is too little memory.
        """
        import pyarrow as pa

        step = f"score with {self._manifest.ref.path()}"
        table = arrow_rows(rows, self.columns, step)
        arrays = served_arrays(table, self.columns, self._widths, step)
        try:
            found = self._graph.of_rows(arrays)
        except PipelineError:
            raise
        except Exception as error:  # TensorFlow's own, out of memory among them
            raise sorted_by_cause(error, step) or unexpected(error, step) from error
        return pa.table({name: found[name] for name in self.outputs})

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        # A loaded graph goes to no other process: it is loaded there again.
        return type(self), (self._store, self._manifest, self.number)

    @cached_property
    def _graph(self) -> "GraphModel":
        from pipelines.shared.scoring.graph import open_graph

        return open_graph(self.folder())

    @property
    def _widths(self) -> Mapping[str, int]:
        """Numbers a row of each sequence."""
        blocks = [name for name, kind in self.columns.items() if kind == "block"]
        if not blocks:
            return {}
        given = self._graph.loaded.signatures["serving_default"].structured_input_signature[1]
        return {name: int(given[name].shape[1]) for name in blocks}
