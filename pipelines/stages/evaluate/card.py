"""The model card: one page with the verdict, the numbers behind it and the plots.

Why: who decides over a model, or asks later why it was promoted, reads this page alone.
Promise: self-contained (no script, font or file from elsewhere); the same bytes for the same model
    but for what serving cost, which was measured.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.core.text import for_page
from pipelines.protocol import giver_of
from pipelines.shared.pages.plots import Plot, legend
from pipelines.shared.pages.style import STYLE
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
<p class="soft">Model as of {{ as_of }}, seed {{ seed }} &middot; judged on {{ first_day }} to {{ last_day }}</p>
<section class="verdict {{ verdict }}"><b>Recommended: {{ verdict }}</b>
{% for reason in reasons %}<p>{{ reason }}</p>{% endfor %}<p class="soft">{{ outcome }}</p></section>
<section class="tiles">
{% for tile in tiles %}<div class="tile"><h3>{{ tile.title }}</h3>
<div class="value num">{{ tile.value }}</div>
<p class="soft num">95 % interval {{ tile.low }} to {{ tile.high }}</p>
{% if tile.champion %}<p class="soft num">champion {{ tile.champion }}, difference {{ tile.difference }}</p>{% endif %}
<p class="soft">{{ tile.meaning }}</p></div>
{% endfor %}</section>
"""
    + SERVING_SECTION
    + """<h2>Plots</h2>
<section class="plots">
{% for plot in plots %}<figure><h3>{{ plot.title }}</h3>{{ plot.svg }}{{ plot.legend }}</figure>
{% endfor %}<figure class="wide"><h3>Calibration, in numbers</h3><table><tr><th>score</th><th class="num">rows</th><th class="num">mean score</th>
<th class="num">share of events</th></tr>
{% for row in calibration %}<tr><td class="num" style="text-align:left">{{ row.low }} to {{ row.high }}</td>
<td class="num">{{ "{:,}".format(row.rows) }}</td><td class="num">{{ "%.4f"|format(row.mean_score) }}</td>
<td class="num">{{ "%.4f"|format(row.share) }}</td></tr>
{% endfor %}</table></figure></section>
<h2>How it was judged and made</h2>
<section class="wide"><table>
{% for name, value in facts %}<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}</table></section>
</main>
</html>
"""
)


def outcome_note() -> str:
    """What the card says of the recommendation."""
    return (
        f"This is what the numbers recommend. Whether the model became the champion is reported by "
        f"the task {giver_of('promotion').name}: a champion of a later day, or a person, may overrule it."
    )


TILES = {
    "auc": ("ROC AUC", "Chance that an event scores above a row without one."),
    "average_precision": ("Average precision", "Precision, averaged over the events found."),
    "alert_precision": ("Precision of daily alerts", ""),
}


def card_page(
    judged: Mapping[str, Any],
    title: str,
    plots: Sequence[Plot],
    serving: Sequence[tuple[str, str]] = (),
) -> str:
    """The page as HTML.

    Args:
        judged: What ``metrics.json`` holds.
        title: The pipeline's title.
        plots: Plots in order.
        serving: Name and value of what serving costs.
    """
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=for_page
    )
    return environment.from_string(PAGE).render(
        title=title,
        style=Markup(STYLE),  # noqa: S704  a constant
        as_of=judged["as_of"],
        seed=judged["seed"],
        first_day=judged["test_days"][0],
        last_day=judged["test_days"][-1],
        verdict=judged["verdict"],
        reasons=judged["reasons"],
        outcome=outcome_note(),
        tiles=[_tile(judged, name) for name in TILES],
        plots=[
            {"title": p.title, "svg": Markup(p.svg()), "legend": Markup(legend(p))}  # noqa: S704
            for p in plots
        ],
        calibration=judged["calibration"],
        serving=serving,
        facts=_facts(judged),
    )


def _tile(judged: Mapping[str, Any], name: str) -> dict[str, str]:
    title, meaning = TILES[name]
    low, high = judged["intervals"][name]
    tile = {
        "title": title,
        "value": f"{judged['metrics'][name]:.3f}",
        "low": f"{low:.3f}",
        "high": f"{high:.3f}",
        "champion": "",
        "meaning": meaning
        or f"Compromised among the {judged['alerts_per_day']} looked at each day ({judged['alert_entity']}).",
    }
    if judged["champion"] is not None:
        champion = judged["champion"]
        low, high = champion["difference_intervals"][name]
        own, theirs = judged["metrics"][name], champion["metrics"][name]
        tile["champion"] = f"{theirs:.3f}"
        tile["difference"] = f"{own - theirs:+.3f} ({low:+.3f} to {high:+.3f})"
    return tile


def _facts(judged: Mapping[str, Any]) -> list[tuple[str, str]]:
    champion = judged["champion"]
    against = f"as of {champion['as_of']}, seed {champion['seed']}" if champion else "none"
    settings: list[tuple[str, object]] = []
    for part, values in judged["settings"].items():
        nested = isinstance(values, Mapping)
        settings += (
            [(f"{part}.{k}", v) for k, v in values.items()] if nested else [(part, values)]
        )
    return [
        ("rows judged", f"{judged['rows']:,}, of which {judged['positives']:,} events"),
        (
            "rows left out",
            f"{judged['removed']:,}, of entities known to be compromised by then",
        ),
        (
            "training rows",
            f"{judged['training_rows']:,}, of which {judged['training_positives']:,} events",
        ),
        ("training days", f"{judged['train_days'][0]} to {judged['train_days'][-1]}"),
        ("features", ", ".join(judged["features"])),
        ("champion", against),
        ("intervals", f"{judged['bootstrap_samples']} resamples of entities"),
        *((name, str(value)) for name, value in settings),
        ("model digest", judged["model_digest"]),
    ]
