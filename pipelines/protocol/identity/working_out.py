"""What functions reach, as plain values: a digest, the libraries, the hash of each unit.

Why: a process that finds this kept by an earlier one need not import any of what works it out.
Promise: the digest is over the units' hashes alone; a unit's hash is over its own normal form and over
    those of what its imported names stand for.
"""

from collections.abc import Iterable
from typing import Any

from pipelines.core.store.code_units import units_digest
from pipelines.protocol.identity.names import CLASS, LIBRARY, UNIT, Key, Target, key_of
from pipelines.protocol.identity.normal_form import hash_of
from pipelines.protocol.identity.reach import Reach
from pipelines.protocol.identity.sources import Sources


def worked_out(
    sources: Sources, roots: Iterable[str], sealed: Iterable[str] = ()
) -> dict[str, Any]:
    """The same of given sources, as plain values."""
    reach = reach_of(sources, roots, sealed)
    hashes = [(key, _hash(reach, key)) for key in sorted(reach.units)]
    units: dict[str, dict[str, str]] = {}
    for (module, position), text in hashes:
        name = sources.facts(module)["units"][position]["name"]
        beside = units.setdefault(module, {})
        beside[name] = f"{beside[name]} {text}" if name in beside else text
    return {
        "digest": units_digest(units),
        "libraries": sorted(reach.libraries),
        "units": units,
    }


def reach_of(sources: Sources, roots: Iterable[str], sealed: Iterable[str] = ()) -> Reach:
    """All that the roots reach."""
    reach = Reach(sources, sealed)
    for root in roots:
        reach.start(root)
    return reach


def _hash(reach: Reach, key: Key) -> str:
    """A unit's own hash, and one of what its imported names stand for."""
    facts = reach.names.unit(key)
    edges = [
        sorted(_stands_for(reach, target) for target in reach.names.chain(key[0], chain))
        for chain in facts["order"]
    ]
    return f"{facts['own']}.{hash_of(repr(edges))}"


def _stands_for(reach: Reach, target: Target) -> str:
    if target.kind in {UNIT, CLASS}:
        return str(reach.names.unit(key_of(target))["own"])
    return target.module if target.kind == LIBRARY else target.kind
