"""The page of a search: what won, how each trial went, and every trial, the best first.

Why: before the winner's settings are used, a reader wants to see by how much it won.
Promise: self-contained, and the same bytes for the same trials. Drawn numbers are shown with four
    digits; the full value is in the tooltip and in ``trials.json``.
Not here: the plot (``learning_curves.py``), which trial wins (``stage.py``).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.core.text import for_page
from pipelines.protocol import Work
from pipelines.shared.pages.plots import legend
from pipelines.shared.pages.style import STYLE
from pipelines.stages.tune.learning_curves import learning_curve_plot
from pipelines.stages.tune.study import direction
from pipelines.stages.tune.winner import EVALUATED_ON

# How a trial can end, the best first, and its label.
ENDS = {"complete": "complete", "pruned": "pruned", "fail": "failed"}
# Blue, grey and amber can be distinguished without separating red from green.
CURVE_STYLE = """
figure .plot { min-width: 560px; }
polyline.winner { stroke: var(--own); stroke-width: 3; } circle.winner { fill: var(--own); }
polyline.complete { stroke: var(--soft); stroke-width: 1.5; } circle.complete { fill: var(--soft); }
polyline.pruned { stroke: var(--hold); stroke-width: 1.2; stroke-dasharray: 5 3; }
circle.pruned { fill: var(--hold); } polyline.fail { stroke: var(--bad); } circle.fail { fill: var(--bad); }
i.winner { background: var(--own); } i.complete { background: var(--soft); }
i.pruned { background: var(--hold); } i.fail { background: var(--bad); }
dl { display: flex; flex-wrap: wrap; gap: 4px 28px; margin: 10px 0; } dd { margin: 0; font-size: 17px; }
dt, th small { color: var(--soft); font-size: 12.5px; } th small { display: block; font-weight: 400; }
th { vertical-align: bottom; } tr.winner td { font-weight: 650; } td.num, td.value { white-space: nowrap; }
"""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: search as of {{ as_of }}</title>
<style>{{ style }}</style>
<main>
<h1>{{ title }}: search</h1>
<p class="soft">As of {{ as_of }} &middot; trained on {{ winner.trained_on[0] }} to
{{ winner.trained_on[-1] }}, evaluated on {{ evaluated_on[0] }} to {{ evaluated_on[-1] }},
before the test days of that model begin</p>
<section class="verdict BETTER"><b>Trial {{ winner.trial }}</b>
<p>{{ metric }} {{ "%.4f"|format(winner.value) }}, the best of {{ trials|length }}: {{ counts }}</p>
<dl>{% for name, value in won.items() %}<div><dt>{{ name }}</dt>
<dd class="num" title="{{ value }}">{{ value|short }}</dd></div>{% endfor %}</dl>
<p class="soft">A model run uses these settings, with all their digits, with the option
<code>--option tuned={{ as_of }}</code></p></section>
<figure class="wide"><h3>{{ plot.title }}</h3>{{ svg }}{{ legend }}</figure>
<h2>Trials, the best first</h2>
<section class="wide"><table>
<tr><th class="num">trial</th><th>end</th><th class="num">epochs</th><th class="num">{{ metric }}</th>
{% for section, name in columns.values() %}<th><small>{{ section }}</small>{{ name }}</th>
{% endfor %}</tr>
{% for trial in trials %}<tr{% if trial.number == winner.trial %} class="winner"{% endif %}>
<td class="num">{{ trial.number }}</td><td>{{ ends[trial.state] }}</td><td class="num">{{ trial.by_epoch|length }}</td>
<td class="num">{{ "%.4f"|format(trial.by_epoch[-1]) if trial.by_epoch else "" }}</td>
{% for column in columns %}{% set value = trial.settings.get(column, "") -%}
<td class="value"{% if value|short != value %} title="{{ value }}"{% endif %}>{{ value|short }}</td>
{% endfor %}</tr>
{% if trial.error %}<tr><td></td><td colspan="{{ 3 + columns|length }}">{{ trial.error }}</td></tr>
{% endif %}{% endfor %}</table></section>
</main>
</html>
"""


def tuning_page(
    work: Work, trials: Sequence[Mapping[str, Any]], winner: Mapping[str, Any]
) -> str:
    """The page as HTML.

    Args:
        work: The search.
        trials: All its trials, as ``trials.json`` has them.
        winner: What ``winner.json`` holds.
    """
    rises = direction(work.pipeline) == "maximize"
    plot = learning_curve_plot(trials, winner, rises=rises)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=for_page
    )
    environment.filters["short"] = short
    rows = [
        {**trial, "settings": _by_name(trial["settings"])}
        for trial in best_first(trials, rises=rises)
    ]
    return environment.from_string(PAGE).render(
        title=work.pipeline.title,
        as_of=work.model_day,
        style=Markup(STYLE + CURVE_STYLE),  # noqa: S704  a constant
        svg=Markup(plot.svg()),  # noqa: S704  made of numbers
        legend=Markup(legend(plot)),  # noqa: S704  constants
        plot=plot,
        metric=winner["metric"].replace("_", " "),
        counts=_counts(trials),
        columns=_columns(rows),
        ends=ENDS,
        trials=rows,
        winner=winner,
        evaluated_on=winner[EVALUATED_ON],
        won=_by_name(winner["settings"]),
    )


def best_first(trials: Sequence[Mapping[str, Any]], *, rises: bool) -> list[Mapping[str, Any]]:
    """Complete trials by their last value; then the others, those with the most epochs first."""

    def sort_key(trial: Mapping[str, Any]) -> tuple[int, int, float, int]:
        state, last = trial["state"], (trial["by_epoch"] or [math.nan])[-1]
        epochs = 0 if state == "complete" else len(trial["by_epoch"])
        loss = (-last if rises else last) if math.isfinite(last) else math.inf
        return list(ENDS).index(state), -epochs, loss, trial["number"]

    return sorted(trials, key=sort_key)


def short(value: str) -> str:
    """A drawn number with four digits; any other value as it is."""
    try:
        number = float(value)
    except ValueError:
        return value
    return value if number.is_integer() else f"{number:.4g}"


def _by_name(settings: Sequence[str]) -> dict[str, str]:
    named = (setting.partition("=") for setting in settings)
    return {name: value for name, _, value in named}


def _columns(trials: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, str]]:
    """Section and name of each setting that any trial drew, in the order of the best trial's."""
    names = dict.fromkeys(name for trial in trials for name in trial["settings"])
    parted = {name: name.rpartition(".") for name in names}
    return {name: (parts[0], parts[2].replace("_", " ")) for name, parts in parted.items()}


def _counts(trials: Sequence[Mapping[str, Any]]) -> str:
    states = [trial["state"] for trial in trials]
    return ", ".join(f"{states.count(state)} {word}" for state, word in ENDS.items())
