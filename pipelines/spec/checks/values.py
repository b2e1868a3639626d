"""Check each value of a declaration against the type that its class declares.

Why: a text where a number belongs, a list for a tuple or a NaN would end in a traceback, in a check
    or in a stage.
Promise: what passes here holds only finite numbers, texts that can be written, tuples and
    declared objects; whatever an object does when it is shown, no error is raised.
Not here: whether the values are consistent (``pipelines/spec/checks/``).
"""

import math
import types
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")

# Integers are stored as int64.
LEAST, MOST = -(2**63), 2**63 - 1
CLIPPED, DEEP = 80, 80
PLAIN = "numbers, texts, True, False, None, or lists of these (times as text)"
NAMES: Mapping[Any, str] = {
    int: "an integer",
    float: "a number",
    str: "a text",
    bool: "True or False",
    type(None): "None",
    object: PLAIN,
}
MANY = {int: "integers", float: "numbers", str: "texts"}
EXAMPLES = {
    "FeatureSource": "a feature, such as Numeric('x')",
    "Chain": "a chain of operators, such as Numeric('x') >> Log()",
    "Operator": "an operator, such as Log()",
    "Limit": "a Limit, such as Limit(warn=0.1)",
    "Rule": "a Rule(name, expectation, kwargs)",
    "Entity": "an Entity",
}


def value_problems(part: object, where: str = "") -> Iterator[str]:
    """The values of a declared object, and of those in it, that are of another type than declared."""
    missing = getattr(part, "mistakes", ())
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if value is None and any(f"{field.name!r} is missing" in text for text in missing):
            continue
        path = f"{where}.{field.name}" if where else field.name
        yield from _wrong(path, value, _hints(type(part))[field.name])  # type: ignore[arg-type]


def mended(part: T) -> T:
    """A declared object, with defaults in place of values of another type.

    Entries of its tuples that cannot be mended are left out; where all that is declared depends on a
    value without a default, it stays.
    """
    changes = _changes(part, drop=True)
    kept = {name: value for name, value in changes.items() if value is not MISSING}
    return replace(part, **kept) if kept else part  # type: ignore[type-var]


def _changes(part: Any, *, drop: bool = False) -> dict[str, object]:
    """New values by field; MISSING where there is none."""
    changes = {}
    for field in fields(part):
        value, hint = getattr(part, field.name), _hints(type(part))[field.name]  # type: ignore[arg-type]
        if list(_wrong("", value, hint)):
            repaired = _repaired(value, hint, drop=drop)
            changes[field.name] = field.default if repaired is MISSING else repaired
    return changes


def _repaired(value: Any, hint: Any, *, drop: bool = False) -> object:
    """A value of the declared type that has as much as possible of one that is not; else MISSING."""
    if not list(_wrong("", value, hint)):
        return value
    for option in _options(hint):
        if isinstance(option, type) and _is_of(value, option):
            changes = _changes(value)
            whole = all(each is not MISSING for each in changes.values())
            return replace(value, **changes) if whole else MISSING
        if isinstance(value, tuple) and get_args(option)[1:] == (...,):
            return _repaired_tuple(value, get_args(option)[0], drop=drop)
    return MISSING


def _repaired_tuple(value: tuple[Any, ...], of: Any, *, drop: bool) -> object:
    each = tuple(_repaired(item, of) for item in value)
    whole = drop or all(item is not MISSING for item in each)
    return tuple(item for item in each if item is not MISSING) if whole else MISSING


def shown(value: object) -> str:
    """A value as text, clipped, whatever its own code does."""
    try:
        text = repr(value)
    except Exception:  # the object is the user's
        text = f"<{type(value).__name__}>"
    return text if len(text) <= CLIPPED else f"{text[:CLIPPED]}..."


@cache
def _hints(cls: Any) -> Mapping[str, Any]:
    return get_type_hints(cls)


