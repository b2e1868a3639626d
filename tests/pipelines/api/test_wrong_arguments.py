"""Whatever is passed, an error is one of ours, and a misspelt name gets the nearest one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import millrace
from millrace.errors import ConfigError, InputMissingError, PipelineError
from tests.pipelines.api.test_reading import DAYS, NAME, day_table, publish_day

ANYTHING = st.one_of(
    st.none(),
    st.text(max_size=12),
    st.integers(-3, 3),
    st.floats(),
    st.sampled_from(
        [
            NAME,
            "features",
            "train",
            DAYS[0],
            "2026-1-1",
            "..",
            "../x",
            "/",
            "*",
            "\0",
            "ds=",
            "a" * 16,
        ]
    ),
    st.lists(st.text(max_size=3), max_size=2),
    st.builds(object),
)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wrong") / "store"
    for n, day in enumerate(DAYS[:2]):
        publish_day(folder, day, day_table(n))
    return millrace.open_store(folder)


def calls(store, name, dataset, day, more):
    """Every public call that takes names or days, each with these."""
    read = store.dataset(NAME, "features", partition=DAYS[0])
    return {
        "pipeline": lambda: millrace.pipeline(name, more),
        "open_store": lambda: millrace.open_store(name),
        "datasets": lambda: store.datasets(name),
        "keys": lambda: store.keys(name, dataset),
        "partitions": lambda: store.partitions(NAME, dataset),
        "versions": lambda: store.versions(NAME, "features", partition=day, seed=more),
        "dataset": lambda: store.dataset(NAME, dataset, partition=day),
        "range": lambda: store.dataset(NAME, "features", from_=day, to=name, missing=more),
        "as of": lambda: store.dataset(NAME, "features", as_of=day, version=name),
        "columns": lambda: read.to_arrow(more),
        "table": lambda: read.to_arrow(table=name),
        "to_numpy": lambda: read.to_numpy(name),
        "read_json": lambda: read.read_json(name),
        "model": lambda: store.model(NAME, name, as_of=day, seed=more),
        "champion": lambda: store.model(name, more),
        "why": lambda: millrace.why(name, store),
        "verify": lambda: millrace.verify(store, name),
        "quarantine": lambda: millrace.quarantine(
            NAME, store, partition=day, rule=name, rows=more
        ),
        "promote": lambda: millrace.promote(
            NAME, store, more, why=name, who=name, from_day=day, expect=more
        ),
        "rollback": lambda: millrace.rollback(
            NAME, store, why=name, who=dataset, from_day=day, expect=more
        ),
        "run_stage": lambda: millrace.run_stage(
            name, dataset, store, partition=day, options=more, inputs=more, in_process=True
        ),
        "stage": lambda: millrace.run_stage(
            "featurize", NAME, store, partition=day, options=more, in_process=True
        ),
        "run": lambda: millrace.run(
            NAME, store, source=name, from_=day, to=name, seeds=more, options=more
        ),
        "tune": lambda: millrace.tune(NAME, store, as_of=day, trials=more, at_once=name),
        "housekeeping": lambda: millrace.housekeeping(name, store, keep_versions=more),
        "forget": lambda: millrace.forget(NAME, store, entity=name, key=more, dry_run=True),
        "replay": lambda: millrace.replay(name, store, partition=day, source=name),
    }


@settings(max_examples=25)
@given(name=ANYTHING, dataset=ANYTHING, day=ANYTHING, more=ANYTHING)
def test_no_argument_leads_to_an_error_that_is_not_ours(store, name, dataset, day, more):
    for what, call in calls(store, name, dataset, day, more).items():
        try:
            call()
        except PipelineError:
            continue
        except Exception as error:
            raise AssertionError(f"{what}({name!r}, {dataset!r}, {day!r}, {more!r})") from error


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda s: millrace.pipeline("fraud_detecton"), "Did you mean 'fraud_detection'"),
        (lambda s: millrace.pipeline(NAME, {"training.epoch": 1}), "Did you mean 'epochs'"),
        (lambda s: millrace.pipeline(NAME, {"training.epochs": {1}}), "got set"),
        (lambda s: millrace.pipeline(NAME, "training.epochs=3"), "must be a mapping"),
        (
            lambda s: millrace.tune(NAME, s, as_of=DAYS[0], trials=10**9),
            "must be 10000 or fewer",
        ),
        (
            lambda s: millrace.run(NAME, s, source="x", from_=DAYS[0], to=DAYS[0], seeds=10**9),
            "from 1 to 1000; got 1000000000",
        ),
        (
            lambda s: millrace.run(NAME, s, source="x", from_=DAYS[0], to=DAYS[0], folds=True),
            "is split by time, and folds are of entities. Declare Split",
        ),
        (
            lambda s: millrace.run(
                "disease_progression",
                s,
                source="x",
                from_=DAYS[0],
                to=DAYS[0],
                folds=True,
                seeds=2,
            ),
            "--folds and --seeds=2 are both given",
        ),
        (
            lambda s: millrace.run_stage("cohort", NAME, s, as_of=DAYS[0]),
            "fraud_detection has no stage 'cohort': it is for pipelines whose label is an Outcome",
        ),
        (lambda s: s.datasets("fraud_detecton"), "Did you mean 'fraud_detection'"),
        (lambda s: s.keys(NAME, "feature"), "Did you mean 'features'"),
        (lambda s: s.dataset(NAME, "features").to_arrow(["whol"]), "Did you mean 'whole'"),
        (lambda s: s.dataset(NAME, "features").to_arrow(table="parts"), "Did you mean 'part'"),
        (lambda s: s.dataset(NAME, "features", seed=1), "takes partition, from_, to"),
        (lambda s: s.dataset(NAME, "features", from_=DAYS[0]), "go together"),
        (lambda s: s.dataset(NAME, "features", from_=DAYS[1], to=DAYS[0]), "Swap them"),
        (lambda s: s.dataset(NAME, "features", version="12"), "16 to 64 hexadecimal"),
        (lambda s: s.dataset(NAME, "features").read_json("x"), "2 artifacts are chosen"),
        (lambda s: s.model(NAME), "has no champion"),
        (lambda s: s.model(NAME, 3), "has no version 3"),
        (lambda s: s.model(NAME, as_of=DAYS[0]), "has no published dataset 'models'"),
        (lambda s: millrace.why(f"{NAME}/features/ds=2026-01-0", s), "The nearest one is"),
        (lambda s: millrace.run_stage("trainin", NAME, s), "Did you mean 'train'"),
        (lambda s: millrace.run_stage("train", NAME, s), "Pass --as-of"),
        (lambda s: millrace.tune(NAME, s, as_of=DAYS[0], at_once=0), "--at-once must be 1"),
        (lambda s: millrace.housekeeping(NAME, s, keep_days=-1), "--keep-days must be"),
        (
            lambda s: millrace.run(NAME, s, source="x", from_="2026-1-1", to=DAYS[0]),
            "YYYY-MM-DD",
        ),
        (lambda s: millrace.verify(s, "../other"), "not the name of a pipeline"),
        (lambda s: millrace.open_store("nowhere").datasets(NAME), "holds no artifact"),
    ],
)
def test_a_wrong_argument_is_answered_with_what_would_be_right(store, call, said):
    with pytest.raises(ConfigError, match=said):
        call(store)


def test_a_version_that_is_not_kept_is_answered_with_those_that_are(store):
    kept = store.versions(NAME, "features")[0].digest[:16]
    with pytest.raises(InputMissingError, match=rf"no version {'0' * 16} is kept.*{kept}"):
        store.dataset(NAME, "features", version="0" * 16)
