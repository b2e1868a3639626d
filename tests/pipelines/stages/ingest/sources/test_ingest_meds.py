"""Datasets of the Medical Event Data Standard: ids, repeats, static facts, shards, and what is refused."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import DeclarationError, SchemaError, SourceNotReadyError
from pipelines.spec import Column, require_valid
from pipelines.stages.ingest.formats import meds, parquet
from tests.pipelines.stages.ingest.sources.made_meds import (
    PEOPLE_COLUMNS,
    dataset_pipeline,
    ingested,
    read_files,
    rows,
    write,
)

RECORDS = rows(
    (1, None, "GENDER//F"),
    (1, None, "HEIGHT", 1.7),
    (1, "1950-03-01", "MEDS_BIRTH"),
    (1, "2020-05-01T08:00", "LAB//X", 4.96),
    (1, "2020-05-01T08:00", "LAB//X", 4.96),
    (1, "2021-06-01", "NOTE", None, "well"),
    (2, "2020-07-01", "LAB//X", None),
    (2, "2021-08-01", "MEDS_DEATH"),
)


@pytest.fixture
def read(tmp_path):
    """The rows of a table's partition of a dataset, in a store of its own each time."""
    stores = iter(range(1_000_000))

    def made(root, table="events", key="2020", pipeline=None):
        store = tmp_path / f"store{next(stores)}"
        return ingested(root, store, table, key, pipeline or dataset_pipeline())

    return made


def test_rows_with_a_time_are_events_of_its_year_and_a_repeated_row_is_numbered(tmp_path, read):
    found = read(write(tmp_path / "set", train_0=RECORDS))
    assert found["subject_id"].to_pylist() == [1, 1, 2]
    assert found["repeat"].to_pylist() == [1, 2, 1]
    assert len(set(found["event_id"].to_pylist())) == 3
    assert min(found["event_id"].to_pylist()) >= 0
    # A float32 is the same number as a float64.
    assert found["numeric_value"].to_pylist() == [np.float32(4.96), np.float32(4.96), None]
    assert read(tmp_path / "set", key="1950")["code"].to_pylist() == ["MEDS_BIRTH"]


def test_what_codes_say_of_a_subject_is_one_row_of_a_static_table(tmp_path, read):
    found = read(write(tmp_path / "set", a=RECORDS), "people", "all")
    assert found["subject_id"].to_pylist() == [1, 2]
    assert [str(t)[:10] for t in found["born"].to_pylist()] == ["1950-03-01", "None"]
    assert found["sex"].to_pylist() == ["F", None]
    assert found["height"].to_pylist() == [np.float32(1.7), None]
    assert found["died"].to_pylist() == [0, 1]


@pytest.mark.parametrize(
    ("order", "sex"),
    [
        # Without a time before all others, then the earliest, then the first in the file.
        ([(1, "2020-01-01", "GENDER//M"), (1, None, "GENDER//F")], "F"),
        ([(1, "2021-01-01", "GENDER//M"), (1, "2020-01-01", "GENDER//F")], "F"),
        ([(1, "2020-01-01", "GENDER//F"), (1, "2020-01-01", "GENDER//M")], "F"),
    ],
)
def test_of_several_values_the_first_one_counts(tmp_path, read, order, sex):
    found = read(write(tmp_path / "set", a=rows(*order)), "people", "all")
    assert found["sex"].to_pylist() == [sex]


def test_words_are_read_from_what_follows_the_beginning_and_texts_from_text_value(
    tmp_path, read
):
    columns = (
        Column("subject_id", "integer"),
        Column("is_male", "flag", source_name="GENDER//", words={"F": 0, "M": 1}),
        Column("town", "text", source_name="TOWN", nullable=True),
        Column("visits", "integer", source_name="VISITS", nullable=True),
    )
    each = [(7, None, "GENDER//M"), (7, None, "TOWN", None, "Ulm"), (7, None, "VISITS", 3.0)]
    pipeline = dataset_pipeline(people=columns)
    found = read(write(tmp_path / "set", a=rows(*each)), "people", "all", pipeline)
    wanted = {"subject_id": 7, "is_male": 1, "town": "Ulm", "visits": 3}
    assert found.select(list(wanted)).to_pylist() == [wanted]


