"""Every function of Millrace that runs while a stage plans and works, by watching it."""

import ast
import functools
import importlib
import sys
import threading
from collections import defaultdict
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from pipelines.protocol import stages
from pipelines.protocol.identity.code import HOOKS
from pipelines.protocol.identity.reach import UNNAMED
from tests.pipelines.protocol.identity.trees import PACKAGE, as_it_is, module_of


@contextmanager
def traced():
    """Functions that run in a stage's hooks meanwhile: file, name and line, by stage."""
    ran, current = defaultdict(set), [set()]

    def note(frame, event, _arg):
        if event == "call" and frame.f_code.co_filename.startswith(f"{PACKAGE}/"):
            code = frame.f_code
            current[0].add((code.co_filename, code.co_qualname, code.co_firstlineno))

    def watched(name, hook):
        @functools.wraps(hook)
        def inner(*args, **given):
            before, current[0] = current[0], ran[name]
            sys.setprofile(note)
            threading.setprofile(note)
            try:
                return hook(*args, **given)
            finally:
                sys.setprofile(None)
                threading.setprofile(None)
                current[0] = before

        return inner

    every = list(_hooks())
    for stage, module, name, hook in every:
        setattr(module, name, watched(stage, hook))
    try:
        yield ran
    finally:
        for _, module, name, hook in every:
            setattr(module, name, hook)


def _hooks():
    for stage in stages():
        module = importlib.import_module(stage.module)
        for name in HOOKS:
            hook = getattr(module, name, None)
            if callable(hook):
                yield stage.name, module, name, hook


def not_reached(stage, ran):
    """Those that are not among what the stage reaches."""
    units = as_it_is()[stage]["units"]
    found = {_unit(*each) for each in ran} - {None}
    return sorted((m, n) for m, n in found if n not in names(units.get(m, {})))


def names(units):
    return {name for each in units for name in (each, *each.split(", "))}


def _unit(file, name, line):
    """Module and name of the unit that ran; None for what imports and class bodies do."""
    module, name = module_of(PACKAGE.parent / file), name.partition(".<locals>")[0]
    if module.startswith(UNNAMED) or name == "<module>" or name in _classes(file):
        return None
    if "<" in name:
        return module, _statement(file, line)
    return module, name


@cache
def _tree(file):
    return ast.parse(Path(file).read_text())


@cache
def _classes(file):
    return {node.name for node in ast.walk(_tree(file)) if isinstance(node, ast.ClassDef)}


def _statement(file, line):
    """What the statement that holds a lambda gives a value to."""
    for node in _tree(file).body:
        if node.lineno <= line <= node.end_lineno:
            stored = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            found = sorted({n.id for n in stored if isinstance(n.ctx, ast.Store)})
            return found[0] if found else getattr(node, "name", "")
    return ""
