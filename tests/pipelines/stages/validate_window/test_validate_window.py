"""The gate before training: the window as a whole, without and with a champion."""

import json
import re
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from pipelines.core.errors import InputMissingError, PartitionRefusedError
from pipelines.shared.tables.profile import profile_of
from pipelines.spec import Column, Limit, WindowGate, load, model_days
from pipelines.stages.validate_window.tables import days_of
from tests.pipelines.made_models import done, publish, work_on

AS_OF, EARLIER = "2026-03-01", "2026-02-22"
FRAUD = load("fraud_detection")
NAMES = FRAUD.feature_names()


def publish_day(root, day, *, rows=200, positives=2, shift=0.0, nulls=0, late=()):
    """Features of a day: normal values around ``shift``, of which so many are NaN."""
    values = np.random.default_rng(int(day.replace("-", ""))).normal(shift, 1, rows)
    values[:nulls] = np.nan
    columns = dict.fromkeys(NAMES, values)

    def write(out):
        reported = {"rows": rows, "positives": positives, "profile": profile_of(columns)}
        (out / "statistics.json").write_text(json.dumps(reported))
        (out / "part-0.parquet").write_text("as known by the end of the day")
        for known in late:
            more = json.dumps(reported | {"rows": 9 * rows})
            (out / f"statistics-known={known}.json").write_text(more)
            (out / f"part-known={known}.parquet").write_text(f"as known by {known}")

    stage, work = work_on("featurize", root)
    outcome, config = {"rows": 9 * rows if late else rows}, {"of": shift, "late": late}
    publish(root, stage.name, work.on(day), write, outcome=outcome, config=config)


def publish_window(root, as_of=AS_OF, **each):
    for day in model_days(FRAUD, as_of).all():
        publish_day(root, day, **each)


def crown(root, as_of):
    """Make the model of an as-of day the champion, as MLflow's tables say it."""
    with sqlite3.connect(root / "mlflow.db") as db:
        db.executescript(f"""
            create table registered_model_aliases (name, alias, version);
            create table registered_model_tags (name, key, value);
            create table model_version_tags (name, version, key, value);
            create table model_versions (name, version, source, current_stage);
            insert into registered_model_aliases values ('fraud_detection', 'champion', 1);
            insert into model_versions values ('fraud_detection', 1, 'file:///m', 'None');
            insert into model_version_tags values ('fraud_detection', 1, 'as_of', '{as_of}');
            insert into model_version_tags values ('fraud_detection', 1, 'digest', 'd1');
        """)


def with_gate(**limits):
    validation = replace(FRAUD.validation, window=WindowGate(**limits))
    return replace(FRAUD, validation=validation)


def test_without_a_champion_drift_is_not_assessed_and_that_is_said(tmp_path):
    publish_window(tmp_path)
    result = done("validate_window", tmp_path)
    assert (result["verdict"], result["rows"]) == ("accepted", 21 * 200)
    assert result["reason"] == (
        "Drift was not evaluated: there is no champion of an earlier day."
    )
    assert result["metrics"]["label_rate"] == 0.01
    assert "max_psi" not in result["metrics"]


def test_a_window_like_the_champions_is_accepted_whatever_its_own_model_becomes(tmp_path):
    publish_window(tmp_path)
    for day in model_days(FRAUD, EARLIER).train:
        publish_day(tmp_path, day)
    crown(tmp_path, EARLIER)
    first = done("validate_window", tmp_path)
    assert (first["verdict"], first["reason"]) == ("accepted", "")
    assert 0 < first["metrics"]["max_psi"] < 0.25
    with sqlite3.connect(tmp_path / "mlflow.db") as db:
        db.executescript(f"""
            update registered_model_aliases set version = 2;
            insert into registered_model_tags values ('fraud_detection', 'champions', '1,2');
            insert into model_versions values ('fraud_detection', 2, 'file:///m', 'None');
            insert into model_version_tags values ('fraud_detection', 2, 'as_of', '{AS_OF}');
            insert into model_version_tags values ('fraud_detection', 2, 'digest', 'd2');
        """)
    assert done("validate_window", tmp_path)["cached"] is True


