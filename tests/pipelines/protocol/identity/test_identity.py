"""What changes a stage's digest, on the tree itself."""

import ast
import random
import re
import shutil
import subprocess
import sys
from functools import cache

import pytest

from pipelines.process.server import PRELOAD
from pipelines.protocol import stages
from pipelines.protocol.identity import reached_from
from pipelines.protocol.identity.code import HOOKS
from pipelines.protocol.identity.libraries import ABSENT, COUNTED, NOT_COUNTED, versions_of
from pipelines.protocol.identity.sources import Sources
from pipelines.protocol.identity.working_out import worked_out
from pipelines.stages.tune.stage import TRIALS_RUN
from tests.pipelines.protocol.identity import trees
from tests.pipelines.protocol.identity.trees import as_it_is, changed_units, found, text_of

MODEL = {"preprocess", "train", "evaluate"}


def digests(result):
    return {name: each["digest"] for name, each in result.items()}


def differing(texts):
    """Stages whose digest is another once modules have other texts."""
    now = digests(found(texts))
    return {name for name, digest in digests(as_it_is()).items() if now[name] != digest}


REACHED_BY = [
    # Ids of buckets: what QuantileBuckets gives, which is in another file.
    ("pipelines.operators.bucketize", "bucket_ids", MODEL | {"score"}),
    # The graph that is served is made by train and never made again.
    ("pipelines.operators.serving", "serving_transform", {"train"}),
    ("pipelines.shared.metrics.ranking", "average_precision", {"evaluate", "settle"}),
    ("pipelines.stages.ingest.values.cast", "from_text", {"ingest"}),
    ("pipelines.gx_dask.scan", "answer_partition", {"validate", "validate_window"}),
    # Run by promote as a file, in a process that has none of our code.
    ("pipelines.stages.promote.golden_check", "compared", {"promote"}),
    # Pages are made from what is published, and are not part of it.
    ("pipelines.stages.validate.stage", "pages", set()),
]


def with_changed(module, function):
    return trees.with_statement(module, dict(trees.functions_of(module))[function])


@pytest.mark.parametrize(("module", "function", "expected"), REACHED_BY[:2])
def test_a_changed_function_changes_the_stages_that_reach_it_and_no_other(
    module, function, expected
):
    assert differing({module: with_changed(module, function)}) == expected


def test_each_stage_differs_by_the_functions_that_it_reaches():
    after = found({module: with_changed(module, name) for module, name, _ in REACHED_BY})
    for stage, before in as_it_is().items():
        expected = {(m, name) for m, name, by in REACHED_BY if stage in by}
        assert changed_units(before, after[stage]) == expected


def test_a_docstring_changes_no_digest():
    modules = ("stages.train", "operators.bucketize", "stages.train.loop", "core.errors")
    texts = {f"pipelines.{name}": text_of(f"pipelines.{name}") for name in modules}
    other = {name: text.replace('"""', '"""Other words. ', 1) for name, text in texts.items()}
    assert all(other[name] != text for name, text in texts.items())
    assert not differing(other)


def test_no_comment_layout_docstring_or_name_of_a_file_changes_a_digest(tmp_path):
    """The whole tree is written anew: other layout and docstrings, a module and a package renamed."""
    copy = shutil.copytree(
        trees.PACKAGE, tmp_path / "pipelines", ignore=shutil.ignore_patterns("__pycache__")
    )
    moved = {"operators.bucketize": "operators.by_edges", "shared.tables": "shared.layout"}
    (copy / "operators" / "bucketize.py").rename(copy / "operators" / "by_edges.py")
    (copy / "shared" / "tables").rename(copy / "shared" / "layout")
    for path in copy.rglob("*.py"):
        text = path.read_text()
        for old, new in moved.items():
            text = re.sub(rf"\bpipelines\.{re.escape(old)}\b", f"pipelines.{new}", text)
        if path.parent.name in {"operators", "train", "core", "ingest"}:
            text = ast.unparse(_Reworded().visit(ast.parse(text)))
        path.write_text(f"# Another comment.\n\n{text}\n")
    sources = Sources(["pipelines"], folders={"pipelines": copy})
    assert digests(found(sources=sources)) == digests(as_it_is())
    assert sources.path("pipelines.operators.bucketize") is None


class _Reworded(ast.NodeTransformer):
    def visit_Expr(self, node):
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value = ast.Constant("Said otherwise.")
        return node


@cache
def _imports(module):
    return list(_imported(module))


def _imported(module):
    """Modules that a module imports anywhere, by the text of its import statements alone."""
    for node in ast.walk(trees.tree_of(module)):
        if isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(r"pipelines(\.\w+)+", node.value):
                yield node.value
                yield node.value.rpartition(".")[0]
            elif node.value.endswith(".py"):
                yield f"{module.rpartition('.')[0]}.{node.value[:-3]}"


def closure_of(stage):
    """Every module that a stage's might import: found without looking at any name."""
    known, to_do, seen = set(trees.modules()), [f"pipelines.stages.{stage}.stage"], set()
    while to_do:
        module = to_do.pop()
        if module in known and module not in seen:
            seen.add(module)
            to_do += [m for m in _imports(module) if m]
            to_do.append(module.rpartition(".")[0])
    return seen


