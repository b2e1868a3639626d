"""Score a day in a process that kills itself at a chosen point: ``STORE POINT FILES DATABASE TABLE``."""

import dataclasses
import os
import signal
import sys
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.core.store import Store
from pipelines.spec import Scoring
from pipelines.stages.score import export_file, export_table
from tests.pipelines.made_models import FRAUD
from tests.pipelines.stages.score.scored_days import scored


def pipeline_of(files, database, table="alerts"):
    """Scores that go to both."""
    os.environ["AIRFLOW_CONN_CASES"] = database
    return dataclasses.replace(
        FRAUD, scoring=Scoring(files=files, connection="cases", table=table)
    )


def die(*_args, **_named):
    """End as the kernel would end it."""
    os.kill(os.getpid(), signal.SIGKILL)


def after_first(function):
    """A function that dies at its second call."""
    calls = []

    def called(*args, **named):
        calls.append(1)
        return function(*args, **named) if len(calls) == 1 else die()

    return called


def arm(point):
    """Die at that point."""
    if point == "in a part":
        whole = pq.write_table
        pq.write_table = lambda table, path, **more: (whole(table, path, **more), die())
    elif point == "before the file is moved":
        export_file.FileExport._write_parts = die
    elif point == "between delete and insert":
        export_table._insert = die
    elif point == "inside the commit":
        whole_insert = export_table._insert
        export_table._insert = lambda *args: (whole_insert(*args), die())
    elif point == "before it is published":
        Store.publish = die


if __name__ == "__main__":
    root, point, *where = sys.argv[1:]
    arm(point)
    scored(Path(root), pipeline=pipeline_of(*where))
