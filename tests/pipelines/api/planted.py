"""Patients, whose numbers, names and births can be looked for in every byte that a pipeline writes."""

import json
from dataclasses import replace
from datetime import date, timedelta

from pipelines.api.opening import PipelineHandle
from pipelines.spec import (
    Binary,
    Categorical,
    Column,
    Entity,
    Evaluation,
    Gates,
    Hash,
    Label,
    Numeric,
    Pipeline,
    Rule,
    Schedule,
    Source,
    Split,
    Table,
    Trailing,
    Training,
    Validation,
    require_valid,
)

FIRST = date(2025, 3, 1)
PATIENTS = 40
NUMBER, NAME, BORN = 918273645546372819, "PLANTED-SUBJECT-7f3a", date(1913, 7, 19)
SIGNS = ("91827364554637", "PLANTED", "SUBJECT-7f3a", "1913-07")
DATA = {".parquet", ".npy", ".arrow", ".i64"}
"""Endings of files that hold the data itself."""


def number(n):
    """A patient's number."""
    return NUMBER + n % PATIENTS


PEOPLE = Table(
    name="patients",
    columns=(
        Column("patient", "integer"),
        Column("name", "text"),
        Column("born", "timestamp", sensitive=True),
        Column("weight", "number", low=0, high=400, sensitive=True),
        Column("smokes", "flag", sensitive=True, words={"yes": 1, "no": 0}),
    ),
    row_id="patient",
    event_time=None,
    source=Source(path="patients.csv", format="csv"),
)
RULES = (
    Rule("name.is_written", "expect_column_values_to_match_regex", (("column", "code"), ("regex", "^P"))),
    Rule("code.most", "expect_column_most_common_value_to_be_in_set",
         (("column", "code"), ("value_set", ("P",))), severity="info"),
    Rule("code.set", "expect_column_distinct_values_to_be_in_set",
         (("column", "code"), ("value_set", ("P",))), severity="info"),
    Rule("patient.max", "expect_column_max_to_be_between",
         (("column", "patient"), ("max_value", 5)), severity="info"),
    Rule("two", "expect_column_pair_values_a_to_be_greater_than_b",
         (("column_A", "patient"), ("column_B", "visit")), severity="warning"),
)  # fmt: skip
VISITS = Table(
    name="visits",
    columns=(
        Column("visit", "integer"),
        Column("patient", "integer", low=10**17),
        Column("came", "timestamp"),
        Column("code", "text", "An insurance number."),
        Column("ward", "text", sensitive=False, values=("a", "b")),
        Column("age", "number", low=0, high=120),
        Column("returned", "flag"),
    ),
    row_id="visit",
    event_time="came",
    unique_days=None,
    source=Source(path="visits/{day}.csv", format="csv", max_rejected_share=0.5),
)


def planted(**changed):
    """The declaration."""
    made = Pipeline(
        name="planted",
        title="Returns",
        tables=(VISITS, PEOPLE),
        examples="visits",
        entities=(Entity("patient", "patient"), Entity("bed", ("patient", "ward"))),
        label=Label("returned", known_after_days=1),
        features=(
            Numeric("age"),
            Categorical("ward"),
            Categorical("code") >> Hash(16),
            Trailing("patient", ("count", "days_since_last"), (3,)),
            Trailing("bed", ("count",), (3,)),
            Numeric("weight", entity="patient", table="patients"),
        ),
        split=Split(train_days=3, gap_days=1, test_days=2),
        evaluation=Evaluation(alert_entity="patient", alerts_per_day=5, bootstrap_samples=5),
        training=Training(epochs=1, global_batch_rows=64, threads=1, min_rows=1),
        head=Binary(),
        gates=Gates(),
        schedule=Schedule(start=str(FIRST)),
        validation=Validation(max_quarantined_share=0.4, rules=RULES),
        buckets=2,
    )
    return require_valid(replace(made, **changed))


def handle(**changed):
    """The declaration, opened."""
    return PipelineHandle(planted(**changed))


def patients():
    """The lines of the patients' file."""
    yield "patient,name,born,weight,smokes"
    for n in range(PATIENTS):
        yield f"{number(n)},{NAME}{n},{BORN + timedelta(days=n % 9)},{60 + n},{'yes' if n % 3 else 'no'}"


def visits(day, rows=60):
    """The lines of a day's file."""
    yield "visit,patient,came,code,ward,age,returned"
    for n in range(rows):
        key = day.toordinal() * 1000 + n
        back = int(n * 7 % 5 == 0)
        yield f"{key},{number(n * 3 + day.day)},{day}T{n % 24:02}:00:00,{NAME}{n},{'ab'[n % 2]},{20 + n},{back}"


def write(source, days=9):
    """Write the files of all tables."""
    (source / "visits").mkdir(parents=True)
    (source / "patients.csv").write_text("\n".join(patients()) + "\n")
    for n in range(days):
        day = FIRST + timedelta(days=n)
        (source / "visits" / f"{day}.csv").write_text("\n".join(visits(day)) + "\n")


def signs_in(text):
    """The planted values in a text."""
    return [sign for sign in SIGNS if sign in text]


def leaks(folder):
    """What is found of planted values in the files of a folder that are not the data, and in their names."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        content = b"" if path.is_dir() or path.suffix in DATA else path.read_bytes()
        if signs := signs_in(name) + signs_in(content.decode("utf-8", "replace")):
            found[name] = signs
    return found


def said(events):
    """Everything that events say, as text."""
    return json.dumps(events, default=str, ensure_ascii=False)
