"""A patient is erased from a store: from each version, and for good."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import millrace
from pipelines.core.errors import ArtifactError, ConfigError, TransientError
from pipelines.core.store import Store
from pipelines.core.store.erased_keys import ErasedKeys
from pipelines.drivers.erasure import erase as erasing
from pipelines.drivers.erasure.holdings import sought
from tests.pipelines.api.planted import NUMBER, handle, leaks, planted
from tests.pipelines.drivers.erasure.forgetting import (
    DAYS,
    GONE,
    files_of,
    made,
    millrace_ref,
    take_in,
)


def forget(root, key=GONE, **more):
    events = []
    found = millrace.forget(
        handle(), root / "store", entity="patient", key=key, on_event=events.append, **more
    )
    assert str(key) not in json.dumps([found, events])
    return found


def holding(root):
    """Data files with the patient."""
    found = []
    for path in (root / "store").rglob("*.parquet"):
        rows = pq.read_table(path, partitioning=None)
        if any(str(GONE) in str(rows[name].to_pylist()) for name in rows.column_names):
            found.append(path.relative_to(root / "store").as_posix())
    return found


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    """A store with the patient, and one whose source never had it."""
    folder = tmp_path_factory.mktemp("stores")
    return made(folder / "with"), made(folder / "without", without=True)


@pytest.fixture
def root(stores, tmp_path):
    shutil.copytree(stores[0], tmp_path / "copy")
    return tmp_path / "copy"


def test_what_is_published_is_then_what_it_were_without_the_patient(root, stores):
    assert holding(root)
    before = files_of(root)
    planned = forget(root, dry_run=True)
    assert files_of(root) == before
    assert not (root / "store/planted/erased.json").exists()
    done = forget(root)
    assert done == planned
    assert holding(root) == []
    assert "ingested/table=patients/ds=all" in done["rewritten"]
    assert not millrace.verify(root / "store")["damaged"]
    assert [name for name in done["removed"] if name.startswith("features/")]
    for day in DAYS:
        millrace.run_stage(
            "featurize", handle(), root / "store", partition=day, in_process=True
        )
    assert files_of(root) == files_of(stores[1])
    assert leaks(root / "store") == {}
    explained = millrace.why(f"planted/ingested/ds={DAYS[0]}", root / "store")
    assert "erased entities" in explained["inputs"]


def test_the_source_does_not_bring_it_back(root):
    forget(root)
    after = files_of(root)
    take_in(root)
    assert files_of(root) == {**files_of(root), **after}
    assert holding(root) == []
    # A file that is delivered again, with the patient in it and in a line that is no row.
    path = root / "source/visits" / f"{DAYS[0]}.csv"
    path.write_text(f"{path.read_text()}7,{GONE}\n8,{NUMBER + 5},{DAYS[0]},P,a,3,0\n")
    take_in(root, DAYS[:1])
    assert holding(root) == []
    manifest = Store(str(root / "store")).find(millrace_ref("ingested", f"ds={DAYS[0]}"))
    assert manifest.outcome["metrics"]["rows_erased"] > 0
    assert manifest.outcome["quarantined"] == {"source.fields": 1}


def test_two_patients_are_erased_one_after_the_other_and_one_twice(root):
    forget(root)
    assert forget(root, NUMBER + 7)["rewritten"]
    again = forget(root)
    assert (again["rewritten"], again["removed"]) == ([], [])
    assert len(ErasedKeys.of(Store(str(root / "store")), "planted").entities["patient"]) == 2
    assert str(NUMBER)[:-2] not in (root / "store/planted/erased.json").read_text()


def test_a_patient_that_nobody_has_changes_nothing_and_is_left_out_from_then_on(root):
    before = files_of(root)
    assert forget(root, NUMBER * 10 + 3)["rewritten"] == []
    assert files_of(root) == before


class StoppedError(BaseException):
    """Ends the process, as far as a store can see."""


@pytest.mark.parametrize(
    "step", [7, *(pytest.param(n, marks=pytest.mark.slow) for n in range(0, 24, 2))]
)
def test_one_that_is_stopped_anywhere_goes_on_when_it_is_called_again(
    root, stores, step, monkeypatch
):
    left = [step]

    def stopping(call):
        def stopped(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                raise StoppedError
            return call(*args, **kwargs)

        return stopped

    with monkeypatch.context() as patched:
        for name in ("point", "publish", "lock"):
            patched.setattr(Store, name, stopping(getattr(Store, name)))
        patched.setattr(erasing, "remove", stopping(erasing.remove))
        try:
            forget(root)
        except StoppedError:
            pass
        else:
            assert step > 18
    assert not millrace.verify(root / "store")["damaged"]
    forget(root)
    assert holding(root) == []
    assert not millrace.verify(root / "store")["damaged"]
    kept = {name: h for name, h in files_of(root).items() if name[0] != "features"}
    assert kept == {n: h for n, h in files_of(stores[1]).items() if n[0] != "features"}
    assert ErasedKeys.of(Store(str(root / "store")), "planted").pending == ()


def test_while_a_stage_works_nothing_is_erased(root):
    store = Store(str(root / "store"))
    with (
        store.lock(millrace_ref("features", f"ds={DAYS[1]}")),
        pytest.raises(TransientError, match=r"a stage is working on features/ds=.*Pause"),
    ):
        forget(root)
    assert holding(root)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"entity": "person"}, "no entity 'person'. Its entities are patient, bed"),
        (
            {"key": "PLANTED"},
            "must be an integer, as column 'patient' is; got a text of 7 char",
        ),
        ({"key": " "}, "The key is empty"),
        ({"key": 1.5}, "key must be the text or the integer.*got float"),
        ({"store": "memory://store"}, "forget works on a local store, not on memory"),
    ],
)
def test_wrong_arguments_are_refused_without_the_key(tmp_path, given, message):
    wanted = {"entity": "patient", "key": GONE, "store": tmp_path} | given
    with pytest.raises(ConfigError, match=message) as caught:
        millrace.forget(handle(), wanted.pop("store"), **wanted)
    assert "PLANTED" not in str(caught.value)


def test_a_damaged_list_lets_nothing_in(root):
    forget(root)
    (root / "store/planted/erased.json").write_text("{")
    with pytest.raises(
        ArtifactError, match=r"erased.json .* is damaged.*Restore it from a copy"
    ):
        take_in(root, DAYS[:1])


def test_an_entity_of_several_columns_is_named_as_the_store_has_it(tmp_path):
    wanted = sought(planted(), "bed", f"{GONE}|a")
    assert wanted.tables() == ["visits"]
    rows = pa.table({"patient": [GONE, GONE], "ward": ["a", "b"]})
    pq.write_table(rows, tmp_path / "both.parquet")
    pq.write_table(rows.slice(1), tmp_path / "other.parquet")
    assert wanted.is_in(tmp_path / "both.parquet")
    assert not wanted.is_in(tmp_path / "other.parquet")


def test_a_branch_has_the_patient_no_more_either(root):
    store = f"{root / 'store'}?branch=b"
    given = {"source": root / "source", "in_process": True, "on_event": lambda event: None}
    changed = handle().with_settings({"validation.max_quarantined_share": 0.9})
    done = millrace.run_stage("validate", changed, store, partition=DAYS[0], **given)
    assert done["branch"] == "b"
    assert any(done["digest"][:16] in path for path in holding(root))
    forget(root)
    assert holding(root) == []
    ref = millrace_ref("validated", f"ds={DAYS[0]}")
    assert Store(store).find(ref) == Store(str(root / "store")).find(ref)
    again = millrace.run_stage("validate", changed, store, partition=DAYS[0], **given)
    assert (again["cached"], again["branch"], holding(root)) == (False, "b", [])