def _wrong(where: str, value: object, hint: Any) -> Iterator[str]:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        yield from _none_of(where, value, hint)
    elif origin is tuple:
        yield from _not_tuple(where, value, hint)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield from _not_mapping(where, value, hint)
    elif hint in NAMES:
        if not _fits(value, hint):
            yield _expected(where, value, hint)
    elif isinstance(hint, type):
        yield from _not_declared(where, value, hint)


def _none_of(where: str, value: object, hint: Any) -> Iterator[str]:
    """Problems of a value that may be of several types: of the one whose class it is, if any."""
    options = get_args(hint)
    if any(not list(_wrong(where, value, option)) for option in options):
        return
    closest = [option for option in options if _is_of(value, option)]
    if closest:
        yield from _wrong(where, value, closest[0])
    else:
        yield _expected(where, value, hint)


def _is_of(value: object, option: Any) -> bool:
    """Whether a value is of a type's class, whatever is in it."""
    origin = get_origin(option)
    if isinstance(option, type):
        return is_dataclass(value) and isinstance(value, option)
    return isinstance(origin, type) and isinstance(value, origin)


def _not_tuple(where: str, value: object, hint: Any) -> Iterator[str]:
    of, many = get_args(hint), get_args(hint)[-1] is ...
    if not isinstance(value, tuple) or not (many or len(value) == len(of)):
        yield _expected(where, value, hint)
        return
    for number, each in enumerate(value):
        name = getattr(each, "name", None)
        label = name if isinstance(name, str) else number
        yield from _wrong(f"{where}[{label}]", each, of[0] if many else of[number])


def _not_mapping(where: str, value: object, hint: Any) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield _expected(where, value, hint)
        return
    key, of = get_args(hint)
    for name, each in value.items():
        yield from _wrong(f"a key of {where}", name, key)
        yield from _wrong(f"{where}[{shown(name)}]", each, of)


def _not_declared(where: str, value: object, hint: type) -> Iterator[str]:
    if not isinstance(value, hint):
        yield _expected(where, value, hint)
    elif is_dataclass(value) and hasattr(value, "mistakes"):
        yield from value_problems(value, where)


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of a plain type."""
    if hint is object:
        return _is_plain(value)
    if hint is bool or hint is type(None):
        return isinstance(value, hint)
    if hint is str:
        return isinstance(value, str) and _can_be_written(value)
    return _is_number(value, hint)


def _is_number(value: object, hint: Any) -> bool:
    if isinstance(value, bool) or hint not in (int, float):
        return False
    if isinstance(value, int):
        return LEAST <= value <= MOST
    return hint is float and isinstance(value, float) and math.isfinite(value)


def _can_be_written(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _is_plain(value: object, depth: int = 0) -> bool:
    """Whether a value can be part of a digest and of a report."""
    if isinstance(value, dict) and all(_fits(name, str) for name in value):
        value = tuple(value.values())
    if isinstance(value, list | tuple):
        return depth < DEEP and all(_is_plain(each, depth + 1) for each in value)
    return value is None or any(_fits(value, kind) for kind in (bool, float, str))


def _expected(where: str, value: object, hint: Any) -> str:
    finite = " and finite" if isinstance(value, float) and not math.isfinite(value) else ""
    size = " of 64 bits" if isinstance(value, int) and not LEAST <= value <= MOST else ""
    written = " without lone surrogates and NUL" if isinstance(value, str) else ""
    extra = size or finite or (written if str in _options(hint) else "")
    return f"{where} must be {_described(hint)}{extra}; got {shown(value)}."


def _options(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _described(hint: Any) -> str:
    """What is expected, in words."""
    if hint in NAMES:
        return NAMES[hint]
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_described(option) for option in get_args(hint)))
    if get_origin(hint) is tuple:
        return _described_tuple(get_args(hint))
    if isinstance(get_origin(hint), type):
        return "a dict"
    return EXAMPLES.get(hint.__name__, f"a {hint.__name__}")


def _described_tuple(of: tuple[Any, ...]) -> str:
    if of[-1] is not ...:
        return f"a pair of {' and '.join(_described(each) for each in of)}"
    each = MANY.get(of[0], f"each of which is {_described(of[0])}")
    return f"a tuple, such as (x,) for one: {each}"
