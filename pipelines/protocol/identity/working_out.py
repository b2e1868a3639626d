"""What functions reach, as plain values: a digest, the libraries, the hash of each unit.

Why: a process that finds this kept by an earlier one need not import any of what works it out.
Promise: the digest is over the units' hashes alone; a unit's hash is over its own normal form and over
    the hashes of what its names stand for, however far down two units differ.
"""

from collections.abc import Iterable
from typing import Any

from pipelines.core.store.code_units import units_digest
from pipelines.protocol.identity.names import CLASS, LIBRARY, UNIT, Key, Target, key_of
from pipelines.protocol.identity.normal_form import hash_of
from pipelines.protocol.identity.reach import UNNAMED, Reach
from pipelines.protocol.identity.sources import Sources


def worked_out(
    sources: Sources, roots: Iterable[str], sealed: Iterable[str] = ()
) -> dict[str, Any]:
    """The same of given sources, as plain values."""
    reach = reach_of(sources, roots, sealed)
    hashes = _hashes(reach)
    units: dict[str, dict[str, str]] = {}
    for module, position in sorted(reach.units):
        text = hashes[module, position]
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


def _hashes(reach: Reach) -> dict[Key, str]:
    """A unit's own hash, and one of all that its names stand for.

    Units that are alike differ by what they use, and by what that uses, however far down.
    """
    own = {key: str(reach.names.unit(key)["own"]) for key in reach.units}
    uses = {key: _uses(reach, key) for key in own}
    whole, kinds = own, 0
    while len(set(whole.values())) > kinds:
        kinds = len(set(whole.values()))
        whole = {key: _with_uses(own[key], uses[key], whole) for key in own}
    return {key: f"{own[key]}.{whole[key]}" for key in own}


def _with_uses(own: str, uses: list[list[Key | str]], whole: dict[Key, str]) -> str:
    texts = [[use if isinstance(use, str) else whole[use] for use in each] for each in uses]
    return hash_of(f"{own} {texts!r}")


def _uses(reach: Reach, key: Key) -> list[list[Key | str]]:
    """What each name of a unit stands for, in order: the last binding of a name is what it has."""
    unit = reach.names.unit(key)
    targets = [reach.names.chain(key[0], chain) for chain in (*unit["order"], *unit["chains"])]
    found = [[_stands_for(reach, target) for target in each] for each in targets]
    before = _statement_before(reach, key)
    return [*found, [before]] if before else found


def _statement_before(reach: Reach, key: Key) -> Key | None:
    """What the module does before a statement that does something."""
    module, position = key
    units = reach.sources.facts(module)["units"]
    if not units[position].get("effect"):
        return None
    earlier = (i for i in range(position - 1, -1, -1) if units[i].get("effect"))
    return next(((module, i) for i in earlier if (module, i) in reach.units), None)


def _stands_for(reach: Reach, target: Target) -> Key | str:
    if target.kind in {UNIT, CLASS}:
        key = key_of(target)
        if key in reach.units:
            return key
        unnamed = target.module.startswith(UNNAMED)
        return target.kind if unnamed else str(reach.names.unit(key)["own"])
    return target.module if target.kind == LIBRARY else target.kind
