"""The plots of a model card: what each of them shows of a model's scores.

Why: a number says how good a model is, a curve where it is good.
Promise: each plot is made from arrays at hand, without another pass over the rows.
Not here: drawing (``pipelines/shared/pages/plots.py``), the page (``card.py``).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.shared.metrics.ranking import Ranking, curve
from pipelines.shared.pages.plots import Axis, Plot, Series

HISTOGRAM_BINS = 25


def roc_plot(own: Ranking, champion: Ranking | None) -> Plot:
    """True against false positive rate."""
    series = [Series(points=[(0, 0), (1, 1)], style="guide", label="chance")]
    for ranked, style, label in _both(own, champion):
        true, false = curve(ranked)
        points = np.column_stack(
            [np.append(0, false / false[-1]), np.append(0, true / true[-1])]
        )
        series.append(Series(points=points.tolist(), style=style, label=label))
    return Plot(
        title="ROC curve",
        x=Axis(label="false positive rate"),
        y=Axis(label="true positive rate"),
        series=series,
    )


def precision_recall_plot(own: Ranking, champion: Ranking | None, base_rate: float) -> Plot:
    """Precision against recall."""
    series = [
        Series(points=[(0, base_rate), (1, base_rate)], style="guide", label="share of events")
    ]
    for ranked, style, label in _both(own, champion):
        true, false = curve(ranked)
        seen = true + false > 0
        recall, precision = true[seen] / true[-1], true[seen] / (true + false)[seen]
        points = np.column_stack([recall, precision])
        series.append(Series(points=points.tolist(), style=style, label=label))
    return Plot(
        title="Precision and recall",
        x=Axis(label="recall"),
        y=Axis(label="precision"),
        series=series,
    )


def score_plot(y: NDArray[np.bool_], scores: NDArray[np.float32]) -> Plot:
    """How many rows have which score, with and without the event; counts on a log scale."""
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    series, highest = [], 1
    for chosen, style, label in ((~y, "champion", "no event"), (y, "event", "event")):
        counts, _ = np.histogram(scores[chosen], edges)
        highest = max(highest, int(counts.max(initial=0)))
        titles = [
            f"{low:.2f} to {high:.2f}: {n:,}"
            for low, high, n in zip(edges[:-1], edges[1:], counts, strict=True)
        ]
        points = [*zip(edges.tolist(), [*counts.tolist(), 0], strict=True)]
        series.append(
            Series(points=points, style=style, label=label, kind="bars", title=[*titles, ""])
        )
    top = 10.0 ** np.ceil(np.log10(max(highest, 10)))
    return Plot(
        title="Scores",
        x=Axis(label="score"),
        y=Axis(label="rows", low=0.5, high=float(top), log=True),
        series=series,
    )


def calibration_plot(table: Sequence[dict[str, float]]) -> Plot:
    """Share of events against the mean score, bin by bin."""
    points = [(row["mean_score"], row["share"]) for row in table]
    titles = [
        f"{row['rows']:,} rows: mean score {x:.3f}, events {y:.3f}"
        for row, (x, y) in zip(table, points, strict=True)
    ]
    return Plot(
        title="Calibration",
        x=Axis(label="mean score"),
        y=Axis(label="share of events"),
        series=[
            Series(points=[(0, 0), (1, 1)], style="guide", label="perfect"),
            Series(points=points, style="own"),
            Series(points=points, style="own", label="this model", kind="dots", title=titles),
        ],
    )


def loss_plot(losses: Sequence[float]) -> Plot:
    """Training loss of each epoch."""
    points = [(float(epoch), loss) for epoch, loss in enumerate(losses, start=1)]
    titles = [f"epoch {n:.0f}: {loss:.5f}" for n, loss in points]
    few = len(points) <= 40  # noqa: PLR2004  beyond, dots would cover the line
    dots = [Series(points=points, style="own", kind="dots", title=titles)] if few else []
    return Plot(
        title="Training loss",
        x=Axis(label="epoch", low=1, high=max(len(points), 2), whole=True),
        y=Axis(label="mean loss", high=1.05 * max(losses)),
        series=[Series(points=points, style="own"), *dots],
    )


def _both(own: Ranking, champion: Ranking | None) -> list[tuple[Any, str, str]]:
    """The champion first, so that the challenger is drawn on top."""
    named = [] if champion is None else [(champion, "champion", "champion")]
    return [*named, (own, "own", "this model")]
