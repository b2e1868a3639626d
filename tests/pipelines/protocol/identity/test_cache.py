"""What a process finds kept by an earlier one, and when it works it out again."""

import os
import shutil
from pathlib import Path

import pytest

from pipelines.core.errors import ConfigError
from pipelines.protocol.identity import cache, code

ROOT = "of_mine_kept.work.run"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A user's module that a process may be asked about, edited a while ago."""
    package = tmp_path / "of_mine_kept"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(cache, "_folder", lambda: tmp_path / "kept")
    monkeypatch.setattr(cache, "YOUNG_NS", 0)
    return package / "work.py"


def asked():
    """What a new process would get."""
    return code.reached_from.__wrapped__(ROOT).digest


def counted(monkeypatch):
    times, work = [], code._worked_out

    def worked_out(*args):
        times.append(1)
        return work(*args)

    monkeypatch.setattr(code, "_worked_out", worked_out)
    return times


def test_what_was_found_is_found_again_until_a_file_changes(module, monkeypatch):
    times = counted(monkeypatch)
    module.write_text("def run():\n    return 1\n")
    first = asked()
    assert (asked(), len(times)) == (first, 1)
    module.write_text("def run():\n    return 2\n")
    second = asked()
    assert second != first
    assert len(times) == 2
    module.write_text("def run():\n    return 1  # as before\n")
    assert asked() == first


def test_a_module_that_appears_is_seen(module, monkeypatch):
    module.write_text(
        "from of_mine_kept import beside\n\n\ndef run():\n    return beside.f()\n"
    )
    first = asked()
    (module.parent / "beside.py").write_text("def f():\n    return 1\n")
    assert asked() != first


@pytest.mark.parametrize("damage", [b"", b"x", b"0123\n{}", b"\xff\n\xff"])
def test_what_is_damaged_is_worked_out_again(module, damage):
    module.write_text("def run():\n    return 1\n")
    first = asked()
    kept = list(cache._folder().glob("*.json"))
    assert len(kept) == 2
    for path in kept:
        path.write_bytes(damage)
    assert asked() == first
    assert all(path.read_bytes() != damage for path in kept)


def test_where_nothing_can_be_kept_it_is_worked_out_each_time(module, monkeypatch, tmp_path):
    times = counted(monkeypatch)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setattr(cache, "_folder", lambda: tmp_path / "file" / "kept")
    module.write_text("def run():\n    return 1\n")
    assert asked() == asked()
    assert len(times) == 2


def test_a_file_that_was_edited_just_now_is_not_kept(module, monkeypatch):
    monkeypatch.setattr(cache, "YOUNG_NS", 10**12)
    module.write_text("def run():\n    return 1\n")
    first = asked()
    times = module.stat()
    module.write_text("def run():\n    return 2\n")
    os.utime(module, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert asked() != first


def test_a_file_that_is_no_python_is_an_error_that_names_it(module):
    module.write_text("def run(:\n")
    with pytest.raises(ConfigError, match=r"work\.py is not Python source .*Mend the file"):
        asked()


def test_a_process_names_the_code_that_it_runs(module):
    module.write_text("def run():\n    return 1\n")
    first = code.reached_from(ROOT)
    module.write_text("def run():\n    return 2\n")
    assert code.reached_from(ROOT) is first


def test_two_checkouts_of_the_same_code_share_nothing(tmp_path, monkeypatch):
    own = cache._folder.__wrapped__()
    copy = shutil.copytree(Path(cache.__file__).parent, tmp_path / "identity")
    monkeypatch.setattr(cache, "__file__", str(copy / "cache.py"))
    assert cache._folder.__wrapped__() != own
