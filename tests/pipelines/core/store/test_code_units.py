"""What a digest of code stands for, and what is said of two of them."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipelines.core.store import Store
from pipelines.core.store.code_units import (
    changed_units,
    kept_units,
    read_units,
    units_digest,
    write_units,
)
from pipelines.core.store.housekeeping import Housekeeping, clean
from pipelines.core.store.verify import verify
from pipelines.core.store.why import explain
from tests.pipelines.core.store.making import REF, publish

OLD = {"a.b": {"f": "1.0", "C.g": "2.0"}, "a.c": {"h": "3.0", "": "4.0"}}


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    address = str(tmp_path / "store")
    if request.param == "memory":
        return Store(f"memory://{tmp_path.name}-code")
    return Store(address)


def with_code(store, units, **more):
    digest = units_digest(units)
    write_units(store, "p", digest, units)
    return publish(store, code={"millrace": digest}, **more)


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (OLD, []),
        (OLD | {"a.b": {"f": "9.0", "C.g": "2.0"}}, ["a.b: f changed"]),
        (OLD | {"a.b": {"C.g": "2.0", "k": "5.0"}}, ["a.b: f removed, k added"]),
        (
            OLD | {"a.c": {"h": "7.0", "": "8.0"}},
            ["a.c: h changed, statements of the module changed"],
        ),
        ({"a.b": OLD["a.b"], "x.c": OLD["a.c"]}, []),
        (
            {"a.b": OLD["a.b"], "x.c": {"h": "6.0", "": "4.0"}},
            ["a.c: h removed", "x.c: h added"],
        ),
        (OLD | {"a.b": {"f": "1.7", "C.g": "2.0"}}, ["a.b: f uses other functions"]),
        (
            OLD | {"a.b": {"f": "1.7", "C.g": "9.0"}},
            ["a.b: C.g changed"],
        ),
    ],
)
def test_a_changed_function_is_named_by_module_and_name(new, lines):
    assert list(changed_units(OLD, new)) == lines


def test_many_changed_modules_are_counted():
    every = {f"m{n:02}": {"f": f"{n}.0"} for n in range(30)}
    other = {module: {"f": f"9{named['f']}"} for module, named in every.items()}
    lines = list(changed_units(every, other))
    assert (lines[0], lines[-1], len(lines)) == ("m00: f changed", "10 more modules", 21)


def test_why_names_the_function_that_changed(store):
    with_code(store, OLD)
    with_code(store, OLD | {"a.b": {"f": "9.0", "C.g": "2.0"}})
    (earlier,) = explain(store, REF.path())["earlier"]
    assert earlier["differs"] == ["code a.b: f changed"]


def test_why_says_that_it_is_not_known_which_function_changed(store):
    old = units_digest(OLD)
    publish(store, code={"millrace": old})
    with_code(store, {"a.b": {"f": "9.0"}})
    (earlier,) = explain(store, REF.path())["earlier"]
    (line,) = earlier["differs"]
    assert line.startswith(f"code millrace: {old} -> ")
    assert f"the store has no whole code/{old}.json" in line


def test_code_that_an_earlier_version_of_millrace_named_by_packages_is_read(store):
    publish(store, code={"pipelines.stages.train": "12ab"})
    publish(store, code={"millrace": "34cd34cd34cd34cd", "numpy": "2.4.6"})
    (earlier,) = explain(store, REF.path())["earlier"]
    assert earlier["differs"] == [
        "code millrace: absent -> 34cd34cd34cd34cd",
        "code numpy: absent -> 2.4.6",
        "code pipelines.stages.train: 12ab -> absent",
    ]


def test_what_is_damaged_is_not_read_and_is_found_and_removed(tmp_path):
    store = Store(str(tmp_path / "store"))
    digest = units_digest(OLD)
    with_code(store, OLD)
    assert not verify(store).damaged
    file = store.root / "p" / "code" / f"{digest}.json"
    for text in (
        "",
        "[]",
        "{}",
        json.dumps({"a.b": 1}),
        file.read_text().replace("3.0", "8.0"),
    ):
        file.write_text(text)
        assert read_units(store, "p", digest) is None
    (entry,) = verify(store).damaged
    assert (entry["artifact"], entry["version"]) == (f"p/code/{digest}.json", digest)
    assert "Every result stands" in entry["remedy"]
    assert len(verify(store, repair=True).repaired) == 1
    assert not verify(store).damaged
    with_code(store, OLD, config={"n": 2})
    assert read_units(store, "p", digest) == OLD


def test_what_no_version_has_any_more_goes_with_housekeeping(tmp_path):
    store = Store(str(tmp_path / "store"))
    with_code(store, OLD)
    new = {"a.b": {"f": "9.0"}}
    with_code(store, new)
    kept = {"keep_versions": 0, "left_before_s": time.time() - 60}
    clean(store, "p", Housekeeping(**kept))
    assert len(kept_units(store, "p")) == 2, "both are young"
    clean(store, "p", Housekeeping(**kept | {"left_before_s": time.time() + 60}))
    assert kept_units(store, "p") == [units_digest(new)]


def test_threads_that_publish_at_once_write_it_whole(tmp_path):
    store, digest = Store(str(tmp_path)), units_digest(OLD)
    for _ in range(20):
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda _: write_units(store, "p", digest, OLD), range(8)))
        assert read_units(store, "p", digest) == OLD
        (file,) = (tmp_path / "p").rglob("*.json")
        assert [p for p in file.parent.iterdir() if p != file] == []
        file.unlink()
