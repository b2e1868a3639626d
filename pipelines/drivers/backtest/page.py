"""The page of a backtest: a table of the policies, their course, and what they cost.

Promise: rendered from the result alone; it loads nothing and may run no script.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.shared.expectations.report import environment
from pipelines.shared.pages.plots import Axis, Plot, Series
from pipelines.shared.pages.style import STYLE

WEEK_DAYS = 7
STYLES = tuple(f"policy{number}" for number in range(8))
WIDE = 860


def backtest_page(result: Mapping[str, Any], title: str) -> str:
    """The page as HTML."""
    template = environment(Path(__file__).parent).get_template("backtest.html.j2")
    policies = result["policies"]
    styles = {p["policy"]: STYLES[n % len(STYLES)] for n, p in enumerate(policies)}
    plots = [_by_week(policies, styles), _by_cost(policies, styles)]
    return template.render(
        result=result,
        title=title,
        style=STYLE,
        styles=styles,
        plots=[(plot.title, plot.svg()) for plot in plots],
        best=max((p["caught"] for p in policies), default=0),
    )


def weekly_share(days: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """Share of each week's events that had an alert, from the first day on; None for a week without events."""
    shares = []
    for start in range(0, len(days), WEEK_DAYS):
        week = days[start : start + WEEK_DAYS]
        events = sum(day["events"] for day in week)
        shares.append(sum(day["caught"] for day in week) / events if events else None)
    return shares


def _by_week(policies: Sequence[Mapping[str, Any]], styles: Mapping[str, str]) -> Plot:
    series, longest = list[Series](), 1
    for each in policies:
        shares = weekly_share(each["days"])
        points = [(n + 1.0, share) for n, share in enumerate(shares) if share is not None]
        longest = max(longest, len(shares))
        series.append(Series(points=points, style=styles[each["policy"]], label=each["policy"]))
    return Plot(
        title="Share of events that had an alert, by week",
        x=Axis(label="week", low=1, high=max(longest, 2), whole=True),
        y=Axis(label="caught", low=0, high=1),
        series=series,
        width=WIDE,
    )


def _by_cost(policies: Sequence[Mapping[str, Any]], styles: Mapping[str, str]) -> Plot:
    minutes = [each["cpu_minutes"] for each in policies]
    shares = [each["caught_share"] or 0.0 for each in policies]
    room = max(0.02, 0.3 * (max(shares) - min(shares)))
    return Plot(
        title="Share of events that had an alert, by CPU-minutes of training",
        x=Axis(label="CPU-minutes", low=0, high=max(1.1 * max(minutes), 0.1)),
        y=Axis(label="caught", low=max(min(shares) - room, 0), high=min(max(shares) + room, 1)),
        series=[
            Series(
                points=[(cost, share)],
                style=styles[each["policy"]],
                label=each["policy"],
                kind="dots",
                title=[f"{each['policy']}: {share:.1%} for {cost:.1f} CPU-minutes"],
            )
            for each, cost, share in zip(policies, minutes, shares, strict=True)
        ],
        width=WIDE,
    )
