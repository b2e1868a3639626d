"""Suite parameters: what ``{"$PARAMETER": "NAME"}`` in a rule's arguments stands for.

Why: a suite that is shared by pipelines leaves limits open; each pipeline declares its own.
Promise: the value follows from the declaration alone, so that a day gets the same verdict whenever
    it is judged. Great Expectations' arithmetic is understood; its ``now()`` is refused.
"""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
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


def resolved(value: Any, parameters: Mapping[str, Any], rule: str) -> Any:
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


def named_in(value: Any) -> Iterator[str]:
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


def _value_of(text: str, parameters: Mapping[str, Any], rule: str) -> Any:
    if text.strip() in parameters:
        return parameters[text.strip()]
    if len(text) > MAX_CHARS:
        raise ConfigError(
            f"rule {rule}: its suite parameter has {len(text):,} characters, expected at most "
            f"{MAX_CHARS}. Set a parameter to its value in validation.parameters."
        )
    missing = [n for n in _names(text) or [text] if n not in parameters and n not in FUNCTIONS]
    if missing:
        hint = nearest(missing[0], parameters) if parameters else "None is set."
        raise ConfigError(
            f"rule {rule}: the suite parameter {missing[0]!r} is not set. Add it to "
            f"validation.parameters, such as parameters=(({missing[0]!r}, 5000),). {hint}"
        )
    try:
        return _worked_out(ast.parse(text.strip(), mode="eval").body, parameters)
    except (SyntaxError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        raise ConfigError(
            f"rule {rule}: the suite parameter {text!r} cannot be worked out ({error}). Expected a "
            f"name of validation.parameters, or + - * / ^, abs, round and trunc of such."
        ) from error


def _worked_out(node: ast.AST, parameters: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Name):
        return parameters[node.id]
    if isinstance(node, ast.UnaryOp):
        return OPERATORS[type(node.op)](_worked_out(node.operand, parameters))
    if isinstance(node, ast.BinOp):
        sides = (_worked_out(side, parameters) for side in (node.left, node.right))
        return OPERATORS[type(node.op)](*sides)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return FUNCTIONS[node.func.id](*(_worked_out(a, parameters) for a in node.args))
    raise ValueError(f"{type(node).__name__} is not understood")
