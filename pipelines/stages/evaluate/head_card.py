"""The model card of a head other than ``Binary``: verdict, numbers with intervals, training curve.

Why: whoever decides over such a model reads this page, as for events.
Promise: self-contained; the same bytes for the same model but for what serving cost.
Not here: an event's card (``card.py``), which has curves of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.core.text import for_page
from pipelines.shared.pages.style import STYLE
from pipelines.stages.evaluate.card import outcome_note
from pipelines.stages.evaluate.figures import loss_plot
from pipelines.stages.evaluate.serving_facts import SERVING_SECTION

MEANINGS = {
    "log_loss": "Mean negative log of the chance given to the true class; less is better.",
    "accuracy": "Share of rows whose class was told.",
    "rmse": "Root of the mean squared error; less is better.",
    "mae": "Mean distance from the true amount; less is better.",
    "rank_mae": "Mean distance from the true grade, in grades; less is better.",
    "concordance": "Chance that of two rows the one with the earlier event has the higher risk.",
    "brier": "Squared error of the survival curve, mean over its cuts; less is better.",
}
PAGE = (
    """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: model as of {{ judged.as_of }}</title>
<style>{{ style }}</style>
<main>
<h1>{{ title }}</h1>
<p class="soft">Model as of {{ judged.as_of }}, seed {{ judged.seed }} &middot; judged on
{{ judged.test_days[0] }} to {{ judged.test_days[-1] }}</p>
<section class="verdict {{ judged.verdict }}"><b>Recommended: {{ judged.verdict }}</b>
{% for reason in judged.reasons %}<p>{{ reason }}</p>{% endfor %}<p class="soft">{{ outcome }}</p></section>
<section class="tiles">
{% for name, value in judged.metrics.items() %}<div class="tile"><h3>{{ name.replace("_", " ") }}</h3>
<div class="value num">{{ "%.3f"|format(value) }}</div>
<p class="soft num">95 % interval {{ "%.3f to %.3f"|format(*judged.intervals[name]) }}</p>
{% if judged.champion %}<p class="soft num">champion {{ "%.3f"|format(judged.champion.metrics[name]) }},
difference {{ "%+.3f to %+.3f"|format(*judged.champion.difference_intervals[name]) }}</p>{% endif %}
<p class="soft">{{ meanings[name] }}</p></div>
{% endfor %}</section>
"""
    + SERVING_SECTION
    + """<h2>Training</h2>
<section class="plots"><figure><h3>{{ plot.title }}</h3>{{ svg }}</figure></section>
<h2>How it was judged and made</h2>
<section class="wide"><table>
<tr><th>rows judged</th><td>{{ "{:,}".format(judged.rows) }}</td></tr>
<tr><th>training days</th><td>{{ judged.train_days[0] }} to {{ judged.train_days[-1] }}</td></tr>
<tr><th>intervals</th><td>{{ judged.bootstrap_samples }} resamples of entities</td></tr>
{% for part, values in judged.settings.items() %}<tr><th>{{ part }}</th><td><code>{{ values }}</code></td></tr>
{% endfor %}<tr><th>model digest</th><td>{{ judged.model_digest }}</td></tr>
</table></section>
</main>
</html>
"""
)


def head_card(
    judged: Mapping[str, Any],
    title: str,
    losses: Sequence[float],
    serving: Sequence[tuple[str, str]] = (),
) -> str:
    """The page as HTML.

    Args:
        judged: What ``metrics.json`` holds.
        title: The pipeline's title.
        losses: Training loss of each epoch.
        serving: Name and value of what serving costs.
    """
    plot = loss_plot(losses)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=for_page
    )
    return environment.from_string(PAGE).render(
        judged=judged,
        title=title,
        style=Markup(STYLE),  # noqa: S704  a constant
        svg=Markup(plot.svg()),  # noqa: S704  made of numbers
        plot=plot,
        meanings=MEANINGS,
        outcome=outcome_note(),
        serving=serving,
    )