def test_another_population_is_refused_with_its_features_and_the_report_is_published(tmp_path):
    publish_window(tmp_path, shift=9.0)
    for day in model_days(FRAUD, EARLIER).train:
        publish_day(tmp_path, day)
    crown(tmp_path, EARLIER)
    with pytest.raises(
        PartitionRefusedError,
        match=r"as_of=2026-03-01: refused\. psi\.refuse: tx_amount \d.*expected at most 1",
    ):
        done("validate_window", tmp_path)
    (folder,) = (tmp_path / "fraud_detection/window_validations/as_of=2026-03-01").glob("*/")
    report = json.loads((folder / "report.json").read_text())
    assert (report["verdict"], report["champion_as_of"]) == ("refused", EARLIER)
    failed = {rule["rule"] for rule in report["rules"] if not rule["success"]}
    assert failed == {"psi.warn", "psi.refuse", "js.warn", "js.refuse"}
    for name in ("report.html", "data_docs.html"):
        page = (folder / name).read_text()
        assert (
            re.findall(r"src\s*=|href\s*=\s*\"[^#]|url\(|@import|https?:|<script", page) == []
        )
    assert "tx_amount" in (folder / "report.html").read_text()


@pytest.mark.parametrize(
    ("limits", "day", "message"),
    [
        ({"rows_ratio": Limit(refuse=3)}, {"rows": 20}, r"rows_ratio.refuse: 2026-02-\d\d 10, "),
        ({"null_share": Limit(refuse=0.05)}, {"nulls": 200}, r"null_share.refuse: tx_amount 0.14"),
        ({"min_label_rate": 0.02}, {}, r"label_rate.refuse: window 0.01, expected 0.02 to 1"),
        ({"missing_days": Limit(refuse=0.1)}, {"rows": 0}, r"missing_days.refuse: window 0.1429"),
    ],
)  # fmt: skip
def test_each_limit_refuses_with_what_is_beyond_it(tmp_path, limits, day, message):
    publish_window(tmp_path)
    odd = model_days(FRAUD, AS_OF).train[3]
    publish_day(tmp_path, odd, **({"positives": 0} if day.get("rows") == 0 else {}) | day)
    with pytest.raises(PartitionRefusedError, match=message):
        done("validate_window", tmp_path, pipeline=with_gate(**limits))


def test_what_is_only_above_warn_is_reported_and_used(tmp_path):
    publish_window(tmp_path)
    publish_day(tmp_path, model_days(FRAUD, AS_OF).test[0], rows=20)
    result = done("validate_window", tmp_path)
    assert result["verdict"] == "accepted"
    assert result["reason"].startswith("rows_ratio.warn: 2026-02-15 10, expected at most 3.")


def test_a_day_without_features_is_named_before_anything_is_assessed(tmp_path):
    for day in model_days(FRAUD, AS_OF).all()[1:]:
        publish_day(tmp_path, day)
    with pytest.raises(InputMissingError, match=r"of its 21 days, 1 have no features"):
        done("validate_window", tmp_path)


def test_rows_known_later_are_no_part_of_a_window_or_of_its_champions(tmp_path):
    known = Column("known_at", "timestamp", nullable=True)
    table = replace(FRAUD.table, columns=(*FRAUD.table.columns, known), known_time="known_at")
    pipeline, own = replace(FRAUD, tables=(table,)), model_days(FRAUD, AS_OF)
    theirs = model_days(FRAUD, EARLIER).train
    for day in {*own.all(), *theirs}:
        publish_day(tmp_path, day)
    crown(tmp_path, EARLIER)
    first = done("validate_window", tmp_path, pipeline=pipeline)
    for day in {*own.gap, *own.test, *theirs}:
        publish_day(tmp_path, day, late=(AS_OF, "2026-03-09"))
    assert done("validate_window", tmp_path, pipeline=pipeline)["cached"] is True
    limit = replace(pipeline, validation=with_gate(rows_ratio=Limit(refuse=1)).validation)
    again = done("validate_window", tmp_path, pipeline=limit)
    assert (first["rows"], again["rows"], again["verdict"]) == (4200, 4200, "accepted")


def test_a_windows_label_rate_is_that_of_the_rows_with_a_label(tmp_path):
    counts = {"2026-01-01": (200, 20, 150), "2026-01-02": (100, 5, 0)}
    files = {day: tmp_path / f"{day}.json" for day in counts}
    for day, (rows, positives, unlabelled) in counts.items():
        each = {"rows": rows, "positives": positives, "profile": {}}
        files[day].write_text(
            json.dumps(each | ({"unlabelled": unlabelled} if unlabelled else {}))
        )
    assert days_of(files).label_rate == 25 / 150
