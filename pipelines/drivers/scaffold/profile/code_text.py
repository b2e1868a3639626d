"""Python's text for declared calls, laid out as the formatter does.

Promise: a call that fits a line is one; else each argument has a line of its own.
"""

from collections.abc import Sequence

WIDTH = 96


def literal(value: object) -> str:
    """A value as source text, with double quotation marks where that is possible."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        inner = ", ".join(literal(each) for each in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(k)}: {literal(v)}" for k, v in value.items()) + "}"
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10_000:  # noqa: PLR2004
        return f"{value:_}"
    return repr(value)


def _text(value: str) -> str:
    plain = repr(value)
    if plain.startswith("'") and '"' not in plain and "\\'" not in plain:
        return f'"{plain[1:-1]}"'
    return plain


def call(name: str, arguments: Sequence[str], indent: int, before: str = "") -> str:
    """A call; ``before`` is what stands in front of it on its line, and a comma follows."""
    margin = " " * indent
    line = f"{margin}{before}{name}({', '.join(arguments)}),"
    if len(line) <= WIDTH and not any("\n" in each for each in arguments):
        return line
    inner = "".join(f"{margin}    {each},\n" for each in arguments)
    return f"{margin}{before}{name}(\n{inner}{margin}),"
