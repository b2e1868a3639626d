"""What ``check`` finds in the first rows of a source: whatever a run of them would find."""

import json
from dataclasses import replace

import pytest

from pipelines.cli.authoring import check
from pipelines.core.errors import ConfigError
from pipelines.drivers.scaffold.source_check import source_findings
from pipelines.spec import (
    Categorical,
    Column,
    Entity,
    Evaluation,
    Label,
    MultiClass,
    Numeric,
    Pipeline,
    Regression,
    Schedule,
    Source,
    Split,
    Table,
    Validation,
    require_valid,
)

DAY = "2026-01-02"
HEADER = "visit,at,ward,charge,stay,late"
GOOD = [f"{n},{DAY}T{n % 24:02}:30:00,w{n % 3},{n}.50,{n % 9},{n % 2}" for n in range(40)]
CSV = Source(path="{day}.csv", format="csv")
WARDS = Table(
    name="wards",
    columns=(Column("ward", "text"), Column("beds", "integer")),
    row_id="ward",
    event_time=None,
    source=Source(path="wards.csv", format="csv"),
)
VISITS = Table(
    name="visits",
    columns=(
        Column("visit", "integer"),
        Column("at", "timestamp"),
        Column("ward", "text", sensitive=False),
        Column("charge", "number", low=0),
        Column("stay", "integer"),
        Column("late", "integer", nullable=True),
    ),
    row_id="visit",
    event_time="at",
    source=CSV,
)


def pipeline(**changed):
    declared = {
        "name": "visits",
        "title": "Visits that end late",
        "tables": (VISITS,),
        "examples": "visits",
        "entities": (Entity("ward", "ward"),),
        "label": Label("late", known_after_days=0),
        "features": (Numeric("charge"), Categorical("ward")),
        "split": Split(train_days=3, gap_days=0, test_days=1),
        "evaluation": Evaluation(alert_entity="ward"),
        "schedule": Schedule(start=DAY),
    }
    return require_valid(Pipeline(**declared | changed))


def found(tmp_path, lines=GOOD, header=HEADER, declared=None, day=None):
    (tmp_path / f"{DAY}.csv").write_text("\n".join([header, *lines]) + "\n")
    return source_findings(declared or pipeline(), str(tmp_path), day)


def texts(findings, *, ok):
    return "\n".join(finding.text for finding in findings if finding.ok is ok)


def test_good_rows_are_described(tmp_path):
    findings = found(tmp_path, header=f"{HEADER},note", lines=[f"{line},x" for line in GOOD])
    assert texts(findings, ok=False) == ""
    for said in (
        "1 file for 2026-01-02: 2026-01-02.csv; all 40 rows have the declared columns and types",
        "not declared and ignored: note",
        "at from 2026-01-02 00:30:00 to 2026-01-02 23:30:00 UTC",
        "of all 40 rows, each keeps every rule",
        "3 values of entity ward; 3 values of category ward",
        "label late: 20 of 0, 20 of 1, 0.0% without",
        "features: 2 of 40 rows",
    ):
        assert said in texts(findings, ok=True)


def test_every_column_that_cannot_be_cast_is_found_at_once_with_its_row(tmp_path):
    lines = [*GOOD, f"x,{DAY}T01:00:00,w1,1.5,2,0", f"41,{DAY}T01:00:00,w1,much,2.5,0"]
    wrong = texts(found(tmp_path, lines), ok=False)
    for column, line in (("visit", 42), ("charge", 43), ("stay", 43)):
        assert f"column '{column}'" in wrong
        assert f"line {line}" in wrong
    assert wrong.count("source of visits:") == 3


def test_every_column_that_is_missing_is_named_once(tmp_path):
    wrong = texts(found(tmp_path, header="visit,at,ward,price,stay,tardy"), ok=False)
    assert "no column charge, late" in wrong
    assert wrong.count("source of") == 1


def test_rows_that_the_gate_would_refuse_are_found_with_rules_and_values(tmp_path):
    wrong = texts(found(tmp_path, [*GOOD, f"40,{DAY}T01:00:00,w1,-7.25,2,0"]), ok=False)
    assert "1 of 41 rows (2.44%) break a rule" in wrong
    assert "charge.range: -7.25" in wrong


