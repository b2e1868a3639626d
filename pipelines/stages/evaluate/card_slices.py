"""Part of the model card: slices of rows that the model fails.

Not here: the search (``slices/``), declared subgroups (``card_report.py``).
"""

from collections.abc import Mapping
from typing import Any

from pipelines.stages.evaluate.card_report import beside_champion, changed
from pipelines.stages.evaluate.heads.protocol import MetricText

SLICES = """{% if slices %}<h2>Slices that were searched for</h2>
<section class="wide">{% if slices.rows %}<table><tr><th>slice</th><th class="num">rows</th><th class="num">{{ slices.loss }}, above the rest</th>
<th class="num">p, corrected</th><th class="num">{{ slices.title }}</th><th class="num">gap to the rest</th>
{% if slices.champion %}<th class="num">less the champion's</th>{% endif %}</tr>
{% for row in slices.rows %}<tr><td>{{ row.name }}</td><td class="num">{{ row.count }}</td>
<td class="num">{{ row.effect.change }}<br><span class="soft" style="white-space: nowrap">{{ row.effect.between }}</span></td>
<td class="num">{{ row.p }}</td>
<td class="num">{{ row.value }}<br><span class="soft" style="white-space: nowrap">{{ row.interval }}</span></td>
<td class="num">{{ row.gap.change }}<br><span class="soft" style="white-space: nowrap">{{ row.gap.between }}</span></td>
{% if slices.champion %}<td class="num">{{ row.champion.change }}<br><span class="soft" style="white-space: nowrap">{{ row.champion.between }}</span></td>{% endif %}</tr>
{% endfor %}</table>{% else %}<p><b>No slice is worse than the rest beyond chance.</b></p>{% endif %}
<p class="soft" style="margin-top: 10px">{{ slices.note }}</p></section>
{% endif %}"""

LEAST_P = 1e-4
NONE = {"change": "", "between": ""}


def slices_of(
    evaluated: Mapping[str, Any], texts: Mapping[str, MetricText], primary: str
) -> dict[str, Any] | None:
    """The table of found slices; None where none were searched for."""
    slices = evaluated.get("slices")
    if slices is None:
        return None
    found = slices["found"]
    return {
        "loss": slices["loss"],
        "title": texts[primary].title,
        "champion": any("champion_differences" in each for each in found),
        "rows": [_row(each, primary) for each in found],
        "note": _note(slices),
    }


def _note(slices: Mapping[str, Any]) -> str:
    looked = (
        f"{slices['looks']:,} slices were looked at. Where the model is as good on every slice, one is reported with a "
        f"chance of {slices['level']:g} at most (t-tests on entities, corrected by Holm)."
    )
    if not slices["found"]:
        return looked
    return (
        f"{looked} The worst is first; a slice that has mostly the rows of one above it is left out. Intervals are "
        f"those of a slice that was known before: of the worst of many they are too good in one direction, so confirm "
        f"it on later days, as a declared subgroup."
    )


def _row(each: Mapping[str, Any], primary: str) -> dict[str, Any]:
    name = each["group"] if ":" in each["group"] else f"{each['column']}: {each['group']}"
    row = {
        "name": name,
        "count": f"{each['rows']:,}" if "rows" in each else "",
        "effect": changed(each["effect"], each["effect_interval"]),
        "p": "below 0.0001" if each["corrected_p"] < LEAST_P else f"{each['corrected_p']:.4f}",
        "value": "",
        "interval": "",
        "gap": NONE,
        "champion": beside_champion(each, primary),
    }
    if primary not in each.get("metrics", ()):
        return row
    low, high = each["intervals"][primary]
    row |= {"value": f"{each['metrics'][primary]:.3f}", "interval": f"{low:.3f} to {high:.3f}"}
    if primary in each["gaps"]:
        row["gap"] = changed(each["gaps"][primary], each["gap_intervals"][primary])
    return row
