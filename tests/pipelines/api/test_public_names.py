"""The public names are those that docs/api.md lists, and importing them is light."""

import inspect
import subprocess
import sys
from pathlib import Path

import millrace
from millrace import errors
from pipelines import api
from pipelines.core import errors as every_error

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/api.md"
HEAVY = ("numpy", "pyarrow", "pandas", "polars", "dask", "tensorflow", "mlflow", "typer")


def plain(function):
    """Name and arguments, without types, which the source has."""
    signature = inspect.signature(function)
    given = [p for p in signature.parameters.values() if p.name != "self"]
    return str(inspect.Signature([p.replace(annotation=p.empty) for p in given]))


def lines_of(name, found):
    if inspect.isfunction(found):
        return [f"millrace.{name}{plain(found)}"]
    members = {n: m for n, m in vars(found).items() if not n.startswith("_")}
    fields = [n for n in getattr(found, "__dataclass_fields__", {}) if not n.startswith("_")]
    calls = [n for n, m in members.items() if inspect.isfunction(m)]
    facts = sorted({*fields, *members} - {*calls})
    lines = [f"{name}: {', '.join(facts)}"]
    return lines + [f"{name}.{n}{plain(members[n])}" for n in calls]


def listing():
    names = [name for name in millrace.__all__ if name != "errors"]
    functions = [name for name in names if inspect.isfunction(getattr(millrace, name))]
    classes = [name for name in names if name not in functions]
    lines = [
        line for name in functions + classes for line in lines_of(name, getattr(millrace, name))
    ]
    return "\n".join(lines)


def test_the_page_lists_every_public_name_with_its_arguments():
    shown = PAGE.read_text().partition("## Every name")[2].partition("```text\n")[2]
    assert shown.partition("\n```")[0] == listing()


def test_the_facade_offers_what_the_library_does_and_nothing_is_undocumented():
    assert sorted(millrace.__all__) == sorted([*api.__all__, "errors"])
    for name in api.__all__:
        assert getattr(millrace, name) is getattr(api, name)
        assert len(inspect.getdoc(getattr(millrace, name))) > 40, name
    assert set(millrace.__all__) <= set(dir(millrace))


def test_every_error_has_its_name_in_the_facade():
    ours = {
        name
        for name, found in vars(every_error).items()
        if isinstance(found, type) and issubclass(found, every_error.PipelineError)
    }
    assert set(errors.__all__) == ours
    assert errors is millrace.errors


def test_a_name_that_is_not_there_is_an_attribute_error():
    assert not hasattr(millrace, "pipline")


def test_importing_every_name_imports_nothing_heavy():
    code = (
        "import sys, millrace; [getattr(millrace, name) for name in millrace.__all__]; "
        "millrace.pipeline('fraud_detection', {'training.epochs': 3}); millrace.open_store('x'); "
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    path = f"{ROOT}:{ROOT / 'plugins'}"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip() == "[]", ran.stderr
