"""A stage that is run on demand has a DAG of its own by its record alone."""

import sys

import pytest

from pipelines.protocol import stages
from pipelines.protocol.stage import MODEL, PARTITION, WINDOW, Page, Stage
from pipelines.spec import load


@pytest.mark.parametrize(
    ("scope", "asks"), [(PARTITION, "partition"), (WINDOW, "as_of"), (MODEL, "as_of")]
)
def test_a_stage_on_demand_has_a_dag_with_its_form_and_pages(monkeypatch, scope, asks):
    dags = pytest.importorskip("millrace.airflow.dags")
    toy = Stage(
        record="toys.toy.record",
        does="Count toys.",
        scope=scope,
        dataset="toys",
        on_demand=True,
        pages=(Page("toy.html", title="Toys"),),
    )
    catalog = sys.modules["pipelines.protocol.catalog"]
    made = catalog.Catalog.of([*stages(), toy])
    monkeypatch.setattr(catalog, "catalog", lambda: made)
    (dag,) = dags.on_demand_dags(load("fraud_detection"))
    assert dag.dag_id == "fraud_detection_toy"
    assert dag.description == "Count toys."
    assert asks in dag.params
    (task,) = dag.tasks
    assert task.task_id == "toy"
    assert [link.name for link in task.operator_extra_links] == ["Toys"]


def test_a_stage_with_a_dag_of_its_own_gets_no_other():
    dags = pytest.importorskip("millrace.airflow.dags")
    assert dags.on_demand_dags(load("fraud_detection")) == []
