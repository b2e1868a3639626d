"""Hiding the values that a validation result shows, as JSON, and making them safe for HTML.

Why: a page that is read in a browser must not show whose rows they are; which rule failed,
    how often and in which rows is enough to find them in the quarantine.
Promise: every value that comes from the data and may be of a sensitive column is masked: examples,
    their counts' values, index values, observed values; counts and shares stay. What the
    declaration itself says (a set, a bound) is not a value of the data.
"""

import html
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pipelines.core.masking import mask
from pipelines.core.text import plain
from pipelines.shared.expectations.rules import finds_any_of

EXAMPLES = (
    "partial_unexpected_list",
    "unexpected_list",
    "partial_unexpected_index_list",
    "unexpected_index_list",
    "unexpected_rows",
)
OBSERVED = ("observed_value", "details")

Change = Callable[[object, str | None], object]


def masked(result: Mapping[str, Any], sensitive: Collection[str]) -> dict[str, Any]:
    """One expectation's result without sensitive values; masking it again changes nothing.

    Args:
        result: An element of ``results`` of a suite's result, as JSON.
        sensitive: Columns whose values are masked.
    """
    config = result["expectation_config"]
    hide = finds_any_of(sensitive, str(config["type"]), config["kwargs"])

    def change(value: object, column: str | None) -> object:
        # An index value of a sensitive column is masked wherever it stands.
        return _hidden(value) if hide or column in sensitive else plain(value)

    return _changed(result, change)


def shown(result: Mapping[str, Any], sensitive: Collection[str]) -> dict[str, Any]:
    """The same as a page may show it: safe to put into HTML as it is."""
    return _changed(masked(result, sensitive), lambda value, _: _escaped(value))


def _changed(result: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The result with every value of the data in it changed."""
    found = dict(result["result"])
    for name in EXAMPLES:
        if name in found:
            found[name] = _each(found[name], change)
    for name in OBSERVED:
        if name in found:
            found[name] = _each(found[name], change)
    if "partial_unexpected_counts" in found:
        found["partial_unexpected_counts"] = [
            {**each, "value": _each(each["value"], change)} if "value" in each else each
            for each in found["partial_unexpected_counts"]
        ]
    if "unexpected_index_query" in found:
        found["unexpected_index_query"] = change(str(found["unexpected_index_query"]), None)
    return {**result, "result": found}


def _each(value: object, change: Change, column: str | None = None) -> object:
    """The value with every plain value in it changed."""
    if isinstance(value, Mapping):
        return {plain(key): _each(inner, change, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_each(inner, change, column) for inner in value]
    return change(value, column)


def _hidden(value: object) -> object:
    return mask(value)


def _escaped(value: object) -> object:
    # The stock templates put example values into the page as they are.
    return html.escape(value) if isinstance(value, str) else value
