"""Which published artifacts a caller means: a day, a range of days, an as-of day, or a version.

Why: all readers choose by the same arguments, and a day that is missing must not go unnoticed.
Promise: what is chosen is published or kept, and named by its manifest; no file of it is read yet.
"""

import re
from dataclasses import dataclass

from pipelines.api.listing import published_keys
from pipelines.core.days import parse_day
from pipelines.core.errors import ConfigError, InputMissingError, listed
from pipelines.core.partitions import DAY, Partitions, grain_of
from pipelines.core.store import Manifest, Ref, Store
from pipelines.protocol import partition_key

DIGEST = re.compile("[0-9a-f]{16,64}")
BY_DAY, BY_TABLE, BY_AS_OF, SEED = "ds=", "table=", "as_of=", "/seed="
ERROR, SKIP = "error", "skip"
LATE = "features"
"""The dataset whose days have a table of the rows known by each later day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a caller asks of a dataset; checked when made.

    Attributes:
        partition: One partition.
        from_: First of several partitions, or its day.
        to: Last of several partitions, or its day.
        table: Declared table, where it is not the examples'.
        as_of: As-of day of what a model is made from, or of the model.
        seed: Its seed.
        version: Digest of a version, published or not: 16 to 64 hexadecimal digits.
        missing: ``error`` or ``skip``: what to do about a day of the range that is not published.

    Raises:
        ConfigError: A day, seed, digest or choice is malformed, or two of them exclude each other.
    """

    partition: str | None = None
    from_: str | None = None
    to: str | None = None
    table: str | None = None
    as_of: str | None = None
    seed: int | None = None
    version: str | None = None
    missing: str = ERROR

    def __post_init__(self) -> None:
        """Refuse what no store can have."""
        for name in ("partition", "from_", "to"):
            if (key := getattr(self, name)) is not None:
                grain_of(key, name)
        if self.as_of is not None:
            parse_day(self.as_of, "as_of")
        if self.seed is not None and type(self.seed) is not int:
            raise ConfigError(f"seed must be a whole number, such as 0; got {self.seed!r}.")
        if self.missing not in (ERROR, SKIP):
            raise ConfigError(f"missing must be {ERROR!r} or {SKIP!r}; got {self.missing!r}.")
        self._check_version()
        self._check_days()

    def _check_version(self) -> None:
        if self.version is None:
            return
        if not (isinstance(self.version, str) and DIGEST.fullmatch(self.version)):
            raise ConfigError(
                f"version {self.version!r} is not a digest: 16 to 64 hexadecimal digits, as "
                f"versions() and a stage's result have it."
            )
        if self.from_ or self.to:
            raise ConfigError(
                "version names one artifact, from_ and to several. Pass one of them."
            )

    def _check_days(self) -> None:
        if (self.from_ is None) != (self.to is None):
            raise ConfigError("from_ and to go together: the first and the last partition.")
        if self.from_ and self.partition:
            raise ConfigError(
                "partition names one partition, from_ and to several. Pass one of them."
            )
        if self.from_ and self.to and self.to < self.from_[: len(self.to)]:
            raise ConfigError(f"to={self.to} is before from_={self.from_}. Swap them.")

    def named(self) -> list[str]:
        """The arguments that were passed, of those that name a key."""
        names = ("partition", "from_", "to", "table", "as_of", "seed")
        return [name for name in names if getattr(self, name) is not None]


def choose(store: Store, pipeline: str, dataset: str, wanted: Wanted) -> tuple[Manifest, ...]:
    """The manifests of what is wanted, in the order of their keys.

    Raises:
        ConfigError: An unknown pipeline or dataset, or an argument that this dataset does not have.
        InputMissingError: It is not published; says what is.
    """
    every = published_keys(store, pipeline, dataset)
    by_day = is_by_partition(every[0])
    keys = _of_table(every, wanted.table, f"{pipeline}/{dataset}") if by_day else every
    _require_arguments(dataset, wanted, by_day=by_day)
    refs = [
        Ref(pipeline, dataset, key) for key in _keys(store, pipeline, dataset, keys, wanted)
    ]
    if wanted.version is not None:
        return (_version(store, refs, f"{pipeline}/{dataset}", wanted.version),)
    found = (store.find(ref) for ref in refs)
    return tuple(manifest for manifest in found if manifest is not None)


