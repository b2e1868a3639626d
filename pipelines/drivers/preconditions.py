"""What a run's later stages will need, asked before its first stage starts.

Why: a missing registry or a full disk should cost a second, not a day's training.
Promise: a look leaves at most an empty store folder; each error says what is missing, and what to set.
Not here: the declaration, the source's columns and the machine (``pipelines/drivers/scaffold/check.py``).
"""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pipelines.core.errors import ConfigError, PipelineError, TransientError, listed
from pipelines.core.store import Store
from pipelines.drivers.taking_in import partitions_taken_in
from pipelines.protocol import REFUSED, Work, day_verdict
from pipelines.shared.registry import read_registry, registry_uri
from pipelines.spec import Pipeline, Source

MIB = 1 << 20
# Bytes of a day in the store (typed rows, good rows, histories, features, arrays) to bytes of its
# source, measured on the simulated transactions: 10 for Parquet; text is larger to begin with.
STORED_PER_SOURCE_BYTE = {"parquet": 10, "csv": 3, "csv.gz": 12, "": 10}
# A model, its checkpoints, its registry and its pages.
MODEL_BYTES = 64 * MIB
VALUE_BYTES, KEY_COLUMNS = 4, 10
PROBE = ".probe-"


def require_store(store: Store) -> None:
    """Check that the store can be written.

    Raises:
        ConfigError: It cannot; another try will not change that.
    """
    if store.is_local:
        _require_folder(store.root)
        return
    name = f"{PROBE}{os.getpid()}"
    try:
        store.remote.write(name, b"")
        store.remote.remove(name)
    except (FileNotFoundError, PermissionError, ValueError, ConfigError) as error:
        raise ConfigError(
            f"The store {store.uri} cannot be written: {error}. Check its address and the "
            f"credentials of this process, or choose another --store."
        ) from error


def _require_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=PROBE):
            pass
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise TransientError(
                f"The store {folder} has no space left ({error.strerror}). Free some, or choose "
                f"another --store."
            ) from error
        raise ConfigError(
            f"The store {folder} cannot be written ({error.strerror}). Check the folder and its "
            f"rights, or choose another --store."
        ) from error


def require_registry(pipeline: Pipeline, store: Store, options: Mapping[str, Any]) -> None:
    """Check that there is a registry to promote to, and that it answers.

    Raises:
        ConfigError: The store is remote and no registry is named.
        TransientError: It does not answer.
    """
    read_registry(registry_uri(store, options.get("mlflow_uri")), pipeline.name)


def require_days(work: Work, first: str, last: str) -> None:
    """Check that a model's days are taken in by this run, or were before.

    Args:
        work: The work on the model.
        first: First day that the run takes in.
        last: Last day that it takes in.

    Raises:
        ConfigError: The window reaches beyond them; no stage could make it whole.
    """
    days, given = work.days().all(), work.pipeline.partitions().of_days(first, last)
    beyond = [day for day in days if day not in given and not _is_done(work, day)]
    if beyond:
        raise ConfigError(
            f"A model as of {work.model_day}{work.pipeline.days().note} is made from {days[0]} to {days[-1]}, of which "
            f"{len(beyond)} {'is' if len(beyond) == 1 else 'are'} neither among {first} to {last} nor in {work.store.uri}: "
            f"{listed(beyond)}. Choose another --from, --to or --as-of, or a shorter window (--set "
            f"split.train_days=...)."
        )


def _is_done(work: Work, day: str) -> bool:
    verdict = day_verdict(work.store, work.pipeline.name, day)
    refused = verdict is not None and verdict.outcome.get("verdict") == REFUSED
    return refused or work.find(work.partition_ref("features", day)) is not None


def require_disk(store: Store, needed: int, what: str) -> None:
    """Check that a local store's disk has room.

    Args:
        store: The store; a remote one is not asked.
        needed: Bytes, by estimate.
        what: What they are for.

    Raises:
        TransientError: It has not.
    """
    if not store.is_local:
        return
    folder = next(path for path in (store.root, *store.root.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise TransientError(
            f"The disk of the store {store.root} has {free / MIB:,.0f} MiB free, and {what} need "
            f"about {needed / MIB:,.0f} MiB by estimate. Free some, or choose another --store."
        )


def bytes_taken_in(work: Work, first: str, last: str) -> int:
    """Bytes that each table's partitions of these days will take in the store.

    By the size of their source files, each counted once. Partitions that are ingested, and those whose
    files are not there yet, count for nothing.
    """
    from pipelines.stages.ingest.sources.locate import source_files

    sizes: dict[tuple[str, str], int] = {}
    for table in work.pipeline.tables:
        if not isinstance(table.source, Source):
            continue  # the size of a query's rows is known once it was run
        for key in partitions_taken_in(work.pipeline, table, first, last, work.as_of):
            own = work.of_table(table.name, key)
            if own.find(own.partition_ref("ingested")) is not None:
                continue
            with suppress(PipelineError, OSError):
                for file in source_files(own, own.pipeline.table):
                    size = file.size_bytes() * _factor(file.name)
                    sizes[table.name, file.name] = size
    return sum(sizes.values())


def _factor(name: str) -> int:
    kinds = (kind for kind in STORED_PER_SOURCE_BYTE if name.lower().endswith(f".{kind}"))
    return STORED_PER_SOURCE_BYTE[max(kinds, key=len, default="")]


def bytes_of_model(work: Work, days: Iterable[str]) -> int:
    """Bytes of a training set of these days and of its model, by the rows of their features."""
    manifests = (work.find(work.partition_ref("features", day)) for day in days)
    rows = sum(
        int(manifest.outcome.get("rows", 0)) for manifest in manifests if manifest is not None
    )
    columns = len(work.pipeline.feature_names()) + KEY_COLUMNS
    return rows * columns * VALUE_BYTES + MODEL_BYTES
