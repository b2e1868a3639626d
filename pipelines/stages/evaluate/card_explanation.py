"""Part of the model card: what the scores are made of.

Not here: the numbers (``explanation.py``), the page (``card.py``).
"""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from pipelines.shared.pages.bars import Bar, BarPlot
from pipelines.stages.evaluate.heads.protocol import MetricText

SHOWN = 15

EXPLANATION = """{% if explanation %}<h2>What the scores are made of</h2>
<section class="wide"><h3>Importance of features</h3>{{ explanation.importance }}
<p class="soft" style="margin-top: 10px">{{ explanation.note }}</p></section>
{% if explanation.contributions %}<section class="wide" style="margin-top: 14px"><h3>Contributions</h3>{{ explanation.contributions }}
<p class="soft" style="margin-top: 10px">{{ explanation.contribution_note }}</p></section>
<section class="wide" style="margin-top: 14px"><h3>Why the highest scores are high</h3>
<table><tr><th>row</th><th class="num">score</th><th>had the event</th><th>what raises it most (log-odds)</th></tr>
{% for each in explanation.examples %}<tr><td>{{ each.row }}</td><td class="num">{{ each.score }}</td>
<td>{{ each.label }}</td><td>{{ each.reasons }}</td></tr>
{% endfor %}</table></section>{% endif %}
{% endif %}"""


def explanation_of(
    evaluated: Mapping[str, Any], texts: Mapping[str, MetricText]
) -> dict[str, Any] | None:
    """What the template shows; None where nothing is explained."""
    found = evaluated.get("explanation")
    if not found:
        return None
    metric = texts[found["metric"]].title if found["metric"] in texts else found["metric"]
    parts = {"importance": _importance(found, metric), "note": _note(found, metric)}
    if "contributions" not in found:
        return parts | {
            "contributions": None,
            "note": f"{parts['note']} Single scores are explained for the head Binary alone.",
        }
    return parts | {
        "contributions": _contributions(found),
        "contribution_note": _contribution_note(found),
        "examples": [*map(_example, found["examples"])],
    }


def _importance(found: Mapping[str, Any], metric: str) -> Markup:
    bars = [
        Bar(each["name"], each["decline"], (each["interval"][0], each["interval"][1]))
        for each in found["features"][:SHOWN]
    ]
    plot = BarPlot(
        title="Importance of features", label=f"decline of {metric.lower()}", bars=bars
    )
    return Markup(plot.svg())  # noqa: S704  names are escaped there


def _note(found: Mapping[str, Any], metric: str) -> str:
    left = len(found["features"]) - SHOWN
    others = f" {left} features with less are not shown." if left > 0 else ""
    return (
        f"How much worse {metric.lower()} is where a feature has the values of other rows, on {found['rows']:,} rows "
        f"({found['repeats']} times, with 95 % intervals). Features that say the same hide each other.{others}"
    )


def _contributions(found: Mapping[str, Any]) -> Markup:
    ordered = sorted(found["contributions"].items(), key=lambda each: (-each[1], each[0]))
    plot = BarPlot(
        title="Mean contribution of features",
        label="mean absolute contribution, log-odds",
        bars=[Bar(name, value) for name, value in ordered[:SHOWN]],
    )
    return Markup(plot.svg())  # noqa: S704  names are escaped there


def _contribution_note(found: Mapping[str, Any]) -> str:
    return (
        f"How far each feature moves a score from that of the mean training row (log-odds {found['reference']:.2f}), up "
        f"or down, in the mean of {found['contribution_rows']:,} rows. By {found['method']}; the contributions of a "
        f"row add up to its log-odds. 0.7 in log-odds doubles the odds."
    )


def _example(each: Mapping[str, Any]) -> dict[str, str]:
    keys = ", ".join(f"{n} {'missing' if v is None else v}" for n, v in each["keys"].items())
    reasons = ", ".join(f"{r['feature']} {r['contribution']:+.2f}" for r in each["reasons"])
    return {
        "row": keys,
        "score": f"{each['score']:.4f}",
        "label": "yes" if each["label"] else "no",
        "reasons": reasons or "nothing: it is like the mean row",
    }
