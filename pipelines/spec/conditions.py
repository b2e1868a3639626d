"""Conditions on the rows of a table: ``(column, value)``, or ``(column, (value, ...))`` for any of several.

Promise: importing this module imports nothing but the standard library.
Not here: mistakes in them (``checks/conditions.py``).
"""


def alternatives(value: object) -> tuple[object, ...]:
    """The values of a condition, any of which a row may have."""
    return value if isinstance(value, tuple) else (value,)
