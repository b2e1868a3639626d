"""Manifests of other versions of Millrace, and damaged ones."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ArtifactError, ConfigError
from pipelines.core.store import Manifest, Store
from pipelines.core.store.manifest import SCHEMA, digest_of
from tests.pipelines.core.store.making import REF, publish

WHOLE = Manifest(
    pipeline="p",
    dataset="data",
    key=REF.key,
    stage="toy",
    digest="d" * 64,
    inputs={"ingested ds=2026-01-01": "a" * 64},
    config={"spans": (1, 7), "by_day": {10: 1.5, 9: None}},
    code={"pipelines.toy": "b" * 64},
    content="c" * 64,
    files={"part-0.parquet": {"bytes": 3, "sha256": "e" * 64}},
    volatile=("logs/",),
    outcome={"rows": 3, "metrics": {"auc": 0.1}},
    made={"seconds": 0.25},
    volatile_files={"logs/a.txt": {"bytes": 1, "sha256": "f" * 64}},
)


def read(raw):
    text = raw if isinstance(raw, str | bytes) else json.dumps(raw)
    return Manifest.from_json(text, "here")


def written(manifest=WHOLE, **more):
    """A manifest's JSON as a later version would write it, with a checksum that holds."""
    raw = json.loads(manifest.to_json()) | more
    del raw["checksum"]
    return raw | {"checksum": digest_of(raw)}


def test_a_manifest_says_its_schema_and_is_read_as_it_was_written():
    assert json.loads(WHOLE.to_json())["schema"] == SCHEMA
    assert read(WHOLE.to_json()).to_json() == WHOLE.to_json()


@settings(max_examples=30)
@given(
    more=st.dictionaries(
        st.text(min_size=1, max_size=9).filter(lambda n: n not in json.loads(WHOLE.to_json())),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=2),
            max_leaves=3,
        ),
        max_size=3,
    )
)
def test_fields_that_a_later_version_added_are_read_over_and_kept(more):
    found = read(written(**more))
    assert dataclasses.replace(found, other={}) == read(WHOLE.to_json())
    assert json.loads(found.to_json()) == written(**more)


def test_a_manifest_of_before_there_was_a_schema_stays_readable():
    raw = json.loads(WHOLE.to_json())
    for name in ("schema", "checksum", "volatile_files"):
        del raw[name]
    assert read(raw).recorded == WHOLE.files


def test_a_manifest_of_a_later_schema_says_to_upgrade_and_is_left_alone(tmp_path):
    store = Store(str(tmp_path))
    publish(store)
    pointer = store.folder(REF) / "manifest.json"
    later = json.dumps({"schema": SCHEMA + 1, "anything": "else"})
    pointer.write_text(later)
    with pytest.raises(
        ConfigError, match=rf"has schema {SCHEMA + 1}, .* reads up to {SCHEMA}. Up"
    ):
        store.find(REF)
    with pytest.raises(ConfigError, match="Upgrade Millrace here"):
        store.pointed_at(REF, "d" * 64)  # as a stage looks for its own work
    assert pointer.read_text() == later


@given(position=st.integers(0), bit=st.integers(0, 7))
def test_one_flipped_bit_is_never_read_as_another_manifest(position, bit):
    raw = bytearray(WHOLE.to_json().encode())
    raw[position % len(raw)] ^= 1 << bit
    try:
        assert read(bytes(raw)) == read(WHOLE.to_json())
    except ArtifactError as error:
        assert "here is not a manifest, or not as it was written" in str(error)  # noqa: PT017
    except ConfigError as error:
        assert "schema" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "3", '"text"', "{}", '{"schema": []}', b"\xff\xfe\x00"]
)
def test_what_is_no_manifest_is_reported_as_such(text):
    with pytest.raises(ArtifactError, match="here is not a manifest"):
        read(text)
