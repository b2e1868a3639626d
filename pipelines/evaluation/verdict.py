"""PROMOTE, HOLD or REJECT, with reasons a person can check.

Why: what decides over a model must be readable on one page.
Promise: a pure function of the metrics, the gates and the champion's metrics on the same rows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.spec import Gates

PROMOTE, HOLD, REJECT = "PROMOTE", "HOLD", "REJECT"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What should happen to the model, and why.

    Attributes:
        name: ``PROMOTE``, ``HOLD`` or ``REJECT``.
        reasons: One sentence each.
    """

    name: str
    reasons: tuple[str, ...]


def judge(
    gates: Gates,
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None,
    not_comparable: str = "",
) -> Verdict:
    """Apply the gates, then compare with the champion.

    Args:
        gates: What a model must reach.
        metrics: The challenger's.
        champion: The champion's on the same rows; None if there is none to compare with.
        not_comparable: Why an existing champion could not be scored; empty if it could.
    """
    failed = _failed(gates, metrics)
    if failed:
        return Verdict(REJECT, failed)
    passed = (
        f"AUC {metrics['auc']:.4f} and average precision {metrics['average_precision']:.4f} reach "
        f"the gates ({gates.min_auc:g} and {gates.min_average_precision:g})."
    )
    if not_comparable:
        return Verdict(HOLD, (passed, not_comparable))
    if champion is None:
        return Verdict(
            PROMOTE, (passed, "There is no champion of an earlier day to compare with.")
        )
    own, theirs = metrics["average_precision"], champion["average_precision"]
    compared = (
        f"Its average precision {own:.4f} is {abs(own - theirs):.4f} "
        f"{'below' if own < theirs else 'above'} the champion's {theirs:.4f} on the same rows; "
        f"{gates.max_loss_to_champion:g} below is allowed."
    )
    better = own >= theirs - gates.max_loss_to_champion
    return Verdict(PROMOTE if better else HOLD, (passed, compared))


def _failed(gates: Gates, metrics: Mapping[str, float]) -> tuple[str, ...]:
    wanted = {
        "AUC": ("auc", gates.min_auc),
        "Average precision": ("average_precision", gates.min_average_precision),
    }
    return tuple(
        f"{title} {metrics[name]:.4f} is below the gate {least:g}."
        for title, (name, least) in wanted.items()
        if math.isnan(metrics[name]) or metrics[name] < least
    )
