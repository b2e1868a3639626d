"""Which news become events: what changed since the last one, for each asset and key, and nothing else."""

import dataclasses
from types import SimpleNamespace

import pytest
from airflow.sdk import Asset
from airflow.sdk.execution_time.context import OutletEventAccessors
from airflow.sdk.execution_time.task_runner import _serialize_outlet_events
from hypothesis import given
from hypothesis import strategies as st

from millrace.airflow.announcing import announce, announce_champion, silence
from millrace.airflow.assets import assets
from millrace.airflow.news import CHAMPION, News, news_of, news_of_partitions
from pipelines.protocol import stage_named
from pipelines.spec import load
from tests.pipelines.made_models import FRAUD, publish, work_on

PIPELINE = load("fraud_detection")
VERDICTS, GOOD = (assets(PIPELINE)[name] for name in ("validated", "good_partitions"))
MODEL = assets(PIPELINE)["model"]


class Memory(dict):
    """What Airflow keeps for each asset."""

    def set(self, key, value):
        self[key] = value


class Airflow:
    """The tasks of one Airflow, one after another, and the events that they leave."""

    def __init__(self):
        self.memory = {asset: Memory() for asset in (VERDICTS, GOOD, MODEL)}

    def run(self, news, outlets=(VERDICTS, GOOD), tries=1):
        task, events = SimpleNamespace(outlets=list(outlets)), OutletEventAccessors()
        context = {"outlet_events": events, "asset_state_store": self.memory}
        context["ti"] = SimpleNamespace(try_number=tries)
        silence(task, outlets, announce(task, context, news))
        left = {asset.name for asset in task.outlets}
        found = list(_serialize_outlet_events(events))
        assert {each["dest_asset_key"]["name"] for each in found} == left
        return [
            (e["dest_asset_key"]["name"], e.get("partition_key"), e["extra"]) for e in found
        ]


def verdict(partition, word, content="c"):
    facts = {"verdict": word, "content": content}
    both = {"key": partition, "partition": partition, "state": f"{word} {content}"}
    return [
        News(asset=VERDICTS, facts=facts, **both),
        News(asset=GOOD, facts=facts, wanted=word == "accepted", **both),
    ]


def names(events):
    return [name.removeprefix("fraud_detection_") for name, *_ in events]


def test_a_verdict_is_announced_once_and_again_where_it_or_the_rows_changed():
    airflow, day = Airflow(), "2026-01-05"
    steps = [
        (("accepted", "a"), ["validated", "good_partitions"]),
        (("accepted", "a"), []),
        (("accepted", "b"), ["validated", "good_partitions"]),
        (("refused", "c"), ["validated"]),
        (("refused", "c"), []),
        # Good again with the rows it had: who waits for good days heard nothing of the refusal.
        (("accepted", "b"), ["validated", "good_partitions"]),
    ]
    for (word, content), announced in steps:
        assert names(airflow.run(verdict(day, word, content))) == announced


def test_each_partition_of_one_task_has_an_event_with_its_own_facts():
    news = [
        *verdict("2026-01-05", "accepted", "a"),
        *verdict("2026-01-06", "refused", "b"),
        *verdict("2026-01-07", "accepted", "c"),
    ]
    announced = Airflow().run(news)
    assert sorted((n, k, e["verdict"], e["content"]) for n, k, e in announced) == [
        ("fraud_detection_good_partitions", "2026-01-05", "accepted", "a"),
        ("fraud_detection_good_partitions", "2026-01-07", "accepted", "c"),
        ("fraud_detection_validated", "2026-01-05", "accepted", "a"),
        ("fraud_detection_validated", "2026-01-06", "refused", "b"),
        ("fraud_detection_validated", "2026-01-07", "accepted", "c"),
    ]


@given(
    st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.sampled_from("ab")), max_size=12)
)
def test_whoever_heard_the_events_knows_the_last_verdict_of_each_partition(turns):
    airflow, heard, good, last = Airflow(), {}, {}, {}
    for day, accepted, content in turns:
        word = "accepted" if accepted else "refused"
        changed = last.get(day) != (word, content)
        last[day] = (word, content)
        announced = airflow.run(verdict(str(day), word, content))
        assert bool(announced) == changed
        for name, key, extra in announced:
            of = heard if name.endswith("validated") else good
            of[int(key)] = (extra["verdict"], extra["content"])
    assert heard == last
    assert {day: good[day] for day, (word, _) in last.items() if word == "accepted"} == {
        day: state for day, state in last.items() if state[0] == "accepted"
    }
    assert all(word == "accepted" for word, _ in good.values())


