"""The page of a search: the best trial first, readable numbers, no external resources."""

import re

import pytest

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.protocol import Work
from pipelines.spec import load
from pipelines.stages.tune.learning_curves import clipped, learning_curve_plot
from pipelines.stages.tune.page import best_first, short, tuning_page
from pipelines.stages.tune.winner import EVALUATED_ON


def trial(number, state, by_epoch, *settings, error=""):
    value = by_epoch[-1] if state == "complete" else None
    record = {"number": number, "state": state, "value": value, "by_epoch": by_epoch}
    return {**record, "settings": list(settings), "error": error}


TRIALS = [
    trial(0, "complete", [0.2, 0.5, 0.6], "model=dense", "model.dropout=0.31539834816417345"),
    trial(1, "pruned", [0.1, 0.3], "model=dense", "model.dropout=0.2"),
    trial(2, "fail", [], "model=deep_cross", "model.cross_layers=2", error="<nan> at step 3"),
    trial(3, "complete", [0.3, 0.6, 0.7], "model=deep_cross", "model.cross_layers=3"),
    trial(4, "pruned", [0.1, 0.4], "model=deep_cross", "model.cross_layers=1"),
]
WINNER = {
    "settings": TRIALS[3]["settings"],
    "trial": 3,
    "metric": "average_precision",
    "value": 0.7,
    "trained_on": ["2026-01-01"],
    EVALUATED_ON: ["2026-01-09"],
}


@pytest.fixture
def page(tmp_path):
    work = Work(
        pipeline=load("fraud_detection"),
        store=Store(str(tmp_path)),
        report=Reporter("tune"),
        as_of="2026-01-20",
        history_from="",
    )
    return tuning_page(work, TRIALS, WINNER)


def test_a_trial_that_stopped_itself_early_is_ranked_by_its_last_value():
    trials = [trial(0, "complete", [0.2, 0.3, 0.3]), trial(1, "complete", [0.5, 0.7])]
    assert [each["number"] for each in best_first(trials, rises=True)] == [1, 0]


def rows_of(page):
    table = page.partition("<table>")[2]
    return [
        [
            re.sub(r"<[^>]+>", " ", cell).strip()
            for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.S)
        ]
        for row in re.findall(r"<tr.*?</tr>", table, re.S)
    ]


def test_trials_are_listed_best_first_with_a_column_for_each_setting(page):
    head, *rows = rows_of(page)
    assert head[4:] == ["model", "model cross layers", "model dropout"]
    assert [row[0] for row in rows] == ["3", "0", "4", "1", "2", ""]
    assert rows[0] == ["3", "complete", "3", "0.7000", "deep_cross", "3", ""]
    assert rows[-1] == ["", "&lt;nan&gt; at step 3"]


def test_where_less_is_better_the_smallest_comes_first():
    assert [t["number"] for t in best_first(TRIALS, rises=False)] == [0, 3, 1, 4, 2]


def test_a_drawn_number_is_shown_with_four_digits_and_in_full_in_the_tooltip(page):
    assert '<td class="value" title="0.31539834816417345">0.3154</td>' in page
    for value, shown in (
        ("0.0007762449449623979", "0.0007762"),
        ("12345", "12345"),
        ("[500, 250]", "[500, 250]"),
        ("deep_cross", "deep_cross"),
        ("1e-05", "1e-05"),
    ):
        assert short(value) == shown


def test_the_page_loads_nothing_from_elsewhere(page):
    assert not re.search(r"<script|src=|href=|url\(|@import|<link", page)


def test_every_end_is_a_dot_coloured_by_how_the_trial_ended():
    plot = learning_curve_plot(TRIALS, WINNER, rises=True)
    dots = {s.style: (list(s.points), list(s.title)) for s in plot.series if s.kind == "dots"}
    assert dots == {
        "pruned": (
            [(2.0, 0.3), (2.0, 0.4)],
            ["trial 1, pruned: 0.3000", "trial 4, pruned: 0.4000"],
        ),
        "complete": ([(3.0, 0.6)], ["trial 0, complete: 0.6000"]),
        "winner": ([(3.0, 0.7)], ["trial 3, complete: 0.7000"]),
    }


def test_a_first_epoch_far_off_does_not_flatten_the_rest_and_non_finite_values_are_left_out():
    far = trial(5, "pruned", [-900.0, 0.5, float("nan")], "model=dense")
    burst = trial(6, "fail", [0.5, 1e9], "model=dense")
    plot = learning_curve_plot([*TRIALS, far, burst], WINNER, rises=True)
    assert (plot.y.low, plot.y.high) == pytest.approx((0.276, 0.724))
    assert all(plot.y.low <= y <= plot.y.high for s in plot.series for _, y in s.points)


def test_a_line_is_cut_where_it_leaves_the_band_and_comes_back():
    line = [(0.0, -1.0), (1.0, 1.0), (2.0, 1.0), (3.0, 5.0), (4.0, 5.0), (5.0, 1.0)]
    assert clipped(line, 0.0, 2.0) == [
        [(0.5, 0.0), (1.0, 1.0), (2.0, 1.0), (2.25, 2.0)],
        [(4.75, 2.0), (5.0, 1.0)],
    ]
    assert clipped([(0.0, 5.0), (1.0, 5.0)], 0.0, 2.0) == []
    assert clipped([(0.0, -1.0), (1.0, 3.0)], 0.0, 2.0) == [[(0.25, 0.0), (0.75, 2.0)]]
