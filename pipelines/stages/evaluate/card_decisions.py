"""The model card's section on decisions, in words of whoever works on the alerts.

Promise: says of each figure what it was counted over, and says so where nothing decides.
Not here: the figures (``decisions.py``), the plots (``decision_figures.py``).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.spec.heads import COST

DECISIONS = """{% if decisions %}<h2>Decisions</h2>
<section class="wide">{% for each in decisions.says %}<p>{{ each }}</p>
{% endfor %}{% if decisions.costs %}<table style="margin: 10px 0"><tr><th>who is alerted</th><th class="num">cost a day</th>
<th class="num">alerts a day</th></tr>
{% for row in decisions.costs %}<tr><td>{{ row.name }}</td><td class="num">{{ row.cost }}<br>
<span class="soft" style="white-space: nowrap">{{ row.between }}</span></td><td class="num">{{ row.alerts }}</td></tr>
{% endfor %}</table>{% endif %}{% if decisions.probabilities %}<table><tr><th>error of the probabilities</th>
<th class="num">score as it is</th><th class="num">calibrated</th></tr>
{% for row in decisions.probabilities %}<tr><td>{{ row.name }}</td><td class="num">{{ row.before }}</td>
<td class="num">{{ row.after }}</td></tr>
{% endfor %}</table>{% endif %}{% if decisions.why %}<p class="soft" style="margin-top: 10px">{{ decisions.why }}</p>{% endif %}</section>
{% endif %}"""

FROM = {
    "costs": "from the declared costs",
    "declared": "as declared",
    "alerts": "which gave the declared number of alerts a day on the validation days",
}
ERRORS = {
    "brier": "Brier score",
    "log_loss": "log-loss",
    "calibration_error": "expected calibration error",
}


def decisions_of(evaluated: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the section shows; None for a model whose rows are not decided over."""
    decision = evaluated.get("decision")
    if decision is None:
        return None
    calibrated = decision["calibration"]["kind"] != "none"
    return {
        "says": [*_says(evaluated, decision)],
        "costs": [*_rows_of_costs(evaluated, decision)],
        "probabilities": [*_errors(decision["probabilities"])] if calibrated else [],
        "why": decision["reason"],
    }


def _says(evaluated: Mapping[str, Any], decision: Mapping[str, Any]) -> Iterator[str]:
    yield _probability(decision)
    if decision["threshold"] is None:
        yield (
            "Nothing says from which probability a row is an alert. Declare evaluation.costs or "
            "evaluation.threshold, or split.validation_days for a threshold by alerts a day."
        )
        return
    yield _threshold(decision)
    yield _alerted(evaluated, decision["alerts"])


def _probability(decision: Mapping[str, Any]) -> str:
    kind = decision["calibration"]["kind"]
    if kind == "none":
        return (
            "The probability of an event is the network's score as it is: it is not calibrated."
        )
    return (
        f"The network's score is calibrated ({kind}) on validation days, inside the served graph: of rows with a "
        f"probability of 10 %, one in ten should have the event."
    )


def _threshold(decision: Mapping[str, Any]) -> str:
    """The threshold, where it is from, and what that rests on."""
    threshold, source = decision["threshold"], decision["threshold_from"]
    said = f"A row is an alert from a probability of {threshold:.4g} on, {FROM[source]}"
    if source != "costs":
        return f"{said}."
    kind = decision["calibration"]["kind"]
    if_so = ", as far as the score is a probability" if kind == "none" else ""
    return (
        f"{said}: there an alert costs on average as much as none{if_so}. Each row is decided by itself, and the work "
        f"is counted for every alert."
    )


def _alerted(evaluated: Mapping[str, Any], alerts: Mapping[str, Any]) -> str:
    """Alerts a day, what they find, and how many people look at them."""
    days, per_day = len(evaluated["test_days"]), alerts["entities_per_day"]
    who = evaluated["alert_entity"]
    found = "none of them" if alerts["precision"] is None else f"{alerts['precision']:.1%}"
    text = (
        f"On the {days} test days that is {alerts['rows_per_day']:,.1f} alerts a day, {found} with the event, and "
        f"{alerts['recall']:.1%} of the events are found. They are of {per_day:,.1f} entities ({who}) a day, at most "
        f"{alerts['most_entities']:,}; {evaluated['alerts_per_day']:,} a day can be investigated"
    )
    if "investigators" in alerts:
        text += (
            f", and {alerts['investigators']:,.1f} investigators are needed on a mean day, "
            f"{alerts['most_investigators']:,} on the busiest"
        )
    over = alerts["most_entities"] > evaluated["alerts_per_day"]
    return f"{text}.{' On the busiest day that is more than there is capacity for.' if over else ''}"


def _rows_of_costs(
    evaluated: Mapping[str, Any], decision: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    costs = decision.get("costs")
    if costs is None:
        return
    between = "{:,.0f} to {:,.0f}".format(*evaluated["intervals"][COST])
    yield _row("this model, at its threshold", costs["own"], f"95 % interval {between}")
    yield from _champion(evaluated, decision)
    best = costs["best"]["threshold"]
    at = "alerting nobody" if best is None else f"a threshold of {best:.4g}"
    yield _row(f"this model, at the best threshold in hindsight ({at})", costs["best"])
    yield _row("nobody", costs["nobody"])
    yield _row("everybody", costs["everybody"])


def _champion(
    evaluated: Mapping[str, Any], decision: Mapping[str, Any]
) -> Iterator[dict[str, str]]:
    champion = evaluated["champion"]
    if champion is None or COST not in champion["difference_intervals"]:
        return
    theirs, own = champion["metrics"][COST], evaluated["metrics"][COST]
    low, high = champion["difference_intervals"][COST]
    yield {
        "name": f"the champion, at its threshold of {decision['champion_threshold']:.4g}",
        "cost": f"{theirs:,.0f}",
        "between": f"this model costs {abs(own - theirs):,.0f} {'less' if own < theirs else 'more'} "
        f"({low:+,.0f} to {high:+,.0f})",
        "alerts": "",
    }


def _row(name: str, figures: Mapping[str, float], between: str = "") -> dict[str, str]:
    return {
        "name": name,
        "cost": f"{figures['cost_per_day']:,.0f}",
        "between": between,
        "alerts": f"{figures['alerts_per_day']:,.1f}",
    }


def _errors(probabilities: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, title in ERRORS.items():
        before, after = (probabilities[each][name] for each in ("score", "probability"))
        yield {"name": title, "before": f"{before:.5f}", "after": f"{after:.5f}"}