def champion(digest, fresh):
    facts = {"digest": digest, "fate": "promoted"}
    return [News(asset=MODEL, key=CHAMPION, state=digest, facts=facts, fresh=fresh)]


@pytest.mark.parametrize(
    ("steps", "announced"),
    [
        ([("a", True, 1), ("a", False, 1), ("b", True, 1)], [1, 0, 1]),
        # Promoted by hand before, and found published.
        ([("a", False, 1)], [0]),
        # Killed between the registry and its end: the next try makes up for it, a third does not.
        ([("a", True, 1), ("b", False, 2), ("b", False, 3)], [1, 1, 0]),
        # Rolled back by hand meanwhile, and promoted again.
        ([("a", True, 1), ("b", True, 1), ("b", True, 1)], [1, 1, 1]),
    ],
)
def test_the_models_asset_has_an_event_where_a_task_changed_the_champion(steps, announced):
    airflow = Airflow()
    found = [airflow.run(champion(d, fresh), [MODEL], tries) for d, fresh, tries in steps]
    assert [len(events) for events in found] == announced


def test_a_champion_changed_by_hand_is_announced_by_one_call():
    airflow, other = Airflow(), Asset("other", uri="x://other")
    task, events = SimpleNamespace(outlets=[MODEL, other]), OutletEventAccessors()
    context = {"outlet_events": events, "asset_state_store": airflow.memory}
    context["ti"] = SimpleNamespace(try_number=1)
    announce_champion(task, context, PIPELINE, {"version": 3, "who": "ann"})
    assert events[MODEL].extra == {"version": 3, "who": "ann"}
    assert task.outlets == [MODEL, other]
    assert airflow.run(champion("version 3", fresh=False), [MODEL], tries=2) == []
    announce_champion(task, context, PIPELINE, {"version": 3}, changed=False)
    assert task.outlets == [other]


def test_what_a_day_published_is_read_from_the_store_with_its_quarantined_share(tmp_path):
    metrics = {"rows_in": 8.0, "rows_good": 6.0, "rows_quarantined": 2.0}
    stage, work = work_on("validate", tmp_path, pipeline=PIPELINE)
    bad = {"rows": 0, "verdict": "refused", "reason": "Too much.", "metrics": metrics}
    made = publish(tmp_path, "validate", work.on("2026-01-05"), lambda _: None, outcome=bad)
    first, second = news_of_partitions(stage, work, ["2026-01-05"])
    assert (first.asset, first.wanted, second.asset, second.wanted) == (
        VERDICTS,
        True,
        GOOD,
        False,
    )
    facts = first.facts
    assert (facts["verdict"], facts["rows"], facts["quarantined_share"]) == ("refused", 0, 0.25)
    assert (facts["table"], facts["digest"], facts["content"]) == (
        "transactions",
        made.digest,
        made.content,
    )
    # The features that a day had before it was refused are no news.
    publish(tmp_path, "featurize", work.on("2026-01-05"), lambda _: None)
    assert list(news_of_partitions(stage_named("featurize"), work, ["2026-01-05"])) == []
    assert list(news_of_partitions(stage, work, ["2026-01-06"])) == []


def test_a_partition_that_ingest_refused_has_that_verdict(tmp_path):
    stage, work = work_on("validate", tmp_path, pipeline=PIPELINE)
    refused = {"verdict": "refused", "reason": "No file can be read."}
    publish(tmp_path, "ingest", work.on("2026-01-05"), lambda _: None, outcome=refused)
    first, _ = news_of_partitions(stage, work, ["2026-01-05"])
    assert (first.facts["verdict"], first.facts["reason"]) == (
        "refused",
        "No file can be read.",
    )
    assert first.facts["quarantined_share"] == 0.0


def test_a_model_of_an_older_day_is_announced_as_evaluated_with_both_words(tmp_path):
    stage, work = work_on("promote", tmp_path, pipeline=FRAUD)
    result = {"verdict": "BETTER", "fate": "superseded", "version": 2, "champion": 1}
    result |= {"reason": "a later day", "content": "c", "model_digest": "m", "changed": False}
    (news,) = news_of(stage, work, result)
    assert news.asset == assets(FRAUD)["evaluated_model"]
    assert (news.facts["verdict"], news.facts["fate"]) == ("BETTER", "superseded")
    promoted = result | {"fate": "promoted", "changed": True}
    assert {n.asset.name for n in news_of(stage, work, promoted)} == {
        "fraud_detection_model",
        "fraud_detection_evaluated_model",
    }
    assert dataclasses.asdict(news)["partition"] == ""
