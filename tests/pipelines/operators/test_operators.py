"""Each operator against its formula in plain Python, and the statistics however rows are split."""

import bisect
import math
import re
from collections import Counter
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines import operators
from pipelines.operators import arrays
from pipelines.operators.bfloat16 import narrowed, widened
from pipelines.operators.log import log_of_more
from pipelines.operators.program import program_of
from pipelines.operators.sketch import cells_of, lowest_of
from pipelines.spec import (
    Bucketize,
    Categorical,
    Clip,
    Cyclic,
    Fill,
    Hash,
    Hour,
    Log,
    Numeric,
    QuantileBuckets,
    Ratio,
    Standardise,
    Vocabulary,
    Weekday,
)
from tests.pipelines.operators.rows import TYPES, columns_of, drawn, fitted_on

WORDS = st.none() | st.sampled_from(["", "a", "b", "ß", "日", "c" * 20])
IDS = st.none() | st.integers(-3, 3) | st.sampled_from([2**62, -(2**63) + 1])
NUMBERS = st.none() | st.floats(-1e6, 1e6, allow_subnormal=False) | st.just(math.nan)


def inputs_of(feature, *parts, rows=None):
    """Model inputs of all rows, fitted on parts."""
    program = program_of([feature], TYPES)
    fitted = fitted_on(parts or [rows], program)
    whole = [row for part in parts for row in part] if rows is None else rows
    return fitted.transform(np, columns_of(whole, program))


def numbers(feature, values, **more):
    rows = [
        {"amount": value} | {k: v[n] for k, v in more.items()} for n, value in enumerate(values)
    ]
    return inputs_of(feature, rows)["x"].T.tolist()


def cut(rows, size, order):
    parts = [rows[n : n + size] for n in range(0, len(rows), size)]
    return [parts[n] for n in np.random.default_rng(order).permutation(len(parts))]


def test_log_keeps_the_sign_and_takes_any_number():
    (found,) = numbers(Numeric("amount") >> Log(), [0.0, 1.0, -1.0, 1e6, None])
    wanted = [0.0, math.log(2), -math.log(2), math.log(1e6 + 1), 0.0]
    assert found == pytest.approx(wanted, rel=1e-6)


def test_clip_holds_values_between_its_bounds_and_leaves_the_unknown():
    (found,) = numbers(Numeric("amount") >> Clip(-1, 2) >> Fill(9.0), [-5.0, 0.5, 7.0, None])
    assert found == [-1.0, 0.5, 2.0, 9.0]
    (found,) = numbers(Numeric("amount") >> Clip(high=2), [-5.0, 7.0])
    assert found == [-5.0, 2.0]


