"""The DAGs of a pipeline with several tables: which takes in what, when, and what it publishes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from airflow.sdk import TriggerRule

from millrace.airflow.dags import as_of_tick, data_dag, model_dag, table_dags
from millrace.airflow.pages import KEY, dag_of_page, find_page
from millrace.airflow.policies import EVENTS_WAIT
from millrace.airflow.tasks import assets
from pipelines.core.errors import ConfigError, SourceNotReadyError
from pipelines.core.partitions import EXAMPLES
from pipelines.core.store import Store
from pipelines.spec import Column, load
from pipelines.spec.checks import require_valid
from tests.pipelines.made_models import publish, work_on
from tests.pipelines.stages.ingest.landmarks.visits_case import declared

PROJECTS = Path(__file__).parent / "projects"


@pytest.fixture(autouse=True)
def _project(monkeypatch):
    monkeypatch.setenv("MILLRACE_PIPELINES", str(PROJECTS))


@pytest.fixture
def clinic():
    return load("clinic")


def with_table(pipeline, table, **changes):
    tables = [replace(t, **changes) if t.name == table else t for t in pipeline.tables]
    return replace(pipeline, tables=tuple(tables))


LAST = ("announce_refusal", "taken_in")


def edges(dag):
    """The edges between the tasks of stages."""
    every = {(task.task_id, after) for task in dag.tasks for after in task.downstream_task_ids}
    return {edge for edge in every if edge[1] not in LAST}


def stage_tasks(dag):
    return [task for task in dag.tasks if task.task_id not in LAST]


def by_hand(task, partition="2025-03"):
    task.store, task.source, task.history_from = "/store", "/source", ""
    task.partition, task.options, task.settings = partition, [], []
    return task


def test_static_tables_are_taken_in_by_the_run_of_the_examples(clinic):
    dag = data_dag(clinic)
    assert dag.dag_id == "clinic_data"
    assert edges(dag) == {
        ("ingest", "validate"),
        ("validate", "featurize"),
        ("ingest_patients", "validate_patients"),
        ("validate_patients", "featurize"),
    }
    assert dag.get_task("ingest_patients").partition == "all"
    assert dag.get_task("featurize").trigger_rule == TriggerRule.ALL_DONE


def test_tables_of_the_same_grain_are_too_and_those_of_another_have_their_own_dag(clinic):
    monthly = with_table(clinic, "labs", grain="month")
    assert table_dags(monthly) == []
    assert ("validate_labs", "featurize") in edges(data_dag(monthly))
    assert (
        data_dag(monthly).get_task("ingest_labs").partition
        == "{{ partition_of(dag_run, params) }}"
    )
    (labs,) = table_dags(clinic)
    assert labs.dag_id == "clinic_labs_data"
    assert edges(labs) == {("ingest_labs", "validate_labs")}


def test_a_dag_of_a_table_that_has_none_of_its_own_is_refused(clinic):
    with pytest.raises(ConfigError, match=r"table 'lab' is not declared\. Did you mean 'labs'"):
        data_dag(clinic, table="lab")
    with pytest.raises(ConfigError, match=r"patients has no event_time.* by clinic_data"):
        data_dag(clinic, table="patients")
    with pytest.raises(ConfigError, match=r"labs has their grain, month"):
        data_dag(with_table(clinic, "labs", grain="month"), table="labs")


@pytest.mark.parametrize(("table", "dag"), [("visits", data_dag), ("labs", table_dags)])
def test_a_table_whose_times_are_counted_from_another_is_taken_in_after_it(clinic, table, dag):
    entered = (*clinic.of_table("patients").table.columns, Column("entered", "timestamp"))
    clinic = with_table(clinic, "patients", columns=entered)
    relative = {"time_format": "days", "origin": "patients.entered"}
    columns = clinic.of_table(table).table.columns
    columns = tuple(replace(c, **relative) if c.type == "timestamp" else c for c in columns)
    made = dag(require_valid(with_table(clinic, table, columns=columns)))
    made = made if table == "visits" else made[0]
    after = "ingest" if table == "visits" else "ingest_labs"
    assert ("ingest_patients", "validate_patients") in edges(made)
    assert ("validate_patients", after) in edges(made)
    assert made.get_task("ingest_patients").upstream_task_ids == set()


def test_landmarks_are_taken_in_after_the_table_they_are_derived_from_whether_it_was_refused_or_not():
    for events in ("year", "month"):
        made = declared(events, "year")
        dag, others = data_dag(made), table_dags(made)
        own = {("ingest_events", "validate_events"), ("validate_events", "ingest")}
        last = {("validate_events", "featurize")}
        beside = own | last if events == "year" else set()
        assert edges(dag) == {("ingest", "validate"), ("validate", "featurize")} | beside
        assert [each.dag_id for each in others] == ["registry_events_data"] * (
            events == "month"
        )
        assert dag.get_task("ingest").trigger_rule == TriggerRule.ALL_DONE
        # As long as for a source: 24 looks after half an hour each.
        assert dag.get_task("ingest").retries * EVENTS_WAIT == timedelta(hours=12)
        assert dag.get_task("validate").trigger_rule == TriggerRule.ALL_SUCCESS
        tasks = (others or [dag])[0]
        assert tasks.get_task("ingest_events").trigger_rule == TriggerRule.ALL_SUCCESS


def test_deriving_landmarks_needs_no_source():
    made = load("disease_progression")
    ingest = by_hand(data_dag(made).get_task("ingest"), "2012")
    ingest.source = ""
    argv = ingest.command(datetime(2026, 1, 1, tzinfo=UTC))
    assert "2012" in argv
    assert "--source" not in argv
    of_events = by_hand(data_dag(made).get_task("ingest_events"), "2012")
    of_events.source = ""
    with pytest.raises(ConfigError, match="source is empty"):
        of_events.command(datetime(2026, 1, 1, tzinfo=UTC))


def test_a_table_that_sorts_before_its_events_is_still_taken_in_after_them():
    made = declared()
    events = replace(made.of_table("events").table, name="visits")
    derived = replace(made.table, source=replace(made.table.source, table="visits"))
    label = replace(made.label, table="visits")
    tables = (derived, events)
    features = (replace(made.features[0], table="visits"),)
    dag = data_dag(replace(made, tables=tables, label=label, features=features))
    assert ("validate_visits", "ingest") in edges(dag)


def test_each_task_works_on_its_own_table(clinic):
    data, (labs,) = data_dag(clinic), table_dags(clinic)
    now = datetime(2026, 7, 1, tzinfo=UTC)
    argv = by_hand(labs.get_task("ingest_labs"), "2025").command(now)
    assert argv[:3] == ["stage", "ingest", "clinic"]
    assert argv[argv.index("--table") :] == [
        *("--table", "labs", "--partition", "2025", "--source", "/source"),
    ]
    static = by_hand(data.get_task("validate_patients"), "all")
    assert static.command(now)[3:] == [
        *("--store", "/store", "--table", "patients", "--partition", "all"),
    ]
    assert "--table" not in by_hand(data.get_task("ingest")).command(now)
    assert static.ref().key == "table=patients/ds=all"
    assert by_hand(data.get_task("validate")).ref().key == "ds=2025-03"


def test_a_partition_that_is_not_over_is_not_taken_in_and_the_message_says_when(clinic):
    ingest = by_hand(data_dag(clinic).get_task("ingest"))
    with pytest.raises(SourceNotReadyError) as early:
        ingest.command(datetime(2025, 3, 31, 21, 59, tzinfo=UTC))
    assert str(early.value) == (
        "the month 2025-03 (Europe/Berlin) is not over (it is 2025-03-31 23:59 CEST). "
        "It can be taken in from 2025-04-01 00:00 CEST on."
    )
    assert "2025-03" in ingest.command(datetime(2025, 3, 31, 22, 0, tzinfo=UTC))
    static = by_hand(data_dag(clinic).get_task("ingest_patients"), "all")
    assert "all" in static.command(datetime(2025, 1, 1, tzinfo=UTC))
    with pytest.raises(ConfigError, match="'2025-3' is not a month"):
        by_hand(ingest, "2025-3").command(datetime(2026, 1, 1, tzinfo=UTC))


def test_each_dag_has_the_schedule_form_and_start_of_its_own_grain(clinic):
    data, (labs,) = data_dag(clinic), table_dags(clinic)
    found = {dag.dag_id: dag.timetable.serialize() for dag in (data, labs)}
    of_clinic = {"zone": "Europe/Berlin"}
    assert found == {
        "clinic_data": {"expression": "30 4 2 * *", "grain": "month"} | of_clinic,
        "clinic_labs_data": {"expression": "30 4 1 1 *", "grain": "year"} | of_clinic,
    }
    assert data.start_date == datetime(2025, 1, 31, 23, tzinfo=UTC)
    assert labs.start_date == datetime(2023, 12, 31, 23, tzinfo=UTC)
    assert data.params.get_param("partition").schema["title"].startswith("Month to take in")
    assert labs.params.get_param("partition").schema["title"].startswith("Year to take in")
    assert model_dag(clinic).start_date == datetime(2024, 12, 31, 23, tzinfo=UTC)
    assert str(as_of_tick(clinic).timezone) == "Europe/Berlin"


def test_each_table_has_assets_and_none_takes_the_name_of_another(clinic):
    of_tables = ["labs", "labs_validated", "patients", "patients_validated"]
    of_stages = ["evaluated_model", "features", "good_partitions", "model", "validated"]
    assert {*of_tables, *of_stages} <= set(assets(clinic))
    assert {name for name in assets(clinic) if "labs" in name} == set(of_tables[:2])
    (labs,) = table_dags(clinic)
    verdicts, good = labs.get_task("validate_labs").outlets
    assert (good.name, good.uri) == ("clinic_labs", "millrace://clinic/validated/labs")
    assert (verdicts.name, verdicts.uri) == (
        "clinic_labs_validated",
        "millrace://clinic/verdicts/labs",
    )
    assert labs.get_task("ingest_labs").outlets == []


@pytest.mark.parametrize("name", ["features", "validated", "model", "patients_validated"])
def test_the_assets_of_a_pipeline_have_names_and_addresses_of_their_own(clinic, name):
    renamed = with_table(clinic, "labs", name=name)
    (labs,) = table_dags(renamed)
    every = [*assets(renamed).values(), *labs.get_task(f"validate_{name}").outlets]
    names = {asset.name: asset.uri for asset in every}
    assert {uri: name for name, uri in names.items()} == {a.uri: a.name for a in every}


def test_what_failed_tasks_published_is_announced_for_every_table_that_a_run_takes_in(clinic):
    data, (labs,) = data_dag(clinic), table_dags(clinic)
    for dag, last, tables in (
        (data, "featurize", ["patients", "visits"]),
        (labs, "validate_labs", ["labs"]),
    ):
        announcing = dag.get_task("announce_refusal")
        assert announcing.upstream_task_ids == {last}
        assert announcing.trigger_rule == TriggerRule.ALL_FAILED
        assert sorted(announcing.tables) == tables
        of_stages = [outlet for task in stage_tasks(dag) for outlet in task.outlets]
        assert {a.name for a in announcing.outlets} == {a.name for a in of_stages}
        # Airflow marks it without starting a process, and the run ends as it does.
        assert dag.get_task("taken_in").upstream_task_ids == {last}


def test_pages_of_every_table_and_grain_have_an_address_and_belong_to_the_dag_that_makes_them():
    assert dag_of_page("clinic", "validated", "table=labs/ds=2025") == "clinic_labs_data"
    assert dag_of_page("clinic", "validated", "table=patients/ds=all") == "clinic_data"
    assert dag_of_page("clinic", "validated", "ds=2025-03") == "clinic_data"
    assert dag_of_page("clinic", "evaluations", "as_of=2025-03-01/seed=0") == "clinic_model"
    assert dag_of_page("clinic", "ingested", "ds=2025-03") is None
    for key in EXAMPLES.values():
        assert KEY.fullmatch(f"ds={key}")
        assert KEY.fullmatch(f"table=labs/ds={key}")
    for wrong in (
        "table=../ds=2025",
        "table=labs/ds=..",
        "ds=2025/..",
        "table=labs",
        "ds=\uff12025",
    ):
        assert dag_of_page("clinic", "validated", wrong) is None


def test_the_page_of_a_tables_partition_is_found(tmp_path):
    stage, work = work_on("validate", tmp_path)
    of_labs = replace(work, pipeline=load("clinic")).of_table("labs", "2025")
    publish(tmp_path, stage.name, of_labs, lambda out: (out / "report.html").write_text("2025"))
    page = find_page(Store(str(tmp_path)), "clinic", "validated", "table=labs/ds=2025")
    assert page is not None
    assert page.read_text() == "2025"
    assert find_page(Store(str(tmp_path)), "clinic", "validated", "ds=2025") is None
