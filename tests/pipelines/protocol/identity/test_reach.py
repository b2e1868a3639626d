"""What reaches what: one small module a way, and what must and must not be found."""

import textwrap

import pytest

from pipelines.protocol.identity.sources import Sources
from pipelines.protocol.identity.working_out import worked_out

WAYS = {
    "a function-level import under another name": (
        """
        def run():
            from own.other import used as u
            return u()
        """,
        {"used"},
    ),
    "an attribute of a module": (
        "import own.other\ndef run(): return own.other.used()",
        {"used"},
    ),
    "a module under another name": (
        "import own.other as o\ndef run(): return o.used()",
        {"used"},
    ),
    "a name passed on by a package": (
        "from own import used\ndef run(): return used()",
        {"used"},
    ),
    "a star": ("from own.other import *\ndef run(): return used()", {"used"}),
    "a module that is passed on": (
        "from own import other\ndef run(): return getattr(other, input())()",
        {"used", "unused", "TABLE"},
    ),
    "a constant that names a function": (
        "from own.other import TABLE\ndef run(): return TABLE",
        {"TABLE", "used"},
    ),
    "a local name that is called alike": (
        "from own.other import used\ndef run(used): return used",
        set(),
    ),
    "a default and a decorator": (
        "from own.other import used, unused\n@used\ndef run(x=unused): return x",
        {"used", "unused"},
    ),
    "a method of what is made": (
        "from own.other import Child\ndef run(): return Child().work()",
        {"Base.work", "Child.work"},
    ),
    "a method of what a parameter may be": (
        "from own.other import Base\ndef run(x: Base): return x.work()",
        {"Base.work", "Child.work"},
    ),
    "a method of what a field may be": (
        """
        from dataclasses import dataclass
        from own.other import Base
        @dataclass
        class Work:
            part: "tuple[Base, ...]"
            never: int = 0
        def run(work: Work): return [each.rest() for each in work.part]
        """,
        {"Base.rest"},
    ),
    "a field that is not read": (
        """
        from dataclasses import dataclass
        from own.other import Base
        @dataclass
        class Work:
            part: Base
            rows: int = 0
        def run(work: Work): return work.rows.rest()
        """,
        set(),
    ),
    "a class that is only compared with": (
        "from own.other import Base\ndef run(x): return isinstance(x, Base) and x.work()",
        set(),
    ),
    "a module imported by its text": (
        "from importlib import import_module\ndef run(): return import_module('own.other')",
        set(),
    ),
    "a function by its text": (
        "from importlib import import_module\ndef run(): return import_module('own.other.used')",
        {"used"},
    ),
    "an attribute by its text": (
        "from own.other import Child\nNAME = 'work'\ndef run(): return getattr(Child(), NAME)",
        {"Base.work", "Child.work"},
    ),
    "a replaced object": (
        """
        from dataclasses import dataclass, replace
        from own.other import used
        @dataclass
        class Work:
            rows: int
            def __post_init__(self): used()
        def run(work: Work): return replace(work, rows=1)
        """,
        {"used"},
    ),
    "a statement of the module": (
        "from own.other import used\nused()\ndef run(): return 1",
        {"used"},
    ),
    "what registers itself": (
        """
        from own.other import used
        KNOWN = {}
        def keep(f):
            KNOWN[f.__name__] = f
            return f
        @keep
        def found(): return used()
        def run(): return KNOWN
        """,
        {"used"},
    ),
    "what a library's class calls": (
        """
        import threading
        from own.other import used
        class Mine(threading.Thread):
            def run(self): used()
        def run(): Mine().start()
        """,
        {"used"},
    ),
    "one implementation of several": (
        """
        from functools import singledispatch
        from own.other import used
        @singledispatch
        def one(x): return x
        @one.register
        def two(x: int): return used()
        def run(): return one(1)
        """,
        {"used"},
    ),
    "a subclass that its base keeps": (
        """
        from own.other import used
        class Kept:
            ALL = []
            def __init_subclass__(cls): Kept.ALL.append(cls)
        class Mine(Kept):
            def work(self): return used()
        def run(): return Kept.ALL[0]().work()
        """,
        {"used"},
    ),
}
OTHER = """
def used(f=None):
    return 1

def unused(f=None):
    return 2

TABLE = {"used": used}

class Base:
    def work(self):
        return 3

    def rest(self):
        return 4

class Child(Base):
    def work(self):
        return 5
"""
OWN = {"used", "unused", "TABLE", "Base.work", "Base.rest", "Child.work"}


@pytest.mark.parametrize("way", WAYS)
def test_a_way_to_reach_something_is_found_and_no_more(tmp_path, way):
    source, expected = WAYS[way]
    package = tmp_path / "own"
    package.mkdir()
    (package / "__init__.py").write_text("from own.other import used\n")
    (package / "other.py").write_text(OTHER)
    (package / "stage.py").write_text(textwrap.dedent(source))
    found = worked_out(Sources(["own"], folders={"own": package}), ["own.stage.run"])
    assert OWN & found["units"].get("own.other", {}).keys() == expected
