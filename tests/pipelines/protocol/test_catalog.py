"""Stages that are found by their records: their order, and records that do not fit together."""

import ast
import dataclasses
import itertools
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.core.errors import ConfigError
from pipelines.protocol import giver_of, stage_named, stage_of, stages, stages_before, steps_to
from pipelines.protocol.catalog import FOLDER, Catalog, read_records
from pipelines.protocol.pages import module_of, pages_of
from pipelines.protocol.stage import (
    DATA_DOCS_PAGE,
    MODEL,
    PARTITION,
    SCHEDULER,
    WINDOW,
    Option,
    Page,
    Stage,
)
from pipelines.spec import load
from tests.pipelines.made_models import work_on

ROOT = Path(__file__).resolve().parents[3]


def record(name, scope=PARTITION, **more):
    facts = {"does": "Something.", "dataset": f"{name}s"} | more
    return Stage(record=f"tests.{name}.record", scope=scope, **facts)


def names(catalog):
    return [stage.name for stage in catalog.stages]


def test_every_folder_of_a_stage_is_in_the_catalog_after_what_it_needs():
    order = [stage.name for stage in stages()]
    assert sorted(order) == sorted(path.parent.name for path in FOLDER.glob("*/stage.py"))
    for stage in stages():
        earlier = [stage_of(each) for each in stage.needs]
        earlier += [giver_of(each) for each in stage.takes]
        for each in earlier:
            assert order.index(each.name) < order.index(stage.name)


def test_the_steps_to_a_result_are_named_in_order():
    assert steps_to("features") == "ingest, validate and featurize"
    assert steps_to("models", scopes=(WINDOW, MODEL)) == "validate_window, preprocess and train"
    assert steps_to("ingested") == "ingest"


def test_a_task_follows_only_those_that_no_other_of_its_tasks_follows():
    assert [s.name for s in stages_before(stage_named("promote"))] == ["evaluate"]
    assert [s.name for s in stages_before(stage_named("preprocess"))] == ["cohort"]
    before = stages_before(stage_named("preprocess"), load("fraud_detection"))
    assert [s.name for s in before] == ["validate_window"]


@given(data=st.data(), size=st.integers(1, 7))
def test_any_stages_without_a_circle_are_put_in_one_order(data, size):
    needs = {
        n: data.draw(st.sets(st.integers(0, n - 1)) if n else st.just(set()))
        for n in range(size)
    }
    scopes = sorted(data.draw(st.sampled_from([0, 1, 2])) for _ in range(size))
    records = [
        record(
            f"s{n}",
            [PARTITION, WINDOW, MODEL][scopes[n]],
            needs=tuple(f"s{each}s" for each in needs[n]),
        )
        for n in range(size)
    ]
    shuffled = data.draw(st.permutations(records))
    catalog = Catalog.of(shuffled)
    assert names(catalog) == names(Catalog.of(records))
    order = names(catalog)
    for n, earlier in needs.items():
        assert all(order.index(f"s{each}") < order.index(f"s{n}") for each in earlier)
        # What is left of the edges still leads to each of them.
        reached, found = list(catalog.edges[f"s{n}"]), set()
        while reached:
            found.add(reached.pop())
            reached = list(
                (set(reached) | {e for f in found for e in catalog.edges[f]}) - found
            )
        assert found >= {f"s{each}" for each in earlier}


