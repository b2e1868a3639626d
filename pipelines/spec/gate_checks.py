"""Check the form of a declared gate, before its values are compared.

Why: a bare string instead of a tuple, or a date among a rule's arguments, would end in a traceback.
Promise: every malformed part is named, with what was expected.
Not here: whether the values are consistent (``gates.py``), whether rules can be evaluated
    (``pipelines/drivers/scaffold/gate_trial.py``).
"""

import json
from collections.abc import Iterator
from dataclasses import fields

from pipelines.spec.gates import Limit, Rule, Validation


def shape_mistakes(validation: Validation) -> Iterator[str]:
    """The malformed parts of a declared gate."""
    yield from _number_mistakes("validation", validation)
    yield from _number_mistakes("validation.window", validation.window)
    yield from _listed_mistakes(validation)


def _number_mistakes(where: str, part: object) -> Iterator[str]:
    """Check each number and limit of a part, by the type of its default."""
    for field in fields(part):  # type: ignore[arg-type]
        value, default = getattr(part, field.name), field.default
        if isinstance(default, Limit):
            if isinstance(value, Limit):
                yield from _limit_mistakes(f"{where}.{field.name}", value)
            else:
                yield (
                    f"{where}.{field.name} must be a Limit, such as Limit(warn=0.1); got {value!r}."
                )
        elif _is_number(default) and not _is_number(value):
            yield f"{where}.{field.name} must be a number; got {value!r}."


def _limit_mistakes(where: str, limit: Limit) -> Iterator[str]:
    for name in ("warn", "refuse"):
        value = getattr(limit, name)
        if value is not None and not _is_number(value):
            yield f"{where}.{name} must be a number or None; got {value!r}."


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _listed_mistakes(validation: Validation) -> Iterator[str]:
    """Check each entry of the tuples."""
    for name in ("budgets", "rules", "suites", "parameters"):
        listed = getattr(validation, name)
        if not isinstance(listed, tuple):
            yield f"validation.{name} must be a tuple, such as (x,) for one; got {listed!r}."
            continue
        for each in listed:
            problem = _FORMS[name](each)
            if problem:
                yield f"validation.{name}: {problem}; got {each!r}."


def _budget_form(each: object) -> str:
    good = _is_pair(each) and isinstance(each[1], int | float)  # type: ignore[index]
    return "" if good else "a budget is a pair of a rule's name and a share"


def _parameter_form(each: object) -> str:
    return (
        ""
        if _is_pair(each) and _is_plain(each)
        else ("a parameter is a pair of a name and a number, text or tuple of these")
    )


def _suite_form(each: object) -> str:
    return "" if isinstance(each, str) else "a suite is the path of a JSON file"


def _rule_form(each: object) -> str:
    if not isinstance(each, Rule):
        return "a rule is a Rule(name, expectation, kwargs)"
    if not isinstance(each.kwargs, tuple) or not all(map(_is_pair, each.kwargs)):
        return f"rule {each.name}: kwargs are pairs of a name and a value, such as (('column', 'x'),)"
    odd = [name for name, value in each.kwargs if not _is_plain(value)]
    text = f"rule {each.name}: {', '.join(odd)} must be numbers, texts, or lists of these (times as text)"
    return text if odd else ""


_FORMS = {
    "budgets": _budget_form,
    "rules": _rule_form,
    "suites": _suite_form,
    "parameters": _parameter_form,
}


def _is_pair(each: object) -> bool:
    return isinstance(each, tuple) and len(each) == 2 and isinstance(each[0], str)  # noqa: PLR2004


def _is_plain(value: object) -> bool:
    """Whether a value can be part of a digest and of a report."""
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True
