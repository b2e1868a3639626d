"""Scoring a day: with which model, which columns, done once, and what it refuses."""

import dataclasses
import re

import numpy as np
import pytest

from pipelines.core.errors import (
    ColumnMismatchError,
    ConfigError,
    HistoryNotReadyError,
    InputMissingError,
    NoChampionError,
    NothingToScoreError,
)
from pipelines.core.store import Store
from pipelines.operators.state import read_program
from pipelines.shared.scoring.decision import Decision
from pipelines.shared.scoring.dense import open_scorer
from tests.pipelines.made_models import work_on
from tests.pipelines.stages.score.scored_days import (
    ALERTING,
    DAY,
    EARLY,
    NAMES,
    NEXT,
    features,
    folder_of,
    publish_day,
    publish_dense,
    register,
    rows_of,
    scored,
    summary_of,
)

WITHOUT_THRESHOLD = dataclasses.replace(ALERTING, threshold=None)


@pytest.fixture
def store(tmp_path):
    """Two days, the champion of each, and a challenger that never was one."""
    publish_day(tmp_path, DAY)
    publish_day(tmp_path, NEXT, seed=2)
    early = publish_dense(tmp_path, as_of=EARLY, decision=WITHOUT_THRESHOLD)
    late = publish_dense(tmp_path, as_of=NEXT, seed=0, units=4, decision=Decision())
    challenger = publish_dense(tmp_path, as_of=EARLY, seed=5, units=6)
    register(tmp_path, early, late, challenger, champions=(1, 2))
    return tmp_path


def independent_scores(root, as_of, table, seed=0):
    """Scores from the published files in plain float64, all rows at once."""
    _, work = work_on("train", root, as_of=as_of)
    key = work.model_ref("models")
    folder = Store(str(root)).open(
        Store(str(root)).find(dataclasses.replace(key, key=f"as_of={as_of}/seed={seed}"))
    )
    columns = {name: table[name].to_numpy() for name in NAMES}
    x = read_program(folder).transform(np, columns)["x"].astype(np.float64)
    first, last = open_scorer(folder).layers
    hidden = np.maximum(x @ first.kernel + first.bias, 0)
    logit = (hidden @ last.kernel + last.bias)[:, 0]
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


def test_each_day_is_scored_with_the_champion_of_then(store):
    first, second = scored(store, DAY), scored(store, NEXT)
    assert (first["metrics"]["version"], second["metrics"]["version"]) == (1, 2)
    for result, day, as_of, seed in ((first, DAY, EARLY, 1), (second, NEXT, NEXT, 2)):
        rows, table = rows_of(store, result), features(day, 300, seed)
        assert rows.column_names == [
            *("transaction_id", "tx_datetime", "customer_id", "terminal_id"),
            *("score", "probability", "decision", "reasons"),
            *("model_version", "model_digest", "features_digest"),
        ]
        for name in rows.column_names[:4]:
            assert rows[name].to_pylist() == table[name].to_pylist()
        np.testing.assert_array_max_ulp(
            rows["score"].to_numpy(), independent_scores(store, as_of, table), maxulp=1
        )


def test_probability_and_decision_are_those_of_the_models_own_file(store):
    rows = rows_of(store, scored(store, DAY))
    probability = WITHOUT_THRESHOLD.probability(rows["score"].to_numpy())
    np.testing.assert_array_equal(rows["probability"].to_numpy(), probability)
    assert rows["decision"].null_count == rows["reasons"].null_count == 300
    later = rows_of(store, scored(store, NEXT))
    np.testing.assert_array_equal(later["probability"].to_numpy(), later["score"].to_numpy())


def test_the_summary_says_who_scored_what_and_what_it_adds_up_to(store):
    result = scored(store, DAY)
    rows, summary = rows_of(store, result), summary_of(store, result)
    p = rows["probability"].to_numpy().astype(np.float64)
    assert summary["version"] == 1
    assert summary["as_of"] == EARLY
    assert (summary["rows"], summary["alerts"]) == (300, None)
    assert summary["digest"] == rows["model_digest"][0].as_py()
    assert summary["features"]["digest"] == rows["features_digest"][0].as_py()
    assert summary["histogram"] == np.histogram(p, 20, (0, 1))[0].tolist()
    assert summary["expected"]["events"] == pytest.approx(p.sum(), rel=1e-12)


def test_a_day_is_scored_once_and_again_after_its_features_changed(store):
    first = scored(store, DAY)
    assert scored(store, DAY)["cached"] is True
    publish_day(store, DAY, seed=3)
    again = scored(store, DAY)
    assert again["cached"] is False
    assert again["digest"] != first["digest"]
    _, work = work_on("score", store)
    kept = {
        each.digest for each in Store(str(store)).versions(work.on(DAY).partition_ref("scores"))
    }
    assert kept == {first["digest"], again["digest"]}


