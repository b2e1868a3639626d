"""Opening a store: looking around in it, and reading what it has published.

Why: notebooks, reports and other services read published data, and need no stage for it.
Promise: nothing is written. A version that is read is compared with its manifest first.
"""

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Literal

from pipelines.api.choosing import DIGEST, Wanted, choose
from pipelines.api.dataset import PublishedDataset
from pipelines.api.listing import (
    DatasetVersion,
    published_datasets,
    published_keys,
    published_pipelines,
    versions_of,
)
from pipelines.api.model import PublishedModel
from pipelines.api.opening import PipelineHandle, text
from pipelines.api.registered import registered_version
from pipelines.core.errors import ConfigError, InputMissingError
from pipelines.core.store import Manifest, Ref, Store
from pipelines.core.store.branch_names import address, on_branch
from pipelines.core.store.branches import require_there
from pipelines.core.store.root import FILE
from pipelines.protocol import partition_key

MODELS = "models"
SQLITE = "sqlite:///"

PipelineName = str | PipelineHandle


@dataclass(frozen=True, slots=True)
class PublishedStore:
    """An opened store. Made by ``millrace.open_store``.

    Every method takes a pipeline by its name or as ``millrace.pipeline`` opened it. The pipeline need not
    be declared here: what is published says everything that is needed.

    Attributes:
        uri: Its root: an absolute folder, or a URI that fsspec opens; of a branch with ``?branch=NAME``
            behind it.
    """

    uri: str

    @property
    def artifacts(self) -> Store:
        """The store as stages use it."""
        return Store(self.uri)

    def _name(self, pipeline: PipelineName) -> str:
        """Name of a pipeline, of which the branch must be there."""
        given = pipeline.name if isinstance(pipeline, PipelineHandle) else pipeline
        name = text(given, "The name of a pipeline")
        require_there(self.artifacts, name)
        return name

    def pipelines(self) -> list[str]:
        """Pipelines that have something published here, sorted."""
        return published_pipelines(self.artifacts)

    def datasets(self, pipeline: PipelineName) -> list[str]:
        """Datasets of a pipeline that have something published, sorted.

        Raises:
            ConfigError: Nothing is published of that pipeline; names the nearest one.
        """
        return published_datasets(self.artifacts, self._name(pipeline))

    def keys(self, pipeline: PipelineName, dataset: str) -> list[str]:
        """Keys of a dataset's published artifacts, sorted: ``ds=2026-01-31``, ``as_of=2026-02-15/seed=0``.

        Raises:
            ConfigError: No such pipeline or dataset; names the nearest one.
        """
        return published_keys(self.artifacts, self._name(pipeline), dataset)

    def partitions(
        self, pipeline: PipelineName, dataset: str, table: str | None = None
    ) -> list[str]:
        """Partitions of a dataset that are published, sorted; empty for one that has none.

        Args:
            pipeline: Whose.
            dataset: Its name.
            table: Declared table, where it is not the examples'.

        Raises:
            ConfigError: No such pipeline or dataset; names the nearest one.
        """
        keys = self.keys(pipeline, dataset)
        prefix = partition_key("", table)
        return [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]

    def versions(
        self,
        pipeline: PipelineName,
        dataset: str,
        *,
        partition: str | None = None,
        table: str | None = None,
        as_of: str | None = None,
        seed: int | None = None,
    ) -> list[DatasetVersion]:
        """Kept versions of one artifact, newest first, or of each of a dataset's, in the order of keys.

        Raises:
            ConfigError: No such pipeline or dataset, or a malformed day; names the nearest one.
            InputMissingError: That artifact is not published.
        """
        name = self._name(pipeline)
        wanted = Wanted(partition=partition, table=table, as_of=as_of, seed=seed)
        if wanted.named():
            refs = [each.ref for each in choose(self.artifacts, name, dataset, wanted)]
        else:
            refs = [Ref(name, dataset, key) for key in self.keys(name, dataset)]
        return [version for ref in refs for version in versions_of(self.artifacts, ref)]

    def dataset(
        self,
        pipeline: PipelineName,
        dataset: str,
        *,
        partition: str | None = None,
        from_: str | None = None,
        to: str | None = None,
        table: str | None = None,
        as_of: str | None = None,
        seed: int | None = None,
        version: str | None = None,
        missing: Literal["error", "skip"] = "error",
    ) -> PublishedDataset:
        """Choose what to read of a dataset.

        Args:
            pipeline: Whose.
            dataset: Its name, such as ``features`` (``datasets`` lists them).
            partition: One partition of a dataset that has partitions: a day, a month.
            from_: First of several partitions, or its day; without any, every published one.
            to: Last of them.
            table: Declared table, where it is not the examples'.
            as_of: As-of day of a dataset that belongs to a model; may be left out where there is
                one. Of a dataset by day whose rows arrive late: read those known when this day began.
            seed: Seed of the model; may be left out where there is one.
            version: A version by its digest (16 to 64 hexadecimal digits), also one that was
                replaced since; alone, or with its day.
            missing: ``skip`` to leave out partitions of the range that are not published.

        Raises:
            ConfigError: No such pipeline or dataset, or arguments that do not go together.
            InputMissingError: It is not published, or that version is not kept.
            ArtifactError: Its manifest is damaged; running its stage again mends it.
        """
        wanted = Wanted(
            partition=partition,
            from_=from_,
            to=to,
            table=table,
            as_of=as_of,
            seed=seed,
            version=version,
            missing=missing,
        )
        chosen = choose(self.artifacts, self._name(pipeline), dataset, wanted)
        return PublishedDataset(self.artifacts, chosen, as_of)

    def model(
        self,
        pipeline: PipelineName,
        version: int | str | None = None,
        *,
        as_of: str | None = None,
        seed: int | None = None,
        mlflow_uri: str | None = None,
    ) -> PublishedModel:
        """Choose a model to score with: the champion, unless another one is named.

        Args:
            pipeline: Whose.
            version: Number of a registered version, or digest of one in this store.
            as_of: As-of day of a model that is published here, registered or not.
            seed: Its seed; may be left out where there is one.
            mlflow_uri: Registry; by default the one in the store.

        Raises:
            ConfigError: There is no champion, or no such version; says which there are.
            InputMissingError: The model's files are not in this store.
        """
        name = self._name(pipeline)
        by_digest = isinstance(version, str) and DIGEST.fullmatch(version)
        if as_of is None and seed is None and not by_digest:
            return self._registered(name, version, mlflow_uri)
        if version is not None and not by_digest:
            raise ConfigError(
                f"version={version!r} names a registered version, as_of and seed a published model. "
                f"Pass one of them."
            )
        digest = str(version) if by_digest else None
        wanted = Wanted(as_of=as_of, seed=seed, version=digest)
        return PublishedModel(self.artifacts, choose(self.artifacts, name, MODELS, wanted)[0])

    def _registered(
        self, name: str, number: int | str | None, mlflow_uri: str | None
    ) -> PublishedModel:
        found = registered_version(self.artifacts, name, number, mlflow_uri)
        manifest: Manifest | None = None
        if found.digest and found.as_of:
            key = f"as_of={found.as_of}/seed={found.tags.get('seed', '')}"
            manifest = self.artifacts.find_version(Ref(name, MODELS, key), found.digest)
        if manifest is None:
            raise InputMissingError(
                f"{found.title} of {name} is not in the store {self.uri}: it was registered from "
                f"{found.source}. Open the store that has it, or choose another version."
            )
        return PublishedModel(self.artifacts, manifest, found.number)


