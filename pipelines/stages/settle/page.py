"""The page of a settlement: what was learnt, beside the four weeks before it.

Promise: self-contained; made from published settlements alone, those before it as they are when the page is made:
    ``python -m pipelines pages --again`` makes it anew.
Not here: the plots (``plots.py``).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from pipelines.core.days import shift
from pipelines.core.text import for_page
from pipelines.protocol import Work
from pipelines.shared.pages.plots import legend
from pipelines.shared.pages.style import STYLE
from pipelines.shared.settlements.cumulative import cumulative, estimate_errors, without_repeats
from pipelines.shared.settlements.files import read_settled
from pipelines.shared.settlements.ledger import SettledPartition, read_ledger
from pipelines.spec import Binary, Pipeline, primary_metric
from pipelines.spec.maturing import day_after
from pipelines.stages.settle.inputs import GIVEN
from pipelines.stages.settle.plots import alerts_plot, metric_plot

SPAN_DAYS = 28
TITLES = {
    "auc": "ROC AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "precision": "precision of alerts",
    "brier": "Brier score",
}
TITLES |= {
    "recall": "share of events caught",
    "alert_precision": "precision of the day's highest entities",
}
COUNTED = {
    "scored": "rows scored",
    "without_score": "rows without a score, which came after it",
    "no_longer_there": "scored rows that are no longer in the partition",
    "without_label": "without a label",
    "known": "of entities whose event was known",
    "counted": "counted",
}
ASSUMPTIONS = (
    "Expected values are made without labels, by confidence-based performance estimation (CBPE): each row counts as its "
    "probability of rows with the event. They are right where probabilities are calibrated and the event follows from the "
    "features as it did on the training days (no concept drift); they cannot show that this has changed. What came "
    "true can. Where rows of entities whose event was known are left out, they must be calibrated on the others."
)
PAGE_STYLE = """
line.own { stroke: var(--own); } rect.caught { fill: var(--good); } i.caught { background: var(--good); }
rect.missed { fill: var(--event); } i.missed { background: var(--event); }
rect.false { fill: var(--champion); } i.false { background: var(--champion); }
circle.expected { fill: none; stroke: var(--hold); stroke-width: 2; } i.expected { background: var(--hold); }
.wide { margin-bottom: 14px; } table + table { margin-top: 16px; } .plots + p { margin-top: 8px; } td { white-space: nowrap; }
"""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}: settlement of {{ partition }}</title>
<style>{{ style }}</style>
<main>
<h1>{{ title }}</h1>
<p class="soft">Settlement of {{ partition }}{{ zone }} &middot; labels are known {{ settled_days }} days after a partition</p>
{% for text in said %}<p>{{ text }}</p>{% endfor %}
{% if plots %}<h2>By partition</h2>
<section class="plots">
{% for plot in plots %}<figure><h3>{{ plot.title }}</h3>{{ plot.svg }}{{ plot.legend }}</figure>
{% endfor %}</section>
<p class="soft">Bars are 95 % intervals, by resampling entities.</p>{% endif %}
{% for matured in measured %}<h2>What came true of {{ matured.partition }}</h2>
{% for model in matured.models %}<section class="wide"><h3>Model version {{ model.model_version }} ({{ model.role }})</h3>
<p class="soft">{{ model.facts }}</p>{% if model.rows %}<table>
<tr><th>metric</th><th class="num">came true</th><th class="num">95 % interval</th><th class="num">expected</th><th class="num">expected less true</th></tr>
{% for row in model.rows %}<tr><td>{{ row.name }}</td><td class="num">{{ row.value }}</td><td class="num">{{ row.between }}</td>
<td class="num">{{ row.expected }}</td><td class="num">{{ row.error }}</td></tr>
{% endfor %}</table>{% endif %}{% if model.groups %}<table>
<tr><th>column</th><th>group</th><th class="num">rows</th>{% for name in model.group_metrics %}<th class="num">{{ name }}</th>{% endfor %}</tr>
{% for group in model.groups %}<tr><td>{{ group.column }}</td><td>{{ group.name }}</td><td class="num">{{ group.rows }}</td>
{% for cell in group.cells %}<td class="num">{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table>{% endif %}</section>
{% endfor %}{% endfor %}
{% if estimates %}<h2>What is expected of {{ partition }}</h2>
<section class="wide"><table><tr><th>metric</th>{% for each in estimates %}<th class="num">version {{ each.model_version }} ({{ each.role }})</th>{% endfor %}</tr>
{% for row in estimate_rows %}<tr><td>{{ row.name }}</td>{% for cell in row.cells %}<td class="num">{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></section>
<p class="soft">{{ assumptions }}</p>{% endif %}
{% if cumulative %}<h2>Over the last weeks</h2>
<section class="wide"><table><tr><th>metric</th>{% for each in cumulative %}<th class="num">{{ each.title }}</th>{% endfor %}</tr>
{% for row in cumulative_rows %}<tr><td>{{ row.name }}</td>{% for cell in row.cells %}<td class="num">{{ cell.value }}<br><span class="soft">{{ cell.between }}</span></td>{% endfor %}</tr>
{% endfor %}</table></section>
<p class="soft">Counts and costs are sums; other metrics are means over partitions. Below each value its 95 % interval.</p>{% endif %}
{% if errors %}<h2>How far estimates were off</h2>
<section class="wide"><table><tr><th>metric</th><th class="num">mean error</th><th class="num">mean size of the error</th><th class="num">partitions</th></tr>
{% for each in errors %}<tr><td>{{ each.name }}</td><td class="num">{{ each.mean }}</td><td class="num">{{ each.size }}</td><td class="num">{{ each.partitions }}</td></tr>
{% endfor %}</table></section>{% endif %}
</main>
</html>
"""

