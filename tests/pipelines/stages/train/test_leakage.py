"""Checks of the training rows before training starts, for every head."""

import dataclasses
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau
from sklearn.metrics import roc_auc_score

from pipelines.core.errors import LeakageError, TrainingError
from pipelines.spec import Binary, MultiClass, Ordinal, Regression, Survival, Training
from pipelines.stages.train import leakage
from pipelines.stages.train.label_criteria import (
    area,
    comparable_pairs,
    concordance,
    criteria,
    levels,
    ranks,
)
from pipelines.stages.train.leakage import half, sample, score_inputs
from pipelines.stages.train.preflight import check_rows
from pipelines.stages.train.shards import Shards
from tests.pipelines.made_models import FRAUD, done, publish_training_set

ROWS = 3000
HEADS = {
    "event": Binary(),
    "classes": MultiClass(4),
    "grades": Ordinal(4),
    "amount": Regression(),
    "times": Survival((1.0, 3.0, 9.0)),
    "two events": Survival((1.0, 3.0, 9.0), competing=True),
}
EVERY_HEAD = pytest.mark.parametrize("kind", HEADS)
SMALL = Training(global_batch_rows=64)


def drawing(seed):
    return np.random.Generator(np.random.Philox(key=[seed, 0]))


def labels(kind, z):
    """The label that a hidden value ``z`` leads to."""
    if kind == "event":
        return z > 1
    if kind in {"classes", "grades"}:
        return np.digitize(z, (-0.7, 0.3, 1.0))
    if kind == "two events":
        return np.stack([np.where(z < 0, np.exp(z), -np.exp(z)), (z >= 0) & (z < 1)], 1)
    return z if kind == "amount" else np.where(z < 1, np.exp(z), -np.exp(z))


def shards_of(y, days=3, **arrays):
    """Rows in so many days; ``x`` and ``ids`` by the names of their columns."""
    found = {"y": np.asarray(y, np.float32)}
    for name, kind in (("x", np.float32), ("ids", np.int32)):
        if name in arrays:
            found[name] = np.stack(list(arrays[name].values()), 1).astype(kind)
    parts = [dict(zip(found, each, strict=True)) for each in _cut(found, days)]
    starts = np.cumsum([0, *(len(part["y"]) for part in parts)])
    names, words = tuple(arrays.get("x", ())), tuple(arrays.get("ids", ()))
    return Shards(tuple(parts), starts, names, categorical=words)


def _cut(found, days):
    return zip(*(np.array_split(each, days) for each in found.values()), strict=True)


def warnings_of(kind, shards, training=SMALL):
    return list(check_rows("train", shards, training, HEADS[kind]))


def z_and_noise(seed=1, rows=ROWS):
    return drawing(seed).normal(size=(2, rows))


@EVERY_HEAD
def test_a_number_that_predicts_the_label_is_refused_by_name_and_others_are_not(kind):
    z, noise = z_and_noise()
    good = {"good": z + noise, "noise": noise}
    assert warnings_of(kind, shards_of(labels(kind, z), x=good)) == []
    leak = {"leaking": -z + noise * 1e-3}
    with pytest.raises(
        LeakageError, match=r"3,000 sampled rows: leaking \([^,]*\); expected at most"
    ):
        warnings_of(kind, shards_of(labels(kind, z), x=good | leak))
    relaxed = dataclasses.replace(SMALL, leakage_auc=1.0)
    assert warnings_of(kind, shards_of(labels(kind, z), x=good | leak), relaxed) == []


@EVERY_HEAD
def test_an_id_that_predicts_the_label_is_refused_and_one_that_names_rows_is_not(kind):
    z, noise = z_and_noise()
    of_the_label = np.digitize(z, np.linspace(-2, 2, 200)) * 7 % 211
    good = {
        "row": np.arange(ROWS),
        "pair": np.arange(ROWS) // 2,
        "noisy": np.digitize(z + noise, np.linspace(-2, 2, 20)),
        "constant": np.zeros(ROWS),
    }
    assert warnings_of(kind, shards_of(labels(kind, z), ids=good)) == []
    with pytest.raises(
        LeakageError,
        match=r"sampled rows: leaking \(.*by the label rate of its ids\); expected at most",
    ):
        warnings_of(kind, shards_of(labels(kind, z), ids=good | {"leaking": of_the_label}))