def open_store(
    uri: "str | PathLike[str] | PublishedStore", branch: str | None = None
) -> PublishedStore:
    """Open a store by its root: a folder, ``file:///folder``, or a URI that fsspec opens.

    A folder that is not there yet is an empty store; the first run makes it.

    Args:
        uri: The root.
        branch: A branch, which is read and run on in place of main.

    Raises:
        ConfigError: The address is empty or no text, or the branch has no name of one.
    """
    if isinstance(uri, PublishedStore):
        return uri if branch is None else PublishedStore(on_branch(uri.uri, branch))
    if not isinstance(uri, str | PathLike):
        raise ConfigError(
            f"A store is opened by its root, a folder or a URI; got {uri!r} ({type(uri).__name__})."
        )
    store = Store(on_branch(str(fspath(uri)), branch))
    # Stages run as other processes, in another working directory.
    root = _absolute(store.uri) if store.is_local else store.uri
    return PublishedStore(address(root, store.branch))


def absolute_source(source: "str | PathLike[str] | None") -> str | None:
    """Root of source files, as another process finds it too."""
    if source is None:
        return None
    if not isinstance(source, str | PathLike):
        raise ConfigError(f"source must be a folder or a URI; got {source!r}.")
    root = str(fspath(source))
    if root.startswith(SQLITE):
        return f"{SQLITE}{Path(root.removeprefix(SQLITE)).absolute()}"
    return root if "://" in root or not root.strip() else _absolute(root)


def _absolute(folder: str) -> str:
    return str(Path(folder.removeprefix(FILE)).absolute())