def test_functions_changed_at_random_change_the_stages_that_reach_them_and_no_other():
    """Sixty functions of the tree, twenty at a time, each in a module of its own."""
    draw, before = random.Random(12), as_it_is()
    reached = {m for each in before.values() for m in each["units"]}
    closures = {name: closure_of(name) for name in before}
    modules = [m for m in trees.modules() if trees.functions_of(m)]
    likely = [m for m in modules if m in reached]
    chosen = draw.sample(likely, 45) + draw.sample([m for m in modules if m not in reached], 15)
    draw.shuffle(chosen)
    several = 0
    for batch in (chosen[n : n + 20] for n in range(0, 60, 20)):
        changes = {m: draw.choice(trees.functions_of(m)) for m in batch}
        after = found({m: trees.with_statement(m, last) for m, (_, last) in changes.items()})
        for name in before:
            units = before[name]["units"]
            wanted = {(m, f) for m, (f, _) in changes.items() if f in units.get(m, ())}
            assert changed_units(before[name], after[name]) == wanted
            assert (before[name]["digest"] != after[name]["digest"]) == bool(wanted)
            assert {m for m, _ in wanted} <= closures[name], (
                "an oracle that knows imports alone"
            )
            several += len(wanted)
    assert several > 60, "most of what is drawn is reached by some stage"


def test_swapped_imports_of_functions_that_are_both_reached_change_the_digest():
    module = "pipelines.operators.quantiles"
    text = text_of(module)
    names = re.search(r"from pipelines\.operators\.bucketize import (\w+), (\w+)", text)
    first, second = names[1], names[2]
    swapped = f"import {first} as {second}, {second} as {first}"
    assert differing({module: text.replace(f"import {first}, {second}", swapped)}) == MODEL | {
        "score"
    }


def test_what_is_found_does_not_depend_on_the_order_of_sets():
    code = (
        "from tests.pipelines.protocol.identity.trees import *;"
        "print(worked_out(Changed({}), roots_of('validate'))['digest'])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": str(trees.ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == as_it_is()["validate"]["digest"]


def test_a_fork_server_holds_no_code_that_was_named_before_an_edit():
    code = (
        "import sys; from pipelines.process import server; server.preload.__code__;"
        "print([m for m in sys.modules if 'identity' in m or '.stages' in m])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "[]"
    assert not [name for name in PRELOAD if name.startswith("pipelines")]


def test_every_library_that_a_stage_uses_is_in_one_of_the_tables():
    used = {name for each in as_it_is().values() for name in each["libraries"]}
    foreign = used - set(sys.stdlib_module_names)
    assert foreign <= COUNTED.keys() | NOT_COUNTED.keys()
    assert not COUNTED.keys() & NOT_COUNTED.keys()


@pytest.mark.parametrize(
    ("stage", "libraries"),
    [
        ("ingest", {"numpy", "pyarrow", "python_calamine"}),
        ("validate", {"dask", "great_expectations", "numpy", "pandas", "pyarrow"}),
        ("train", {"keras", "numpy", "pyarrow", "sklearn", "tensorflow"}),
    ],
)
def test_versions_of_the_libraries_that_a_stage_uses_are_part_of_its_code(stage, libraries):
    assert set(as_it_is()[stage]["libraries"]) & COUNTED.keys() == libraries


def test_what_a_stage_starts_from_is_there():
    for stage in stages():
        units = as_it_is()[stage.name]["units"][stage.module]
        assert {"plan", "run"} <= units.keys()
        assert set(HOOKS) & set(dir(__import__(stage.module, fromlist=["plan"]))) <= {
            name for each in units for name in each.split(", ")
        }
    module, _, name = TRIALS_RUN.rpartition(".")
    assert name in reached_from(TRIALS_RUN).units[module]


def test_all_that_a_users_function_reaches_is_part_of_its_code_and_its_libraries(tmp_path):
    package = tmp_path / "of_mine"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "network.py").write_text(
        "from of_mine.layers import last\nimport a_library_of_mine\n\n\ndef build(inputs, seed):\n"
        "    return a_library_of_mine.bent(last(inputs['x']))\n\n\ndef other():\n    return 1\n"
    )

    def code(layers):
        (package / "layers.py").write_text(layers)
        sources = Sources(["of_mine"], folders={"of_mine": package})
        return worked_out(sources, ["of_mine.network.build"])

    plain = code("def last(x):\n    return x\n")
    assert plain["units"].keys() == {"of_mine.network", "of_mine.layers"}
    assert "other" not in plain["units"]["of_mine.network"]
    assert versions_of(plain["libraries"]) == {"a_library_of_mine": ABSENT}
    assert (
        code("# Mine.\n\ndef last(x):\n    return x  # the same\n")["digest"] == plain["digest"]
    )
    assert code("def last(x):\n    return -x\n")["digest"] != plain["digest"]
