"""A stage that is killed anywhere and run again leaves the same bytes, the same file and the same rows."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.pipelines.stages.score.killed_scoring import pipeline_of
from tests.pipelines.stages.score.scored_days import (
    ALERTING,
    DAY,
    folder_of,
    publish_day,
    publish_dense,
    register,
    scored,
)

ROOT = Path(__file__).resolve().parents[4]
SLOW = [
    pytest.param(point, marks=pytest.mark.slow)
    for point in (
        "in a part",
        "before the file is moved",
        "between delete and insert",
        "before it is published",
    )
]


def made(folder):
    publish_day(folder / "store")
    register(folder / "store", publish_dense(folder / "store", decision=ALERTING))
    return folder / "store", str(folder / "copies"), f"sqlite:///{folder}/cases.db"


def left_by(root, files, database):
    """Bytes of what is published and copied, and the table's rows."""
    result = scored(root, pipeline=pipeline_of(files, database))
    published = {p.name: p.read_bytes() for p in folder_of(root, result).glob("[ps]*")}
    copy = (Path(files) / f"ds={DAY}" / "scores.parquet").read_bytes()
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as opened:
        return published, copy, opened.execute("SELECT * FROM alerts").fetchall()


@pytest.mark.parametrize("point", ["inside the commit", *SLOW])
def test_killed_and_run_again_it_leaves_what_an_undisturbed_run_leaves(
    tmp_path, monkeypatch, point
):
    monkeypatch.setenv("AIRFLOW_CONN_CASES", "")
    for name in ("killed", "undisturbed"):
        (tmp_path / name).mkdir()
    where = made(tmp_path / "killed")
    root, *copies = where
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "tests.pipelines.stages.score.killed_scoring"),
            *(str(root), point, *copies),
        ],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == -9, ended.stderr.decode()[-2000:]
    assert left_by(*where) == left_by(*made(tmp_path / "undisturbed"))
