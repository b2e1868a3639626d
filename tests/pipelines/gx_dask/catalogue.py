"""Every expectation that Great Expectations ships for pandas, with arguments that pass and fail.

The columns are those of ``tables.py``. What is listed as without pandas has no provider there.
"""

from datetime import date, datetime

from great_expectations.expectations.row_conditions import Column

US = datetime(2026, 1, 2)  # noqa: DTZ001 the columns have no zone
SOME = Column("k") > 2
BOTH = (Column("s") == "a") | Column("f").is_null()
LATE = {"row_condition": "k >= 1", "condition_parser": "pandas"}

# No provider for pandas: stock answers with an error, and so do we.
WITHOUT_PANDAS = {
    "expect_column_values_to_match_like_pattern": {"column": "s", "like_pattern": "a%"},
    "expect_column_values_to_match_like_pattern_list": {
        "column": "s",
        "like_pattern_list": ["a%"],
    },
    "expect_column_values_to_not_match_like_pattern": {"column": "s", "like_pattern": "a%"},
    "expect_column_values_to_not_match_like_pattern_list": {
        "column": "s",
        "like_pattern_list": ["a%"],
    },
    "expect_query_results_to_match_comparison": {
        "base_query": "SELECT 1",
        "comparison_data_source_name": "none",
        "comparison_query": "SELECT 1",
    },
    "expect_table_row_count_to_equal_other_table": {"other_table_name": "other"},
    "unexpected_rows_expectation": {"unexpected_rows_query": "SELECT * FROM {batch}"},
}

BINS = {"bins": [-10.0, -1.0, 0.0, 1.0, 10.0], "weights": [0.2, 0.3, 0.3, 0.2]}
WORDS = {"values": ["a", "bb", "ccc"], "weights": [0.5, 0.3, 0.2]}
QUARTILES = {"quantiles": [0.0, 0.29, 0.5, 0.75, 1.0], "value_ranges": [[None, 1]] * 5}
SCHEMA = {"type": "object", "required": ["a"]}

