"""BETTER, NOT_BETTER or REJECTED, with reasons a person can check.

Why: what decides over a model must be readable on one page.
Promise: a pure function of the metrics, the gates and the champion's metrics on the same rows, and of what subgroups
    and the baseline say.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.spec import Binary, Gates, Head, metrics_of, primary_metric

BETTER, NOT_BETTER, REJECTED = "BETTER", "NOT_BETTER", "REJECTED"
BINARY = Binary()
TITLES = {"auc": "AUC", "ibs": "IBS", "uno_c": "Uno's C"}


@dataclass(frozen=True, slots=True)
class ModelVerdict:
    """How good the model is, and why; what happens to it is decided by its promotion.

    Attributes:
        name: ``BETTER``, ``NOT_BETTER`` or ``REJECTED``.
        reasons: One sentence each.
    """

    name: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gate:
    """A bound on a metric, or two.

    Attributes:
        metric: Its name.
        low: The smallest value; None for any.
        high: The largest value; None for any.
    """

    metric: str
    low: float | None = None
    high: float | None = None

    def failure(self, metrics: Mapping[str, float]) -> str:
        """What is wrong; empty where the gate is reached."""
        if self.metric not in metrics:
            return (
                f"{_capital(title_of(self.metric))} has a gate ({self.bounds()}) and could not be measured on these "
                f"rows. Evaluate more rows, or rows followed for longer, or remove its gate."
            )
        value = metrics[self.metric]
        side = "below" if self.high is None or _is_below(value, self.low) else "above"
        bound = self.low if side == "below" else self.high
        if math.isnan(value) or _is_below(value, self.low) or _is_below(self.high, value):
            return (
                f"{_capital(title_of(self.metric))} {value:.4f} is {side} the gate {bound:g}."
            )
        return ""

    def bounds(self) -> str:
        """The bounds as a text."""
        bounds = [f"{bound:g}" for bound in (self.low, self.high) if bound is not None]
        return " to ".join(bounds)


@dataclass(frozen=True, slots=True)
class GateFinding:
    """What a gate on a comparison says: ``REJECTED``, ``NOT_BETTER``, or empty where it is reached."""

    verdict: str
    reason: str


def decide(
    gates: Gates,
    metrics: Mapping[str, float],
    champion: Mapping[str, float] | None,
    not_comparable: str = "",
    head: Head = BINARY,
    findings: Sequence[GateFinding] = (),
    horizons_days: tuple[float, ...] = (),
) -> ModelVerdict:
    """Apply the gates, then compare with the champion.

    Args:
        gates: What a model must reach.
        metrics: The challenger's.
        champion: The champion's on the same rows; None if there is none to compare with.
        not_comparable: Why an existing champion could not be scored; empty if it could.
        head: What the model predicts: it says which metric compares, and which way is better.
        findings: What the gates on subgroups and on the baseline say.
        horizons_days: Those of the evaluation.
    """
    gated = _gated(gates, metrics_of(head, horizons_days), isinstance(head, Binary))
    failed = [failure for gate in gated if (failure := gate.failure(metrics))]
    failed += _reasons(findings, REJECTED)
    if failed:
        return ModelVerdict(REJECTED, tuple(failed))
    reached = (_passed(gated, metrics), *_reasons(findings, ""))
    held = _reasons(findings, NOT_BETTER)
    if not_comparable:
        return ModelVerdict(NOT_BETTER, (*reached, *held, not_comparable))
    if champion is None:
        first = "There is no champion of an earlier day to compare with."
        return ModelVerdict(NOT_BETTER if held else BETTER, (*reached, *held, first))
    better, compared = _compared(gates, metrics, champion, head)
    name = BETTER if better and not held else NOT_BETTER
    return ModelVerdict(name, (*reached, *held, compared))


def _compared(
    gates: Gates, metrics: Mapping[str, float], champion: Mapping[str, float], head: Head
) -> tuple[bool, str]:
    """Whether the model is good enough beside the champion, and the comparison."""
    name = primary_metric(head)
    more, own, theirs = metrics_of(head)[name], metrics[name], champion[name]
    worse = "below" if more else "above"
    compared = (
        f"Its {title_of(name)} {own:.4f} is {abs(own - theirs):.4f} "
        f"{'below' if own < theirs else 'above'} the champion's {theirs:.4f} on the same rows; "
        f"{gates.max_loss_to_champion:g} {worse} is allowed."
    )
    allowed = gates.max_loss_to_champion
    return own >= theirs - allowed if more else own <= theirs + allowed, compared


def _gated(gates: Gates, known: Mapping[str, bool | None], binary: bool) -> list[Gate]:  # noqa: FBT001
    """The declared gates on metrics."""
    bounds = list[tuple[str, float | tuple[float, float]]](gates.limits)
    if binary:
        own = {"auc": gates.min_auc, "average_precision": gates.min_average_precision}
        bounds = [*own.items(), *bounds]
    return [_gate(name, bound, known[name]) for name, bound in bounds]


def _gate(name: str, bound: float | tuple[float, float], more: bool | None) -> Gate:  # noqa: FBT001
    if isinstance(bound, tuple):
        return Gate(name, *bound)
    return Gate(name, low=bound) if more else Gate(name, high=bound)


def _reasons(findings: Sequence[GateFinding], verdict: str) -> list[str]:
    return [each.reason for each in findings if each.verdict == verdict]


def _passed(gated: Sequence[Gate], metrics: Mapping[str, float]) -> str:
    if not gated:
        return "There are no gates."
    values = [f"{title_of(gate.metric)} {metrics[gate.metric]:.4f}" for gate in gated]
    bounds = [gate.bounds() for gate in gated]
    reach = "reach the gates" if len(gated) > 1 else "reaches the gate"
    return f"{_capital(_and(values))} {reach} ({_and(bounds)})."


def _is_below(value: float | None, bound: float | None) -> bool:
    return value is not None and bound is not None and value < bound


def title_of(name: str) -> str:
    """A metric in a sentence."""
    kind, _, days = name.rpartition("_")
    if re.fullmatch(r"[0-9.e+]+d", days):
        return f"{title_of(kind)} at {days[:-1]} days"
    return TITLES.get(name, name.replace("_", " "))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _and(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)
