"""Codes of a long-form table whose values are those of another code.

Why: an export that fills one test with another's values breaks no bound, and a model reads both.
Promise: two codes are compared on the keys that have a value of both, on a sample of the keys of about
    ``SAMPLE_ROWS`` rows, chosen by their hash: the same rows give the same answer.
Not here: the rule that quarantines them (``pipelines/shared/expectations/rules.py``).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from pipelines.shared.expectations.rules import REPEATED, CheckedRule
from pipelines.spec import Measurements

SAMPLE_ROWS = 200_000
MIN_SHARED, MIN_DISTINCT, MIN_EQUAL = 30, 10, 0.995


@dataclass(frozen=True, slots=True)
class RepeatedCode:
    """Two codes with the same values.

    Attributes:
        code: The one.
        other: The other.
        equal: Keys on which their values are equal, of those looked at.
        shared: Keys looked at that have a value of both.
    """

    code: Any
    other: Any
    equal: int
    shared: int


def repeated_codes(file: Path, declared: Measurements) -> list[RepeatedCode]:
    """Pairs of codes with the same values, in the order of their names.

    Two codes with few values between them, such as flags, may well agree and are left alone.
    """
    rows = _sampled(file, declared)
    key = list(declared.by)
    both = rows.merge(rows, on=key, suffixes=("", "_other"), sort=False)
    code, value = declared.code, declared.value
    both = both[both[code] < both[f"{code}_other"]]
    both = both.assign(equal=both[value] == both[f"{value}_other"])
    pairs = both.groupby([code, f"{code}_other"], sort=True, observed=True)
    found = pairs.agg(
        equal=("equal", "sum"), shared=("equal", "size"), distinct=(value, "nunique")
    )
    same = found[
        (found.shared >= MIN_SHARED)
        & (found.distinct >= MIN_DISTINCT)
        & (found.equal >= MIN_EQUAL * found.shared)
    ]
    return [
        RepeatedCode(one, other, int(row.equal), int(row.shared))
        for (one, other), row in same.iterrows()
    ]


def with_repeats(
    rules: Sequence[CheckedRule], declared: Measurements, found: Iterable[RepeatedCode]
) -> list[CheckedRule]:
    """The rules, that of repeated codes with the codes that were found and are not trusted."""
    codes = {code for each in found for code in (each.code, each.other)}
    values = sorted(codes - {*declared.trusted})
    name = f"{declared.code}.{REPEATED}"
    return [
        replace(rule, kwargs={**rule.kwargs, "value_set": values})
        if rule.name == name
        else rule
        for rule in rules
    ]


def described(found: Sequence[RepeatedCode], declared: Measurements) -> str:
    """The pairs in words."""
    pairs = (
        f"{each.code} and {each.other} ({each.equal:,} of {each.shared:,} values that were compared)"
        for each in found
    )
    return (
        f"{declared.value} is the same for {', '.join(pairs)}: one of each pair is a copy. Correct the "
        f"source, or name those that are right in validation.measurements.trusted."
    )


def _sampled(file: Path, declared: Measurements) -> pd.DataFrame:
    """Values of whole keys, one of each code."""
    columns = [*declared.by, declared.code, declared.value]
    with pq.ParquetFile(file) as table:
        parts = [table.schema_arrow.empty_table().select(columns).to_pandas()]
        step = max(1, -(-table.metadata.num_rows // SAMPLE_ROWS))
        for group in range(table.num_row_groups):
            rows = table.read_row_group(group, columns=columns, use_threads=False).to_pandas()
            rows = rows.dropna()
            of_key = pd.util.hash_pandas_object(rows[[*declared.by]], index=False).to_numpy()
            parts.append(rows[of_key % np.uint64(step) == 0])
    sampled = pd.concat(parts, ignore_index=True)
    return sampled.drop_duplicates([*declared.by, declared.code])