def _require_arguments(dataset: str, wanted: Wanted, *, by_day: bool) -> None:
    has = ["partition", "from_", "to", "table"] if by_day else ["as_of", "seed"]
    has += ["as_of"] if dataset == LATE else []
    foreign = [name for name in wanted.named() if name not in has]
    if foreign:
        raise ConfigError(
            f"{dataset} is published by {'partition' if by_day else 'as-of day'}, so it takes "
            f"{', '.join(has)} or version; got {', '.join(foreign)}."
        )


def _keys(
    store: Store, pipeline: str, dataset: str, keys: list[str], wanted: Wanted
) -> list[str]:
    if is_by_partition(keys[0]):
        return _of_partitions(store, f"{pipeline}/{dataset}", keys, wanted)
    if wanted.as_of is None and wanted.version:
        return keys
    return [_of_a_model(store, f"{pipeline}/{dataset}", keys, wanted)]


def is_by_partition(key: str) -> bool:
    """Whether a key names a partition of a table."""
    return key.startswith((BY_DAY, BY_TABLE))


def _of_table(keys: list[str], table: str | None, what: str) -> list[str]:
    prefix = partition_key("", table)
    # The examples' table needs no name, and may be named.
    found = [key for key in keys if key.startswith(prefix)]
    if found:
        return found
    tables = sorted({key.split("/")[0].removeprefix(BY_TABLE) for key in keys})
    raise ConfigError(
        f"{what}: nothing is published of {'the examples' if table is None else f'table {table!r}'}. "
        f"Published: {listed(tables)}. Pass table= of another table, or none for the examples."
    )


def _partitions(wanted: Wanted, published: str) -> list[str]:
    """The partitions that are asked for, of the grain that is published."""
    if wanted.partition:
        return [wanted.partition]
    if not (wanted.from_ and wanted.to):
        return []
    of = Partitions(grain_of(published))
    first, last = (
        of.of_days(end, end) if grain_of(end) == DAY else [of.parse(end, name)]
        for name, end in (("from_", wanted.from_), ("to", wanted.to))
    )
    return of.between(first[0], last[-1])


def _of_partitions(store: Store, what: str, keys: list[str], wanted: Wanted) -> list[str]:
    """The keys of the partitions that are asked for; every key where none are."""
    prefix = partition_key("", wanted.table)
    asked = [f"{prefix}{key}" for key in _partitions(wanted, keys[0].removeprefix(prefix))]
    found = [key for key in asked if key in keys]
    if len(found) < len(asked) and not (wanted.missing == SKIP and found):
        raise _missing(store, what, [key for key in asked if key not in keys], keys)
    return found or keys


def _of_a_model(store: Store, what: str, keys: list[str], wanted: Wanted) -> str:
    """The one key of that as-of day and seed."""
    days = sorted({key.partition("/")[0] for key in keys})
    day = f"{BY_AS_OF}{wanted.as_of}" if wanted.as_of else days[0]
    if wanted.as_of is None and len(days) > 1:
        raise ConfigError(f"{what} has several as-of days ({listed(days)}). Pass as_of.")
    seeds = [key for key in keys if _is_of(key, day, wanted.seed)]
    if not seeds:
        key = day if wanted.seed is None else f"{day}{SEED}{wanted.seed}"
        raise _missing(store, what, [key], keys)
    if len(seeds) > 1:
        raise ConfigError(f"{what} has several seeds of {day} ({listed(seeds)}). Pass seed.")
    return seeds[0]


def _is_of(key: str, day: str, seed: int | None) -> bool:
    return key.partition("/")[0] == day and seed in (None, _seed(key))


def _seed(key: str) -> int | None:
    text = key.partition(SEED)[2]
    return int(text) if text.isdecimal() else None


def _missing(store: Store, what: str, gone: list[str], keys: list[str]) -> InputMissingError:
    are = "is" if len(gone) == 1 else "are"
    skip = " Or pass missing='skip' to leave such days out." if len(gone) > 1 else ""
    return InputMissingError(
        f"{what}: {listed(gone)} {are} not published in {store.uri} (published: {keys[0]} .. "
        f"{keys[-1]}, {len(keys)} keys). Run its stage first, or choose one that is published.{skip}"
    )


def _version(store: Store, refs: list[Ref], what: str, digest: str) -> Manifest:
    for ref in refs:
        found = store.find_version(ref, digest)
        if found is not None and found.digest.startswith(digest):
            return found
    kept = [each.digest[:16] for ref in refs[-3:] for each in store.versions(ref)]
    raise InputMissingError(
        f"{what}: no version {digest} is kept in {store.uri} (among the kept: {listed(kept)}). "
        f"versions() lists those of a key."
    )