def test_fill_puts_the_known_values_mean_or_median_and_a_flag():
    values = [1.0, 2.0, 9.0, None, math.nan, math.inf]
    filled, missing = numbers(Numeric("amount") >> Fill("mean", flag=True), values)
    assert filled == [1.0, 2.0, 9.0, 4.0, 4.0, 4.0]
    assert missing == [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    (filled,) = numbers(Numeric("amount") >> Fill("median"), values)
    assert filled == [1.0, 2.0, 9.0, 2.0, 2.0, 2.0]
    assert numbers(Numeric("amount") >> Fill("median"), [None, None]) == [[0.0, 0.0]]


def test_filled_values_have_no_part_in_what_a_later_step_is_fitted_to():
    values = [1.0, 3.0, None, None, None]
    alone = numbers(Numeric("amount") >> Standardise(), values[:2])[0]
    filled = numbers(Numeric("amount") >> Fill(100.0) >> Standardise(), values)[0]
    assert filled[:2] == alone == [-1.0, 1.0]
    assert filled[2] == 98.0


def test_cyclic_puts_midnight_beside_eleven_and_noon_across():
    rows = [{"hour": h} for h in (0.0, 6.0, 12.0, 23.0, None)]
    sine, cosine = inputs_of(Hour("when") >> Cyclic(24), rows)["x"].T
    np.testing.assert_allclose(sine, [0, 1, 0, math.sin(-math.pi / 12), 0], atol=1e-6)
    np.testing.assert_allclose(cosine, [1, 0, -1, math.cos(math.pi / 12), 0], atol=1e-6)


def test_a_ratio_is_unknown_where_there_is_nothing_to_divide_by():
    (found,) = numbers(
        Ratio("amount", "balance") >> Fill(-1.0),
        [6.0, 1.0, None, 5.0],
        balance=[3.0, 0.0, 1.0, None],
    )
    assert found == [2.0, -1.0, -1.0, -1.0]


def test_an_edge_belongs_to_the_range_that_begins_there():
    rows = [{"amount": v} for v in (-1.0, 0.0, 9.9, 10.0, None)]
    ids = inputs_of(Numeric("amount") >> Bucketize((0.0, 10.0)), rows)["ids"][:, 0]
    assert ids.tolist() == [2, 3, 3, 4, 0]
    assert ids.dtype == np.int32


@given(
    values=st.lists(st.integers(-2000, 2000), min_size=1, max_size=200), n=st.integers(2, 12)
)
@settings(max_examples=60)
def test_edges_between_quantile_buckets_are_exact_for_small_whole_numbers(values, n):
    rows = [{"amount": float(v)} for v in values]
    fitted = fitted_on([rows], program_of([Numeric("amount") >> QuantileBuckets(n)], TYPES))
    ascending = sorted(values)
    ranks = [math.ceil(nth / n * len(values)) for nth in range(1, n)]
    assert fitted.fits[0][0]["edges"] == sorted({float(ascending[r - 1]) for r in ranks})


@given(value=st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
@settings(max_examples=300)
def test_a_cell_begins_at_or_below_its_values_by_less_than_a_thousandth(value):
    cell = int(cells_of(np, np.array([value]))[0])
    lowest = lowest_of(cell)
    assert lowest <= value
    assert value - lowest <= abs(lowest) * 2**-10
    assert int(cells_of(np, np.array([lowest]))[0]) == cell


@given(values=st.lists(st.floats(-1e9, 1e9, allow_subnormal=False), min_size=1, max_size=300))
@settings(max_examples=60)
def test_a_median_fill_is_within_a_cell_of_the_exact_median(values):
    fitted = fitted_on(
        [[{"amount": v} for v in values]],
        program_of([Numeric("amount") >> Fill("median")], TYPES),
    )
    found, exact = fitted.fits[0][0]["value"], sorted(values)[(len(values) - 1) // 2]
    assert found <= exact
    assert exact - found <= abs(found) * 2**-10


def vocabulary_by_hand(values, min_count, max_size):
    counts = Counter(v for v in values if v is not None and v != "")
    kept = [v for v in counts if counts[v] >= min_count]

    def rank(value):
        by_value = value.encode() if isinstance(value, str) else value
        return -counts[value], by_value

    return sorted(kept, key=rank)[:max_size]


@pytest.mark.parametrize(("column", "values"), [("merchant", WORDS), ("shop", IDS)])
def test_a_vocabulary_is_that_of_a_counter_with_ties_by_value(column, values):
    @given(
        values=st.lists(values, min_size=1, max_size=60),
        min_count=st.integers(1, 3),
        max_size=st.integers(1, 5),
        size=st.integers(1, 60),
        order=st.integers(0, 5),
    )
    @settings(max_examples=60)
    def holds(values, min_count, max_size, size, order):
        feature = Categorical(column) >> Vocabulary(min_count, max_size)
        rows = [{column: value} for value in values]
        program = program_of([feature], TYPES)
        fitted = fitted_on(cut(rows, size, order), program)
        kept = vocabulary_by_hand(values, min_count, max_size)
        assert fitted.fits[0][0]["table"]["value"].tolist() == kept
        assert fitted.sizes() == {column: len(kept) + 2}
        ids = fitted.transform(np, columns_of(rows, program))["ids"][:, 0].tolist()
        known = {value: 2 + index for index, value in enumerate(kept)}
        assert ids == [0 if v in (None, "") else known.get(v, 1) for v in values]

    holds()


@given(
    values=st.lists(NUMBERS, min_size=1, max_size=80),
    size=st.integers(1, 80),
    order=st.integers(0, 5),
)
@settings(max_examples=60)
def test_sketches_are_the_same_bits_however_rows_are_cut_and_merged(values, size, order):
    step = QuantileBuckets(7)
    program = program_of([Numeric("amount") >> step], TYPES)
    rows = [{"amount": value} for value in values]

    def statistics(part):
        return program.partials(np, columns_of(part, program)).popitem()[1]

    whole, parts = statistics(rows), [statistics(part) for part in cut(rows, size, order)]
    left_first, right_first = parts[0], parts[-1]
    for part in parts[1:]:
        left_first = step.merge([left_first, part])
    for part in parts[-2::-1]:
        right_first = step.merge([part, right_first])
    for merged in (step.merge(parts), left_first, right_first):
        for name in ("cell", "count"):
            assert merged["table"][name].tolist() == whole["table"][name].tolist()


def hashed_by_hand(value):
    mask = (1 << 64) - 1
    if isinstance(value, str):
        key = 0xCBF29CE484222325
        for byte in value.encode():
            key = ((key ^ byte) * 0x100000001B3) & mask
    else:
        key = value & mask
    key = ((key ^ (key >> 30)) * 0xBF58476D1CE4E5B9) & mask
    key = ((key ^ (key >> 27)) * 0x94D049BB133111EB) & mask
    return key ^ (key >> 31)


@pytest.mark.parametrize(
    ("word", "fnv"),
    [("", 0xCBF29CE484222325), ("a", 0xAF63DC4C8601EC8C), ("foobar", 0x85944171F73967E8)],
)
def test_words_hash_to_the_published_fnv_vectors_before_they_are_mixed(word, fnv):
    assert hashed_by_hand(word) == hashed_by_hand(fnv)


@given(values=st.lists(st.none() | st.text(max_size=9), min_size=1), buckets=st.integers(1, 99))
@settings(max_examples=60)
def test_a_hashed_word_has_the_same_id_everywhere(values, buckets):
    rows = [{"merchant": value} for value in values]
    ids = inputs_of(Categorical("merchant") >> Hash(buckets), rows)["ids"][:, 0].tolist()
    assert ids == [2 + hashed_by_hand(v) % buckets if v else 0 for v in values]


@given(values=st.lists(IDS, min_size=1), buckets=st.integers(1, 1 << 30))
@settings(max_examples=60)
def test_a_hashed_whole_number_has_the_same_id_everywhere(values, buckets):
    rows = [{"shop": value} for value in values]
    ids = inputs_of(Categorical("shop") >> Hash(buckets), rows)["ids"][:, 0].tolist()
    assert ids == [0 if v is None else 2 + hashed_by_hand(v) % buckets for v in values]


def test_a_source_without_steps_gets_the_usual_ones():
    program = program_of([Numeric("amount"), Weekday("when"), Categorical("merchant")], TYPES)
    assert [line.expression() for line in program.lines] == [
        "amount >> Standardise()",
        "weekday >> Standardise()",
        f"merchant >> {Vocabulary()!r}",
    ]


def test_model_inputs_keep_the_order_of_the_declaration():
    features = [
        Numeric("amount") >> Fill(flag=True) >> Log(),
        Categorical("merchant") >> Hash(5),
        Hour("when") >> Cyclic(24),
        Categorical("shop"),
    ]
    program = program_of(features, TYPES)
    assert program.numeric() == ("amount_log", "amount_missing", "hour_sin", "hour_cos")
    assert program.categorical() == ("merchant_hash", "shop")


def test_arrays_are_row_major_and_narrow():
    found = fitted_on([drawn(100)]).transform(np, columns_of(drawn(50, seed=1)))
    assert (found["x"].dtype, found["ids"].dtype) == (np.float32, np.int32)
    assert found["x"].flags.c_contiguous
    assert found["ids"].flags.c_contiguous
    assert np.isfinite(found["x"]).all()


@pytest.mark.parametrize(
    "edges",
    [(-1000, -3, 0, 5, 9, 10), (0.5, 1, 2, 3, 4), tuple(range(0, 50_000, 5_000)), (1, 2)],
    ids=["whole", "not whole", "far apart", "few"],
)
def test_a_value_at_an_edge_or_a_hair_beside_it_is_in_the_right_bucket(edges):
    beside = [math.nextafter(edge, to) for edge in edges for to in (-math.inf, math.inf)]
    values = [*edges, *beside, -1e300, 1e300, 0.0, -0.0]
    found = inputs_of(
        Numeric("amount") >> Bucketize(edges), [{"amount": v} for v in [*values, None]]
    )
    wanted = [2 + bisect.bisect_right(edges, value) for value in values]
    assert found["ids"][:, 0].tolist() == [*wanted, 0]


@pytest.mark.parametrize("block_rows", [1, 7, 1000])
def test_a_rows_inputs_do_not_depend_on_the_block_they_are_made_in(block_rows, monkeypatch):
    fitted, columns = fitted_on([drawn(100)]), columns_of(drawn(150, seed=1))
    whole = fitted.transform(np, columns)
    monkeypatch.setattr(arrays, "BLOCK_ROWS", block_rows)
    parts = [
        {name: part.copy() for name, part in found.items()}
        for found in fitted.over(np, columns).in_turn()
    ]
    again = fitted.transform(np, columns)
    for name, values in whole.items():
        np.testing.assert_array_equal(values, np.concatenate([part[name] for part in parts]))
        np.testing.assert_array_equal(values, again[name])


def test_ids_far_apart_are_found_as_those_close_together_are():
    close = [{"shop": value} for value in [5, 5, 5, 9, 9, 7, None, 11]]
    apart = [{"shop": None if row["shop"] is None else row["shop"] * 10**12} for row in close]
    feature = Categorical("shop") >> Vocabulary()
    close_ids, apart_ids = (
        inputs_of(feature, rows)["ids"][:, 0].tolist() for rows in (close, apart)
    )
    assert close_ids == apart_ids == [2, 2, 2, 3, 3, 4, 0, 5]


def test_rounding_to_bfloat16_is_that_of_ml_dtypes():
    numbers = np.random.default_rng(5).integers(0, 1 << 32, 200_000, np.uint32).view(np.float32)
    ties = (np.arange(1 << 12, dtype=np.uint32) << 16 | 0x8000).view(np.float32)
    values = np.concatenate([numbers, ties, np.float32([0.0, -0.0, 1e-45, 3.3895e38])])
    values = values[np.isfinite(values)]
    wanted = values.astype(ml_dtypes.bfloat16).astype(np.float32)
    found = widened(np, narrowed(np, values))
    inside = np.isfinite(wanted)
    np.testing.assert_array_equal(found[inside].view(np.uint32), wanted[inside].view(np.uint32))
    assert (found[~inside] == 0).all()


def test_the_logarithm_is_that_of_the_library_to_the_last_digits():
    size = np.abs(np.random.default_rng(6).normal(size=100_000)) * 10.0 ** np.arange(
        -20, 80
    ).repeat(1000)
    size = np.append(size, [0.0, 5e-324, 1.7976931348623157e308])
    np.testing.assert_allclose(log_of_more(np, size), np.log1p(size), rtol=5e-16)


def test_the_docs_list_every_operators_formula_nulls_and_cost():
    """``Divide`` is how a ``Ratio`` begins, and is not declared by itself."""
    said = (Path(__file__).parents[3] / "docs" / "features.md").read_text()
    table = [line.strip("| ").split(" | ") for line in said.splitlines() if line[:3] == "| `"]
    rows = {name: cells for cells in table for name in re.findall(r"`(\w+)`", cells[0])}
    kinds = (operators.Operator, operators.FeatureSource)
    every = {n for n in operators.__all__ if issubclass(getattr(operators, n), kinds)}
    missing = every - {"Operator", "FeatureSource", "Divide"} - rows.keys()
    assert missing == set()
    for name in every & rows.keys():
        assert len(rows[name]) == 6, name
        assert re.search(r"\d", rows[name][5]), f"{name} has no cost"