def test_values_of_sensitive_columns_are_not_shown(tmp_path):
    secret = replace(VISITS.columns[3], sensitive=True)
    table = replace(VISITS, columns=(*VISITS.columns[:3], secret, *VISITS.columns[4:]))
    lines = [*GOOD, f"40,{DAY}T01:00:00,w1,-7.25,2,0"]
    wrong = texts(found(tmp_path, lines, declared=pipeline(tables=(table,))), ok=False)
    assert "charge.range" in wrong
    assert "-7.25" not in wrong


def test_local_times_are_recognised_as_such(tmp_path):
    lines = [f"{n},2026-01-01T{n % 6 + 18}:30:00,w1,1.5,2,{n % 2}" for n in range(40)]
    wrong = texts(found(tmp_path, lines), ok=False)
    assert "40 of all 40 rows are outside of the day 2026-01-02 (UTC)" in wrong
    assert "hours later: declare time_zone" in wrong


@pytest.mark.parametrize(
    ("head", "line", "ok", "said"),
    [
        (MultiClass(2), "5", False, "1 of 41 rows have labels that are not 0 to 1 (5)"),
        (MultiClass(9), "5", True, "1 of 5"),
        (Regression(), "5", True, "label late: 0 to 5"),
    ],
)
def test_labels_are_compared_with_the_head(tmp_path, head, line, ok, said):
    declared = pipeline(head=head, evaluation=Evaluation())
    findings = found(tmp_path, [*GOOD, f"40,{DAY}T01:00:00,w1,1.5,2,{line}"], declared=declared)
    assert said in texts(findings, ok=ok)


def test_labels_of_one_class_or_none_are_said(tmp_path):
    alike = [f"{line[:-1]}0" for line in GOOD]
    assert "40 of 0 (one class only; a model needs others" in texts(
        found(tmp_path, alike), ok=True
    )
    without = [line[:-1] for line in GOOD]
    assert "label late: no row has one" in texts(found(tmp_path, without), ok=True)


def test_every_table_is_looked_at_where_its_rows_are(tmp_path):
    (tmp_path / "wards.csv").write_text("ward,beds\nw1,many\n")
    declared = pipeline(tables=(VISITS, WARDS))
    wrong = texts(found(tmp_path, declared=declared), ok=False)
    assert wrong.startswith("source of wards: Source file wards.csv: column 'beds'")
    here = replace(WARDS, source=replace(WARDS.source, root=str(tmp_path)))
    (only,) = source_findings(pipeline(tables=(VISITS, here)), None, None)
    assert "column 'beds'" in only.text


def test_a_day_that_is_not_there_is_one_finding(tmp_path):
    (only,) = found(tmp_path, day="2026-01-05")
    assert not only.ok
    assert "no file matches" in only.text
    assert "The source has others: 2026-01-02.csv." in only.text


def test_a_part_of_a_day_says_nothing_of_its_number_of_rows(tmp_path):
    gate = pipeline(validation=Validation(min_rows=20_000))
    many = [f"{n},{DAY}T01:00:00,w{n % 3},1.5,2,{n % 2}" for n in range(12_000)]
    assert texts(found(tmp_path, many, declared=gate), ok=False) == ""
    assert "table.min_rows (critical) failed" in texts(found(tmp_path, declared=gate), ok=False)


def test_of_files_for_all_time_it_says_what_has_no_time_and_which_rows_were_validated(tmp_path):
    every = replace(VISITS, source=replace(CSV, path=f"{DAY}.csv"))
    untimed = [f"{n},,w1,1.5,2,1" for n in range(40, 50)]
    next_day = "60,2026-01-03T01:00:00,w1,1.5,2,1"
    said = texts(
        found(tmp_path, [*GOOD, *untimed, next_day], declared=pipeline(tables=(every,))),
        ok=True,
    )
    assert "10 of all 51 rows have no at, belong to no partition, and would be left out" in said
    assert "of 40 rows of the day 2026-01-02 (UTC), each keeps every rule" in said


def test_the_command_ends_with_2_and_prints_each_finding_as_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("pipelines.drivers.scaffold.check.load", lambda _: pipeline())
    (tmp_path / f"{DAY}.csv").write_text(f"{HEADER}\n1,never,w1,1,1,1\n")
    with pytest.raises(ConfigError, match="1 of 4 checks failed") as failed:
        check("visits", source=str(tmp_path), json_=True)
    assert failed.value.exit_code == 2
    *_, last = json.loads(capsys.readouterr().out)["findings"]
    assert (last["ok"], last["pipeline"]) == (False, "visits")
    assert "'at'" in last["text"]
