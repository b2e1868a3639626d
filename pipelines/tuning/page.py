"""The page of a search: how each trial did, epoch by epoch, and what won.

Why: who takes over the winner's settings wants to see how far it was ahead.
Promise: self-contained, and the same bytes for the same trials.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.evaluation.card import STYLE
from pipelines.evaluation.plots import Axis, Plot, Series
from pipelines.stages import Work

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: search as of {{ as_of }}</title>
<style>{{ style }} circle.champion { fill: var(--champion); } figure { max-width: 620px; }</style>
<main>
<h1>{{ title }}: search</h1>
<p class="soft">As of {{ as_of }} &middot; trained on {{ winner.trained_on[0] }} to
{{ winner.trained_on[-1] }}, judged on {{ winner.judged_on[0] }} to {{ winner.judged_on[-1] }},
before the test days of that model begin</p>
<section class="verdict PROMOTE"><b>Trial {{ winner.trial }}</b>
<p>{{ winner.metric }} {{ "%.4f"|format(winner.value) }}</p>
<p><code>{{ winner.settings|join(" ") }}</code></p></section>
<section class="plots"><figure><h3>{{ plot.title }}</h3>{{ svg }}
<p class="legend"><span><i class="own"></i>winner</span><span><i class="champion"></i>other
trials</span></p></figure></section>
<h2>Trials</h2>
<section class="wide"><table>
<tr><th>trial</th><th>end</th><th class="num">epochs</th><th class="num">{{ winner.metric }}</th><th>settings</th></tr>
{% for trial in trials %}<tr><td>{{ trial.number }}</td><td>{{ trial.state }}</td>
<td class="num">{{ trial.by_epoch|length }}</td>
<td class="num">{{ "%.4f"|format(trial.by_epoch[-1]) if trial.by_epoch else "" }}</td>
<td><code>{{ trial.settings|join(" ") }}</code> {{ trial.error }}</td></tr>
{% endfor %}</table></section>
</main>
</html>
"""


def tuning_page(
    work: Work, trials: Sequence[Mapping[str, Any]], winner: Mapping[str, Any]
) -> str:
    """The page as HTML."""
    plot = tuning_plot(trials, winner)
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(PAGE).render(
        title=work.pipeline.title,
        as_of=work.model_day,
        style=Markup(STYLE),  # noqa: S704  a constant
        svg=Markup(plot.svg()),  # noqa: S704  made of numbers
        plot=plot,
        trials=trials,
        winner=winner,
    )


def tuning_plot(trials: Sequence[Mapping[str, Any]], winner: Mapping[str, Any]) -> Plot:
    """The watched metric of each trial after each epoch; where a line ends, the trial was stopped."""
    values = [value for trial in trials for value in trial["by_epoch"]]
    longest = max((len(trial["by_epoch"]) for trial in trials), default=1)
    series = []
    for trial in sorted(trials, key=lambda each: each["number"] == winner["trial"]):
        own = trial["number"] == winner["trial"]
        points = [(float(n), value) for n, value in enumerate(trial["by_epoch"], start=1)]
        style = "own" if own else "champion"
        series.append(Series(points=points, style=style))
        if points:
            told = f"trial {trial['number']}, {trial['state']}: {points[-1][1]:.4f}"
            series.append(Series(points=points[-1:], style=style, kind="dots", title=[told]))
    return Plot(
        title=f"{winner['metric']} of the validation days",
        x=Axis(label="epoch", low=0.0, high=float(longest), whole=True),
        y=Axis(
            label=winner["metric"], low=min(values, default=0.0), high=max(values, default=1.0)
        ),
        series=series,
    )
