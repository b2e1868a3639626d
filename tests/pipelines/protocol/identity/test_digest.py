"""What changes a digest and what does not: a package of a few lines, before and after an edit."""

import textwrap

import pytest

from pipelines.protocol.identity.sources import Sources
from pipelines.protocol.identity.working_out import worked_out

HID = "def hid(): return 1\n"
CHANGES = {
    "the other branch of TYPE_CHECKING": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: X = 0\nelse: X = 1\n"
        "def run(): return X",
        ("X = 1", "X = 2"),
    ),
    "a branch for running alone": (
        "from typing import TYPE_CHECKING\nX = 0\nif not TYPE_CHECKING: X = 1\n"
        "def run(): return X",
        ("X = 1", "X = 2"),
    ),
    "the order of two bindings": (
        "X = 1\nX = 2\ndef run(): return X",
        ("X = 1\nX = 2", "X = 2\nX = 1"),
    ),
    "the order of two effects": (
        "L = []\nL.append(1)\nL.append(2)\ndef run(): return L",
        ("L.append(1)\nL.append(2)", "L.append(2)\nL.append(1)"),
    ),
    "a method by a name that is put together": (
        """
        class A:
            def go(self, kind): return getattr(self, f"load_{kind}")()
            def load_csv(self): return 1
        def run(): return A().go("csv")
        """,
        ("return 1", "return 2"),
    ),
    "a method by a name that is added up": (
        """
        class A:
            def go(self, kind): return getattr(self, "load_" + kind)()
            def load_csv(self): return 1
        def run(): return A().go("csv")
        """,
        ("return 1", "return 2"),
    ),
    "a subclass that is asked for": (
        """
        class Base: pass
        class Mine(Base):
            def __init__(self): self.x = 1
        def run(): return [c() for c in Base.__subclasses__()]
        """,
        ("self.x = 1", "self.x = 2"),
    ),
    "what a decorator registers by a helper": (
        """
        T = {}
        def add(name, f): T[name] = f
        def register(name):
            def keep(f):
                add(name, f)
                return f
            return keep
        @register("x")
        def hid(): return 1
        def run(): return T["x"]()
        """,
        ("return 1", "return 2"),
    ),
    "what a class registers": (
        """
        T = {}
        class register:
            def __init__(self, f): T[f.__name__] = f
        @register
        def hid(): return 1
        def run(): return T["hid"]()
        """,
        ("return 1", "return 2"),
    ),
    "what an object registers": (
        """
        class Kept(dict):
            def __call__(self, f): self[f.__name__] = f
        register = Kept()
        @register
        def hid(): return 1
        def run(): return register["hid"]()
        """,
        ("return 1", "return 2"),
    ),
    "what is registered by an assignment": (
        """
        class Kept(dict):
            def add(self, f): self[f.__name__] = f
        KEPT = Kept()
        def hid(): return 1
        _ = KEPT.add(hid)
        def run(): return KEPT["hid"]()
        """,
        ("return 1", "return 2"),
    ),
    "a name of sys.modules": (
        f"import sys\n{HID}def run(name): return getattr(sys.modules[__name__], name)()",
        ("return 1", "return 2"),
    ),
    "a name that is evaluated": (
        f"{HID}def run(): return eval('hid()')",
        ("return 1", "return 2"),
    ),
    "a module imported by its text": (
        "from importlib import import_module\ndef run(): return import_module('own.other').f()",
        None,
    ),
    "a module imported by a relative text": (
        "from importlib import import_module\n"
        "def run(): return import_module('.other', 'own').f()",
        None,
    ),
    "a name that is resolved": (
        "import pkgutil\ndef run(): return pkgutil.resolve_name('own.other:f')()",
        None,
    ),
    "what an enumeration does with other values": (
        """
        import enum
        class E(enum.Enum):
            A = 1
            @classmethod
            def _missing_(cls, value): return 1
        def run(): return E(3)
        """,
        ("return 1", "return 2"),
    ),
    "what a comparison with a class asks": (
        """
        import abc
        class E(abc.ABC):
            @classmethod
            def __subclasshook__(cls, other): return 1
        def run(x): return isinstance(x, E)
        """,
        ("return 1", "return 2"),
    ),
    "a global that is added to": (
        "A = [1]\ndef run():\n    global A\n    A += [2]",
        ("A = [1]", "A = [3]"),
    ),
    "a key of another module's table": (
        """
        from own import other
        def keep(f): other.T[f.__name__] = f
        @keep
        def hid(): return 1
        def run(): return other.T["hid"]()
        """,
        ("return 1", "return 2"),
    ),
}
KEEPS = {
    "pass for a docstring": (
        "class A(Exception):\n    'text'\ndef run(): raise A",
        ("'text'", "pass"),
    ),
    "a docstring beside nothing": (
        "class A(Exception): pass\ndef run(): raise A",
        ("pass", "'text'"),
    ),
    "what only types need": (
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: X = 1\ndef run(): return 1",
        ("X = 1", "X = 2"),
    ),
    "the order of functions": (
        "def one(): return 1\ndef two(): return 2\ndef run(): return one() + two()",
        (
            "def one(): return 1\ndef two(): return 2",
            "def two(): return 2\ndef one(): return 1",
        ),
    ),
}
OTHER = "T = {}\ndef f(): return 1\n"


@pytest.fixture
def digest(tmp_path):
    """The digest of ``own.main.run``."""
    package = tmp_path / "own"
    package.mkdir()

    def of(main, **others):
        for name, text in {"__init__": "", "main": main, **others}.items():
            (package / f"{name}.py").write_text(textwrap.dedent(text))
        found = worked_out(Sources(["own"], folders={"own": package}), ["own.main.run"])
        return found["digest"]

    return of


def edited(text, edit):
    assert text.count(edit[0]) == 1
    return text.replace(*edit)


@pytest.mark.parametrize("what", CHANGES)
def test_what_can_run_is_part_of_the_digest(digest, what):
    text, edit = CHANGES[what]
    before = digest(text, other=OTHER)
    if edit is None:
        assert digest(text, other=edited(OTHER, ("return 1", "return 2"))) != before
    else:
        assert digest(edited(text, edit), other=OTHER) != before


@pytest.mark.parametrize("what", KEEPS)
def test_what_changes_nothing_is_no_part_of_the_digest(digest, what):
    text, edit = KEEPS[what]
    assert digest(edited(text, edit)) == digest(text)


def test_constants_of_two_modules_that_change_values_are_seen(digest):
    main = "from own.a import f\nfrom own.b import g\ndef run(): return f() + g()"
    body = "SIZE = {}\ndef half(): return SIZE\ndef {}(): return half()"
    one = digest(main, a=body.format(1, "f"), b=body.format(2, "g"))
    assert digest(main, a=body.format(2, "f"), b=body.format(1, "g")) != one


def test_a_file_of_another_name_is_no_part_of_the_digest(digest):
    main = "from own.{} import f\nimport own.{} as module\ndef run(): return f() + module.f()"
    assert digest(main.format("a", "a"), a=OTHER) == digest(main.format("b", "b"), b=OTHER)
