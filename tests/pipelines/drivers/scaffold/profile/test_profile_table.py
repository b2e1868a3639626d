"""A declaration that a table suggests is valid, and takes in the table that suggested it."""

import types
from datetime import timedelta

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from pipelines.core.events import Reporter
from pipelines.core.store import Store
from pipelines.drivers.scaffold.profile.declaration_text import declaration_text
from pipelines.drivers.scaffold.profile.profile_table import profile_files
from pipelines.protocol import Work, perform, stage_named
from pipelines.spec import require_valid
from tests.pipelines.drivers.scaffold.profile.made_sources import (
    COLUMNS,
    HEADERS,
    IDS,
    LABELS,
    NULLS,
    TIMES,
    made_columns,
    write,
)

ROWS = 60


def suggested(path):
    """What a file suggests, and the pipeline that is written of it."""
    guess, found = profile_files(path)
    return guess, found, loaded(declaration_text("made", guess))


def loaded(text):
    module = types.ModuleType("declaration")
    exec(compile(text, "declaration.py", "exec"), module.__dict__)
    return require_valid(module.PIPELINE)


def taken_in(pipeline, found, folder, key):
    """Results of ingest and validate of a partition, in this process."""
    work = Work(
        pipeline=pipeline,
        store=Store(str(folder)),
        report=Reporter(f"ingest ds={key}", lambda _event: None),
        partition=key,
        source=str(found.root),
        history_from=pipeline.schedule.start,
    )
    return [perform(stage_named(name), work) for name in ("ingest", "validate")]


shapes = st.fixed_dictionaries(
    {
        "row_id": st.sampled_from(sorted(IDS)),
        "time": st.sampled_from(sorted(TIMES)),
        "entity": st.sampled_from(["whole", "code", "uuid"]),
        "label": st.sampled_from(sorted(LABELS)),
        "kinds": st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=6),
        "headers": st.permutations(HEADERS),
        "null": st.sampled_from(NULLS),
    }
)


# A smaller table is no clearer than the one that failed, and takes minutes to find.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
made = given(
    shape=shapes,
    seed=st.integers(0, 1000),
    form=st.sampled_from(["csv", "csv.gz", "parquet", "jsonl"]),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
)


@settings(max_examples=5, deadline=None, phases=PHASES)
@made
def test_a_made_table_is_taken_in_by_the_declaration_that_it_suggests(
    tmp_path_factory, shape, seed, form, delimiter
):
    _take_in(tmp_path_factory, shape, seed, form, delimiter)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, phases=PHASES)
@made
def test_many_made_tables_are_taken_in_by_the_declarations_that_they_suggest(
    tmp_path_factory, shape, seed, form, delimiter
):
    _take_in(tmp_path_factory, shape, seed, form, delimiter)


def _take_in(tmp_path_factory, shape, seed, form, delimiter):
    # A whole number of a typed source is no day to ingest.
    assume((form, shape["time"]) != ("parquet", "compact"))
    folder = tmp_path_factory.mktemp("made")
    # All of one day, so that one partition has every row that was profiled.
    columns = made_columns(ROWS, seed, step=timedelta(minutes=10), **shape)
    path = write(folder / "source", columns, form, delimiter)
    guess, found, pipeline = suggested(path)
    key = pipeline.partitions().of_day(pipeline.schedule.start)
    ingested, validated = taken_in(pipeline, found, folder / "store", key)
    assert (ingested["rows"], validated["rows"]) == (ROWS, ROWS)
    assert sum(validated["quarantined"].values()) == 0
    assert "outcome" in (guess.roles.label, *guess.roles.other_labels)