def test_ids_of_which_each_occurs_once_score_alike():
    z, _ = z_and_noise()
    seen = sample(shards_of(labels("event", z), ids={"row": drawing(3).permutation(ROWS)}))
    (found,) = score_inputs(seen, Binary())
    assert found.score == 0.5


def test_an_id_scores_the_rate_of_its_rows_in_the_other_half():
    z, _ = z_and_noise()
    y, ids = labels("event", z), drawing(4).integers(0, 600, ROWS)
    fitted = half(ROWS)
    assert 0.45 < fitted.mean() < 0.55
    overall = y[fitted].mean()
    rates = {i: y[fitted & (ids == i)].mean() for i in np.unique(ids[fitted])}
    scores = [rates.get(i, overall) for i in ids[~fitted]]
    (found,) = score_inputs(sample(shards_of(y, ids={"id": ids})), Binary())
    assert found.score == pytest.approx(roc_auc_score(y[~fitted], scores), abs=1e-12)


@given(
    values=st.lists(st.integers(-5, 5), min_size=4, max_size=40),
    seed=st.integers(0, 99),
)
def test_the_auc_of_a_single_feature_is_that_of_all_pairs(values, seed):
    x = np.array(values, np.float32)
    y = drawing(seed).random(len(x)) < 0.5
    y[0], y[1] = True, False
    wins = np.sign(x[y][:, None] - x[~y][None, :])
    found = area(y.astype(float), ranks(levels(x)))
    assert found == pytest.approx((wins.mean() + 1) / 2)


@pytest.mark.parametrize(
    ("kind", "words", "side"),
    [
        ("classes", "of label {}", np.equal),
        ("grades", "of labels above {}", np.greater),
    ],
)
def test_each_class_and_each_threshold_has_a_criterion(kind, words, side):
    z, noise = z_and_noise()
    y, x = labels(kind, z), np.round(z + noise, 1).astype(np.float32)
    measures = criteria(HEADS[kind], y.astype(float), np.ones(ROWS, bool))
    found = {each.about: each.value(ranks(levels(x))) for each in measures}
    wanted = {
        "AUC {:.4f} " + words.format(c): roc_auc_score(side(y, c), x)
        for c in range(4 if kind == "classes" else 3)
    }
    assert found == pytest.approx(wanted, abs=1e-12)


@given(
    rows=st.lists(
        st.tuples(st.integers(1, 6), st.booleans(), st.integers(0, 3)), min_size=2, max_size=25
    )
)
def test_comparable_pairs_and_their_concordance_are_those_of_a_plain_loop(rows):
    time, happened, risk = (np.array(each) for each in zip(*rows, strict=True))
    wanted, agreed = set(), 0.0
    for i, (t, event, r) in enumerate(rows):
        for j, (other, with_event, q) in enumerate(rows):
            if event and (t < other or (t == other and not with_event)):
                wanted.add((i, j))
                agreed += (r > q) + (r == q) / 2
    first, second = comparable_pairs(time.astype(float), happened)
    assert len(first) == len(wanted)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == wanted
    if wanted:
        found = concordance(second, first, ranks(levels(risk)))
        assert found == pytest.approx(agreed / len(wanted))


def test_pairs_that_are_too_many_are_drawn_evenly_and_always_the_same():
    y, noise = z_and_noise()
    x = y + noise
    found = [
        concordance(*comparable_pairs(y, np.ones(ROWS, bool)), ranks(levels(x)))
        for _ in range(2)
    ]
    assert found[0] == found[1]
    # Four standard errors of 200,000 draws.
    assert found[0] == pytest.approx((kendalltau(x, y).statistic + 1) / 2, abs=0.0045)


