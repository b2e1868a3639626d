"""Entities that are texts, UUIDs or several columns: their windows are those of integers."""

import uuid
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import PermanentError
from pipelines.operators.hashing import check_words, hash_word, hash_words
from pipelines.protocol import perform, stage_named
from pipelines.shared.tables.history import hashed
from pipelines.spec import Column, Entity, Sequence, Trailing, require_valid
from pipelines.stages.featurize.entity_codes import entity_codes
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    day_table,
    publish_validated,
    rows_of,
    small_pipeline,
    work_on,
)

FEATURIZE = stage_named("featurize")
# Two texts of one FNV-1a hash; a common ending keeps it the same.
TWINS = ("8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ")
ALIKE = [f"{twin}{n}" for n in range(5) for twin in TWINS]
PIPELINE = small_pipeline(
    features=(
        *small_pipeline().features,
        Sequence("customer", ("tx_amount",), steps=3, within_days=2),
        Trailing(
            "customer", ("distinct", "days_since_last", "last"), (2,), column="terminal_id"
        ),
    )
)


def with_columns(**types):
    """The pipeline with columns of other types, and more of them."""
    known = [
        replace(c, type=types.pop(c.name, c.type), low=None, high=None)
        for c in PIPELINE.table.columns
    ]
    columns = (*known, *(Column(name, kind) for name, kind in types.items()))
    return replace(PIPELINE, tables=(replace(PIPELINE.table, columns=columns),))


def as_text(pipeline):
    return pipeline, lambda rows: {"customer_id": [f"customer {n}" for n in rows]}


def as_uuid(pipeline):
    return pipeline, lambda rows: {
        "customer_id": [str(uuid.UUID(int=int(n) << 64)) for n in rows]
    }


def as_alike(pipeline):
    alone = tuple(f for f in PIPELINE.features if getattr(f, "entity", "") == "customer")
    pipeline = replace(pipeline, features=alone, entities=PIPELINE.entities[:1])
    evaluation = replace(pipeline.evaluation, alert_entity="customer")
    return replace(pipeline, evaluation=evaluation), lambda rows: {
        "customer_id": [ALIKE[n] for n in rows]
    }


def as_pair(_pipeline):
    entities = (Entity("customer", ("bank", "number")), PIPELINE.entities[1])
    pipeline = replace(with_columns(bank="text", number="integer"), entities=entities)
    return pipeline, lambda rows: {
        "bank": ["a|b" if n % 2 else "a" for n in rows],
        "number": rows,
    }


def features_of(root, pipeline, relabel, days=4):
    """The last day's features; every day's rows are those of integer customers, under other names."""
    for n in range(days):
        day = f"{FIRST[:-1]}{n + 1}"
        rows = rows_of(PIPELINE, day)
        columns = {name: rows[name] for name in PIPELINE.table.column_names()}
        columns |= relabel(rows["customer_id"].to_numpy())
        work = work_on(pipeline, root, partition=day)
        publish_validated(work, day, day_table(pipeline, columns))
    perform(FEATURIZE, work, reach=False)
    manifest = work.find(work.partition_ref("features"))
    return pq.read_table(work.store.open(manifest) / "part-0.parquet")


@pytest.mark.parametrize("named", [as_text, as_uuid, as_alike, as_pair])
def test_windows_are_the_same_to_the_bit_whatever_an_entity_is_called(tmp_path, named):
    plain = features_of(tmp_path / "plain", PIPELINE, lambda _rows: {})
    pipeline, relabel = named(with_columns(customer_id="text"))
    found = features_of(tmp_path / "named", require_valid(pipeline), relabel)
    names = list(pipeline.feature_names())
    assert found.select(names).equals(plain.select(names))
    key = pipeline.entity("customer").key
    assert found.schema.field(key).type == pa.string()
    partners = set(zip(found[key].to_pylist(), plain["customer_id"].to_pylist(), strict=True))
    assert len(partners) == len({a for a, _ in partners}) == len({b for _, b in partners})


def test_the_twins_are_real():
    assert hash_word(TWINS[0]) == hash_word(TWINS[1])
    words = pa.array(ALIKE)
    assert len(np.unique(hash_words(words))) == len(ALIKE) // 2
    assert len(np.unique(check_words(words))) == len(ALIKE)


@settings(max_examples=200)
@given(
    pairs=st.lists(st.tuples(st.integers(-2, 2), st.integers(-2, 2)), max_size=30),
    high=st.sampled_from([1, 2**61]),
)
def test_codes_are_one_to_one_with_the_pairs_of_both_hashes(pairs, high):
    hashed, check = (np.array([p[i] * high for p in pairs], np.int64) for i in (0, 1))
    codes = entity_codes(np, hashed, check).tolist()
    together = set(zip(codes, pairs, strict=True))
    assert len(together) == len(set(codes)) == len(set(pairs))
    assert sorted(set(codes)) == list(range(len(set(codes))))


def test_two_texts_of_one_hash_are_refused_where_windows_would_read_them_as_one():
    with pytest.raises(
        PermanentError, match=r"'city': two texts, ••• .* and ••• .*, have the same"
    ):
        hashed(pa.chunked_array([["a", *TWINS, "b", None]]), "city")
    assert hashed(pa.chunked_array([["a", "b", None, "a"]]), "city").null_count == 1


def test_a_row_without_an_entity_has_no_history(tmp_path):
    pipeline = with_columns(customer_id="text")
    nameless = lambda rows: {"customer_id": [None if n == 3 else str(n) for n in rows]}  # noqa: E731
    found = features_of(tmp_path, pipeline, nameless)
    rows = found.filter(pa.compute.is_null(found["customer_id"]))
    assert rows.num_rows
    assert set(rows["customer_count_1d"].to_pylist()) == {0.0}
