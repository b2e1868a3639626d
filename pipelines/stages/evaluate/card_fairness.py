"""Part of the model card: rates of decisions by declared group.

Not here: the rates (``fairness.py``).
"""

from collections.abc import Mapping
from typing import Any

from pipelines.shared.metrics.row_groups import LEAST_ENTITIES, LEAST_EVENTS
from pipelines.stages.evaluate.fairness import ODDS, OPPORTUNITY, RATES, RATIO

FAIRNESS = """{% if fairness %}<h2>Decisions by group</h2>
<section class="wide"><table style="font-size: 13px"><tr><th>group</th><th class="num">rows</th>
{% for each in fairness.titles %}<th class="num">{{ each }}</th>{% endfor %}</tr>
{% for row in fairness.rows %}<tr><td>{{ row.name }}</td><td class="num">{{ row.count }}</td>
{% for each in row.cells %}<td class="num">{{ each.value }}<br><span class="soft" style="white-space: nowrap">{{ each.interval }}</span></td>{% endfor %}</tr>
{% endfor %}</table>
<table style="margin-top: 14px">{% for each in fairness.words %}<tr><th>{{ each.name }}</th><td>{{ each.text }}</td></tr>
{% endfor %}</table>
<p class="soft" style="margin-top: 10px">{{ fairness.note }}</p></section>
{% if fairness.between %}<section class="wide" style="margin-top: 14px"><h3>Smallest beside largest group</h3><table><tr><th>groups of</th>
{% for each in fairness.between_titles %}<th class="num">{{ each }}</th>{% endfor %}</tr>
{% for row in fairness.between %}<tr><td>{{ row.name }}</td>{% for each in row.cells %}<td class="num">{{ each.value }}<br>
<span class="soft" style="white-space: nowrap">{{ each.interval }}</span></td>{% endfor %}</tr>
{% endfor %}</table></section>{% endif %}
{% endif %}"""

WORDS = {
    "base_rate": ("events", "share of the group's rows with the event"),
    "selection_rate": ("alerted", "share of its rows that are alerted (selection rate)"),
    "true_positive_rate": (
        "events found",
        "share of its events that are alerted (true positive rate)",
    ),
    "false_positive_rate": (
        "falsely alerted",
        "share of its rows without the event that are alerted (false positive rate)",
    ),
    "precision": (
        "alerts that are right",
        "share of its alerts that have the event (precision)",
    ),
    RATIO: (
        "alerted, over the rest",
        "how many times as often as all other rows it is alerted (demographic parity ratio): 1 is alike",
    ),
    OPPORTUNITY: (
        "events found, less the rest",
        "by how much more of its events are alerted than of all others' (equal opportunity difference): 0 is alike",
    ),
}
BETWEEN = {
    RATIO: "alerted: smallest over largest",
    OPPORTUNITY: "events found: largest less smallest",
    ODDS: "events found or falsely alerted, the larger difference",
}
PERCENT = frozenset(RATES)


def fairness_of(evaluated: Mapping[str, Any]) -> dict[str, Any] | None:
    """The table; None where no groups are declared for it."""
    found = evaluated.get("fairness")
    if not found:
        return None
    hidden = any(each["suppressed"] for each in found["groups"])
    return {
        "titles": [title for title, _ in WORDS.values()],
        "rows": [_row(each) for each in found["groups"]],
        "words": [{"name": name, "text": text} for name, text in WORDS.values()],
        "note": _note(found, evaluated, hidden=hidden),
        "between": [_between(each) for each in found["between"]],
        "between_titles": [*BETWEEN.values()],
    }


def _note(found: Mapping[str, Any], evaluated: Mapping[str, Any], *, hidden: bool) -> str:
    by = (
        f"Decisions are by the model's threshold, {evaluated['decision']['threshold']:.4g}."
        if found["decided_by"] == "threshold"
        else f"The model has no threshold: the {evaluated['alerts_per_day']:,} highest scores of each day, all days "
        f"together, count as alerts."
    )
    small = (
        f" A group of fewer than {LEAST_ENTITIES} entities or {LEAST_EVENTS} events is not shown, and then the counts "
        f"of the others are rounded down."
    )
    return (
        f"{by} With 95 % intervals. Where groups differ in their share of events, not all of these can be equal at "
        f"once; which should be is for people to say.{small if hidden else ''}"
    )


def _row(each: Mapping[str, Any]) -> dict[str, Any]:
    name = f"{each['column']}: {each['group']}"
    if each["suppressed"]:
        cells = [{"value": "not shown", "interval": ""} for _ in WORDS]
        return {"name": name, "count": "not shown", "cells": cells}
    rest = each.get("to_rest", {"rates": {}, "intervals": {}})
    cells = [_cell(each if rate in RATES else rest, rate) for rate in WORDS]
    return {"name": name, "count": f"{each['rows']:,}", "cells": cells}


def _between(each: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": each["column"], "cells": [_cell(each, name) for name in BETWEEN]}


def _cell(found: Mapping[str, Any], name: str) -> dict[str, str]:
    if name not in found["rates"]:
        return {"value": "", "interval": ""}
    low, high = found["intervals"][name]
    value = found["rates"][name]
    if name in PERCENT:
        digits = 1 if value >= 0.1 else 2  # noqa: PLR2004  rare ones need them
        ends = (f"{100 * end:.{digits}f}" for end in (low, high))
        return {"value": f"{value:.{digits}%}", "interval": " to ".join(ends)}
    sign = "" if name == RATIO else "+"
    return {"value": f"{value:{sign}.2f}", "interval": f"{low:{sign}.2f} to {high:{sign}.2f}"}