def test_a_chosen_version_stands_beside_the_scores_that_were_given(store):
    given = scored(store, DAY)
    chosen = scored(store, DAY, version="3")
    assert chosen["key"] == f"version=3/ds={DAY}"
    assert scored(store, DAY)["digest"] == given["digest"]
    assert scored(store, DAY)["cached"] is True
    assert set(rows_of(store, chosen)["model_version"].to_pylist()) == {3}
    np.testing.assert_array_max_ulp(
        rows_of(store, chosen)["score"].to_numpy(),
        independent_scores(store, EARLY, features(DAY, 300), seed=5),
        maxulp=1,
    )


def test_challengers_score_in_the_shadow_of_the_champion(store):
    alone = rows_of(store, scored(store, DAY))
    result = scored(store, DAY, shadow="3,2")
    rows, shadow = rows_of(store, result), rows_of(store, result, "shadow-*.parquet")
    assert rows.equals(alone)
    assert shadow.column_names == ["transaction_id", "model_version", "score", "probability"]
    assert shadow["model_version"].to_pylist() == [2] * 300 + [3] * 300
    assert shadow["transaction_id"].to_pylist() == 2 * rows["transaction_id"].to_pylist()
    np.testing.assert_array_equal(
        shadow["score"].to_numpy()[300:], rows_of(store, scored(store, version="3"))["score"]
    )
    assert [each["version"] for each in summary_of(store, result)["shadow"]] == [2, 3]


WRONG = {
    "no such version": ({"version": "9"}, "version 9 is not registered"),
    "a word": ({"version": "best"}, "a version is its number in the registry"),
    "a path": ({"version": "../1"}, "a version is its number in the registry"),
    "zero": ({"version": "0"}, "a version is its number"),
    "a leading zero": ({"version": "01"}, "a version is its number"),
    "several": ({"version": "1,2"}, "a version is its number"),
    "its own shadow": ({"shadow": "1"}, "version 1 scores this partition itself"),
    "a shadow twice": ({"shadow": "3,3"}, "version 3 is named twice"),
    "an unknown shadow": ({"shadow": "3,9"}, "version 9 is not registered"),
    "a shadow without number": ({"shadow": "3,x"}, "a version is its number"),
}


@pytest.mark.parametrize(("options", "says"), WRONG.values(), ids=WRONG)
def test_wrong_options_say_what_to_write(store, options, says):
    with pytest.raises(ConfigError, match=re.escape(says)):
        scored(store, DAY, **options)


def test_a_day_before_the_first_champion_says_which_versions_there_are(store):
    publish_day(store, "2026-01-15")
    with pytest.raises(
        NoChampionError, match="no version of fraud_detection was the champion on 2026-01-15"
    ):
        scored(store, "2026-01-15")
    assert scored(store, "2026-01-15", version="1")["rows"] == 300


def test_an_empty_registry_says_so(tmp_path):
    publish_day(tmp_path)
    with pytest.raises(NoChampionError, match="no version is registered"):
        scored(tmp_path)


def test_a_refused_day_has_no_scores_also_after_it_had_some(store):
    scored(store, DAY)
    publish_day(store, DAY, seed=7, refused=True)
    with pytest.raises(NothingToScoreError, match="was refused, so it has no scores"):
        scored(store, DAY)


def test_features_that_are_missing_or_outdated_are_asked_for(store):
    with pytest.raises(InputMissingError, match="Run ingest, validate and featurize"):
        scored(store, "2026-03-05")
    publish_day(store, "2026-03-05")
    _, work = work_on("validate", store)
    from tests.pipelines.made_models import publish

    publish(
        store,
        "validate",
        work.on("2026-03-05"),
        lambda out: (out / "a").write_text("b"),
        outcome={"verdict": "accepted"},
    )
    with pytest.raises(HistoryNotReadyError, match="Run featurize"):
        scored(store, "2026-03-05")


def test_a_column_that_the_model_reads_and_the_features_lack_is_named(store):
    publish_day(store, DAY, seed=4, spoil=lambda table: table.drop_columns(NAMES[:1]))
    with pytest.raises(ColumnMismatchError, match=f"missing: {NAMES[0]}"):
        scored(store, DAY)


def test_a_day_without_rows_has_a_part_without_rows(store):
    publish_day(store, DAY, rows=0)
    result = scored(store, DAY)
    assert result["rows"] == 0
    assert rows_of(store, result).schema == rows_of(store, scored(store, NEXT)).schema


def test_how_features_are_divided_and_who_scores_them_changes_no_byte(store):
    digests = set()
    for group, workers in ((300, "1"), (7, "2"), (64, "1")):
        publish_day(store, DAY, group=group, seed=11)
        result = scored(store, DAY, workers=workers)
        parts = [part.read_bytes() for part in sorted(folder_of(store, result).glob("part-*"))]
        rows = rows_of(store, result).drop_columns(["features_digest"])
        digests.add((len(parts), str(rows.to_pylist())))
    assert len(digests) == 1
