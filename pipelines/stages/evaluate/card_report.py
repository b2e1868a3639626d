"""Parts of the model card that only some evaluations have: baselines, subgroups, and the report.

Promise: a group or a count by which single people could be recognised is not on the page.
Not here: the page (``card.py``), what the report says (``reporting.py``, ``participants.py``).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.shared.metrics.row_groups import LEAST_ENTITIES, LEAST_EVENTS
from pipelines.shared.pages.small_cells import is_small, shown_count
from pipelines.spec.heads import COST
from pipelines.stages.evaluate.heads.protocol import MetricText

BESIDE = """{% if beside %}<h2>Beside simple models</h2>
<section class="wide"><table><tr><th></th><th class="num">this model</th>
{% for each in beside.titles %}<th class="num">{{ each }}</th><th class="num">difference</th>{% endfor %}</tr>
{% for row in beside.rows %}<tr><td>{{ row.title }}</td><td class="num">{{ row.own }}</td>
{% for each in row.others %}<td class="num">{{ each.value }}</td><td class="num">{{ each.change }}<br>
<span class="soft" style="white-space: nowrap">{{ each.between }}</span></td>{% endfor %}</tr>
{% endfor %}</table><p class="soft" style="margin-top: 10px">Differences with 95 % intervals, on the same resamples.
{% for each in beside.facts %}{{ each }} {% endfor %}</p></section>
{% endif %}"""

SUBGROUPS = """{% if subgroups %}<h2>Subgroups</h2>
<section class="wide"><table><tr><th>group</th><th class="num">rows</th>
{% for each in subgroups.titles %}<th class="num">{{ each }}</th><th class="num">gap to the rest</th>{% endfor %}
{% if subgroups.champion %}<th class="num">less the champion's ({{ subgroups.champion }})</th>{% endif %}</tr>
{% for row in subgroups.rows %}<tr><td>{{ row.name }}</td><td class="num">{{ row.count }}</td>
{% for each in row.cells %}<td class="num">{{ each.value }}<br><span class="soft" style="white-space: nowrap">{{ each.interval }}</span></td>
<td class="num">{{ each.change }}<br><span class="soft" style="white-space: nowrap">{{ each.between }}</span></td>{% endfor %}
{% if subgroups.champion %}<td class="num">{{ row.champion.change }}<br><span class="soft" style="white-space: nowrap">{{ row.champion.between }}</span></td>{% endif %}</tr>
{% endfor %}</table><p class="soft" style="margin-top: 10px">With 95 % intervals. {{ subgroups.note }}</p></section>
{% endif %}"""

REPORT = """{% if report %}<h2>Report (items of TRIPOD+AI)</h2>
<section class="wide"><table>{% for each in report["items"] %}<tr><th>{{ each.item }}</th><td>{{ each.text }}</td></tr>
{% endfor %}</table></section>
{% if report.flow %}<h2>Participants</h2>
<section class="wide"><table><tr><th></th><th class="num">rows</th><th class="num">entities</th></tr>
{% for each in report.flow %}<tr><td>{% if each.left_out %}<span class="soft" style="white-space: nowrap">left out: </span>{% endif %}{{ each.step }}</td>
<td class="num">{{ each.rows }}</td><td class="num">{{ each.entities }}</td></tr>
{% endfor %}</table></section>{% endif %}
<h2>Predictors</h2>
<section class="wide"><table><tr><th>column</th><th>steps</th><th class="num">missing in training</th>
<th class="num">missing in test</th></tr>
{% for each in report.predictors %}<tr><td>{{ each.name }}</td><td><code>{{ each.steps }}</code></td>
<td class="num">{{ "%.1f %%"|format(100 * each.missing_train) }}</td>
<td class="num">{{ "%.1f %%"|format(100 * each.missing_test) }}</td></tr>
{% endfor %}</table></section>
{% endif %}"""

LISTED = 2
HIDDEN = "not shown"
MOST_SHOWN = 4  # metrics of a group that a page is wide enough for, the champion's being one
EMPTY = {"interval": "", "change": "", "between": ""}
BRIEFLY = ("brier", "calibration_intercept", "calibration_error", COST)
HORIZON = re.compile(r"_([0-9.e+]+)d$")


def beside_of(
    evaluated: Mapping[str, Any], texts: Mapping[str, MetricText]
) -> dict[str, Any] | None:
    """The table of baselines; None where there are none."""
    baselines = evaluated.get("baselines")
    if not baselines:
        return None
    rows = [
        {
            "title": text.title,
            "own": f"{evaluated['metrics'][name]:.4f}",
            "others": [_other(evaluated["metrics"][name], each, name) for each in baselines],
        }
        for name, text in texts.items()
        if name in evaluated["metrics"]
    ]
    titles = [_short(each["title"]) for each in baselines]
    return {"titles": titles, "rows": rows, "facts": [*map(_fitted, baselines)]}


def _short(title: str) -> str:
    """A title that heads a column: many features are counted, and listed below the table."""
    what, _, features = title.partition(" of ")
    count = features.count(", ") + 1
    return title if count <= LISTED else f"{what} of {count} features"


def _other(own: float, baseline: Mapping[str, Any], name: str) -> dict[str, str]:
    if name not in baseline["difference_intervals"]:
        return {"value": "", "change": "", "between": ""}
    value, between = baseline["metrics"][name], baseline["difference_intervals"][name]
    return {"value": f"{value:.4f}", **changed(own - value, between)}


def _fitted(baseline: Mapping[str, Any]) -> str:
    facts = baseline["facts"]
    if "rows" not in facts:
        return ""
    events = shown_count(facts["events"])
    return f"{baseline['title']}: fitted to {facts['rows']:,} training rows, {events} of them with the event."


def subgroups_of(
    evaluated: Mapping[str, Any], texts: Mapping[str, MetricText], primary: str
) -> dict[str, Any] | None:
    """The table of subgroups, by the primary metric beside the champion; None where there are none."""
    groups = evaluated.get("subgroups")
    if not groups:
        return None
    compared = any(primary in each.get("champion_differences", ()) for each in groups)
    shown = shown_metrics([name for name in texts if name in evaluated["metrics"]])
    shown = shown[: MOST_SHOWN - 2 * compared]
    note = (
        f"A group of fewer than {LEAST_ENTITIES} entities or {LEAST_EVENTS} events is not shown, and then the counts "
        f"of the others are rounded down."
        if any(each["suppressed"] for each in groups)
        else ""
    )
    titles = [texts[name].title for name in shown]
    rows = [
        _group(each, shown) | {"champion": beside_champion(each, primary)} for each in groups
    ]
    champion = texts[primary].title.lower() if compared else ""
    return {"titles": titles, "rows": rows, "note": note, "champion": champion}


def beside_champion(each: Mapping[str, Any], metric: str) -> dict[str, str]:
    """The difference of a metric of a group to the champion's."""
    if metric not in each.get("champion_differences", ()):
        return {"change": "", "between": ""}
    between = each["champion_difference_intervals"][metric]
    return changed(each["champion_differences"][metric], between)


