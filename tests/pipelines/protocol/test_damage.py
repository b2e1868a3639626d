"""What is damaged is never used in silence, and is mended by what the message says."""

import os
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.core.errors import ArtifactError, InputMissingError
from pipelines.core.store import Store
from pipelines.core.store.verify import verify
from pipelines.protocol import perform
from tests.pipelines.protocol.conftest import TOY

FILES = ("number.txt", "half.txt", "volatile.txt", "manifest.json", "../manifest.json")


def flip(path, position, bit):
    raw = bytearray(path.read_bytes())
    raw[position % len(raw)] ^= 1 << bit
    path.write_bytes(raw)


def truncate(path, position, _bit):
    os.truncate(path, position % path.stat().st_size)


def delete(path, _position, _bit):
    path.unlink()


def replace_by_a_folder(path, _position, _bit):
    path.unlink()
    path.mkdir()


def append(path, position, bit):
    path.write_bytes(path.read_bytes() + bytes([position % 256] * (bit + 1)))


def flip_and_hide(path, position, bit):
    """As a disk does it, or a careless copy: size and time of modification stay."""
    before = path.stat()
    flip(path, position, bit)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


DAMAGES = (flip, truncate, delete, append, flip_and_hide)


def published(toy_work):
    work = toy_work(number=4)
    first = perform(TOY, work)
    ref = work.partition_ref("doubled")
    return work, first, work.store.open(work.need(ref))


def read_as_a_stage(work):
    """The bytes a stage would read, or the error that it ends with."""
    try:
        folder = work.store.open(work.need(work.partition_ref("doubled")))
    except (ArtifactError, InputMissingError) as error:
        return str(error)
    return {name: (folder / name).read_bytes() for name in FILES[:3]}


@settings(
    max_examples=50,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture
    ],  # each example has its own store
)
@given(
    name=st.sampled_from(FILES),
    damage=st.sampled_from(DAMAGES),
    position=st.integers(0, 5000),
    bit=st.integers(0, 7),
)
def test_any_damage_is_reported_with_its_remedy_and_mended_by_it(
    name, damage, position, bit, tmp_path_factory, toy_work_of
):
    toy_work = toy_work_of(tmp_path_factory.mktemp("damaged"))
    work, first, folder = published(toy_work)
    whole = read_as_a_stage(work)
    damage(folder / name, position, bit)
    seen = read_as_a_stage(work)
    if seen != whole:
        assert "Run toy for it" in seen
    again = perform(TOY, work)
    # What a process says of itself differs each time; everything else is as it was.
    mended = read_as_a_stage(work)
    assert {n: mended[n] for n in FILES[:2]} == {n: whole[n] for n in FILES[:2]}
    assert (again["content"], again["digest"]) == (first["content"], first["digest"])
    assert verify(work.store).damaged == []


def test_a_folder_instead_of_a_file_is_mended_too(toy_work):
    work, _, folder = published(toy_work)
    replace_by_a_folder(folder / "number.txt", 0, 0)
    with pytest.raises(ArtifactError, match=r"number.txt is missing. Run toy for it again"):
        work.store.open(work.store.find(work.partition_ref("doubled")))
    assert not perform(TOY, work)["cached"]
    assert verify(work.store).damaged == []


def test_a_lost_manifest_costs_no_work(toy_work, toy_log):
    work, _, folder = published(toy_work)
    for lost in (folder.parent / "manifest.json", folder / "manifest.json"):
        lost.write_text("")
        assert perform(TOY, work)["cached"]
    assert verify(work.store).damaged == []
    assert len(toy_log.read_text().splitlines()) == 1


def test_the_log_says_why_work_is_done_again(toy_work, toy_log):
    events = []
    work, _, folder = published(toy_work)
    flip(folder / "number.txt", 0, 0)
    work.report.sink = events.append
    perform(TOY, work)
    assert any(
        "number.txt holds other bytes than its manifest says" in str(event)
        and "made again" in str(event)
        for event in events
    )


def test_a_pointer_that_returns_to_a_damaged_version_has_it_made_again(toy_work, toy_log):
    work, first, folder = published(toy_work)
    perform(TOY, toy_work(number=5))
    flip(folder / "number.txt", 0, 0)
    again = perform(TOY, work)
    assert (again["cached"], again["content"]) == (False, first["content"])
    assert read_as_a_stage(work)["number.txt"] == b"8"


def test_a_reader_that_held_the_manifest_of_a_version_made_again_reads_on(toy_work):
    work, _, folder = published(toy_work)
    now = work.store.find(work.partition_ref("doubled"))
    # As it was before the version was made again: a file that differs each time was another one.
    held = replace(now, volatile_files={"volatile.txt": {"bytes": 1, "sha256": "0" * 64}})
    assert work.store.open(held) == folder
    with pytest.raises(ArtifactError, match=r"volatile\.txt"):
        work.store.open(replace(held, content="of other rows"))


def test_damage_in_an_object_store_is_made_again_wherever_it_is_read(toy_work, tmp_path):
    import shutil

    work = toy_work(number=4, store=f"memory://{tmp_path.name}/objects")
    store, ref = work.store, work.partition_ref("doubled")
    first = perform(TOY, work)
    manifest = store.find(ref)
    position = f"{ref.path()}/{manifest.version}/number.txt"
    store.remote.write(position, b"9")
    assert (store.open(manifest) / "number.txt").read_bytes() == b"8"  # this host's own copy
    shutil.rmtree(store.root)
    with pytest.raises(
        ArtifactError, match=r"number.txt holds other bytes .* Run toy for it again"
    ):
        store.open(manifest)
    again = perform(TOY, work)
    assert (again["cached"], again["content"]) == (False, first["content"])
    assert store.remote.read(position) == b"8"
    store.remote.remove(position)
    assert not perform(TOY, work)["cached"]


def test_what_an_object_store_lost_is_uploaded_again_from_a_whole_copy(toy_work, tmp_path):
    work = toy_work(number=4, store=f"memory://{tmp_path.name}/objects")
    perform(TOY, work)
    manifest = work.store.find(work.partition_ref("doubled"))
    position = f"{manifest.ref.path()}/{manifest.version}/number.txt"
    work.store.remote.write(position, b"9")
    assert [e["files"].keys() for e in verify(work.store).damaged] == [{"number.txt"}]
    assert len(verify(work.store, repair=True).repaired) == 1
    assert work.store.remote.read(position) == b"8"
    assert verify(work.store).damaged == []


def test_a_damaged_version_without_its_inputs_is_left_for_a_copy(
    toy_work, toy_log, monkeypatch
):
    """Where the work cannot be done again, what is left of it stays, and a copy put back heals."""
    work, first, folder = published(toy_work)
    copy = (folder / "number.txt").read_bytes()
    flip(folder / "number.txt", 0, 0)
    monkeypatch.delenv("TOY_LOG")  # the source of the work is gone
    with pytest.raises(KeyError):
        perform(TOY, work)
    assert (folder / "half.txt").exists()
    (folder / "number.txt").write_bytes(copy)
    again = perform(TOY, work)
    assert (again["cached"], again["content"]) == (True, first["content"])


def test_reading_what_was_published_creates_nothing_in_a_version(toy_work):
    work, _, folder = published(toy_work)
    verify(Store(work.store.uri), repair=True)
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["half.txt", "manifest.json", "number.txt", "volatile.txt"]