EACH = st.tuples(
    st.sampled_from([None, "2020-01-01", "2020-01-02T00:00:00.000001", "2021-01-01"]),
    st.sampled_from(["A", "B", None]),
    st.sampled_from([None, 0.0, 1.5, -1.5]),
    st.sampled_from([None, "", "x"]),
)
SUBJECTS = st.dictionaries(
    st.integers(-3, 3), st.lists(EACH, min_size=1, max_size=6), max_size=5
)


def content(table):
    """Rows in an order of their own."""
    return sorted(map(repr, table.to_pylist()))


@settings(max_examples=40, deadline=None)
@given(subjects=SUBJECTS, seed=st.integers(0, 99), block=st.integers(1, 4))
def test_ids_follow_from_content_whatever_the_files_their_order_and_the_blocks(
    tmp_path_factory, subjects, seed, block
):
    """The same rows in one file, and in a file for each subject, each in another order of its rows."""
    rng = np.random.default_rng(seed)
    every = {99: [("2020-01-01", "A", 0.0, None)], **subjects}
    numbered = {one: [(one, *row) for row in each] for one, each in every.items()}
    root = tmp_path_factory.mktemp("sets")
    write(root / "one", a=rows(*(row for each in numbered.values() for row in each)))
    shards = {
        f"s{one % 2}_{one + 9}": rows(*(each[n] for n in rng.permutation(len(each))))
        for one, each in numbered.items()
    }
    write(root / "many", **shards)
    _, events, people = dataset_pipeline().tables
    whole = read_files(root / "one", events)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "BLOCK_ROWS", block)
        parts, found = read_files(root / "many", events), read_files(root / "many", people)
    assert content(whole) == content(parts)
    assert len(set(whole["event_id"].to_pylist())) == whole.num_rows
    assert sorted(found["subject_id"].to_pylist()) == sorted(every)


@pytest.mark.parametrize(
    "changed",
    [
        {"time": pa.timestamp("ms")},
        {"code": pa.dictionary(pa.int32(), pa.string())},
        {"code": pa.large_string(), "text_value": pa.string()},
        {"numeric_value": pa.float64()},
        {"subject_id": pa.int32()},
    ],
)
def test_types_that_converters_write_give_the_same_ids(tmp_path, read, changed):
    each = [(1, "2020-01-01", "A", 1.5, "x"), (2, "2020-01-02", "B")]
    usual = read(write(tmp_path / "usual", a=rows(*each)))
    assert read(write(tmp_path / "other", a=rows(*each, **changed))).equals(usual)


def test_the_columns_that_a_file_may_leave_out_are_null(tmp_path, read):
    bare = RECORDS.select(["subject_id", "time", "code"])
    found = read(write(tmp_path / "set", a=bare))
    assert found["numeric_value"].null_count == found["text_value"].null_count == 3


