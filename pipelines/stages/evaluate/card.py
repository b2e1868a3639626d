"""The model card: one page with the verdict, the numbers behind it and the plots.

Why: who decides over a model, or asks later why it is used, reads this page first.
Promise: self-contained (no script, font or file from elsewhere); the same bytes for the same model
    but for what serving cost, which was measured.
Not here: where its numbers come from (``model_card.py``), what a head shows (``heads/``), baselines, subgroups
    and the report (``card_report.py``).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.core.text import for_page
from pipelines.protocol import giver_of
from pipelines.shared.pages.headlines import verdict_headline
from pipelines.shared.pages.plots import Plot, legend
from pipelines.shared.pages.style import STYLE
from pipelines.shared.tables import UNLABELLED
from pipelines.spec import primary_metric
from pipelines.stages.evaluate.card_decisions import DECISIONS, decisions_of
from pipelines.stages.evaluate.card_explanation import EXPLANATION, explanation_of
from pipelines.stages.evaluate.card_fairness import FAIRNESS, fairness_of
from pipelines.stages.evaluate.card_report import (
    BESIDE,
    REPORT,
    SUBGROUPS,
    beside_of,
    report_of,
    subgroups_of,
)
from pipelines.stages.evaluate.card_slices import SLICES, slices_of
from pipelines.stages.evaluate.heads.protocol import HeadEvaluation, MetricText
from pipelines.stages.evaluate.serving_facts import SERVING_SECTION

PAGE = (
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: model as of {{ as_of }}</title>
<style>{{ style }}</style>
<main>
<h1>{{ title }}</h1>
<p class="soft">Model as of {{ as_of }}, seed {{ seed }} &middot; evaluated on {{ first_day }} to {{ last_day }}{{ zone }}</p>
<section class="verdict {{ verdict }}"><b>{{ verdict }}: {{ headline }}</b>
{% for reason in reasons %}<p>{{ reason }}</p>{% endfor %}<p class="soft">{{ fate_note }}</p></section>
<section class="tiles">
{% for tile in tiles %}<div class="tile"><h3>{{ tile.title }}</h3>
<div class="value num">{{ tile.value }}</div>
<p class="soft num">95 % interval {{ tile.low }} to {{ tile.high }}</p>
{% if tile.champion %}<p class="soft num">champion {{ tile.champion }}, difference {{ tile.difference }}</p>{% endif %}
<p class="soft">{{ tile.meaning }}</p></div>
{% endfor %}</section>
"""
    + DECISIONS
    + BESIDE
    + SUBGROUPS
    + SLICES
    + FAIRNESS
    + EXPLANATION
    + SERVING_SECTION
    + """<h2>Plots</h2>
<section class="plots">
{% for plot in plots %}<figure><h3>{{ plot.title }}</h3>{{ plot.svg }}{{ plot.legend }}</figure>
{% endfor %}{% if calibration %}<figure class="wide"><h3>Calibration, in numbers</h3><table><tr><th>score</th><th class="num">rows</th><th class="num">mean score</th>
<th class="num">share of events</th></tr>
{% for row in calibration %}<tr><td class="num" style="text-align:left">{{ row.low }} to {{ row.high }}</td>
<td class="num">{{ "{:,}".format(row.rows) }}</td><td class="num">{{ "%.4f"|format(row.mean_score) }}</td>
<td class="num">{{ "%.4f"|format(row.share) }}</td></tr>
{% endfor %}</table></figure>{% endif %}</section>
<h2>How it was evaluated and made</h2>
<section class="wide"><table>
{% for name, value in facts %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table></section>
"""
    + REPORT
    + """</main>
</html>
"""
)


def fate_note() -> str:
    """Where the fate of the model is, which this page cannot know."""
    return (
        f"The verdict compares numbers. What happened to the model, its fate, is on the page of the task "
        f"{giver_of('promotion').name}, and in the list of registered versions."
    )


