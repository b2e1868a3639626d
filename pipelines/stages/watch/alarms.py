"""What was measured as alarms: what happened with its values, what was expected, what to do next.

Promise: an alarm for each measurement with a level, the most serious first; of a day that is excused none
    but those about other days.
Not here: the runbook (``docs/operations.md``), whether an alarm asks for a model (``retraining.py``).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.core.text import counted
from pipelines.stages.watch.measured import RECENT, SCORED, TESTED, TRAINING, Measurement
from pipelines.stages.watch.quality import REFUSE, Quality

DRIFT, DECAY, VOLUME, LABELS = "drift", "decay", "volume", "labels"
ESTIMATED = "estimated "
BESIDE = {
    TRAINING: "the champion's training days",
    TESTED: "the champion's test days",
    RECENT: "the weeks before",
}
UNIT = {
    "psi": "population stability index",
    "js": "Jensen-Shannon divergence",
    "wasserstein": "Wasserstein distance in deviations",
}
NEXT = {
    DRIFT: "Look at this feature in the report of the day's validation and at its source; if the change is real, "
    "make a new model.",
    SCORED: "Look at the inputs that drifted, and at the number of alerts, before anyone acts on the scores.",
    VOLUME: "Ask the source whether the delivery is whole; take the day in again if it was not.",
    LABELS: "Ask whether labels still arrive as before; if they do, look at the threshold and make a new model.",
    DECAY: "Look at the slices of the settlement for whom it fails; make a new model, or roll back.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """A difference beyond a declared limit.

    Attributes:
        kind: ``drift``, ``decay``, ``volume`` or ``labels``.
        what: The feature, ``scores``, ``rows``, ``label rate`` or the metric.
        against: ``training``, ``recent`` or ``test``.
        value: What is compared with the limit.
        limit: The limit.
        severity: ``warn`` or ``refuse``.
        says: A sentence or two for people.
    """

    kind: str
    what: str
    against: str
    value: float
    limit: float
    severity: str
    says: str

    def as_json(self) -> dict[str, Any]:
        """As it is published."""
        return asdict(self)


def alarms_of(
    measured: Sequence[Measurement], qualities: Sequence[Quality], *, excused: bool
) -> list[Alarm]:
    """The alarms of a day.

    Args:
        measured: What was measured of it.
        qualities: What its model's metric has become.
        excused: Whether the day is declared to be right although it differs.
    """
    found = [_measured(m) for m in measured if m.level and not (excused and m.kind != LABELS)]
    found += [_decay(q) for q in qualities if q.level]
    return sorted(found, key=lambda one: one.severity != REFUSE)


def _measured(one: Measurement) -> Alarm:
    facts, value = one.facts, _value(one)
    text = _drift(one) if one.kind == DRIFT else _ratio(one)
    advice = NEXT[SCORED] if one.what == SCORED else NEXT[one.kind]
    return Alarm(
        kind=one.kind,
        what=one.what,
        against=one.against,
        value=value,
        limit=facts["limit"],
        severity=one.level,
        says=f"{text} The limit is {facts['limit']:g}. {advice}",
    )


def _value(one: Measurement) -> float:
    facts = one.facts
    if one.kind != DRIFT:
        return float(facts["ratio"])
    if facts["measure"] == "psi":
        return round(facts["psi"] - facts["psi_by_chance"], 10)
    return 1.0 if facts["measure"] == "constant" else float(facts[facts["measure"]])


def _drift(one: Measurement) -> str:
    facts, beside = one.facts, BESIDE[one.against]
    if facts["measure"] == "constant":
        return f"{one.what} has a single value, and several on each of {beside}."
    text = (
        f"{one.what} is distributed otherwise than on {beside} ({counted(facts['days'], 'day')}): {UNIT[facts['measure']]} "
        f"{_value(one):.3g} above what chance makes."
        if facts["measure"] == "psi"
        else f"{one.what} is distributed otherwise than on {beside}: {UNIT[facts['measure']]} {_value(one):.3g}."
    )
    lost = facts["missing"] - facts["missing_before"]
    more = f" {facts['missing']:.1%} of the values are missing, {facts['missing_before']:.1%} before."
    return text + (more if abs(lost) > 0.01 else "")  # noqa: PLR2004  a hundredth of the rows


def _ratio(one: Measurement) -> str:
    facts: Mapping[str, Any] = one.facts
    day = f"On {facts['day']}, whose labels are known now, " if "day" in facts else ""
    return (
        f"{day}{facts['seen']}; usual on {BESIDE[one.against]}: {facts['usual']}, so the ratio is "
        f"{facts['ratio']:.3g}."
    )


def _decay(one: Quality) -> Alarm:
    how = "of labels that became known" if one.labels else "as estimated without labels"
    limit = 0.0 if one.limit is None else one.limit
    return Alarm(
        kind=DECAY,
        what=one.metric if one.labels else f"{ESTIMATED}{one.metric}",
        against=TESTED,
        value=round(one.loss, 10),
        limit=limit,
        severity=one.level,
        says=f"{one.metric} {how} is {one.value:.3g} over {one.days} days, and was {one.test:.3g} on the champion's test "
        f"days: worse by {one.loss:.3g}, where chance alone makes less than {one.loss_by_chance or 0:.3g}. "
        f"The limit is {limit:g}. {NEXT[DECAY]}",
    )
