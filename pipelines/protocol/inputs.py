"""Which version of an earlier stage's result a stage's work reads.

Why: two runs may make models of one as-of day at the same time; each must evaluate and promote
    its own, whatever the other one publishes meanwhile.
Promise: a digest that the run was given names the version that is read. Without one the
    published version is read, and only if it was made with this run's settings.
Not here: passing digests on (``pipelines/drivers/chain.py``, ``plugins/millrace/airflow/``).
"""

import json
from collections.abc import Mapping
from typing import Any

from pipelines.core.errors import InputMismatchError, InputMissingError, listed
from pipelines.core.store import Manifest, Ref
from pipelines.core.store.why import differing
from pipelines.protocol.catalog import giver_of
from pipelines.protocol.stage import Stage
from pipelines.protocol.work import Work, ref_of

Settings = Mapping[str, Any]

# Keyed by names that a declaration gives: one name more is another setting, not a newer one.
KEYED_BY_NAME = frozenset({"model_inputs"})


def input_of(work: Work, name: str, settings: Settings | None = None) -> Manifest:
    """The version of an earlier stage's result that this work reads.

    Args:
        work: The work; ``work.inputs`` has the digests that its run was given.
        name: Name of the result, as a stage's ``gives`` has it.
        settings: The ``config`` with which this run's own settings would make it. A published
            version must agree with it; a version given by digest need not.

    Raises:
        InputMissingError: There is no such version; says what to run.
        InputMismatchError: The published version was made with other settings.
        PartitionRefusedError: Its stage refused the data.
    """
    giver = giver_of(name)
    ref = ref_of(giver, work)
    if name in work.inputs:
        return work.accepted(_version(work, name, giver, ref))
    manifest = work.need(ref)
    _require_settings(work, name, giver, manifest, settings or {})
    return manifest


def require_pair(work: Work, user: str, made: Manifest, name: str, other: Manifest) -> None:
    """Check that a result was made from the version of another one that is read beside it.

    Args:
        work: The work that reads both.
        user: Name of the result that was made from the other.
        made: Its manifest.
        name: Name of the other result.
        other: Its manifest.

    Raises:
        InputMismatchError: It was made from another version.
    """
    if made.inputs.get(name) == other.content:
        return
    versions = work.store.versions(other.ref)
    own = [v.digest[:16] for v in versions if v.content == made.inputs.get(name)]
    kept = f", or pass --input {name}={own[0]}" if own else ""
    raise InputMismatchError(
        f"{work.report.work}: the {_words(user)} {made.digest[:16]} was not made from the "
        f"{_words(name)} {other.digest[:16]} ({other.ref.path()}), but from one with content "
        f"{str(made.inputs.get(name))[:16]}. Run {made.stage} again for this {_words(name)}{kept}."
    )


def _version(work: Work, name: str, giver: Stage, ref: Ref) -> Manifest:
    digest = work.inputs[name]
    manifest = work.store.find_version(ref, digest)
    if manifest is None or not manifest.digest.startswith(digest):
        there = [version.digest[:16] for version in work.store.versions(ref)]
        raise InputMissingError(
            f"{work.report.work}: {name}={digest} is not a version of {ref.path()} in "
            f"{work.store.uri} (versions: {listed(there)}). Run {giver.name} for it again, or "
            f"pass the digest of one of these as --input {name}=DIGEST."
        )
    return manifest


def _require_settings(
    work: Work, name: str, giver: Stage, manifest: Manifest, settings: Settings
) -> None:
    # A manifest was read back from JSON, where tuples are lists.
    made, asked = _shared(manifest.config, json.loads(json.dumps(settings, default=list)))
    if made == asked:
        return
    differences = listed(differing(made, asked), 3)
    raise InputMismatchError(
        f"{work.report.work}: {manifest.ref.path()} is published as made with other settings than "
        f"this run's ({differences}). Run {giver.name} with this run's settings first (a version "
        f"that was made before is found), or pass --input {name}={manifest.digest[:16]} to use "
        f"the published one."
    )


def _shared(one: Settings, other: Settings) -> tuple[Settings, Settings]:
    """Both without what only one of them has: a setting may be newer than a manifest."""
    kept: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for key in one.keys() & other.keys():
        pair = one[key], other[key]
        nested = key not in KEYED_BY_NAME and all(isinstance(each, Mapping) for each in pair)
        kept[0][key], kept[1][key] = _shared(*pair) if nested else pair
    return kept


def _words(name: str) -> str:
    return name.replace("_", " ")