def card_page(
    evaluated: Mapping[str, Any],
    title: str,
    head: HeadEvaluation,
    plots: Sequence[Plot],
    serving: Sequence[tuple[str, str]] = (),
    zone: str = "",
) -> str:
    """The page as HTML.

    Args:
        evaluated: What ``metrics.json`` holds.
        title: The pipeline's title.
        head: Says what its metrics mean.
        plots: Plots in order.
        serving: Name and value of what serving costs.
        zone: Follows days that are not those of UTC.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=for_page
    )
    texts = head.texts(evaluated)
    return environment.from_string(PAGE).render(
        title=title,
        style=Markup(STYLE),  # noqa: S704  a constant
        as_of=evaluated["as_of"],
        seed=evaluated["seed"],
        first_day=evaluated["test_days"][0],
        last_day=evaluated["test_days"][-1],
        zone=zone,
        verdict=evaluated["verdict"],
        reasons=evaluated["reasons"],
        headline=verdict_headline(evaluated["verdict"], met=evaluated["champion"] is not None),
        fate_note=fate_note(),
        tiles=[
            _tile(evaluated, name, text)
            for name, text in texts.items()
            if name in evaluated["metrics"]
        ],
        plots=[
            {"title": p.title, "svg": Markup(p.svg()), "legend": Markup(legend(p))}  # noqa: S704
            for p in plots
        ],
        calibration=evaluated.get("calibration"),
        decisions=decisions_of(evaluated),
        beside=beside_of(evaluated, texts),
        subgroups=subgroups_of(evaluated, texts, primary_metric(head.head)),
        slices=slices_of(evaluated, texts, primary_metric(head.head)),
        fairness=fairness_of(evaluated),
        explanation=explanation_of(evaluated, texts),
        report=report_of(evaluated),
        serving=serving,
        facts=_facts(evaluated, head),
    )


def _tile(evaluated: Mapping[str, Any], name: str, text: MetricText) -> dict[str, str]:
    low, high = evaluated["intervals"][name]
    value, digits = evaluated["metrics"][name], _digits(evaluated["metrics"][name])
    tile = {
        "title": text.title,
        "value": f"{value:,.{digits}f}",
        "low": f"{low:,.{digits}f}",
        "high": f"{high:,.{digits}f}",
        "champion": "",
        "meaning": text.meaning,
    }
    champion = evaluated["champion"]
    if champion is not None and name in champion["difference_intervals"]:
        low, high = (f"{each:+,.{digits}f}" for each in champion["difference_intervals"][name])
        theirs = champion["metrics"][name]
        tile["champion"] = f"{theirs:,.{digits}f}"
        tile["difference"] = f"{value - theirs:+,.{digits}f} ({low} to {high})"
    return tile


def _digits(value: float) -> int:
    """Digits behind the point: more of a small value, none of an amount."""
    if abs(value) >= 100:  # noqa: PLR2004
        return 0
    return 3 if abs(value) >= 0.05 or value == 0 else 5  # noqa: PLR2004


def _facts(evaluated: Mapping[str, Any], head: HeadEvaluation) -> list[tuple[str, str]]:
    champion, train_days = evaluated["champion"], evaluated["train_days"]
    against = f"as of {champion['as_of']}, seed {champion['seed']}" if champion else "none"
    return [
        ("rows evaluated", f"{evaluated['rows']:,}"),
        *_without_label(evaluated),
        *_classes(evaluated),
        *head.card_facts(evaluated),
        ("training days", f"{train_days[0]} to {train_days[-1]}"),
        ("champion", against),
        ("intervals", f"{evaluated['bootstrap_samples']} resamples of entities"),
        *_settings(evaluated["settings"]),
        ("model digest", evaluated["model_digest"]),
    ]


def _without_label(evaluated: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = evaluated.get(UNLABELLED)
    return [("rows without a label", f"{rows:,}, scored and not counted")] if rows else []


def _classes(evaluated: Mapping[str, Any]) -> list[tuple[str, str]]:
    words = evaluated.get("classes", {})
    each = ", ".join(f"{value} is {word}" for value, word in words.items())
    return [("values of the label", each)] if each else []


def _settings(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings by name, those of a part by ``part.name``."""
    found = list[tuple[str, str]]()
    for part, values in settings.items():
        named = values.items() if isinstance(values, Mapping) else [("", values)]
        found += [(f"{part}.{name}" if name else part, str(value)) for name, value in named]
    return found
