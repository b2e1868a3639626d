"""Simulated records: the same patients in any company, the standard's form, bad rows, what cannot be."""

import hashlib
import json
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.domains.disease_progression import codes, simulator
from pipelines.domains.disease_progression.planting import DEFECTS, planted_share
from pipelines.domains.disease_progression.simulation import missing_days, simulate_source
from pipelines.domains.disease_progression.simulator import Cohort, simulate_cohort

DAYS = {"first": "2010-01-01", "last": "2019-12-31"}
SMALL = Cohort(**DAYS, patients=120, seed=4)


def written(cohort, out, **more):
    simulate_cohort(cohort, out, **more)
    return rows_in(out)


def rows_in(out):
    return pa.concat_tables(pq.read_table(path) for path in sorted((out / "data").iterdir()))


def digests(out):
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(p.relative_to(out)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("small")
    return written(SMALL, out)


@settings(max_examples=8, deadline=None)
@given(patients=st.integers(1, 120), block=st.integers(20, 130))
def test_a_patient_is_the_same_in_any_number_of_patients_and_any_block(
    tmp_path_factory, small, patients, block
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(simulator, "BLOCK_PATIENTS", block)
        out = tmp_path_factory.mktemp("blocks")
        found = written(Cohort(**DAYS, patients=patients, seed=4), out)
    assert found.equals(small.filter(pc.less_equal(small["subject_id"], patients)))
    assert len(list((out / "data").iterdir())) == -(-patients // block)


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path, monkeypatch):
    monkeypatch.setattr(simulator, "BLOCK_PATIENTS", 50)
    written(SMALL, tmp_path / "a")
    written(SMALL, tmp_path / "b", processes=1)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    other = written(Cohort(**DAYS, patients=120, seed=5), tmp_path / "a")
    assert not other.equals(rows_in(tmp_path / "b"))


@pytest.mark.slow
def test_processes_give_the_same_bytes(tmp_path):
    many = Cohort(**DAYS, patients=2_600, seed=4)
    written(many, tmp_path / "one")
    written(many, tmp_path / "two", processes=2)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_what_happened_by_a_day_does_not_depend_on_the_last_day(tmp_path, small):
    short = written(Cohort(**(DAYS | {"last": "2014-12-31"}), patients=120, seed=4), tmp_path)

    day = pa.scalar("2014-12-31").cast(pa.timestamp("us"))
    entered = pa.array(sorted(set(short["subject_id"].to_pylist())))

    def of_both(rows):
        timed = rows.filter(pc.less(rows["time"], day))
        timed = timed.filter(pc.is_in(timed["subject_id"], entered))
        return timed.filter(pc.not_equal(timed["code"], codes.END))

    assert 0 < len(entered) < 120
    assert of_both(short).equals(of_both(small))


def test_a_dataset_is_of_the_standards_form(tmp_path):
    rows = written(SMALL, tmp_path)
    kinds = {"subject_id": pa.int64(), "time": pa.timestamp("us"), "code": pa.string()}
    assert {f.name: f.type for f in rows.schema} == kinds | {"numeric_value": pa.float32()}
    subjects = rows["subject_id"].to_numpy()
    assert (np.diff(subjects) >= 0).all()
    times = pc.fill_null(rows["time"].cast(pa.int64()), np.iinfo(np.int64).min).to_numpy()
    assert (times[1:] >= times[:-1])[subjects[1:] == subjects[:-1]].all()
    described = pq.read_table(tmp_path / "metadata" / "codes.parquet")
    assert set(rows["code"].to_pylist()) <= set(described["code"].to_pylist())
    assert json.loads((tmp_path / "metadata" / "dataset.json").read_text())["meds_version"]


def test_each_patient_has_a_birth_a_sex_and_an_end_after_which_there_is_nothing(small):
    each = {}
    for row in small.to_pylist():
        each.setdefault(row["subject_id"], []).append(row)
    for rows in each.values():
        found = Counter(row["code"] for row in rows)
        assert found[codes.BIRTH] == found[codes.END] == 1
        assert found[codes.MALE] + found[codes.FEMALE] == 1
        assert max(found[codes.DEATH], found[codes.DIABETES]) <= 1
        assert found[codes.VISIT] >= 1
        assert rows[-1]["code"] == codes.END
        numbers = [(row["code"], row["numeric_value"]) for row in rows]
        assert all((value is None) == (code not in codes.BOUNDS) for code, value in numbers)
        for code, value in numbers:
            low, high = codes.BOUNDS.get(code, (0, 0))
            assert value is None or low <= value <= high


def test_later_stages_are_seen_more_often_and_get_the_diagnosis_more_often():
    histories = Cohort(**DAYS, patients=3_000, seed=1).histories(0, 3_000)
    entry, end = histories.patients.entry, histories.end
    diagnosed = histories.stage_times[:, 4]
    seen = np.isfinite(histories.visits).sum(axis=1) / np.maximum(end - entry, 0.1)
    soon = (diagnosed > entry) & (diagnosed <= np.minimum(end, entry + 3))
    known = end > entry + 3
    stage = histories.patients.stage
    assert seen[known & (stage == 3)].mean() > 1.3 * seen[known & (stage == 0)].mean()
    shares = [soon[(known | soon) & (stage == n)].mean() for n in range(4)]
    assert shares == sorted(shares)
    assert (shares[0] < 0.02, shares[3] > 0.7) == (True, True)
    died = np.isfinite(histories.died) & (histories.died <= end)
    assert 0.03 < died.mean() < 0.3
    assert 0.1 < (histories.lost < histories.last).mean() < 0.5


def test_bad_rows_are_added_and_no_row_is_changed(tmp_path, small):
    share = planted_share("rows=400")
    planted = written(Cohort(**DAYS, patients=120, seed=4, planted=share), tmp_path)
    facts = json.loads((tmp_path / "metadata" / "dataset.json").read_text())
    assert set(facts["planted"]) <= set(DEFECTS)
    assert planted.num_rows - small.num_rows == sum(facts["planted"].values()) > 20
    left = Counter(map(repr, planted.to_pylist()))
    left.subtract(map(repr, small.to_pylist()))
    assert min(left.values()) == 0
    assert sum(left.values()) == sum(facts["planted"].values())


def test_a_complete_dataset_of_the_same_patients_is_not_missing(tmp_path):
    asked = {"size": 30, "seed": 2}
    days = ("2010-01-01", "2012-12-31")
    assert len(missing_days(*days, tmp_path, **asked)) == 1_096
    reported = []
    simulate_source(*days, tmp_path, **asked, progress=lambda *done: reported.append(done))
    assert [done[:2] for done in reported] == [(1, 1)]
    assert missing_days(*days, tmp_path, **asked) == []
    assert missing_days(*days, tmp_path, size=31, seed=2)
    assert missing_days("2010-01-01", "2013-12-31", tmp_path, **asked)
    (tmp_path / "metadata" / "dataset.json").write_text("{}")
    assert missing_days(*days, tmp_path, **asked)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "patients must be a whole number from 1 to 100000000; got 0"),
        ({"seed": -1}, "seed must be a whole number from 0"),
        ({"processes": 0}, "processes must be a whole number from 1"),
        ({"plant": "rows=x"}, r"plant 'rows=x' plants nothing\. Write rows=N"),
        ({"plant": "rows=1001"}, "from 1 to 1,000"),
        ({"last": "2010-01-01"}, "not after the first, 2010-01-01"),
        ({"first": "yesterday"}, "yesterday"),
    ],
)
def test_what_cannot_be_simulated_is_refused_and_nothing_is_written(tmp_path, change, message):
    asked = {"first": "2010-01-01", "last": "2012-12-31", "size": 5, "seed": 1} | change
    first, last = asked.pop("first"), asked.pop("last")
    with pytest.raises(ConfigError, match=message):
        simulate_source(first, last, tmp_path / "x", **asked)
    assert not (tmp_path / "x").exists()