def test_columns_beside_those_of_the_standard_can_be_declared(tmp_path, read):
    table = RECORDS.append_column("hadm_id", pa.array(range(8)))
    columns = (*dataset_pipeline().tables[1].columns, Column("hadm_id", "integer"))
    found = read(write(tmp_path / "set", a=table), pipeline=dataset_pipeline(events=columns))
    assert found["hadm_id"].to_pylist() == [3, 4, 6]
    plain = read(write(tmp_path / "plain", a=RECORDS))
    assert found["event_id"].equals(plain["event_id"])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pa.table({"patient_id": [1]}), r"no column subject_id, time and 1 more|older version"),
        (
            RECORDS.set_column(0, "subject_id", pa.array(["a"] * 8)),
            r"'subject_id' is string and a MEDS dataset has integers",
        ),
        (
            RECORDS.set_column(1, "time", pa.array([1] * 8)),
            r"'time' is int64 and a MEDS dataset has timestamps",
        ),
        (
            rows((1, "2020-01-01", "A"), (None, "2020-01-01", "A")),
            r"row 1 .* has no subject_id",
        ),
        (
            rows((1, "2020-01-01", "A"), (2, "2020-01-01", "A"), (1, "2020-01-02", "A")),
            r"a subject are apart .* Sort the file by subject_id and time",
        ),
        (
            rows((1, "2020-01-01", "A"))
            .select([0, 1, 2])
            .rename_columns(["subject_id", "time", "c"]),
            r"no column code",
        ),
    ],
)
def test_a_file_that_is_not_of_the_standard_is_refused_with_what_to_do(
    tmp_path, read, table, message
):
    with pytest.raises(SchemaError, match=message):
        read(write(tmp_path / "set", a=table))
    with pytest.raises(SchemaError, match=message):
        read(tmp_path / "set", "people", "all")


def test_a_folder_without_a_dataset_is_waited_for_with_what_is_expected(tmp_path, read):
    write(tmp_path / "set", a=RECORDS)
    expected = r"no file matches .*data/data/\*\*.* Expected events as a MEDS dataset"
    with pytest.raises(SourceNotReadyError, match=expected):
        read(tmp_path / "set" / "data")
    with pytest.raises(SourceNotReadyError, match="the source root is not a folder"):
        read(tmp_path / "none")
    assert read(tmp_path, pipeline=dataset_pipeline(path="set")).num_rows == 3


def test_a_dataset_behind_a_uri_is_read_with_its_subfolders(tmp_path, read):
    import fsspec

    root = write(tmp_path / "set", a=RECORDS, train_deep_0=rows((3, "2020-01-01", "A")))
    memory = fsspec.filesystem("memory")
    memory.put(str(root) + "/", "/meds-test/", recursive=True)
    try:
        assert read("memory://meds-test").equals(read(root))
    finally:
        memory.rm("/meds-test", recursive=True)


@pytest.mark.parametrize(
    ("source", "people", "message"),
    [
        ({"path": "records/{year}"}, PEOPLE_COLUMNS, "must be the folder of one dataset"),
        ({"path": "data/*.parquet"}, PEOPLE_COLUMNS, "must be the folder of one dataset"),
        ({"time_zone": "Europe/Atlantis"}, PEOPLE_COLUMNS, "Europe/Atlantis"),
        (
            {},
            (*PEOPLE_COLUMNS, Column("weight", "number", nullable=True)),
            "column weight of a static table of MEDS needs source_name",
        ),
    ],
)
def test_a_mistake_in_the_declaration_is_named(source, people, message):
    pipeline = dataset_pipeline(people=people, **source)
    with pytest.raises(DeclarationError, match=message):
        require_valid(pipeline)


def test_the_declaration_of_these_tests_has_no_mistake():
    require_valid(dataset_pipeline())


def test_a_time_zone_of_the_dataset_counts(tmp_path, read):
    root = write(tmp_path / "set", a=rows((1, "2020-01-01T00:30", "A"), (1, "2020-06-01", "A")))
    zoned = dataset_pipeline(time_zone="Europe/Berlin")
    assert read(root).num_rows == 2
    assert read(root, pipeline=zoned).num_rows == 1
    assert (
        replace(zoned.tables[1].source, time_zone=None) == dataset_pipeline().tables[1].source
    )


def test_no_more_than_a_subject_is_held_between_blocks(tmp_path, monkeypatch):
    each = rows(*((one, "2020-01-01", "A", float(n)) for one in range(50) for n in range(3)))
    blocks = [each.slice(n, 4).to_batches()[0] for n in range(0, 150, 4)]
    parts = list(meds._whole_subjects(iter(blocks), "a"))
    assert pa.concat_tables(parts).equals(each)
    assert max(part.num_rows for part in parts) <= 4 + 3
    assert all(part.num_rows % 3 == 0 for part in parts)
