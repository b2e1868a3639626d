"""Windows and sequences through the stage: texts, hours, blocks, what is read and what is kept."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.core.errors import DeclarationError
from pipelines.core.store.why import differences
from pipelines.operators.hashing import hash_word, hash_words
from pipelines.protocol import perform, stage_named
from pipelines.spec import Column, Numeric, Sequence, Trailing, Visits, require_valid
from pipelines.stages.featurize import bucket
from tests.pipelines.stages.featurize.validated import (
    FIRST,
    publish_days,
    publish_validated,
    rows_of,
    small_pipeline,
    work_on,
)

FEATURIZE = stage_named("featurize")
WORDS = np.array(["food", "fuel", "café", "", None], object)


def with_text(more=(), **given):
    pipeline = small_pipeline()
    shop = Column("shop", "text", nullable=True)
    table = replace(pipeline.table, columns=(*pipeline.table.columns, shop, *more))
    return require_valid(replace(pipeline, tables=(table,), **given))


def shops(pipeline, day, **more):
    rng = np.random.default_rng(int(day[-2:]))
    shop = pa.array(WORDS[rng.integers(0, 5, 60)], pa.string())
    return rows_of(pipeline, day, shop=shop, **more)


def featurized(work):
    perform(FEATURIZE, work)
    manifest = work.find(work.partition_ref("features"))
    return manifest, pq.read_table(work.store.open(manifest) / "part-0.parquet")


def test_windows_over_texts_hours_and_sequences_equal_their_definition(tmp_path):
    pipeline = with_text(
        features=(
            Numeric("tx_amount"),
            Trailing("customer", ("count",), (2,), where=("shop", "café"), spans_s=(7200,)),
            Trailing("customer", ("distinct",), (1,), column="shop"),
            Sequence("terminal", ("tx_amount",), steps=3, within_days=2),
        )
    )
    tables = []
    for day in (FIRST, "2026-01-02"):
        work = work_on(pipeline, tmp_path, partition=day)
        tables.append(shops(pipeline, day))
        publish_validated(work, day, tables[-1])
    _, found = featurized(work)
    rows = pa.concat_tables(tables).to_pylist()
    for got in found.to_pylist():
        at, who, terminal = got["tx_datetime"], got["customer_id"], got["terminal_id"]
        ago = [(at - row["tx_datetime"]).total_seconds() for row in rows]
        mine = [(a, r) for a, r in zip(ago, rows, strict=True) if r["customer_id"] == who]
        near = [r["shop"] for a, r in mine if 0 <= a < 86_400 and r["shop"] is not None]
        assert got["customer_distinct_shop_1d"] == len(set(near))
        for name, span_s in (("2h", 7200), ("2d", 172_800)):
            wanted = sum(1 for a, r in mine if 0 <= a < span_s and r["shop"] == "café")
            assert got[f"customer_count_caf__{name}"] == wanted
        seen = sorted(
            (r["tx_datetime"], r["transaction_id"], r["tx_amount"])
            for a, r in zip(ago, rows, strict=True)
            if r["terminal_id"] == terminal and a < 2 * 86_400
        )
        seen = [s for s in seen if s[:2] <= (at, got["transaction_id"])][-3:]
        flat = [v for t, _, amount in seen for v in (amount, (at - t).total_seconds() / 86_400)]
        assert got["len_terminal_last_3"] == len(seen)
        wanted = np.array(flat + [0.0] * (6 - len(flat)), np.float32)
        np.testing.assert_array_equal(np.array(got["seq_terminal_last_3"], np.float32), wanted)


def test_ties_are_in_order_of_row_id_whatever_the_order_of_the_file(tmp_path):
    pipeline = small_pipeline(
        features=(
            Trailing("customer", ("last",), (1,), column="tx_amount"),
            Sequence("customer", ("tx_amount",), steps=4, within_days=1),
        )
    )
    day, found = rows_of(pipeline, FIRST), []
    shuffled = day.take(np.random.default_rng(1).permutation(day.num_rows))
    for nth, table in enumerate((day, shuffled)):
        work = work_on(pipeline, tmp_path / str(nth), partition=FIRST)
        publish_validated(work, FIRST, table)
        found.append(featurized(work)[1].sort_by("transaction_id"))
    assert found[0].equals(found[1])


def test_no_aggregate_or_sequence_changes_a_bit_with_the_number_of_buckets(tmp_path):
    every = {
        ("sum", "mean", "min", "max", "last", "distinct", "std", "slope"): "weight",
        ("distinct",): "shop",
        ("count", "ever", "days_since_last", "days_since_first"): None,
    }
    pipeline = with_text(
        more=(Column("weight", "number", nullable=True),),
        features=(
            *(
                Trailing(entity, aggregates, (1, 2), column=column)
                for aggregates, column in every.items()
                for entity in ("customer", "terminal")
            ),
            Trailing("terminal", ("rate",), (1,), column="tx_fraud", delay_days=1),
            Sequence("terminal", ("weight",), steps=3, within_days=2),
            Visits(
                "terminal",
                code="shop",
                column="weight",
                codes=("food", "café"),
                events=("fuel",),
                steps=3,
                within_days=2,
            ),
        ),
    )
    found = []
    for buckets in (1, 2, 64):
        cut = replace(pipeline, buckets=buckets)
        for number, day in enumerate((FIRST, "2026-01-02")):
            work = work_on(cut, tmp_path / str(buckets), partition=day)
            # Sums of such numbers depend on their order where anything is rounded on the way.
            rng = np.random.default_rng(number)
            weight = rng.normal(size=60) * 10.0 ** rng.integers(-9, 10, 60)
            table = shops(pipeline, day, weight=pa.array(weight, mask=weight > 1e8))
            publish_validated(work, day, table)
        found.append(featurized(work)[0].files)
    assert found[0] == found[1] == found[2]


def test_of_each_day_only_the_columns_that_a_window_reaches_are_read(tmp_path, monkeypatch):
    pipeline = small_pipeline(
        features=(
            Trailing("customer", ("mean",), (1,), column="tx_amount"),
            Trailing("customer", ("rate",), (1,), column="tx_fraud", delay_days=3),
        ),
        buckets=1,
    )
    *_, last = publish_days(pipeline, tmp_path, 7)
    asked = {}

    def spying(module):
        read = reader_of(module)

        def spy(path, nth, columns):
            asked[path.parent.parent.name] = sorted(set(columns) & {"tx_amount", "tx_fraud"})
            return read(path, nth, columns)

        return spy

    reader_of = bucket.reader_of
    monkeypatch.setattr(bucket, "reader_of", spying)
    featurized(work_on(pipeline, tmp_path, partition=last))
    assert asked == {
        "ds=2026-01-03": ["tx_fraud"],
        "ds=2026-01-04": ["tx_fraud"],
        "ds=2026-01-06": ["tx_amount"],
        "ds=2026-01-07": ["tx_amount", "tx_fraud"],
    }


def test_a_changed_window_leaves_the_others_as_they_are(tmp_path, monkeypatch):
    kept = Trailing("customer", ("mean",), (1, 2), column="tx_amount")
    before = small_pipeline(features=(kept, Trailing("terminal", ("count",), (1,))))
    after = small_pipeline(features=(kept, Trailing("terminal", ("count",), (2,))))
    *_, last = publish_days(before, tmp_path / "a", 4)
    publish_days(before, tmp_path / "b", 4)
    old, _ = featurized(work_on(before, tmp_path / "a", partition=last))
    ran = []
    run_bucket = bucket.run_bucket
    monkeypatch.setattr(
        "pipelines.stages.featurize.history.run_bucket",
        lambda task: (ran.append(task.program.entity), run_bucket(task))[1],
    )
    new, _ = featurized(work_on(after, tmp_path / "a", partition=last))
    assert set(ran) == {"terminal"}
    changed = [text for text in differences(old, new) if text.startswith("config")]
    assert changed == ["config features Trailing spans_days: [1] -> [2]"]
    fresh, _ = featurized(work_on(after, tmp_path / "b", partition=last))
    assert fresh.content == new.content


def test_a_history_that_changed_is_read_again_even_for_an_unchanged_window(tmp_path):
    pipeline = small_pipeline()
    days = publish_days(pipeline, tmp_path, 4)
    work = work_on(pipeline, tmp_path, partition=days[-1])
    old, _ = featurized(work)
    publish_validated(work, days[-2], rows_of(pipeline, days[-2], seed=3))
    new, _ = featurized(work)
    assert new.content != old.content


def test_what_no_window_can_read_is_refused_in_words(tmp_path):
    odd = (
        Trailing("customer", ("sum",), (1,), column="shop"),
        Trailing("customer", ("count",), (1,), where=("shop", 3)),
        Trailing("customer", ("distinct",), (2,), column="tx_datetime"),
        Sequence("customer", ("shop",)),
    )
    with pytest.raises(DeclarationError, match="where value 3 must be a text") as caught:
        require_valid(replace(with_text(), features=odd))
    assert len(caught.value.problems) == 4, str(caught.value)


def test_a_label_is_not_read_before_it_is_known_by_no_way(tmp_path):
    early = (
        Trailing("customer", ("count",), (1,), where=("tx_fraud", 1)),
        Sequence("customer", ("tx_fraud",)),
    )
    with pytest.raises(
        DeclarationError, match=r"before it is known\. Use delay_days=1"
    ) as said:
        small_pipeline(features=early)
    assert len(said.value.problems) == 2, str(said.value)


def test_a_span_or_a_sequence_of_nothing_is_refused():
    with pytest.raises(DeclarationError, match="must be 1 or more") as said:
        small_pipeline(
            features=(Trailing("customer", ("count",)), Sequence("customer", (), steps=0))
        )
    assert len(said.value.problems) == 2, str(said.value)


def test_a_word_has_one_hash_alone_and_in_a_column():
    words = ["", "food", "café", "x" * 300]
    column = hash_words(pa.array(words)).view(np.int64)
    assert [hash_word(word) for word in words] == column.tolist()


def test_a_task_that_finds_no_memory_goes_on_as_two_with_the_same_features(
    tmp_path, monkeypatch
):
    pipeline = small_pipeline(
        features=(
            Trailing("customer", ("mean", "max", "distinct"), (2,), column="tx_amount"),
            Sequence("terminal", ("tx_amount",), steps=3, within_days=2),
        )
    )
    run_bucket, found = bucket.run_bucket, []
    for most in (1, 2):

        def starving(task, most=most):
            if task.share[1] < most:
                raise MemoryError("for a test")
            return run_bucket(task)

        monkeypatch.setattr("pipelines.stages.featurize.history.run_bucket", starving)
        *_, last = publish_days(pipeline, tmp_path / str(most), 3)
        found.append(featurized(work_on(pipeline, tmp_path / str(most), partition=last))[0])
    assert found[0].files == found[1].files