ONE = record("one", gives="first")
WRONG = {
    "a dataset nobody publishes": (
        [ONE, record("two", needs=("onez",))],
        "tests.two.record needs 'onez', which no stage publishes. Did you mean 'ones'?",
    ),
    "a result nobody gives": (
        [ONE, record("two", takes=("frist",))],
        "tests.two.record takes 'frist', which no stage gives. Did you mean 'first'?",
    ),
    "a circle": (
        [record("one", needs=("twos",)), record("two", needs=("ones",))],
        "wait for one another. Take a needs or a takes out of one",
    ),
    "a stage that needs itself": (
        [record("one", needs=("ones",))],
        "The stages one -> one wait for one another",
    ),
    "one dataset of two stages": (
        [ONE, record("two", dataset="ones")],
        "tests.one.record, tests.two.record all say dataset='ones'",
    ),
    "one result of two stages": (
        [ONE, record("two", gives="first")],
        "tests.one.record, tests.two.record all say gives='first'",
    ),
    "a day after a model": (
        [record("one", MODEL), record("two", needs=("ones",))],
        "two cannot come after one: its scope is 'partition', and the other's is 'model'",
    ),
    "every chain after one on demand": (
        [record("one", on_demand=True), record("two", needs=("ones",))],
        "two cannot come after one: every chain runs it, and the other is run on demand alone",
    ),
    "every seed after the first alone": (
        [record("one", MODEL, first_seed_only=True), record("two", MODEL, needs=("ones",))],
        "it is run for each seed, and the other for the first seed alone",
    ),
    "an unknown scope": ([record("one", "week")], "scope is 'week', not one of model, partition"),
    "a name with capitals": ([record("One")], "its folder's name is not a lower-case identifier"),
    "nothing said": ([record("one", does=" ")], "does is empty"),
    "no time": ([record("one", timeout=timedelta(0))], "timeout is 0:00:00, not above 0"),
    "fewer tries than one": ([record("one", retries=-1)], "retries is -1, below 0"),
    "two pages of a kind": (
        [record("one", pages=(Page("a.html"), Page("b.html")))],
        "two of its pages are of one kind",
    ),
    "a page elsewhere": ([record("one", pages=(Page("../a.html"),))], "'../a.html' is not of the form"),
    "a source of a model": ([record("one", MODEL, reads_source=True)], "reads_source is for part"),
    "an approval of a day": ([record("one", approval="ask")], "approval is for model, window"),
    "an option twice": ([record("one", options=(SCHEDULER, SCHEDULER))], "an option twice"),
    "an option of two kinds": (
        [record("one", options=(Option(name="scheduler", is_switch=True),)),
         record("two", options=(SCHEDULER,))],
        "The option 'scheduler' of tests.two.record is declared otherwise by tests.one.record",
    ),
    "a text for a tuple": (
        [record("one", needs="ones")], "needs is 'ones', and must be a tuple of str, such as (x,)",
    ),
    "a page for a tuple": (
        [record("one", pages=Page("a.html"))], "html', title='Report', kind='reports'), and must be"
    ),
    "texts for options": (
        [record("one", options=("a",))], "options is ('a',), and must be a tuple of Option",
    ),
    "seconds for a timeout": (
        [record("one", timeout=5)], "timeout is 5, and must be of type timedelta",
    ),
    "a text for a number": ([record("one", retries="3")], "retries is '3', and must be of type int"),
    "a switch for a number": ([record("one", retries=True)], "retries is True, and must be of type"),
    "a text for a switch": ([record("one", heavy="no")], "heavy is 'no', and must be of type bool"),
    "nothing for a text": ([record("one", dataset=None)], "dataset is None, and must be of type str"),
    "a text for an outlet": ([record("one", outlets="x")], "outlets is 'x', and must be a tuple of Outlet"),
    "a number in a page": (
        [record("one", pages=(Page(1),))], "Page file is 1, and must be of type str",
    ),
    "a result with spaces": ([record("one", gives="a b")], "gives 'a b' is not a lower-case name"),
    "an option with an equals sign": (
        [record("one", options=(Option(name="a=b"),))], "option 'a=b' is not a name",
    ),
    "no pool": ([record("one", pool="")], "pool is empty"),
    "a button without a title": (
        [record("one", pages=(Page("a.html", title=" "),))], "page 'a.html' has no title",
    ),
    "a page of an odd kind": (
        [record("one", pages=(Page("a.html", kind="a/b"),))], "page kind 'a/b' is not a name",
    ),
    "a folder of the store": ([record("one", dataset="code")], "a folder of the store's own"),
    "the DAG of another kind": (
        [record("data", on_demand=True)], "'data' is the DAG of another kind",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_records_that_do_not_fit_together_are_refused_with_what_to_change(case):
    records, message = WRONG[case]
    for each in itertools.permutations(records):
        with pytest.raises(ConfigError, match=re.escape(message)):
            Catalog.of(each)


def tree(folder, files):
    for name, text in files.items():
        path = folder / "toys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "toys"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"one/record.py": "STAGE = 1", "one/stage.py": ""},
            r"has STAGE = 1. Expected a Stage\(",
        ),
        ({"one/record.py": "", "one/stage.py": ""}, "AttributeError.*has no attribute 'STAGE'"),
        (
            {"one/record.py": "STAGE = (", "one/stage.py": ""},
            "SyntaxError: '\\(' was never closed",
        ),
        (
            {"one/record.py": "STAGE = 1"},
            r"toys/one has no stage.py. .* add the file, or remove",
        ),
        ({"one/stage.py": ""}, r"toys/one has no record.py"),
        ({"one/__init__.py": "", "one/work.py": ""}, r"toys/one has no record.py"),
    ],
)
def test_a_folder_that_is_half_a_stage_is_refused_with_what_it_lacks(
    tmp_path, monkeypatch, files, message
):
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tree(tmp_path, files)
    with pytest.raises(ConfigError, match=message):
        read_records(folder, "toys")
    for name in [name for name in sys.modules if name.split(".")[0] == "toys"]:
        del sys.modules[name]