Json = Mapping[str, Any]


def settlement_page(work: Work, folder: Path) -> str:
    """The page as HTML, from what the settlement published and the settlements before it."""
    settled, pipeline = read_settled(folder), work.pipeline
    ledger = _ledger(work, folder)
    as_of = day_after(pipeline, work.day)
    pooled = without_repeats(cumulative(ledger, pipeline, as_of))
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, finalize=for_page
    )
    measured = [each for each in settled["matured"] if not each["says"]]
    return environment.from_string(PAGE).render(
        title=pipeline.title,
        partition=settled["partition"],
        settled_days=settled["settled_days"],
        zone=pipeline.partitions().note,
        style=Markup(STYLE + PAGE_STYLE),  # noqa: S704  a constant
        said=list(_said(settled)),
        plots=_plots(pipeline, ledger),
        measured=[_measured(each) for each in measured],
        assumptions=ASSUMPTIONS,
        **_estimates(settled),
        **_cumulative(pooled),
        errors=[
            {
                "name": _title(name),
                "mean": f"{error['mean_error']:+.4g}",
                "size": shown(error["mean_absolute_error"]),
                "partitions": error["partitions"],
            }
            for name, error in estimate_errors(ledger).items()
        ],
    )


def shown(value: float | None) -> str:
    """A number as the page shows it."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.4g}"  # noqa: PLR2004  digits enough


def _ledger(work: Work, folder: Path) -> list[SettledPartition]:
    """The settlements of the last weeks, with this one as it is about to be published."""
    pipeline, as_of = work.pipeline, day_after(work.pipeline, work.day)
    first = pipeline.partitions().of_day(shift(as_of, -SPAN_DAYS - 1))
    before = read_ledger(work.store, pipeline, as_of, first)
    earlier = [each for each in before if each.partition < work.day]
    return [*earlier, SettledPartition.of_folder(work.day, folder)]


def _plots(pipeline: Pipeline, ledger: list[SettledPartition]) -> list[dict[str, Any]]:
    name = primary_metric(pipeline.head)
    models = [
        (partition, model)
        for each in ledger
        for partition, model in each.models()
        if model["role"] == GIVEN
    ]
    drawn = [metric_plot(pipeline, models, name, _title(name))]
    if isinstance(pipeline.head, Binary):
        drawn += [metric_plot(pipeline, models, n, _title(n)) for n in ("auc", "precision")]
        drawn += [alerts_plot(pipeline, models)]
    return [
        {
            "title": plot.title,
            "svg": Markup(plot.svg()),  # noqa: S704  made of numbers
            "legend": Markup(legend(plot)),  # noqa: S704  constants
        }
        for plot in drawn
        if plot is not None
    ]


def _said(settled: Json) -> Iterator[str]:
    if not settled["matured"]:
        yield "No labels became known in this partition."
    yield from (each["says"] for each in settled["matured"] if each["says"])
    if settled["no_estimate"]:
        yield settled["no_estimate"]


def _measured(matured: Json) -> Json:
    return {"partition": matured["partition"], "models": [_model(m) for m in matured["models"]]}


def _model(model: Json) -> Json:
    counts = "; ".join(f"{n:,} {COUNTED[name]}" for name, n in model["counts"].items())
    expected, errors = model.get("expected", {}), model.get("errors", {})
    rows = [
        {
            "name": _title(name),
            "value": shown(value),
            "between": _between(model["intervals"].get(name)),
            "expected": shown(expected.get(name)),
            "error": f"{errors[name]:+.4g}" if name in errors else "",
        }
        for name, value in model["metrics"].items()
    ]
    facts = f"{model['says']} {counts}."
    return {**model, "facts": facts, "rows": rows, **_groups(model["groups"])}


def _groups(groups: list[Json]) -> Json:
    names = list(dict.fromkeys(n for each in groups for n in each.get("metrics", {})))
    rows = [
        {
            "column": each["column"],
            "name": each["group"],
            "rows": "too few to show" if each["suppressed"] else f"{each['rows']:,}",
            "cells": [shown(each.get("metrics", {}).get(name)) for name in names],
        }
        for each in groups
    ]
    return {"groups": rows, "group_metrics": [_title(name) for name in names]}


def _estimates(settled: Json) -> dict[str, Any]:
    """A column for each model, a row for each metric."""
    found = settled["estimates"]
    names = list(dict.fromkeys(n for each in found for n in each["expected"]))
    rows = [
        {"name": _title(n), "cells": [shown(e["expected"].get(n)) for e in found]}
        for n in names
    ]
    return {"estimates": found, "estimate_rows": rows}


def _cumulative(pooled: list[dict[str, Any]]) -> dict[str, Any]:
    """A column for each span and model, a row for each metric."""
    names = list(dict.fromkeys(n for each in pooled for n in each["metrics"]))
    rows = [
        {
            "name": _title(name),
            "cells": [
                {
                    "value": shown(each["metrics"].get(name)),
                    "between": _between(each["intervals"].get(name)),
                }
                for each in pooled
            ],
        }
        for name in names
    ]
    columns = [{"title": f"{each['days']} days, {_whose(each)}"} for each in pooled]
    return {"cumulative": columns, "cumulative_rows": rows}


def _whose(each: Json) -> str:
    version = each["model_version"]
    return "as given" if version is None else f"version {version}"


def _between(ends: list[float] | None) -> str:
    return "" if ends is None else f"{shown(ends[0])} to {shown(ends[1])}"


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))