CATALOGUE: dict[str, list[dict]] = {
    "expect_column_distinct_values_to_be_in_set": [
        {"column": "s", "value_set": ["a", "bb"]},
        {"column": "k", "value_set": [0, 1, 2], "row_condition": SOME},
        {"column": "c", "value_set": ["x", "y"]},
        {"column": "b", "value_set": [True]},
    ],
    "expect_column_distinct_values_to_contain_set": [
        {"column": "s", "value_set": ["a", "zzz"]},
        {"column": "k", "value_set": [0, 99]},
    ],
    "expect_column_distinct_values_to_equal_set": [
        {"column": "s", "value_set": ["a", "bb", "ccc"]},
        {"column": "d", "value_set": [date(2026, 1, 1)]},
        {"column": "u", "value_set": [US]},
    ],
    "expect_column_kl_divergence_to_be_less_than": [
        {
            "column": "f",
            "partition_object": BINS,
            "threshold": 0.1,
            "tail_weight_holdout": 0.01,
        },
        {"column": "s", "partition_object": WORDS, "threshold": 0.1},
    ],
    "expect_column_max_to_be_between": [
        {"column": name, "max_value": 3} for name in ("k", "f", "id", "g")
    ]
    + [{"column": "u", "max_value": US}],
    "expect_column_min_to_be_between": [
        {"column": name, "min_value": 0} for name in ("k", "f", "id", "g")
    ]
    + [
        {"column": "t", "min_value": US},
        {"column": "d", "min_value": date(2026, 1, 1)},
    ],
    "expect_column_mean_to_be_between": [
        {"column": "f", "min_value": -1, "max_value": 1},
        {"column": "k", "max_value": 1, "row_condition": SOME},
        {"column": "id", "max_value": 1},
    ],
    "expect_column_median_to_be_between": [
        {"column": "f", "max_value": 0},
        {"column": "id", "max_value": 1, "row_condition": BOTH},
        {"column": "k", "min_value": 1},
    ],
    "expect_column_most_common_value_to_be_in_set": [
        {"column": "s", "value_set": ["a"]},
        {"column": "k", "value_set": [1, 2]},
        {"column": "s", "value_set": ["a"], "ties_okay": True, "row_condition": SOME},
    ],
    "expect_column_pair_values_a_to_be_greater_than_b": [
        {"column_A": "f", "column_B": "h"},
        {"column_A": "f", "column_B": "h", "or_equal": True, "mostly": 0.5},
        {"column_A": "k", "column_B": "g", "ignore_row_if": "either_value_is_missing"},
        {"column_A": "t", "column_B": "t", "ignore_row_if": "neither"},
        {"column_A": "f", "column_B": "h", "row_condition": SOME},
    ],
    "expect_column_pair_values_to_be_equal": [
        {"column_A": "f", "column_B": "h"},
        {"column_A": "k", "column_B": "g", "ignore_row_if": "either_value_is_missing"},
        {"column_A": "s", "column_B": "w", "ignore_row_if": "neither", "row_condition": BOTH},
    ],
    "expect_column_pair_values_to_be_in_set": [
        {"column_A": "k", "column_B": "g", "value_pairs_set": [(1, 1), (2, 2), (None, 3)]},
        {
            "column_A": "s",
            "column_B": "b",
            "value_pairs_set": [("a", True), ("bb", False)],
            "ignore_row_if": "either_value_is_missing",
        },
    ],
    "expect_column_proportion_of_non_null_values_to_be_between": [
        {"column": "s", "min_value": 0.5},
        {"column": "f", "min_value": 1, "row_condition": SOME},
    ],
    "expect_column_proportion_of_unique_values_to_be_between": [
        {"column": "s", "max_value": 0.5},
        {"column": "id", "min_value": 1.0},
        {"column": "f", "min_value": 1.0, "row_condition": SOME},
    ],
    "expect_column_quantile_values_to_be_between": [
        {"column": "f", "quantile_ranges": QUARTILES},
        {"column": "k", "quantile_ranges": QUARTILES, "row_condition": BOTH},
    ]
    + [
        {"column": "id", "quantile_ranges": QUARTILES, "allow_relative_error": how}
        for how in ("linear", "lower", "higher", "midpoint", "nearest")
    ],
    "expect_column_stdev_to_be_between": [
        {"column": "f", "max_value": 1},
        {"column": "k", "max_value": 1, "row_condition": SOME},
    ],
    "expect_column_sum_to_be_between": [
        {"column": "f", "max_value": 1},
        {"column": "id", "max_value": 1},
        {"column": "k", "max_value": 1},
        {"column": "b", "max_value": 1},
    ],
    "expect_column_to_exist": [{"column": "s"}, {"column": "nowhere"}],
    "expect_column_type_to_be": [
        {"column": "id", "type_": "int64"},
        {"column": "b", "type_": "bool"},
        {"column": "s", "type_": "str"},
    ],
    "expect_column_unique_value_count_to_be_between": [
        {"column": "s", "max_value": 3},
        {"column": "id", "max_value": 3},
        {"column": "f", "max_value": 3, "row_condition": SOME},
        {"column": "t", "max_value": 3},
    ],
    "expect_column_value_lengths_to_be_between": [
        {"column": "s", "min_value": 2},
        {"column": "s", "min_value": 1, "max_value": 2, "strict_max": True},
        {"column": "id", "max_value": 2, "mostly": 0.5},
    ],
    "expect_column_value_lengths_to_equal": [
        {"column": "s", "value": 2},
        {"column": "s", "value": 2, "row_condition": SOME},
    ],
    "expect_column_value_z_scores_to_be_less_than": [
        {"column": "f", "threshold": 1, "double_sided": True},
        {"column": "k", "threshold": 1, "double_sided": False, "row_condition": SOME},
    ],
    "expect_column_values_to_be_between": [
        {"column": "f", "min_value": -1, "max_value": 1},
        {"column": "f", "min_value": 0, "strict_min": True, "mostly": 0.4},
        {"column": "k", "min_value": 1, "max_value": 3, "strict_max": True},
        {"column": "id", "max_value": 30, "row_condition": SOME},
        {"column": "id", "max_value": 30, **LATE},
        {"column": "g", "max_value": 1},
        {"column": "t", "min_value": "2026-01-01T00:00:05", "max_value": "2026-01-01T00:00:20"},
        {"column": "u", "min_value": datetime(2026, 1, 1, 0, 0, 5)},  # noqa: DTZ001
        {"column": "d", "min_value": date(2026, 1, 2)},
    ],
    "expect_column_values_to_be_dateutil_parseable": [{"column": "s"}, {"column": "w"}],
    "expect_column_values_to_be_decreasing": [
        {"column": "k"},
        {"column": "f", "strictly": True, "row_condition": SOME},
    ],
    "expect_column_values_to_be_in_set": [
        {"column": "s", "value_set": ["a", "bb"]},
        {"column": "k", "value_set": [1, 2], "row_condition": BOTH},
        {"column": "f", "value_set": [0.0, 1.5]},
        {"column": "b", "value_set": [True]},
        {"column": "c", "value_set": ["x"]},
        {"column": "d", "value_set": [date(2026, 1, 1)]},
        {"column": "id", "value_set": list(range(10)), "mostly": 0.1},
        {"column": "s", "value_set": []},
    ],
    "expect_column_values_to_be_in_type_list": [
        {"column": "s", "type_list": ["str", "int"]},
        {"column": "k", "type_list": ["int64", "float64"]},
        {"column": "d", "type_list": ["date"]},
        {"column": "b", "type_list": ["bool"]},
    ],
    "expect_column_values_to_be_increasing": [
        {"column": "id"},
        {"column": "k", "strictly": True},
        {"column": "t", "row_condition": SOME},
    ],
    "expect_column_values_to_be_json_parseable": [{"column": "w"}, {"column": "s"}],
    "expect_column_values_to_be_null": [{"column": "s"}, {"column": "f", "mostly": 0.1}],
    "expect_column_values_to_be_of_type": [
        {"column": "s", "type_": "str"},
        {"column": "b", "type_": "bool"},
        {"column": "f", "type_": "float64"},
        {"column": "u", "type_": "Timestamp"},
    ],
    "expect_column_values_to_be_unique": [
        {"column": name} for name in ("id", "k", "f", "s", "t", "b", "d", "c")
    ]
    + [{"column": "f", "row_condition": SOME}, {"column": "s", "row_condition": BOTH}],
    "expect_column_values_to_match_json_schema": [{"column": "j", "json_schema": SCHEMA}],
    "expect_column_values_to_match_regex": [
        {"column": "s", "regex": "^b"},
        {"column": "s", "regex": "(?=c)c+"},
        {"column": "k", "regex": "^1"},
        {"column": "c", "regex": "x", "row_condition": SOME},
    ],
    "expect_column_values_to_match_regex_list": [
        {"column": "s", "regex_list": ["^a", "b$"], "match_on": "any"},
        {"column": "s", "regex_list": ["c", "c$"], "match_on": "all"},
    ],
    "expect_column_values_to_match_strftime_format": [
        {"column": "w", "strftime_format": "%Y-%m-%d"}
    ],
    "expect_column_values_to_not_be_in_set": [
        {"column": "s", "value_set": ["a"]},
        {"column": "k", "value_set": [1]},
        {"column": "t", "value_set": ["2026-01-01T00:00:05"]},
    ],
    "expect_column_values_to_not_be_null": [
        {"column": name} for name in ("id", "k", "f", "s", "b", "t", "d", "c")
    ]
    + [{"column": "f", "mostly": 0.5, "row_condition": SOME}],
    "expect_column_values_to_not_be_outliers": [
        {"column": "f", "method": "iqr", "multiplier": 1.0},
        {"column": "k", "method": "std", "multiplier": 1.0},
        {"column": "id", "method": "iqr", "multiplier": 0.1, "row_condition": SOME},
    ],
    "expect_column_values_to_not_match_regex": [{"column": "s", "regex": "^b"}],
    "expect_column_values_to_not_match_regex_list": [
        {"column": "s", "regex_list": ["^a", "b$"]}
    ],
    "expect_compound_columns_to_be_unique": [
        {"column_list": ["k", "s"]},
        {"column_list": ["f", "h"], "ignore_row_if": "any_value_is_missing"},
        {"column_list": ["id", "s"], "row_condition": SOME},
    ],
    "expect_multicolumn_sum_to_equal": [
        {"column_list": ["k", "g"], "sum_total": 4},
        {"column_list": ["f", "h"], "sum_total": 0, "ignore_row_if": "any_value_is_missing"},
    ],
    "expect_multicolumn_values_to_be_equal": [
        {"column_list": ["k", "g"]},
        {"column_list": ["s", "w"], "ignore_row_if": "any_value_is_missing"},
    ],
    "expect_select_column_values_to_be_unique_within_record": [
        {"column_list": ["f", "h"]},
        {"column_list": ["k", "g"], "ignore_row_if": "any_value_is_missing"},
        {"column_list": ["s", "w"]},
    ],
    "expect_table_column_count_to_be_between": [{"min_value": 2}],
    "expect_table_column_count_to_equal": [{"value": 3}],
    "expect_table_columns_to_match_ordered_list": [{"column_list": ["id", "k"]}],
    "expect_table_columns_to_match_set": [{"column_set": ["id", "k"], "exact_match": False}],
    "expect_table_row_count_to_be_between": [{"min_value": 2, "max_value": 40}],
    "expect_table_row_count_to_equal": [{"value": 3, "row_condition": SOME}, {"value": 3}],
}