def test_a_value_that_is_missing_where_the_event_happens_is_a_leak():
    z, noise = z_and_noise()
    x = np.where(labels("event", z), np.nan, noise)
    with pytest.raises(LeakageError, match=r"a \(AUC 1.0000\)"):
        warnings_of("event", shards_of(labels("event", z), x={"a": x}))


ALIKE = {
    "one class": (
        "classes",
        [2] * 150,
        r"all 150 training rows have label 2. Two or more of th",
    ),
    "one grade": (
        "grades",
        [0] * 150,
        r"all 150 training rows have label 0. Two or more of the 4",
    ),
    "constant": (
        "amount",
        [2.5] * 150,
        r"all 150 training rows have label 2.5. Labels that diff",
    ),
    "one label": (
        "event",
        [1] * 150,
        r"150 of 150 training rows have label 1. Both classes are",
    ),
    "no event": (
        "times",
        [-2] * 150,
        r"none of 150 training rows has an event before day 9, .* 0",
    ),
    "late": (
        "times",
        [9] * 150,
        r"none of 150 training rows has an event .* 150 have one later",
    ),
}


@pytest.mark.parametrize("case", ALIKE)
def test_rows_that_are_all_alike_in_the_label_are_refused(case):
    kind, y, words = ALIKE[case]
    with pytest.raises(TrainingError, match=words + r".*widen split.train_days, or check"):
        warnings_of(kind, shards_of(y, x={"a": np.arange(150)}))


@EVERY_HEAD
def test_too_few_rows_are_refused_for_every_head(kind):
    z, _ = z_and_noise(rows=99)
    with pytest.raises(TrainingError, match=r"99 training rows, and training.min_rows=100 are"):
        warnings_of(kind, shards_of(labels(kind, z)))


@pytest.mark.parametrize(
    ("kind", "label", "wanted"),
    [
        ("event", 2, "0 to 1"),
        ("classes", 4, "0 to 3"),
        ("grades", 0.5, "0 to 3"),
        ("amount", np.inf, "finite numbers"),
        ("times", 0, "days, above 0 for an event, below 0 for none yet"),
    ],
)
def test_labels_that_the_head_cannot_read_are_refused_with_their_values(kind, label, wanted):
    z, _ = z_and_noise()
    y = labels(kind, z).astype(np.float32)
    y[[7, 2000]] = label
    with pytest.raises(TrainingError, match=rf"2 of 3,000 training labels are not {wanted} \("):
        warnings_of(kind, shards_of(y))


PAIRS = np.tile([[2.0, 0], [-3.0, 1], [-4.0, 0]], (50, 1)).astype(np.float32)


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ([2.0, 1], "[2.0, 1.0]"),
        ([-2.0, 2], "[-2.0, 2.0]"),
        ([-2.0, 0.5], "[-2.0, 0.5]"),
        ([-2.0, np.nan], "[-2.0, nan]"),
        ([np.inf, 0], "[inf, 0.0]"),
        ([0, 1], "[0.0, 1.0]"),
    ],
)
def test_labels_of_two_events_that_say_two_things_are_refused_with_their_values(label, value):
    y = PAIRS.copy()
    y[[7, 100]] = label
    with pytest.raises(TrainingError, match=r"2 of 150 training labels are not days, ab") as e:
        warnings_of("two events", shards_of(y))
    assert f"({value})" in str(e.value)
    assert "1 where a competing event ended them, which is then no event, else 0" in str(
        e.value
    )


@pytest.mark.parametrize("kind", ["times", "two events"])
def test_labels_of_another_shape_than_the_heads_are_refused_with_what_to_do(kind):
    y = PAIRS if kind == "times" else PAIRS[:, 0]
    shape = re.escape(str(y[:50].shape))
    with pytest.raises(
        TrainingError, match=rf"labels are {shape}, and Survival needs \(50,.*run"
    ):
        warnings_of(kind, shards_of(y))


