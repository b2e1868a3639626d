"""The search for slices: silent where there is none, and finding what is planted."""

import numpy as np
import pytest
from scipy.stats import ttest_ind
from statsmodels.stats.multitest import multipletests

from pipelines.operators.values import NULL_WHOLE
from pipelines.spec import SliceSearch
from pipelines.stages.evaluate.slices.cuts import cut_columns
from pipelines.stages.evaluate.slices.row_losses import excess_losses
from pipelines.stages.evaluate.slices.search import (
    LookedAt,
    SearchedRows,
    cells,
    corrected,
    searched,
    worst,
)

ROWS, ENTITIES = 4000, 800


def drawn(seed, planted=None):
    """Rows of a model whose probabilities are right, but for the planted slice."""
    draw = np.random.default_rng(seed)
    columns = {
        "amount": draw.gamma(2, 30, ROWS),
        "age": draw.normal(50, 15, ROWS),
        "night": draw.integers(0, 2, ROWS).astype(np.float64),
        "shop": draw.choice(["a", "b", "c"], ROWS).astype(object),
    }
    entity = draw.integers(0, ENTITIES, ROWS)
    # Entities differ, so their rows are alike; the probability knows it.
    log_odds = draw.normal(size=ENTITIES)[entity] + draw.normal(size=ROWS) - 2.5
    chance = 1 / (1 + np.exp(-log_odds))
    truth = chance.copy()
    if planted is not None:
        here = planted(columns)
        truth[here] = np.mean(chance)
        truth[here] *= 2.5
    happened = draw.random(ROWS) < truth
    losses = excess_losses(happened, chance, np.ones(ROWS))
    return columns, SearchedRows(losses, np.ones(ROWS), entity, happened)


def found(seed, search, planted=None):
    columns, rows = drawn(seed, planted)
    return worst(searched(rows, cut_columns(columns, search.ranges), search), search)


def test_where_the_model_is_right_on_every_slice_hardly_any_search_reports_one():
    search = SliceSearch(level=0.05)
    reported = sum(bool(found(seed, search)) for seed in range(40))
    # 2 are expected at the declared level at most; more than 6 would be a chance of 1 in 200.
    assert reported <= 6


def test_a_planted_slice_of_two_features_is_the_first_that_is_reported():
    def planted(columns):
        return (columns["shop"] == "b") & (columns["night"] == 1)

    for seed in (1, 2, 3):
        first = found(seed, SliceSearch(), planted)[0]
        assert [c.column for c, _ in first.cell.parts] == ["night", "shop"]
        assert [c.names[n] for c, n in first.cell.parts] == ["1", "b"]
        assert first.corrected < 0.01
        assert first.effect > 0


def test_a_planted_slice_of_one_feature_is_reported_by_itself_and_once():
    reported = found(5, SliceSearch(), lambda columns: columns["age"] > 60)
    ((column, nth),) = reported[0].cell.parts
    assert len({each.cell.named() for each in reported}) == len(reported)
    assert not any(("age", nth) in each.cell.named() for each in reported[1:])
    assert column.names[nth].endswith("and above")


def test_a_slice_with_more_events_is_not_worse_for_that_alone():
    draw = np.random.default_rng(4)
    chance = np.where(np.arange(20_000) % 2, 0.3, 0.01)
    happened = draw.random(20_000) < chance
    excess = excess_losses(happened, chance, np.ones(20_000))
    error = excess.std() / 100
    assert abs(excess[1::2].mean()) < 4 * error
    assert abs(excess[::2].mean()) < 4 * error
    log_loss = -np.log(np.where(happened, chance, 1 - chance))
    assert log_loss[1::2].mean() > 5 * log_loss[::2].mean()


def test_of_single_rows_the_test_is_welchs():
    columns, rows = drawn(7)
    alone = SearchedRows(rows.loss, rows.weight, np.arange(ROWS), rows.event)
    cuts = cut_columns({"night": columns["night"]}, 4)
    for each in searched(alone, cuts, SliceSearch()):
        here = each.cell.rows()
        theirs = ttest_ind(
            rows.loss[here], rows.loss[~here], equal_var=False, alternative="greater"
        )
        assert each.effect / each.error == pytest.approx(theirs.statistic, rel=1e-3)
        assert each.p == pytest.approx(theirs.pvalue, rel=0.02)


def test_copies_of_an_entitys_rows_make_no_slice_more_certain():
    columns, rows = drawn(8)
    twice = SearchedRows(
        *(np.tile(each, 2) for each in (rows.loss, rows.weight, rows.entity, rows.event))
    )
    cuts = {n: np.tile(v, 2) for n, v in columns.items()}
    for one, two in zip(
        searched(rows, cut_columns(columns, 4), SliceSearch(max_columns=1)),
        searched(twice, cut_columns(cuts, 4), SliceSearch(max_columns=1)),
        strict=True,
    ):
        assert (two.effect, two.error) == pytest.approx((one.effect, one.error))


def test_the_correction_is_holms():
    cell = next(cells(cut_columns({"a": np.array([0.0, 1.0])}, 2), 1))
    draw = np.random.default_rng(2)
    for count in (1, 2, 5, 40):
        p = np.round(draw.random(count) ** 3, 2)  # some are equal
        ours = [each.corrected for each in corrected([LookedAt(cell, 0, 1, q) for q in p])]
        np.testing.assert_allclose(ours, multipletests(p, method="holm")[1], atol=1e-12)
    assert corrected([]) == []


def test_looks_are_bounded_and_small_slices_are_not_looked_at():
    columns, rows = drawn(9)
    cuts = cut_columns(columns, 4)
    assert len(searched(rows, cuts, SliceSearch())) == 13 + 4 * 4 + 2 * (4 * 2 + 4 * 3) + 2 * 3
    assert len(searched(rows, cuts, SliceSearch(max_looks=20))) == 20
    assert len(searched(rows, cuts, SliceSearch(max_columns=1, min_share=0.3))) == 5
    few = np.zeros(ROWS, bool)
    few[:4] = True
    no_events = SearchedRows(rows.loss, rows.weight, rows.entity, few)
    assert searched(no_events, cuts, SliceSearch()) == []


def test_values_are_cut_at_readable_quantiles_and_missing_ones_are_by_themselves():
    values = {
        "number": np.array([*np.arange(1, 100) * 1.23456, np.nan]),
        "flag": np.array([0.0, 1.0] * 50),
        "whole": np.array([*range(99), NULL_WHOLE]),
        "text": np.array(["a", "b", "c", "d", ""] * 20, dtype=object),
        "same": np.ones(100),
    }
    found = {each.column: each for each in cut_columns(values, 3)}
    assert found["number"].names == (
        "below 41.6",
        "41.6 to below 81.9",
        "81.9 and above",
        "missing",
    )
    assert found["flag"].names == ("0", "1")
    assert found["whole"].names[-1] == "missing"
    assert found["text"].names == ("a", "b", "c", "other values", "missing")
    assert "same" not in found
    assert [found["text"].code[n] for n in range(5)] == [0, 1, 2, 3, 4]