def test_the_pages_of_a_record_are_those_that_its_stage_makes(tmp_path):
    for stage in stages():
        _, work = work_on(stage.name, tmp_path)
        made = pages_of(module_of(stage), work.on("2026-01-01"))
        assert sorted(made) == sorted(page.file for page in stage.pages), stage.name
    assert DATA_DOCS_PAGE in stage_named("validate").pages


def test_a_stage_with_an_approval_says_what_it_would_come_to():
    asked = [stage for stage in stages() if stage.approval]
    assert [stage.name for stage in asked] == ["promote"]
    assert all(hasattr(module_of(stage), "preview") for stage in asked)


PROBE = """
import json, sys, time
from pipelines.protocol import stages
started = time.process_time()
stages()
print(json.dumps([time.process_time() - started, sorted(sys.modules)]))
"""


def test_finding_the_stages_imports_their_records_and_nothing_else():
    ran = subprocess.run(
        [sys.executable, "-c", PROBE], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, modules = json.loads(ran.stdout)
    print(f"{len(stages())} records: {1000 * seconds:.1f} CPU-ms")
    ours = {name for name in modules if name.startswith("pipelines.stages.")}
    packages = {f"pipelines.stages.{stage.name}" for stage in stages()}
    assert ours == packages | {stage.record for stage in stages()}
    assert not {"numpy", "pandas", "pyarrow", "dask", "airflow"} & set(modules)


def table_of(records):
    """The table of stages in docs/architecture.md."""

    def cells(values):
        return ", ".join(f"`{value}`" for value in values if value)

    yield "| stage | what it does | by | publishes | needs | gives | takes | DAG |"
    yield "|---|---|---|---|---|---|---|---|"
    for s in records:
        each = (
            *(cells([s.name]), s.does, SAID[s.scope], cells([s.dataset]), cells(s.needs)),
            *(cells([s.gives]), cells(s.takes), cells([s.dag])),
        )
        yield f"| {' | '.join(each)} |"


SAID = {PARTITION: "day", WINDOW: "as-of day", MODEL: "as-of day and seed"}


def test_the_table_in_the_docs_is_that_of_the_records():
    lines = (ROOT / "docs/architecture.md").read_text().splitlines()
    for line in table_of(stages()):
        assert line in lines, f"docs/architecture.md needs the line: {line}"
    header = next(table_of([]))
    block = itertools.takewhile(lambda line: line.startswith("|"), lines[lines.index(header) :])
    assert list(block) == list(table_of(stages()))


def test_a_record_is_plain_values():
    for stage in stages():
        source = (FOLDER / stage.name / "record.py").read_text()
        imported = {
            node.module
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.ImportFrom)
        }
        assert imported <= {"pipelines.protocol.stage", "dataclasses", "datetime"}
        assert dataclasses.asdict(stage)["record"] == stage.record
