"""PROMOTE, HOLD or REJECT, with reasons a person can check.

Why: what decides over a model must be readable on one page.
Promise: a pure function of the metrics, the gates and the champion's metrics on the same rows.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.spec import Binary, Gates, Head, metrics_of, primary_metric

PROMOTE, HOLD, REJECT = "PROMOTE", "HOLD", "REJECT"
BINARY = Binary()


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """What should happen to the model, and why.

    Attributes:
        name: ``PROMOTE``, ``HOLD`` or ``REJECT``.
        reasons: One sentence each.
    """

    name: str
    reasons: tuple[str, ...]


def decide(
    gates: Gates,
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None,
    not_comparable: str = "",
    head: Head = BINARY,
) -> ModelVerdict:
    """Apply the gates, then compare with the champion.

    Args:
        gates: What a model must reach.
        metrics: The challenger's.
        champion: The champion's on the same rows; None if there is none to compare with.
        not_comparable: Why an existing champion could not be scored; empty if it could.
        head: What the model predicts: it says which metric compares, and which way is better.
    """
    gated = _gated(gates, head)
    failed = tuple(
        f"{_capital(title)} {metrics[name]:.4f} is {'below' if more else 'above'} the gate {bound:g}."
        for title, name, bound, more in gated
        if math.isnan(metrics[name])
        or (metrics[name] < bound if more else metrics[name] > bound)
    )
    if failed:
        return ModelVerdict(REJECT, failed)
    passed = _passed(gated, metrics)
    if not_comparable:
        return ModelVerdict(HOLD, (passed, not_comparable))
    if champion is None:
        return ModelVerdict(
            PROMOTE, (passed, "There is no champion of an earlier day to compare with.")
        )
    return _compared(gates, metrics, champion, head, passed)


def _compared(
    gates: Gates,
    metrics: Mapping[str, float],
    champion: Mapping[str, float],
    head: Head,
    passed: str,
) -> ModelVerdict:
    name = primary_metric(head)
    more, own, theirs = metrics_of(head)[name], metrics[name], champion[name]
    worse = "below" if more else "above"
    compared = (
        f"Its {_title(name)} {own:.4f} is {abs(own - theirs):.4f} "
        f"{'below' if own < theirs else 'above'} the champion's {theirs:.4f} on the same rows; "
        f"{gates.max_loss_to_champion:g} {worse} is allowed."
    )
    allowed = gates.max_loss_to_champion
    better = own >= theirs - allowed if more else own <= theirs + allowed
    return ModelVerdict(PROMOTE if better else HOLD, (passed, compared))


def _gated(gates: Gates, head: Head) -> list[tuple[str, str, float, bool]]:
    """Title, metric, bound, and whether more is better, of each gate."""
    bounds = list(gates.limits)
    if isinstance(head, Binary):
        own = {"auc": gates.min_auc, "average_precision": gates.min_average_precision}
        bounds = [*own.items(), *bounds]
    return [(_title(name), name, bound, metrics_of(head)[name]) for name, bound in bounds]


def _passed(gated: Sequence[tuple[str, str, float, bool]], metrics: Mapping[str, float]) -> str:
    if not gated:
        return "There are no gates."
    values = [f"{title} {metrics[name]:.4f}" for title, name, _, _ in gated]
    bounds = [f"{bound:g}" for _, _, bound, _ in gated]
    reach = "reach the gates" if len(gated) > 1 else "reaches the gate"
    return f"{_capital(_and(values))} {reach} ({_and(bounds)})."


def _title(name: str) -> str:
    return "AUC" if name == "auc" else name.replace("_", " ")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _and(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