# What cannot be evaluated: wrong types and arguments, and for each shape of domain a column that
# is not there.
RAISING: list[tuple[str, dict]] = [
    ("expect_column_max_to_be_between", {"column": "s", "max_value": 1}),
    ("expect_column_mean_to_be_between", {"column": "s", "max_value": 1}),
    ("expect_column_type_to_be", {"column": "d", "type_": "date"}),
    ("expect_column_values_to_be_between", {"column": "s", "max_value": 1}),
    ("expect_column_values_to_be_between", {"column": "f", "min_value": 1, "max_value": 0}),
    ("expect_column_values_to_match_json_schema", {"column": "s", "json_schema": SCHEMA}),
    ("expect_column_values_to_be_between", {"column": "nowhere", "min_value": 0}),
    ("expect_column_values_to_be_unique", {"column": "nowhere"}),
    ("expect_column_mean_to_be_between", {"column": "nowhere", "max_value": 0}),
    ("expect_column_pair_values_to_be_equal", {"column_A": "nowhere", "column_B": "f"}),
    ("expect_compound_columns_to_be_unique", {"column_list": ["nowhere", "f"]}),
    (
        "expect_column_values_to_be_in_set",
        {"column": "f", "value_set": [1], "row_condition": Column("nowhere") == 1},
    ),
]