def shown_metrics(names: Sequence[str]) -> list[str]:
    """The metrics that a subgroup has on the page: the first, and those of the last horizon, but few in all."""
    names = [name for name in names if not name.startswith(BRIEFLY)]
    horizons = [float(found[1]) for name in names if (found := HORIZON.search(name))]
    if not horizons:
        return list(names)
    last = f"_{max(horizons):g}d"
    return [*names[:1], *(name for name in names if name.endswith(last))]


def _group(each: Mapping[str, Any], shown: Sequence[str]) -> dict[str, Any]:
    name = f"{each['column']}: {each['group']}"
    if each["suppressed"]:
        cells = [{"value": HIDDEN} | EMPTY for _ in shown]
        return {"name": name, "count": HIDDEN, "cells": cells}
    cells = [_cell(each, metric) for metric in shown]
    return {"name": name, "count": f"{each['rows']:,}", "cells": cells}


def _cell(each: Mapping[str, Any], metric: str) -> dict[str, str]:
    if metric not in each["metrics"]:
        return {"value": ""} | EMPTY
    low, high = each["intervals"][metric]
    cell = {"value": f"{each['metrics'][metric]:.3f}", "interval": f"{low:.3f} to {high:.3f}"}
    if metric not in each["gaps"]:
        return EMPTY | cell
    return cell | changed(each["gaps"][metric], each["gap_intervals"][metric])


def changed(value: float, between: Sequence[float]) -> dict[str, str]:
    """A difference and its interval."""
    digits = 3 if abs(value) >= 0.01 else 4  # noqa: PLR2004  small gains have small units
    low, high = (f"{each:+.{digits}f}" for each in between)
    return {"change": f"{value:+.{digits}f}", "between": f"{low} to {high}"}


def report_of(evaluated: Mapping[str, Any]) -> dict[str, Any] | None:
    """The report, with counts of few people hidden; None where there is none."""
    report = evaluated.get("report")
    if not report:
        return None
    return {**report, "flow": [_step(each) for each in report["flow"]]}


def _step(each: Mapping[str, Any]) -> dict[str, Any]:
    entities = each["entities"]
    few = is_small(each["rows"] if entities is None else entities)
    rows = shown_count(each["rows"]) if entities is None or not few else HIDDEN
    return {**each, "rows": rows, "entities": "" if entities is None else shown_count(entities)}
