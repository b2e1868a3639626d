"""Suite parameters: what ``{"$PARAMETER": "NAME"}`` in a rule's arguments stands for.

Why: a suite that is shared by pipelines leaves limits open; each pipeline declares its own.
Promise: the value follows from the declaration alone, so that a day gets the same verdict whenever
    it is validated. Great Expectations' arithmetic is understood; its ``now()`` is refused.
"""

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from pipelines.core.declared import nearest
from pipelines.core.errors import ConfigError

PARAMETER = "$PARAMETER"
MAX_CHARS = 200


def _power(base: float, exponent: float) -> float:
    """As floats know it: a tower of whole numbers would never end."""
    power = float(base) ** float(exponent)
    whole = isinstance(base, int) and isinstance(exponent, int) and power.is_integer()
    return int(power) if whole else power


OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.BitXor: _power,  # as Great Expectations writes a power
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
FUNCTIONS: dict[str, Callable[..., Any]] = {"abs": abs, "round": round, "trunc": int}


def resolved(value: object, parameters: Mapping[str, object], rule: str) -> object:
    """A rule's argument with every parameter in it replaced by its value.

    Raises:
        ConfigError: A parameter is not set, or an expression of some cannot be worked out.
    """
    if isinstance(value, Mapping):
        if PARAMETER in value:
            return _value_of(str(value[PARAMETER]), parameters, rule)
        return {name: resolved(each, parameters, rule) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [resolved(each, parameters, rule) for each in value]
    return value


def named_in(value: object) -> Iterator[str]:
    """Every parameter that an argument names."""
    if isinstance(value, Mapping):
        if PARAMETER in value:
            text = str(value[PARAMETER])
            yield text.strip()
            yield from _names(text)
        for each in value.values():
            yield from named_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from named_in(each)


def _names(text: str) -> list[str]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return []
    return [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]


def _value_of(text: str, parameters: Mapping[str, object], rule: str) -> object:
    if text.strip() in parameters:
        return parameters[text.strip()]
    if len(text) > MAX_CHARS:
        raise ConfigError(
            f"rule {rule}: its suite parameter has {len(text):,} characters, expected at most "
            f"{MAX_CHARS}. Set a parameter to its value in validation.parameters."
        )
    _require_set(_names(text) or [text], parameters, rule)
    try:
        return _worked_out(ast.parse(text.strip(), mode="eval").body, parameters)
    except (SyntaxError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ConfigError(
            f"rule {rule}: the suite parameter {text!r} cannot be worked out ({error}). Expected a "
            f"name of validation.parameters, or + - * / ^, abs, round and trunc of such."
        ) from error


def _require_set(names: Iterable[str], parameters: Mapping[str, Any], rule: str) -> None:
    for name in names:
        if name not in parameters and name not in FUNCTIONS:
            hint = nearest(name, parameters) if parameters else "None is set."
            raise ConfigError(
                f"rule {rule}: the suite parameter {name!r} is not set. Add it to "
                f"validation.parameters, such as parameters=(({name!r}, 5000),). {hint}"
            )


def _worked_out(node: ast.AST, parameters: Mapping[str, object]) -> object:
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.Name(id=name):
            return parameters[name]
        case ast.UnaryOp(op=sign, operand=operand):
            return OPERATORS[type(sign)](_worked_out(operand, parameters))
        case ast.BinOp(op=sign, left=left, right=right):
            return OPERATORS[type(sign)](
                _worked_out(left, parameters), _worked_out(right, parameters)
            )
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]):
            return FUNCTIONS[name](*(_worked_out(each, parameters) for each in given))
    raise ValueError(f"{type(node).__name__} is not understood")