def test_few_or_no_competing_events_are_warned_of_and_those_after_the_last_cut_do_not_count():
    y = PAIRS.copy()
    y[3:, 1] = 0
    (few,) = warnings_of("two events", shards_of(y))
    assert few == (
        "train: only 1 training rows have the competing event before the last of head.cuts_days"
    )
    late = np.where(PAIRS[:, 1:] == 1, [-30, 1], PAIRS)
    (none,) = warnings_of("two events", shards_of(late))
    assert none.startswith("train: only 0 training rows have the competing event")


def test_an_input_that_contains_the_time_of_the_competing_event_is_refused():
    z, noise = z_and_noise()
    days = np.exp(z)
    y = np.stack([np.where(noise < 0, days, -days), noise >= 0], 1)
    known = np.where(noise < 0, 1e9, days)
    with pytest.raises(
        LeakageError, match=r"known \(concordance 0.0000 of the competing event\)"
    ):
        warnings_of("two events", shards_of(y, x={"known": known}))


def test_rare_classes_few_events_and_unscored_inputs_are_warned_of():
    x = {"a": np.arange(150)}
    y = np.repeat([0, 1, 3], [100, 46, 4])
    (rare,) = warnings_of("classes", shards_of(y, x={"a": x["a"] % 7}))
    assert rare == "train: few training rows (or none) have these labels: 2 (0), 3 (4)"
    few, unscored = warnings_of("times", shards_of(np.where(x["a"] < 5, 1, -5), x=x))
    assert few == "train: only 5 training rows have an event before the last of head.cuts_days"
    assert unscored.startswith(
        "train: these inputs were not checked for leaks: a; of the 150 sampled rows,"
    )
    # 12 events are enough to score a number, and too few in one half for ids.
    y, noise = np.arange(150) < 12, {"a": x["a"] % 7}
    rarer, unscored = warnings_of("event", shards_of(y, x=noise, ids={"b": x["a"] % 3}))
    assert rarer == "train: only 12 training rows are of the rarer class"
    assert unscored.startswith("train: these inputs were not checked for leaks: b; ")


def test_messages_name_labels_as_the_source_does():
    words = {0: "NO", 2: "<30 {d}"}
    (rare,) = check_rows(
        "train",
        shards_of(np.repeat([0, 1, 3], [100, 46, 4]), x={"a": np.arange(150) % 7}),
        SMALL,
        HEADS["classes"],
        words,
    )
    assert rare.endswith("these labels: 2 '<30 {d}' (0), 3 (4)")
    y = np.arange(ROWS) % 3
    leaking = shards_of(y, x={"a": (y == 2).astype(float)})
    with pytest.raises(LeakageError, match=r"a \(AUC 1.0000 of label 2 '<30 \{d\}'\)"):
        list(check_rows("train", leaking, SMALL, HEADS["classes"], words))


def test_sampled_rows_are_spread_over_the_days_and_bounded(monkeypatch):
    monkeypatch.setattr(leakage, "SAMPLE_ROWS", 100)
    x, y = np.arange(1009), np.arange(1009) % 2
    seen = sample(shards_of(y, days=7, x={"a": x}, ids={"b": x + 5}))
    np.testing.assert_array_equal(seen.numbers[1][:, 0], np.arange(0, 1009, 11))
    np.testing.assert_array_equal(seen.ids[1][:, 0], np.arange(0, 1009, 11) + 5)
    np.testing.assert_array_equal(seen.y, np.arange(0, 1009, 11) % 2)


def test_training_an_amount_on_a_feature_that_contains_it_is_refused_by_name(tmp_path):
    def spoil(_day, x, y):
        y[:] = 3 - 2 * x[:, 4]

    pipeline = dataclasses.replace(FRAUD, head=Regression())
    publish_training_set(tmp_path, rows=50, pipeline=pipeline, spoil=spoil)
    name = FRAUD.feature_names()[4]
    with pytest.raises(
        LeakageError,
        match=rf"350 sampled rows: {name} \(concordance 0.0000\).*leakage_auc=1",
    ):
        done("train", tmp_path, pipeline=pipeline, options={"track": False})
